"""The port of the series store: what ingest gives and what everybody else may ask.

Times are nanoseconds since the Unix epoch. The time of a sample is the one its device told where that can be
right, else that of the poll (docs/adr/0014); what was told is kept beside it, right or wrong. `append` is the
only way in for live data; the committed ranges of (edge, journal) are the only key against doubles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protocols.clock_note import ClockNote
from protocols.coverage import Coverage
from protocols.frame import Catalogue, Frame
from protocols.point import PointId

FloatArray = NDArray[np.float64]
TimeArray = NDArray[np.int64]
QualityArray = NDArray[np.uint8]

QUARTER_S = 900
"""Length of the stored means. [s]"""

HOLD_S = 900.0
"""A sample stands for at most this long; after it the time is not covered. [s]"""


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """One row of an edge's journal, as it came over the bus.

    Attributes:
        edge: The edge.
        journal: Its journal.
        seq: Key of the row in the journal.
        frames: Telemetry; empty for a receipt.
        receipt: Body of a receipt, or None.
        gap: Body of a record of what the edge had to give up, or None.
        note: How the edge's clocks stood, or None.
        configured: Body of a report of what became of a configuration, or None.
        rejected: Bytes nobody can read; kept apart, so that the row is covered and not sent for ever.
    """

    edge: str
    journal: str
    seq: int
    frames: tuple[Frame, ...] = ()
    receipt: bytes | None = None
    gap: bytes | None = None
    note: ClockNote | None = None
    configured: bytes | None = None
    rejected: bytes | None = None


@dataclass(frozen=True, slots=True)
class LastValue:
    """Newest sample of a point by its time; `value` is NaN where the quality is bad.

    `source_ns` is what the device told, 0 where it tells no times.
    """

    value: float
    quality: int
    time_ns: int
    source_ns: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """Samples of one point, sorted by time, one an instant; all arrays have shape (n,).

    `source_ns` is what the device told, 0 where it told no time.
    """

    times_ns: TimeArray
    values: FloatArray
    qualities: QualityArray
    source_ns: TimeArray


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Time-weighted windows of one point; NaN where nothing is covered.

    Attributes:
        starts_ns: Start of each window, shape (n,).
        mean: Time-weighted mean of the held value, shape (n,).
        low: Lowest held value, shape (n,).
        high: Highest held value, shape (n,).
        covered_s: Time with a usable value, shape (n,). [s]
    """

    starts_ns: TimeArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    covered_s: FloatArray


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in the store of a range of one journal.

    Attributes:
        stored: Samples of any quality.
        duplicates: Samples beyond one per (point, instant).
        by_device: Samples by device id.
    """

    stored: int = 0
    duplicates: int = 0
    by_device: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of rows of one journal, both ends included."""

    edge: str
    journal: str
    first_seq: int
    last_seq: int


class SeriesReader(Protocol):
    """What any process may ask, also while another one writes."""

    def last(self, points: Sequence[PointId] | None = None) -> dict[PointId, LastValue]:
        """Newest sample by its time; None asks for all points; a point never seen is left out."""
        ...

    def raw(self, point: PointId, from_ns: int, to_ns: int) -> Raw:
        """Samples with `from_ns` <= time < `to_ns`; a point never seen has none.

        Raises:
            StoreError: The database cannot be read now.
        """
        ...

    def windows(self, point: PointId, from_ns: int, to_ns: int, window_s: int) -> Windows:
        """Time-weighted windows from `from_ns` on; the last one ends at `to_ns`.

        Raises:
            StoreError: The database cannot be read now.
        """
        ...


class SeriesStore(SeriesReader, Protocol):
    """What the one writer may do besides."""

    def add_catalogue(self, catalogue: Catalogue) -> None:
        """Keep a catalogue; frames that name it can be appended from now on."""
        ...

    def knows(self, catalogue_hash: bytes) -> bool:
        """Whether frames of this catalogue can be appended."""
        ...

    def append(self, batch: Sequence[Received]) -> list[Coverage]:
        """Commit rows and their ranges together, durably; rows already covered change nothing.

        Returns:
            The ranges of every journal in the batch, after the commit.

        Raises:
            StoreError: Nothing of the batch was committed; the same batch may be given again.
        """
        ...
