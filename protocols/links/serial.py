"""A serial port: opened by pyserial, read and written by the event loop through its file descriptor."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Final, Literal

import serial  # type: ignore[import-untyped]  # pyserial has no types
from typing_extensions import override

from protocols.driver import Traffic
from protocols.errors import NoLinkError
from protocols.links.link import Ears, Link

_PARITY: Final = {"none": "N", "even": "E", "odd": "O"}
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How the characters look on the wire.

    Attributes:
        port: Path of the port.
        baud: Symbol rate. [Bd]
        parity: Parity of each character.
        stop_bits: Stop bits of each character.
    """

    port: str
    baud: int
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1


class SerialLink(Link):
    """One port, locked against other programs while it is open."""

    def __init__(self, settings: SerialSettings) -> None:
        self._settings = settings
        self._serial: serial.Serial | None = None
        self._fd = -1
        self._ears: Ears | None = None
        self._unsent = b""
        self._traffic = Traffic()

    @property
    @override
    def name(self) -> str:
        return self._settings.port

    @property
    @override
    def is_open(self) -> bool:
        return self._fd >= 0

    @override
    async def open(self, ears: Ears) -> None:
        if self.is_open:
            return
        try:
            port = await asyncio.to_thread(_open, self._settings)
        except (OSError, ValueError) as error:  # pyserial's own error is an OSError
            raise NoLinkError(
                f"the serial port {self.name} cannot be opened: {error}; check the name, the rights of this "
                "user (group dialout) and that no other program holds it"
            ) from error
        self._serial, self._fd, self._ears, self._unsent = port, port.fileno(), ears, b""
        asyncio.get_running_loop().add_reader(self._fd, self._readable)

    @override
    def send(self, data: bytes) -> None:
        if self._fd < 0:
            return
        self._traffic.sent_bytes += len(data)
        self._unsent += data
        self._writable()

    @override
    def close(self) -> None:
        if self._fd >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._fd)
            loop.remove_writer(self._fd)
        if self._serial is not None:
            self._serial.close()
        self._serial, self._fd, self._ears = None, -1, None

    @override
    def traffic(self) -> Traffic:
        return self._traffic

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(error.strerror or str(error))
            return
        if not data:
            self._gone("the port was closed")
        elif self._ears is not None:
            self._traffic.heard_bytes += len(data)
            self._ears.heard(data)

    def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_writer(self._fd)
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._gone(error.strerror or str(error))
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            loop.add_writer(self._fd, self._writable)

    def _gone(self, why: str) -> None:
        ears = self._ears
        self.close()
        if ears is not None:
            ears.lost(why)


def _open(settings: SerialSettings) -> serial.Serial:
    port = serial.Serial(
        settings.port,
        settings.baud,
        parity=_PARITY[settings.parity],
        stopbits=settings.stop_bits,
        timeout=0,
        write_timeout=0,
        exclusive=True,
    )
    try:
        port.set_low_latency_mode(True)  # USB adapters otherwise hold bytes back for up to 16 ms
    except (OSError, ValueError, NotImplementedError, AttributeError):
        return port  # not every kind of port has the mode
    return port
