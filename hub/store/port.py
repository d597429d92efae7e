"""The port of the series store: what ingest gives and what everybody else may ask, whatever the engine.

Times are nanoseconds since the Unix epoch. The time of a sample is the one its device told where that can be
right, else that of the poll (docs/adr/0014); what was told is kept beside it, right or wrong. `append` is the
only way in for live data; the committed ranges of (edge, journal) are the only key against doubles.
Everything here may wait for a disk or a server: call it from a thread. `hub/store/engine.py` opens one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from protocols.clock_note import ClockNote
from protocols.coverage import Coverage
from protocols.frame import Catalogue, Frame
from protocols.gap import Gap
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
class Origins:
    """Rows of the edges' journals that samples came in; all arrays have shape (n,).

    Attributes:
        sources: (edge, journal) of the rows.
        source: Which of them; -1 where nothing is kept of the poll any more.
        seqs: Key of the row in its journal; 0 where unknown.
        polled_ns: When the device was read; 0 where unknown.
        exact: Whether it is that row for sure; else it is the first poll that can have brought the sample.
    """

    sources: tuple[tuple[str, str], ...]
    source: TimeArray
    seqs: TimeArray
    polled_ns: TimeArray
    exact: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Time-weighted windows of one point, one after the other; NaN where nothing is covered.

    Attributes:
        starts_ns: Start of each window, shape (n,).
        mean: Time-weighted mean of the held value, shape (n,).
        low: Lowest held value, shape (n,).
        high: Highest held value, shape (n,).
        first: Value held at the first covered instant, shape (n,).
        last: Value held at the last covered instant, shape (n,).
        covered_s: Time with a usable value, shape (n,). [s]
        worst: Worst quality of the samples that stood in it, usable or not; 0 where none stood, shape (n,).
    """

    starts_ns: TimeArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    first: FloatArray
    last: FloatArray
    covered_s: FloatArray
    worst: QualityArray

    def integral(self) -> FloatArray:
        """Held value times covered time, in unit x s; NaN where nothing is covered, shape (n,)."""
        return self.mean * self.covered_s

    def completeness(self, to_ns: int) -> FloatArray:
        """Covered part of each window from 0 to 1, shape (n,); the last window ends at `to_ns`."""
        edges = np.append(self.starts_ns, np.int64(to_ns))
        return self.covered_s / ((edges[1:] - edges[:-1]) / 1e9)


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


class Keeping(NamedTuple):
    """How far the work beside taking in is.

    Attributes:
        waits_since_ns: Oldest sample that is not sealed yet (on a server: not rolled up); None: none waits.
        damaged: Sealed files that were found damaged, so that samples are missing from answers.
    """

    waits_since_ns: int | None
    damaged: int


class Latency(NamedTuple):
    """Time from the poll to the commit, over samples; None without samples."""

    p50_s: float | None
    p99_s: float | None


class ReceiptRow(NamedTuple):
    """A receipt (or a report) as it came; `rowid` counts up in order of arrival."""

    rowid: int
    edge: str
    body: bytes


class HeartbeatRow(NamedTuple):
    """Newest heartbeat of an edge and when the hub had it."""

    edge: str
    received_ns: int
    body: bytes


class Marker(Protocol):
    """What cleaning rules make of qualities; the raw data themselves never change."""

    def marks(self, point: PointId, raw: Raw, /) -> QualityArray:
        """Quality of each sample by the rules of the point, shape (n,); never better than it came."""
        ...

    def margin_ns(self, point: PointId, /) -> int:
        """How far before and after a time `marks` must see samples to judge those in it; 0: none. [ns].

        An engine reads so much more on both sides, marks all, and uses the middle; the late side of a margin
        that is not there yet means that the newest marks may still change.
        """
        ...


class SeriesReader(Protocol):
    """What any process may ask, also while another one writes."""

    def last(self, points: Sequence[PointId] | None = None) -> dict[PointId, LastValue]:
        """Newest sample by its time; None asks for all points; a point never seen is left out.

        Raises:
            StoreError: The database cannot be read now.
        """
        ...

    def raw(self, point: PointId, from_ns: int, to_ns: int) -> Raw:
        """Samples with `from_ns` <= time < `to_ns`; a point never seen has none.

        Raises:
            StoreError: The database cannot be read now.
        """
        ...

    def origins(self, point: PointId, raw: Raw) -> Origins:
        """Rows of journals that samples came in, of samples as `raw` gave them.

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

    def quarters(self, point: PointId, from_ns: int, to_ns: int) -> Windows:
        """Kept 15-min means alone, without a look at samples: quick over weeks, NaN where none is final yet.

        Raises:
            StoreError: The database cannot be read now.
        """
        ...

    def over(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, Windows]:
        """Time-weighted windows between any edges, exact, of many points at once.

        Args:
            points: Each is in the answer, also one never seen.
            edges_ns: Ascending, shape (n + 1,): days of a calendar, pixels of a chart.

        Raises:
            StoreError: The database cannot be read now.
        """
        ...

    def keeping(self) -> Keeping:
        """How far sealing and rolling up are, and what was found damaged.

        Raises:
            StoreError: The database cannot be read now.
        """
        ...


class Records(Protocol):
    """What edges tell besides samples; each raises `StoreError` when it cannot be read now."""

    def receipts(self, after_rowid: int, limit: int = 1000) -> list[ReceiptRow]:
        """Receipts in order of arrival, the ones after `after_rowid`."""
        ...

    def configured(self, after_rowid: int, limit: int = 1000) -> list[ReceiptRow]:
        """What edges made of configurations, in order of arrival, the ones after `after_rowid`."""
        ...

    def gaps(self) -> list[Gap]:
        """What edges had to give up, in order of arrival: these samples will never come."""
        ...

    def heartbeats(self) -> list[HeartbeatRow]:
        """The newest heartbeat of each edge."""
        ...

    def ranges(self, edge: str, journal: str) -> list[tuple[int, int]]:
        """Committed ranges of a journal; empty when it was never seen."""
        ...

    def clock_notes(self) -> list[ClockNote]:
        """The newest disciplined clock note of every boot of every edge."""
        ...


class Accounts(Protocol):
    """Proofs, counted from what is stored and from nothing else."""

    def counts(self, span: Span) -> Counts:
        """Samples of any quality in the store, and those beyond one per (point, instant).

        Raises:
            StoreError: The database cannot be read now.
        """
        ...

    def latency(self, span: Span, until_ns: int) -> Latency:
        """Seconds from poll instant to store commit, of the samples committed before `until_ns`.

        Raises:
            StoreError: The database cannot be read now.
        """
        ...


class StoreReader(SeriesReader, Records, Accounts, Protocol):
    """All that may be read; any number of processes may."""

    def close(self) -> None:
        """Give back what is open."""
        ...


class SeriesStore(StoreReader, Protocol):
    """What the one writer may do besides."""

    def add_catalogue(self, catalogue: Catalogue) -> None:
        """Keep a catalogue; frames that name it can be appended from now on.

        Raises:
            StoreError: It cannot be written now.
        """
        ...

    def knows(self, catalogue_hash: bytes) -> bool:
        """Whether frames of this catalogue can be appended."""
        ...

    def catalogue(self, catalogue_hash: bytes) -> Catalogue:
        """The points behind a hash.

        Raises:
            StoreError: It was never added.
        """
        ...

    def append(self, batch: Sequence[Received]) -> list[Coverage]:
        """Commit rows and their ranges, durably; rows already covered change nothing.

        Returns:
            The ranges of every journal in the batch, after the commit: never ahead of what is durable.

        Raises:
            StoreError: Not all is committed, of rows with samples none; the same batch may be given again.
        """
        ...

    def keep_heartbeats(self, newest: Mapping[str, tuple[int, bytes]]) -> None:
        """Keep the newest heartbeat of each edge: received [ns since the epoch] and body.

        Raises:
            StoreError: It cannot be written now.
        """
        ...

    def seed_means(self, point: PointId, starts_ns: TimeArray, values: FloatArray) -> None:
        """Put 15-min means of the past there, as a plant's old records would be; samples win where both are.

        Args:
            point: The point.
            starts_ns: Starts of the quarters, shape (n,).
            values: Means in the unit of the point, shape (n,); NaN is no value.

        Raises:
            StoreError: It cannot be written now.
        """
        ...

    def upkeep(self) -> bool:
        """Do one portion of what is due besides: seal, roll up, merge, let go; False when nothing is.

        Call it from a thread of its own; `append` goes on meanwhile.

        Raises:
            StoreError: It cannot be done now; nothing is lost, and the next call tries again.
        """
        ...

    def halt_upkeep(self) -> None:
        """Have the portion that `upkeep` works on given up soon; from any thread. Nothing of it stays."""
        ...

    def forget_rollups(self, points: Sequence[PointId]) -> None:
        """Have all that was made of these points' samples made anew: their cleaning rules changed.

        Raises:
            StoreError: It cannot be written now.
        """
        ...
