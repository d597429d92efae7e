"""Writing of series to a server: samples first, then their ranges; a kill in between costs nothing."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np
from typing_extensions import override

from hub.store.influx.lines import SEED, LineFormat, blocks_of, key_of, row_number
from hub.store.influx.place import InfluxPlace
from hub.store.influx.reader import InfluxReader
from hub.store.influx.records import CommitNote, RecordBook, Refusal
from hub.store.influx.refusing import send
from hub.store.port import QUARTER_S, FloatArray, Marker, Received, SeriesStore, TimeArray
from protocols.clock import Clock
from protocols.coverage import Coverage, RangeSet
from protocols.errors import StoreError
from protocols.frame import Catalogue
from protocols.point import PointId

_log = logging.getLogger(__name__)

BLOCK_LINES: Final = 8000
"""Most lines of one request, when its rows are smaller."""

_Source = tuple[str, str]


class InfluxStore(InfluxReader, SeriesStore):
    """A writer; several processes may write different edges, each from one thread at a time."""

    def __init__(
        self, place: InfluxPlace, business_url: str, clock: Clock, marker: Marker | None = None
    ) -> None:
        super().__init__(place, business_url, marker)
        self._writer = RecordBook(business_url, writing=True)
        self._sender = ThreadPoolExecutor(1, "influx")
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
        return self._writer.commit(batch, refusals, self._notes(fresh, sources))

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
        """Nothing is due: the server keeps and drops samples by itself."""
        return False

    @override
    def forget_rollups(self, points: Sequence[PointId]) -> None:
        """Nothing to do: windows are made from samples at each ask, and seeded means are no samples."""

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
            self._writer.commit(rest, [], {})

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
