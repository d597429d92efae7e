"""A day of a standing store, written to a server and held against it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hub.moving.note import DaySum
from hub.moving.standing import StandingSeries
from hub.store.influx import influxql
from hub.store.influx.fronts import Device, add_late
from hub.store.influx.lines import ROLLUP, row_number, sample_lines, window_lines
from hub.store.influx.records import RecordBook
from hub.store.influx.rolling import Stretch, portions
from hub.store.influx.series import HOLD_NS
from hub.store.influx.server import InfluxServer
from hub.store.port import QUARTER_S, Marker, Raw, Windows
from hub.store.rollup import Spans, picked
from protocols.errors import StoreError
from protocols.point import PointId
from protocols.quality import is_bad
from runtime.clock import iso_utc

ShelfDay = tuple[int, int]
"""A shelf, and the begin of a day in UTC. [ns since the epoch]"""

_DAY_NS: Final = 86_400 * 1_000_000_000
_POINTS_AT_ONCE: Final = 20
_BLOCK_LINES: Final = 10_000
_ROUNDING: Final = 1e-11
"""Sums of n numbers that differ by less than this part of n times the largest one are the same."""
_BAD: Final = np.array([is_bad(code) for code in range(256)])


class DayCopy:
    """Copies days of shelves; a day may be copied twice."""

    def __init__(self, old: StandingSeries, server: InfluxServer, book: RecordBook, marker: Marker) -> None:
        self._old = old
        self._server = server
        self._place = server.place
        self._book = book
        self._marker = marker
        self._numbers = {source: number for number, source in book.sources().items()}

    def days(self) -> list[ShelfDay]:
        """Shelves and days that may have samples, newest first."""
        return self._old.days()

    def damaged(self) -> set[str]:
        """Sealed files that cannot be read, so far as they were looked at."""
        return self._old.damaged()

    def beside(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What is no sample of a day: its name, and what copies it."""
        yield "seeds", self._copy_seeds
        for shelf in self._old.shelves():
            yield f"rollups/{shelf}", partial(self._copy_rollups, shelf)

    def copy(self, day: ShelfDay) -> DaySum:
        """Write the samples of a day, then note that their rollups are to be made.

        Of a day with a damaged file the rollups are copied as they are: they were made when it was whole.

        Raises:
            StoreError: The server or a database cannot be used now; the day may be copied again.
        """
        counted, total, most = 0, 0.0, 0.0
        late: dict[Device, list[Stretch]] = defaultdict(list)
        for raws in self._samples(day):
            for point, raw in raws.items():
                self._write(point, raw)
                late[point.site, point.device].append(self._stretch(point, raw, day[0]))
                known = raw.values[np.isfinite(raw.values)]
                counted += len(raw.times_ns)
                total += float(known.sum())
                most = max(most, float(np.abs(known).max(initial=0.0)))
        if self._old.is_damaged(*day):
            self._copy_final(day)
        else:
            with self._book.transaction() as connection:
                add_late(connection, late)
        return DaySum(samples=counted, total=total, most=most)

    def compare(self, day: ShelfDay, copied: DaySum) -> int:
        """Hold count and sum of a day against the server's; where they differ, each sample.

        Returns:
            How many samples the server has besides: they came in the meantime.

        Raises:
            StoreError: A sample is not there, or another one; its context names the day.
        """
        counted, total = 0, 0.0
        for portion in portions(self._old.points_of(day[0])):
            for series in self._server.ask(self._place.bucket, influxql.count_and_sum(portion, _span(day))):
                columns = dict(zip(series["columns"], series["values"][0], strict=True))
                counted += int(columns["count"])
                total += float(columns["sum"] or 0.0)
        near = abs(total - copied.total) <= _ROUNDING * copied.samples * copied.most
        if counted != copied.samples or not near:
            for raws in self._samples(day):
                self._compare_each(raws, day)
        return counted - copied.samples

    def _compare_each(self, raws: Mapping[PointId, Raw], day: ShelfDay) -> None:
        answer = self._server.ask(self._place.bucket, influxql.samples(list(raws), _span(day)))
        columns = influxql.columns_of(answer)
        for point, raw in raws.items():
            other = ~_same(raw, influxql.raw_of(columns, point))
            if other.any():
                first_ns = int(raw.times_ns[np.flatnonzero(other)[0]])
                raise StoreError(
                    f"{int(other.sum())} samples of {point} on {date_of(day[1])} are not on the server as "
                    f"they are here, the first of {iso_utc(first_ns)}; move again: the day is copied anew",
                    day=key_of_day(day),
                )

    def _samples(self, day: ShelfDay) -> Iterator[dict[PointId, Raw]]:
        """Samples of a day, of some points at a time; points without one are left out."""
        for portion in portions(self._old.points_of(day[0]), _POINTS_AT_ONCE):
            raws = self._old.samples(portion, day[1], day[1] + _DAY_NS)
            some = {point: raw for point, raw in raws.items() if len(raw.times_ns)}
            if some:
                yield some

    def _write(self, point: PointId, raw: Raw) -> None:
        lines = sample_lines(point, raw, self._rows(point, raw))
        for start in range(0, len(lines), _BLOCK_LINES):
            self._server.write(self._place.bucket, "".join(lines[start : start + _BLOCK_LINES]).encode())

    def _rows(self, point: PointId, raw: Raw) -> Sequence[int | None]:
        """Numbers of the rows that samples came in; None where nothing is known of them any more."""
        origins = self._old.origins(point, raw)
        sources = [self._numbers.get(source) for source in origins.sources]
        numbers: list[int | None] = []
        for at, seq in zip(origins.source.tolist(), origins.seqs.tolist(), strict=True):
            source = sources[at] if at >= 0 else None
            numbers.append(None if source is None else row_number(source, seq))
        return numbers

    def _stretch(self, point: PointId, raw: Raw, shelf: int) -> Stretch:
        """Time whose rollups these samples have a part in; not before the first sample there is."""
        margin_ns = self._marker.margin_ns(point)
        from_ns = max(int(raw.times_ns[0]) - margin_ns, self._old.raw_from_ns(shelf))
        to_ns = int(raw.times_ns[-1]) + HOLD_NS + margin_ns
        next_ns = int(raw.times_ns[-1]) // _DAY_NS * _DAY_NS + _DAY_NS
        return Stretch(from_ns, min(to_ns, next_ns) if self._old.is_damaged(shelf, next_ns) else to_ns)

    def _copy_final(self, day: ShelfDay) -> None:
        for points in portions(self._old.points_of(day[0]), _POINTS_AT_ONCE):
            for length_s, found in self._old.final_rollups(points, day[1], day[1] + _DAY_NS):
                self._write_windows(length_s, found)

    def _copy_seeds(self) -> None:
        for lines in self._old.seed_lines(_BLOCK_LINES):
            self._server.write(self._place.level(QUARTER_S), lines)

    def _copy_rollups(self, shelf: int) -> None:
        """Rollups of time whose samples are gone: nobody can make them again."""
        for length_s, found in self._old.rollups_alone(shelf, _POINTS_AT_ONCE):
            self._write_windows(length_s, found)

    def _write_windows(self, length_s: int, found: Mapping[PointId, Windows]) -> None:
        for point, windows in found.items():
            stood = np.flatnonzero((windows.covered_s > 0.0) | (windows.worst > 0))
            for start in range(0, len(stood), _BLOCK_LINES):
                lines = window_lines(ROLLUP, point, picked(windows, stood[start : start + _BLOCK_LINES]))
                self._server.write(self._place.level(length_s), lines)


def key_of_day(day: ShelfDay) -> str:
    """Name of a day of a shelf."""
    return f"{day[0]}/{date_of(day[1])}"


def date_of(day_ns: int) -> str:
    """Date in UTC."""
    return iso_utc(day_ns)[:10]


def _same(here: Raw, there: Raw) -> NDArray[np.bool_]:
    """Which samples are there as they are here; the value of a bad one is none."""
    found = np.isin(here.times_ns, there.times_ns)
    at = np.searchsorted(there.times_ns, here.times_ns[found])
    value, other = here.values[found], there.values[at]
    no_number = _BAD[here.qualities[found]] | ~np.isfinite(value)
    equal = np.where(no_number, np.isnan(other), value == other)
    found[found] = equal & (there.qualities[at] == here.qualities[found])
    return found


def _span(day: ShelfDay) -> Spans:
    return Spans(np.array([day[1]]), np.array([day[1] + _DAY_NS]))
