"""Rollups of the embedded engine: made of closed hours, made anew where samples came late, never half.

An hour is final once its windows are in files and no sample of it came in meanwhile; a day once all its hours
are. What is not final is answered from samples, so an answer never waits for this and never differs by it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Self

import numpy as np

from hub.store.parts import RAW, ROLLUPS, Array, Table
from hub.store.port import Raw, TimeArray, Windows
from hub.store.rollup import LEVELS_S, MINUTE_S, NS_PER_S, combine, held, picked
from hub.store.rows import NS_PER_MS
from hub.store.schema import DAY_BIT, HOUR_NS, touch
from hub.store.sealing import DAY_NS, LAG_NS
from hub.store.series import HOLD_NS, Series
from hub.store.shelf_files import Fresh, ShelfFiles, Writing
from hub.store.snapshot import key_of, parts_of
from protocols.point import PointId

_MOST_ROWS: Final = 4_000_000
_BLOCK_ROWS: Final = 2_000_000
_HOUR_S: Final = 3_600
_MOST_REMADE: Final = 500
"""Points of a day made anew at once."""

_ALL: Final = (1 << 24) - 1 | DAY_BIT


class _Hours(NamedTuple):
    """Hours of one shelf, one after the other, of one day."""

    shelf: int
    starts_ns: list[int]

    @property
    def edges(self) -> tuple[int, int]:
        return self.starts_ns[0], self.starts_ns[-1] + HOUR_NS


class Rolling:
    """Makes one portion at a time."""

    def __init__(self, files: ShelfFiles, series: Series, writing: Writing) -> None:
        self._files = files
        self._series = series
        self._writing = writing

    def step(self, connection: sqlite3.Connection, now_ns: int) -> bool:
        """Make the rollups of some hours of a shelf, or of one day; False when nothing is due.

        Raises:
            StoreError: The disk is full or broken; the rollups are made later.
        """
        hours = self._due(connection, now_ns)
        if hours is not None:
            self._make_hours(connection, hours, now_ns)
            return True
        stale = connection.execute("SELECT shelf, day_ns FROM remake ORDER BY day_ns DESC LIMIT 1").fetchone()
        if stale is not None:
            self._remake(connection, stale[0], stale[1], now_ns)
            return True
        day = connection.execute(
            "SELECT shelf, day_ns FROM rolled AS r WHERE hours != 0 AND NOT hours & ? AND day_ns + ? < ?"
            " AND NOT EXISTS (SELECT 1 FROM todo AS t WHERE t.shelf = r.shelf AND t.hour_ns >= r.day_ns"
            " AND t.hour_ns < r.day_ns + ?) LIMIT 1",
            (DAY_BIT, DAY_NS, now_ns - self._lag_ns(connection), DAY_NS),
        ).fetchone()
        if day is None:
            return False
        self._make_day(connection, day[0], day[1], now_ns)
        return True

    def _lag_ns(self, connection: sqlite3.Connection) -> int:
        """An hour is made this long after its end: the slow, and the margin of the rules, have come. [ns]."""
        return LAG_NS + self._series.most_margin_ns(connection)

    def _due(self, connection: sqlite3.Connection, now_ns: int) -> _Hours | None:
        """The newest closed hour to be made, and those before it of the same day, as many as fit."""
        row = connection.execute(
            "SELECT shelf, hour_ns FROM todo WHERE hour_ns + ? <= ? ORDER BY hour_ns DESC LIMIT 1",
            (HOUR_NS, now_ns - self._lag_ns(connection)),
        ).fetchone()
        if row is None:
            return None
        shelf, last_ns = row
        known = {
            hour_ns
            for (hour_ns,) in connection.execute(
                "SELECT hour_ns FROM todo WHERE shelf = ? AND hour_ns BETWEEN ? AND ?",
                (shelf, last_ns // DAY_NS * DAY_NS, last_ns),
            )
        }
        found = [last_ns]
        most = max(_MOST_ROWS // self._rows_an_hour(connection, shelf, last_ns), 1)
        while found[0] - HOUR_NS in known and len(found) < most:
            found.insert(0, found[0] - HOUR_NS)
        return _Hours(shelf, found)

    def _rows_an_hour(self, connection: sqlite3.Connection, shelf: int, at_ns: int) -> int:
        day_ns = at_ns // DAY_NS * DAY_NS
        sealed = sum(part.rows for part in parts_of(connection, shelf, RAW.name, day_ns, day_ns + DAY_NS))
        waiting = connection.execute(
            "SELECT count(*) FROM frames AS f JOIN catalogue AS c ON c.id = f.catalogue WHERE c.shelf = ?",
            (shelf,),
        ).fetchone()[0]
        return max(sealed // 6 + int(waiting), 1)

    def _make_hours(self, connection: sqlite3.Connection, hours: _Hours, now_ns: int) -> None:
        touched = _touched(connection, hours)
        tables = self._tables(connection, hours)
        day_ns = hours.starts_ns[0] // DAY_NS * DAY_NS
        with self._made(hours.shelf, tables, day_ns) as fresh, self._writing() as writer:
            if _touched(writer, hours) != touched:
                fresh.unused = True
                return
            self._files.commit(writer, fresh.files, now_ns)
            bits = sum(1 << (start - day_ns) // HOUR_NS for start in hours.starts_ns)
            writer.execute("INSERT OR IGNORE INTO rolled VALUES (?, ?, 0)", (hours.shelf, day_ns))
            writer.execute(
                "UPDATE rolled SET hours = hours | ? WHERE shelf = ? AND day_ns = ?",
                (bits, hours.shelf, day_ns),
            )
            low_ns, high_ns = hours.edges
            writer.execute(
                "DELETE FROM todo WHERE shelf = ? AND hour_ns >= ? AND hour_ns < ?",
                (hours.shelf, low_ns, high_ns),
            )

    def _remake(self, connection: sqlite3.Connection, shelf: int, day_ns: int, now_ns: int) -> None:
        """Make the windows of a day anew of some points: files of them alone, after those they correct."""
        asked = dict(
            connection.execute(
                "SELECT point, asked FROM remake WHERE shelf = ? AND day_ns = ? ORDER BY point LIMIT ?",
                (shelf, day_ns, _MOST_REMADE),
            ).fetchall()
        )
        (hours,) = connection.execute(
            "SELECT hours FROM rolled WHERE shelf = ? AND day_ns = ?", (shelf, day_ns)
        ).fetchone() or (0,)
        over_ns = now_ns - self._lag_ns(connection) - HOUR_NS
        made = [day_ns + hour * HOUR_NS for hour in range(24) if hours >> hour & 1]
        starts = [hour_ns for hour_ns in made if hour_ns <= over_ns]
        tables: dict[int, Table] = {}
        if starts:
            points = [PointId(*key.split("/")) for key in asked]
            levels = self._levels_of(connection, _Hours(shelf, starts), points)
            if hours & DAY_BIT and starts == made:
                edges = np.array([day_ns, day_ns + DAY_NS])
                levels[86_400] = {key: combine(found, edges) for key, found in levels[_HOUR_S].items()}
            tables = {level_s: _table(_only(found, starts)) for level_s, found in levels.items()}
        with self._made(shelf, tables, day_ns) as fresh, self._writing() as writer:
            self._files.commit(writer, fresh.files, now_ns)
            touch(writer, shelf, made[len(starts) :])  # other rules may look farther: these come again later
            writer.executemany(
                "DELETE FROM remake WHERE shelf = ? AND day_ns = ? AND point = ? AND asked = ?",
                [(shelf, day_ns, key, count) for key, count in asked.items()],
            )

    def _make_day(self, connection: sqlite3.Connection, shelf: int, day_ns: int, now_ns: int) -> None:
        edges = np.array([day_ns, day_ns + DAY_NS])
        starts = np.arange(day_ns, day_ns + DAY_NS, HOUR_NS)
        hours = self._series.level(connection, shelf, self._points(connection, shelf), (_HOUR_S, starts))
        days = {
            key_of(point): combine(found, edges) for point, found in hours.items() if len(found.starts_ns)
        }
        with self._made(shelf, {86_400: _table(days)}, day_ns) as fresh, self._writing() as writer:
            if writer.execute(
                "SELECT 1 FROM todo WHERE shelf = ? AND hour_ns >= ? AND hour_ns < ?",
                (shelf, day_ns, day_ns + DAY_NS),
            ).fetchone():
                fresh.unused = True
                return
            self._files.commit(writer, fresh.files, now_ns)
            writer.execute(
                "UPDATE rolled SET hours = ? WHERE shelf = ? AND day_ns = ?", (_ALL, shelf, day_ns)
            )

    def _points(self, connection: sqlite3.Connection, shelf: int) -> list[PointId]:
        groups = self._series.catalogues.of_shelf(connection, shelf)
        return sorted({PointId(*name.split("/")) for group in groups for name in group.names()})

    def _tables(self, connection: sqlite3.Connection, hours: _Hours) -> dict[int, Table]:
        """Windows of each length of all points of the shelf that have samples there."""
        levels = self._levels_of(connection, hours, self._points(connection, hours.shelf))
        return {level_s: _table(windows) for level_s, windows in levels.items()}

    def _levels_of(
        self, connection: sqlite3.Connection, hours: _Hours, wanted: Sequence[PointId]
    ) -> dict[int, dict[str, Windows]]:
        low_ns, high_ns = hours.edges
        margin_ns = self._series.most_margin_ns(connection)
        span = (low_ns - HOLD_NS - margin_ns, high_ns + margin_ns)
        levels: dict[int, dict[str, Windows]] = {level_s: {} for level_s in LEVELS_S[1:]}
        for points in self._blocks(connection, (hours.shelf, wanted), span):
            self._files.halt.check()
            for point, raw in self._series.raw(connection, points, *span, told=False).items():
                self._files.halt.check()
                if len(raw.times_ns):
                    qualities = self._series.marked(point, raw)
                    for level_s, windows in _levels(raw, qualities, low_ns, high_ns).items():
                        levels[level_s][key_of(point)] = windows
        return levels

    def _blocks(
        self, connection: sqlite3.Connection, wanted: tuple[int, Sequence[PointId]], span: tuple[int, int]
    ) -> Iterator[list[PointId]]:
        """Points of a shelf, so many at a time that what is read of the files stays bounded."""
        shelf, points = wanted
        rows = self._series.rows_of(connection, shelf, span)
        some: list[PointId] = []
        count = 0
        for point in points:
            there = rows.get(key_of(point), 0)
            if some and count + there > _BLOCK_ROWS:
                yield some
                some, count = [], 0
            some.append(point)
            count += there
        if some:
            yield some

    def _made(self, shelf: int, tables: Mapping[int, Table], day_ns: int) -> _Made:
        return _Made(self._files, shelf, tables, day_ns)


class _Made:
    """Files that are removed again unless a transaction lets them count."""

    def __init__(self, files: ShelfFiles, shelf: int, tables: Mapping[int, Table], day_ns: int) -> None:
        self._place = files
        self.files: list[Fresh] = []
        self.unused = False
        try:
            for level_s, table in tables.items():
                if table.rows:
                    kind = ROLLUPS[level_s]
                    self.files.append(files.write(shelf, kind, (day_ns, day_ns + DAY_NS), [table]))
        except BaseException:
            files.give_up(self.files)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None or self.unused:
            self._place.give_up(self.files)


def _only(windows: Mapping[str, Windows], hours_ns: Sequence[int]) -> dict[str, Windows]:
    """The windows that lie in some hours, or are a day."""
    return {
        key: picked(found, np.isin(found.starts_ns // HOUR_NS * HOUR_NS, hours_ns))
        for key, found in windows.items()
    }


def _touched(connection: sqlite3.Connection, hours: _Hours) -> list[tuple[int, int]]:
    """How often samples of these hours came in so far: it says whether one came meanwhile."""
    low_ns, high_ns = hours.edges
    return connection.execute(
        "SELECT hour_ns, touched FROM todo WHERE shelf = ? AND hour_ns >= ? AND hour_ns < ? ORDER BY hour_ns",
        (hours.shelf, low_ns, high_ns),
    ).fetchall()


def _levels(raw: Raw, qualities: Array, low_ns: int, high_ns: int) -> dict[int, Windows]:
    """Windows of all lengths; of a minute only in hours with more than one sample a minute."""
    hours = np.arange(low_ns, high_ns + 1, HOUR_NS)
    dense = np.diff(np.searchsorted(raw.times_ns, hours)) > _HOUR_S // MINUTE_S
    found: dict[int, Windows] = {}
    finest_s = MINUTE_S if dense.any() else LEVELS_S[2]
    windows = held(raw, qualities, _grid(low_ns, high_ns, finest_s), HOLD_NS)
    if finest_s == MINUTE_S:
        found[MINUTE_S] = picked(windows, np.repeat(dense, _HOUR_S // MINUTE_S))
        windows = combine(windows, _grid(low_ns, high_ns, LEVELS_S[2]))
    found[LEVELS_S[2]] = windows
    found[_HOUR_S] = combine(windows, hours)
    return found


def _grid(low_ns: int, high_ns: int, size_s: int) -> TimeArray:
    return np.arange(low_ns, high_ns + 1, size_s * NS_PER_S)


def _table(windows: Mapping[str, Windows]) -> Table:
    keys = sorted(windows)
    counts = np.array([len(windows[key].starts_ns) for key in keys], np.int64)
    columns: dict[str, Array] = {
        "time": _one([windows[key].starts_ns // NS_PER_MS for key in keys]),
        "integral": _one([np.nan_to_num(windows[key].integral()) for key in keys]),
        "covered_s": _one([windows[key].covered_s for key in keys]),
        "low": _one([windows[key].low for key in keys]),
        "high": _one([windows[key].high for key in keys]),
        "first": _one([windows[key].first for key in keys]),
        "last": _one([windows[key].last for key in keys]),
        "worst": _one([windows[key].worst for key in keys]),
    }
    return Table(tuple(keys), counts, columns).without_empty()


def _one(columns: Sequence[Array] | Iterable[Array]) -> Array:
    some = list(columns)
    return np.concatenate(some) if some else np.empty(0)
