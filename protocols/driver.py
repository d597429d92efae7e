"""What a driver is: it reads and writes one device, and owns no queue, no retry policy and no clock.

The line (`edge_agent/lines.py`) calls it, one request at a time; a driver never re-sends by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from protocols.frame import Qualities, Values
from protocols.profile import PointSpec


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Answer to one `read`.

    Attributes:
        values: Shape (n,) in the unit of each point; NaN where the quality is bad.
        qualities: Shape (n,), codes of `protocols.quality.Quality`.
    """

    values: Values
    qualities: Qualities


class Driver(Protocol):
    """One device on the wire."""

    async def open(self) -> None:
        """Connect; harmless when connected.

        Raises:
            DeviceUnreachableError: No link.
        """
        ...

    async def close(self) -> None:
        """Let the link go; never raises."""
        ...

    async def read(self, points: Sequence[PointSpec]) -> Reading:
        """Read `points` in as few requests as the device allows; a point that fails alone is bad alone.

        Raises:
            DeviceUnreachableError: No answer; nothing was read.
            BadAnswerError: The answer does not fit the question; nothing of it is used.
        """
        ...

    async def write(self, point: PointSpec, value: float | None) -> None:
        """Write one set-point once; None gives the point back (BACnet null at our priority).

        Raises:
            DeviceUnreachableError: No answer; it is not known whether the write happened.
            DeviceRefusedError: The device said no, or the protocol has no null.
        """
        ...

    async def read_back(self, point: PointSpec) -> float | None:
        """Read a set-point by a request of its own; None: our priority slot is empty.

        Raises:
            DeviceUnreachableError: No answer.
            PointUnreadableError: The device does not give this point.
        """
        ...
