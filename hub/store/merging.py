"""Small sealed files become larger ones: a closed day becomes one file, and a month where it is small.

Late samples of a closed day are one file more until the day is quiet again. The order in which files were
made is kept: of two rows of one point and one instant the later file's stays.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import numpy as np

from hub.store.parts import KINDS, POLLS, Kind, PartFiles, Table
from hub.store.rows import sort_rows
from hub.store.schema import HOUR_NS, touch
from hub.store.sealing import DAY_NS
from hub.store.shelf_files import ShelfFiles, Writing
from hub.store.snapshot import PART, Part
from protocols.errors import DamagedPartError

_log = logging.getLogger(__name__)

_QUIET_NS: Final = HOUR_NS // 6
"""A closed day is merged when no file of it was made for so long. [ns]"""
_MONTH_QUIET_NS: Final = DAY_NS
_MANY: Final = 12
_MONTH_ROWS: Final = 64_000_000
"""Days of more rows stay days: their files are large enough."""
_BLOCK_ROWS: Final = 2_000_000


class Merging:
    """Merges one group of files at a time."""

    def __init__(self, files: ShelfFiles, reading: PartFiles, writing: Writing) -> None:
        self._files = files
        self._reading = reading
        self._writing = writing

    def step(self, connection: sqlite3.Connection, now_ns: int) -> bool:
        """Merge one group of files; False when none is due.

        Raises:
            StoreError: The disk is full or broken; the files stay as they are.
        """
        for group in _due(connection, now_ns):
            self._merge(group, now_ns)
            return True
        return False

    def _merge(self, parts: Sequence[Part], now_ns: int) -> None:
        kind = KINDS[parts[0].kind]
        try:
            keys = self._keys(parts)
        except (DamagedPartError, FileNotFoundError) as error:
            self._set_aside(parts, error)
            return
        period = (min(part.period_ns for part in parts), max(part.until_ns for part in parts))
        try:
            fresh = self._files.write(parts[0].shelf, kind, period, self._blocks(kind, parts, keys))
        except (DamagedPartError, FileNotFoundError) as error:
            self._set_aside(parts, error)
            return
        try:
            with self._writing() as connection:
                if kind is POLLS:
                    fresh = replace(fresh, sources=_sources(connection, parts))
                self._files.commit(connection, [fresh], now_ns, parts)
        except BaseException:
            self._files.give_up([fresh])
            raise

    def _keys(self, parts: Sequence[Part]) -> dict[str, int]:
        """Keys of all files, ascending, with the rows of each."""
        counts: dict[str, int] = defaultdict(int)
        for part in parts:
            for key, rows in self._reading.keys(part.file).items():
                counts[key] += rows
        return dict(sorted(counts.items()))

    def _blocks(self, kind: Kind, parts: Sequence[Part], keys: dict[str, int]) -> Iterator[Table]:
        """The merged rows, some keys at a time, so that memory stays bounded."""
        some: list[str] = []
        rows = 0
        for key, count in keys.items():
            if some and rows + count > _BLOCK_ROWS:
                yield self._block(kind, parts, some)
                some, rows = [], 0
            some.append(key)
            rows += count
        yield self._block(kind, parts, some)

    def _block(self, kind: Kind, parts: Sequence[Part], keys: Sequence[str]) -> Table:
        code_of = {key: code for code, key in enumerate(keys)}
        tables = [self._reading.read(part.file, keys, tuple(kind.types)) for part in parts]
        codes = np.concatenate(
            [np.repeat([code_of[key] for key in table.keys], table.counts) for table in tables]
        ).astype(np.int64)
        columns = {name: np.concatenate([table.columns[name] for table in tables]) for name in kind.types}
        return sort_rows(keys, codes, columns, kind.order, unique=kind is not POLLS)

    def _set_aside(self, parts: Sequence[Part], error: Exception) -> None:
        """A damaged file gets another name and counts no more; a rollup is made anew from samples."""
        for part in parts:
            if part.file in str(error):
                set_aside(self._files, self._writing, part, str(error))


def set_aside(files: ShelfFiles, writing: Writing, part: Part, why: str) -> None:
    """Keep a damaged file under another name; all others go on answering."""
    path = files.folder / part.file
    kept = path.with_suffix(".damaged")
    if path.exists():
        path.replace(kept)
    with writing() as connection:
        connection.execute("UPDATE part SET damaged = 1 WHERE id = ?", (part.id,))
        if part.kind not in {"raw", "polls"}:
            touch(connection, part.shelf, range(part.period_ns, part.until_ns, HOUR_NS))
    _log.error(
        "%s; it is kept as %s with %d rows of %s; put it back from a backup, or its time stays empty",
        why, kept, part.rows, part.kind,
    )  # fmt: skip


def _due(connection: sqlite3.Connection, now_ns: int) -> Iterable[list[Part]]:
    """Groups of files that are to become one."""
    days: dict[tuple[int, str, int], list[tuple[Part, int]]] = defaultdict(list)
    months: dict[tuple[int, str, tuple[int, int]], list[tuple[Part, int]]] = defaultdict(list)
    rows = connection.execute(f"SELECT made_ns, {PART} FROM part WHERE NOT damaged ORDER BY id")  # noqa: S608  a constant
    for made_ns, *row in rows:
        part = Part(*row)
        if part.until_ns - part.period_ns == DAY_NS:
            days[part.shelf, part.kind, part.period_ns].append((part, made_ns))
        months[part.shelf, part.kind, _month(part.period_ns)].append((part, made_ns))
    for files in days.values():
        yield from _of_day(files, now_ns)
    for files in months.values():
        yield from _of_month(files, now_ns)


def _of_day(files: list[tuple[Part, int]], now_ns: int) -> Iterator[list[Part]]:
    parts = [part for part, _ in files]
    newest_ns = max(made_ns for _, made_ns in files)
    over = now_ns > max(parts[0].until_ns + HOUR_NS, newest_ns + _QUIET_NS)
    if len(parts) >= (2 if over else 2 * _MANY):
        yield parts
    else:
        largest = max(range(len(parts)), key=lambda at: parts[at].rows)
        if len(parts) - largest - 1 >= _MANY:
            yield parts[largest + 1 :]


def _of_month(files: list[tuple[Part, int]], now_ns: int) -> Iterator[list[Part]]:
    parts = [part for part, _ in files]
    newest_ns = max(made_ns for _, made_ns in files)
    closed = _month(now_ns - 2 * DAY_NS) > _month(parts[0].period_ns)
    small = sum(part.rows for part in parts) <= _MONTH_ROWS
    if len(parts) > 1 and closed and small and now_ns > newest_ns + _MONTH_QUIET_NS:
        yield parts


def _month(at_ns: int) -> tuple[int, int]:
    at = datetime.fromtimestamp(at_ns // 10**9, UTC)
    return at.year, at.month


def _sources(connection: sqlite3.Connection, parts: Sequence[Part]) -> list[tuple[int, int, int]]:
    marks = ",".join("?" * len(parts))
    return connection.execute(
        "SELECT source, min(first_seq), max(last_seq) FROM part_source"  # noqa: S608  question marks
        f" WHERE part IN ({marks}) GROUP BY source",
        [part.id for part in parts],
    ).fetchall()
