"""Writing of series to a server: samples first, then their ranges; a kill in between costs nothing."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np
from typing_extensions import override

from hub.store.halting import Halt, HaltedError
from hub.store.influx.lines import SEED, LineFormat, blocks_of, key_of, row_number
from hub.store.influx.place import InfluxPlace
from hub.store.influx.reader import InfluxReader
from hub.store.influx.records import CommitNote, Notes, RecordBook, Refusal
from hub.store.influx.refusing import send
from hub.store.influx.rolling import LAG_NS, LATE_NS, PORTION_NS, Roller, Stretch
from hub.store.influx.series import HOLD_NS
from hub.store.port import QUARTER_S, FloatArray, Marker, Received, SeriesStore, TimeArray, Windows
from protocols.clock import Clock
from protocols.coverage import Coverage, RangeSet
from protocols.errors import StoreError
from protocols.frame import Catalogue
from protocols.point import PointId

_log = logging.getLogger(__name__)

BLOCK_LINES: Final = 8000
"""Most lines of one request, when its rows are smaller."""

_QUARTER_NS: Final = QUARTER_S * 1_000_000_000
_DAY_NS: Final = 86_400 * 1_000_000_000
_Source = tuple[str, str]


class InfluxStore(InfluxReader, SeriesStore):
    """A writer; several processes may write different edges, each from one thread at a time."""

    def __init__(
        self, place: InfluxPlace, business_url: str, clock: Clock, marker: Marker | None = None
    ) -> None:
        super().__init__(place, business_url, marker)
        self._writer = RecordBook(business_url, writing=True)
        self._sender = ThreadPoolExecutor(1, "influx")
        self._halt = Halt()
        self._roller = Roller(self._server, place, self._held)
        self._marker = marker
        self._clock = clock
        self._catalogues: dict[bytes, Catalogue] = {}
        self._formats: dict[bytes, LineFormat] = {}
        for catalogue in self._book.catalogues():
            self._take(catalogue)

    @override
    def close(self) -> None:
        self._sender.shutdown()
        super().close()
        self._writer.close()

    @override
    def knows(self, catalogue_hash: bytes) -> bool:
        return catalogue_hash in self._catalogues

    @override
    def catalogue(self, catalogue_hash: bytes) -> Catalogue:
        found = self._catalogues.get(catalogue_hash)
        if found is None:
            raise StoreError("frames of an unknown catalogue; add it first", catalogue=catalogue_hash.hex())
        return found

    @override
    def add_catalogue(self, catalogue: Catalogue) -> None:
        if not self.knows(catalogue.hash()):
            self._writer.add_catalogue(catalogue)
            self._take(catalogue)

    @override
    def append(self, batch: Sequence[Received]) -> list[Coverage]:
        sources = self._sources(sorted({(row.edge, row.journal) for row in batch}))
        fresh = [row for row in batch if row.seq not in sources[row.edge, row.journal][1]]
        try:
            refusals = self._write(fresh, sources)
        except StoreError:
            self._keep_what_is_no_sample(fresh)
            raise
        for refusal in refusals:
            _log.error("InfluxDB refused lines of %s, kept apart: %s", refusal.row.edge, refusal.message)
        notes = Notes(self._notes(fresh, sources), self._late(fresh))
        return self._writer.commit(batch, refusals, notes)

    @override
    def keep_heartbeats(self, newest: Mapping[str, tuple[int, bytes]]) -> None:
        self._writer.keep_heartbeats(newest)

    @override
    def seed_means(self, point: PointId, starts_ns: TimeArray, values: FloatArray) -> None:
        key = key_of(SEED, point)
        known = np.isfinite(values)
        lines = "".join(
            f"{key}mean={value!r} {start}\n"
            for start, value in zip(starts_ns[known].tolist(), values[known].tolist(), strict=True)
        )
        if lines:
            self._server.write(self._place.level(QUARTER_S), lines.encode())

    @override
    def upkeep(self) -> bool:
        """Roll up at most a day of one device; several writers may, what they write is the same."""
        end_ns = (self._clock.now().wall_ns - LAG_NS) // _QUARTER_NS * _QUARTER_NS
        devices = sorted({(one.site, one.device) for one in self._book.catalogues()})
        try:
            return any(self._roll(site, device, end_ns) for site, device in devices)
        except HaltedError:
            return True

    @override
    def halt_upkeep(self) -> None:
        self._halt.ask()

    @override
    def forget_rollups(self, points: Sequence[PointId]) -> None:
        """As the port says; not of time whose samples the server has let go, or is about to."""
        keep_ns = self._place.keep_days * _DAY_NS
        since_ns = (self._clock.now().wall_ns - keep_ns) // _DAY_NS * _DAY_NS + 2 * _DAY_NS if keep_ns else 0
        self._writer.rollups.forget(points, since_ns)

    def _held(self, points: Sequence[PointId], edges_ns: TimeArray) -> Mapping[PointId, tuple[Windows, int]]:
        self._halt.check()
        return self._series.held(points, edges_ns)

    def _roll(self, site: str, device: str, end_ns: int) -> bool:
        until_ns = self._book.rollups.until_ns(site, device)
        if until_ns is None:
            self._writer.rollups.begin(site, device, end_ns)
            return True
        points = self._points(site, device)
        work = self._book.rollups.next_work(site, device)
        if work is not None:
            from_ns, to_ns = work.span
            up_to_ns = min(to_ns, from_ns + PORTION_NS)
            mine = [one for one in points if work.points is None or one.point in work.points]
            self._roller.roll(mine, Stretch(from_ns, up_to_ns), until_ns)
            self._writer.rollups.done(work, up_to_ns)
            return True
        next_ns = min(end_ns, until_ns + PORTION_NS)
        if next_ns <= until_ns:
            return False
        self._roller.roll(points, Stretch(until_ns, next_ns), next_ns)
        self._writer.rollups.move(site, device, next_ns)
        return True

    def _points(self, site: str, device: str) -> list[PointId]:
        catalogues = [one for one in self._book.catalogues() if (one.site, one.device) == (site, device)]
        return sorted({PointId(site, device, name) for one in catalogues for name in one.points})

    def _late(self, rows: Sequence[Received]) -> dict[tuple[str, str], list[Stretch]]:
        """Of each device the time that samples older than others wait for may have changed."""
        late_ns = self._clock.now().wall_ns - LATE_NS
        found: dict[tuple[str, str], list[Stretch]] = defaultdict(list)
        margins: dict[bytes, int] = {}
        for row in rows:
            for frame in row.frames:
                times_ns = np.atleast_1d(frame.at.wall_ns if frame.sources is None else frame.times_ns())
                old_ns = np.sort(times_ns[times_ns < late_ns])
                if len(old_ns):
                    one = self.catalogue(frame.catalogue)
                    if frame.catalogue not in margins:
                        margins[frame.catalogue] = self._margin_ns(one)
                    found[one.site, one.device] += _stretches(old_ns, margins[frame.catalogue])
        return found

    def _margin_ns(self, catalogue: Catalogue) -> int:
        if self._marker is None:
            return 0
        names = (PointId(catalogue.site, catalogue.device, name) for name in catalogue.points)
        return max((self._marker.margin_ns(name) for name in names), default=0)

    def _sources(self, wanted: Sequence[_Source]) -> dict[_Source, tuple[int, RangeSet]]:
        """Number and ranges of journals; only for a new one is something written."""
        found: dict[_Source, tuple[int, RangeSet]] = {}
        for source in wanted:
            found[source] = self._book.number_of(*source) or self._writer.new_source(source)
        return found

    def _take(self, catalogue: Catalogue) -> None:
        self._catalogues[catalogue.hash()] = catalogue
        self._formats[catalogue.hash()] = LineFormat(catalogue)

    def _write(
        self, rows: Sequence[Received], sources: Mapping[_Source, tuple[int, RangeSet]]
    ) -> list[Refusal]:
        """Send the samples in order; the next lines are made while the ones before are on their way."""
        for row in rows:
            for frame in row.frames:
                self.catalogue(frame.catalogue)
        sent: list[Future[list[Refusal]]] = []
        for block in blocks_of(rows, BLOCK_LINES):
            pieces = [(row, self._lines(row, sources[row.edge, row.journal][0])) for row in block]
            sent.append(self._sender.submit(send, self._write_samples, pieces))
            if len(sent) > 1:
                sent[-2].result()  # what cannot be sent ends it here; at most two blocks are in memory
        return [refusal for done in sent for refusal in done.result()]

    def _keep_what_is_no_sample(self, rows: Sequence[Received]) -> None:
        """Commit rows without samples though the server is away: set-points wait for their receipts."""
        rest = [row for row in rows if not row.frames]
        if rest:
            self._writer.commit(rest, [], Notes({}, {}))

    def _lines(self, row: Received, source: int) -> bytes:
        number = row_number(source, row.seq)
        return b"".join(self._formats[frame.catalogue].lines(frame, number) for frame in row.frames)

    def _write_samples(self, lines: bytes) -> None:
        self._server.write(self._place.bucket, lines)

    def _notes(
        self, rows: Sequence[Received], sources: Mapping[_Source, tuple[int, RangeSet]]
    ) -> dict[_Source, CommitNote]:
        frames: dict[_Source, list[tuple[int, int]]] = defaultdict(list)
        for row in rows:
            for frame in row.frames:
                frames[row.edge, row.journal].append((frame.at.wall_ns, len(frame.values)))
        done_ns = self._clock.now().wall_ns
        return {source: CommitNote(sources[source][0], done_ns, some) for source, some in frames.items()}


def _stretches(times_ns: TimeArray, margin_ns: int) -> list[Stretch]:
    """Time that samples may have changed, one stretch for those that are near each other."""
    pieces = np.split(times_ns, np.flatnonzero(np.diff(times_ns) > HOLD_NS) + 1)
    return [Stretch(int(one[0]) - margin_ns, int(one[-1]) + HOLD_NS + margin_ns) for one in pieces]
