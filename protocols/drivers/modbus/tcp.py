"""Modbus TCP: answers are matched by transaction number, so several requests may be on their way.

A frame with the number of an earlier request is late or doubled and is dropped; one with a number that was
never used cannot come from a sound device, and the connection is opened anew.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3 (MBAP header).
"""

from __future__ import annotations

import random
import struct
from typing import Final

from typing_extensions import override

from protocols.drivers.modbus.client import ModbusClient, Waiting
from protocols.drivers.modbus.pdu import Request
from protocols.links.link import Link

CLOSE_AFTER: Final = 2
"""Silent requests in a row, of whichever unit, after which a connection is opened anew."""

_HEAD: Final = struct.Struct(">HHH")
_SHORTEST: Final = 3
_LONGEST: Final = 254
_REMEMBERED: Final = 1024
_MOST_UNASKED: Final = 16


class MbapClient(ModbusClient):
    """A link that carries MBAP frames."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._buffer = b""
        self._unasked = 0
        self._key = random.randrange(1, 0xFFFF)  # noqa: S311  no secret: two clients should not count alike

    @override
    def heard(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        at, size = 0, len(buffer)
        while size - at >= _HEAD.size:
            key, protocol, length = _HEAD.unpack_from(buffer, at)
            if protocol or not _SHORTEST <= length <= _LONGEST:
                self._buffer = b""
                self._bad_stream("the bytes are no Modbus TCP frames")
                return
            end = at + _HEAD.size + length
            if end > size:
                break
            if not self._take(key, buffer[at + _HEAD.size], buffer[at + _HEAD.size + 1 : end]):
                return
            at = end
        self._buffer = buffer[at:] if at else buffer

    def _take(self, key: int, unit: int, pdu: bytes) -> bool:
        batch = self._batch
        waiting = None if batch is None else batch.waiting.get(key)
        if batch is None or waiting is None:
            return self._drop(key)
        if unit != waiting.request.unit:
            self._bad_stream(f"asked unit {waiting.request.unit}, answered {unit}")
            return False
        self._unasked = 0
        self._answered(batch, key, pdu)
        return self._link.is_open

    def _drop(self, key: int) -> bool:
        """A frame nobody waits for; False when the connection was dropped with it."""
        self._unasked += 1
        late = key != 0 and (self._key - key) % 0xFFFF < _REMEMBERED
        if late and self._unasked <= _MOST_UNASKED:
            return True
        self._buffer = b""
        self._bad_stream(f"an answer with transaction {key}, which was not asked")
        return False

    @override
    def _encode(self, request: Request, key: int) -> bytes:
        pdu = request.pdu
        return struct.pack(">HHHB", key, 0, len(pdu) + 1, request.unit) + pdu

    @override
    def _forget(self) -> None:
        self._buffer = b""
        self._unasked = 0

    @override
    def _worn_out(self, silent: int) -> bool:
        return bool(self._buffer) or silent >= CLOSE_AFTER

    @override
    def _owed(self, waiting: Waiting) -> None:
        """Its number is not used again soon, so a late answer is known as such."""
