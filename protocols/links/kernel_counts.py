"""What the kernel counted of TCP connections that a library keeps: bytes of its own protocol, TLS included.

Source: `struct tcp_info` of Linux (include/uapi/linux/tcp.h, since 4.1): at byte 120 `tcpi_bytes_acked`, for
which the opening of the connection counts as one, and `tcpi_bytes_received`.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Final, Protocol

from protocols.driver import Traffic

_AT: Final = 120
_PAIR: Final = struct.Struct("=QQ")


class Counted(Protocol):
    """A socket, or what an event loop gives for one."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        """An option of the socket; raises OSError once it is closed."""
        ...


class KernelCounts:
    """Adds up over connections; what a broken one carried after the last look is not known."""

    def __init__(self) -> None:
        self._traffic = Traffic()
        self._connection: Counted | None = None
        self._before = (0, 0)
        """Bytes of the connections before this one."""

    def watch(self, connection: Counted | None) -> None:
        """Count this connection from now on; None where there is none."""
        self.settle()
        self._connection = connection

    def settle(self) -> None:
        """Take a last look at the connection; to be called before it is closed."""
        self.look()
        self._connection, self._before = None, (self._traffic.sent_bytes, self._traffic.heard_bytes)

    def look(self) -> Traffic:
        """What went over all connections so far."""
        if self._connection is not None:
            with contextlib.suppress(OSError, ValueError):  # closed meanwhile: what was seen last stays
                told = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _AT + _PAIR.size)
                acked, heard = _PAIR.unpack_from(told, _AT)
                self._traffic.sent_bytes = self._before[0] + max(acked - 1, 0)
                self._traffic.heard_bytes = self._before[1] + heard
        return self._traffic
