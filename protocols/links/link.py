"""What carries bytes to a device and back, whatever the wire; knows nothing of what the bytes mean."""

from __future__ import annotations

from typing import Protocol

from protocols.driver import Traffic


class Ears(Protocol):
    """Who listens to a link; both calls come from the event loop and must not wait."""

    def heard(self, data: bytes) -> None:
        """Bytes as they came, in any portions."""
        ...

    def lost(self, why: str) -> None:
        """The link went down by itself; not called after `Link.close`."""
        ...


class Link(Protocol):
    """One wire."""

    @property
    def name(self) -> str:
        """What people call the wire: `host:port` or the serial port."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent now."""
        ...

    async def open(self, ears: Ears) -> None:
        """Connect; harmless when connected.

        Raises:
            DeviceUnreachableError: Nobody listens there, or there is no such port.
        """
        ...

    def send(self, data: bytes) -> None:
        """Hand bytes to the wire without waiting; a link that is down drops them and has said so."""
        ...

    def close(self) -> None:
        """Let the wire go; never raises."""
        ...

    def traffic(self) -> Traffic | None:
        """What went over this wire since the start, over all its connections; None where nobody counts."""
        return None
