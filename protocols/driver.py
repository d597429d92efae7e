"""What a driver is: it reads and writes one device, and owns no queue, no retry policy and no clock.

The line (`edge_agent/lines.py`) calls it, one request at a time; a driver never sends a write again. A read
over datagrams may go out twice inside its time, because the wire itself loses them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from protocols.access import Secret
from protocols.frame import Qualities, Values
from protocols.networks import ANYWHERE, DeviceNetworks
from protocols.profile import PointSpec


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Answer to one `read`.

    Attributes:
        values: Shape (n,) in the unit of each point; NaN where the quality is bad.
        qualities: Shape (n,), codes of `protocols.quality.Quality`.
        source_ns: Shape (n,), when the device says the value was taken, Unix nanoseconds up to
            `source_time.LATEST_NS`, right or wrong, 0 where it does not say; None when the protocol carries
            no time.
    """

    values: Values
    qualities: Qualities
    source_ns: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a driver with certificates or passwords is given by the process it runs in.

    Attributes:
        state: Folder of the process's own state; certificates and trust lists stand below it.
        wall_ns: The wall clock, to tell whether a device's time can be right; nothing is decided by it.
        secret: Reads a password; raises `KeyFileError` when it is missing or readable by others.
        networks: Where its devices may be.
    """

    state: Path
    wall_ns: Callable[[], int]
    secret: Callable[[Secret], str]
    networks: DeviceNetworks = ANYWHERE


class GiveWay(Protocol):
    """The line, as a driver sees it that reads one device in several requests."""

    def wanted(self) -> bool:
        """Whether something urgent waits."""
        ...

    async def give_way(self) -> None:
        """Let the urgent ones go first; returns when the line is ours again."""
        ...


@runtime_checkable
class Sharing(Protocol):
    """A driver that can stop between two requests of one read."""

    def share(self, line: GiveWay) -> None:
        """Ask this line before each request."""
        ...


Rest = Callable[[], Coroutine[Any, Any, Reading]]
"""The rest of a read that cannot end without a task, to be begun once."""


@runtime_checkable
class Prompt(Protocol):
    """A driver whose usual read needs no task, and keeps its own deadlines."""

    def begin_read(self, points: Sequence[PointSpec], ended: Callable[[Reading | Rest], None]) -> bool:
        """Begin what `read` does, where nothing has to be waited for before its first request goes out.

        Args:
            points: As for `read`.
            ended: Called once by the event loop, never before this returns: with the reading where all went
                well, otherwise with the rest, which the same turn at the line is for.

        Returns:
            Whether it was begun; where not, nothing was sent and `ended` is not called.
        """
        ...


@runtime_checkable
class RawCells(Protocol):
    """A driver of a protocol with tables of cells, which can be read as they are."""

    async def read_raw(self, table: str, start: int, count: int) -> bytes:
        """Bytes of some cells as they came.

        Raises:
            DeviceUnreachableError: No answer.
            DeviceRefusedError: The device does not give them.
        """
        ...


@dataclass(slots=True)
class Traffic:
    """What went over a wire since the start.

    Attributes:
        sent_bytes: Bytes sent, heads of the protocol included, those of TCP, UDP and IP not.
        heard_bytes: Bytes that came, whether asked for or not.
        resent: Requests that were sent again within one call; only reads over datagrams ever are.
    """

    sent_bytes: int = 0
    heard_bytes: int = 0
    resent: int = 0


@runtime_checkable
class Travelled(Protocol):
    """A driver that knows what went over its wire."""

    def traffic(self) -> Traffic | None:
        """Counters of the wire, the same object for all devices that share it; None where nobody counts."""
        ...


@runtime_checkable
class Checksummed(Protocol):
    """A driver that knows how often its line brought spoiled bytes."""

    @property
    def crc_errors(self) -> int | None:
        """Requests of this line that only bytes without a right checksum came for.

        None where its frames carry no checksum.
        """
        ...


class Driver(Protocol):
    """One device on the wire."""

    @property
    def is_open(self) -> bool:
        """Whether `open` would find nothing to do; where a driver does not say, it is called each time."""
        return False

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
