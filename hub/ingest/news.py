"""What ingest tells the others after a commit: coverage to the edges, values and receipts to the roles."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgpack
from nats.aio.client import Client

from hub.health.meter import Meter
from hub.store.port import LastValue, Received, SeriesStore
from protocols.coverage import Coverage
from protocols.frame import Frame
from protocols.heartbeat import Heartbeat
from protocols.quality import is_bad
from protocols.subjects import coverage as coverage_subject
from protocols.subjects import event
from runtime.one_thread import OneThread

_T = TypeVar("_T")
_POINTS_A_MESSAGE: Final = 1000


class News:
    """Core messages only: who misses one reads the store, or gets the next."""

    def __init__(self, bus: Client, store: SeriesStore, site: str) -> None:
        self.meter = Meter()
        self.bus = bus
        self._store = store
        self._site = site
        self._thread = OneThread("series")
        self._told_ns: dict[str, int] = {}

    async def with_store(self, work: Callable[[], _T]) -> _T:
        """Run work on the store in its one thread; the loop never waits for a disk."""
        with self.meter.timing("store_seconds", "Time of a call to the series store, waiting included."):
            return await self._thread.call(work)

    async def tell(self, rows: Sequence[Received], coverage: Iterable[Coverage]) -> None:
        """Publish what a commit brought; call it after the commit."""
        for ranges in coverage:
            await self.bus.publish(coverage_subject(ranges.edge), ranges.encode())
        self._count(rows)
        newest = self._newest(frame for row in rows for frame in row.frames)
        for start in range(0, len(newest), _POINTS_A_MESSAGE):
            part = newest[start : start + _POINTS_A_MESSAGE]
            await self.bus.publish(event(self._site, "values"), bytes(msgpack.packb(part)))
        receipts = [row.receipt for row in rows if row.receipt is not None]
        if receipts:
            await self.bus.publish(event(self._site, "receipt"), bytes(msgpack.packb(receipts)))

    def _count(self, rows: Sequence[Received]) -> None:
        self.meter.add("ingest_commits_total", "Commits of rows.")
        for row in rows:
            samples = sum(len(frame.values) for frame in row.frames)
            self.meter.add("ingest_rows_total", "Rows of an edge's journal.", edge=row.edge)
            self.meter.add("ingest_samples_total", "Samples in these rows.", samples, edge=row.edge)
            spoiled = float(row.rejected is not None)
            self.meter.add(
                "ingest_rejected_total", "Rows nobody can read, kept apart.", spoiled, edge=row.edge
            )

    async def tell_heartbeat(self, beat: Heartbeat, body: bytes) -> None:
        """Hand a heartbeat on; an edge that waits for coverage gets it again."""
        await self.bus.publish(event(self._site, "heartbeat"), body)
        if beat.read_only:
            return  # what it holds back is the other agent's to send
        if beat.pending and beat.journal:
            ranges = await self.with_store(lambda: self._store.ranges(beat.edge, beat.journal))
            message = Coverage(beat.edge, beat.journal, tuple(ranges))
            await self.bus.publish(coverage_subject(beat.edge), message.encode())

    def _newest(self, frames: Iterable[Frame]) -> list[list[object]]:
        """`[point, value or nil, quality, time_ns, source_ns]`, one row a point.

        Nothing older than was told before; `source_ns` is 0 where the device tells no times.
        """
        found: dict[str, list[object]] = {}
        for frame in sorted(frames, key=lambda frame: frame.at.wall_ns):
            catalogue = self._store.catalogue(frame.catalogue)
            names = catalogue.points
            if frame.indices is not None:
                names = tuple(names[index] for index in frame.indices.tolist())
            for name, value, quality, time_ns, source_ns in zip(names, *_columns(frame), strict=True):
                point = f"{catalogue.site}/{catalogue.device}/{name}"
                if time_ns <= self._told_ns.get(point, 0):
                    continue
                self._told_ns[point] = time_ns
                shown = value if math.isfinite(value) and not is_bad(quality) else None
                found[point] = [point, shown, quality, time_ns, source_ns]
        return list(found.values())


def decode_values(data: bytes, wanted: Container[str] | None = None) -> list[tuple[str, LastValue]]:
    """Read what `tell` told of newest values: full name of the point and its value.

    Args:
        data: The message.
        wanted: Names that are asked for; None: all.

    Raises:
        TypeError: Not these rows.
        ValueError: As above.
    """
    rows: list[list[Any]] = msgpack.unpackb(data)
    return [
        (str(point), LastValue(math.nan if value is None else value, int(quality), int(time_ns), int(told)))
        for point, value, quality, time_ns, told in rows
        if wanted is None or point in wanted
    ]


def _columns(frame: Frame) -> tuple[list[float], list[int], list[int], list[int]]:
    """Values, qualities, times and told times."""
    values, qualities = frame.values.tolist(), frame.qualities.tolist()
    if frame.sources is None:
        return values, qualities, [frame.at.wall_ns] * len(values), [0] * len(values)
    return values, qualities, frame.times_ns().tolist(), frame.sources.told_ns.tolist()
