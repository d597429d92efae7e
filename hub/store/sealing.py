"""Sealing: frames of closed time become Parquet files, day by day, and leave the frame journal.

The row of a file and the deletion of its frames are one transaction, after the file is flushed to the disk.
A kill before it leaves a file that no row names, which the next start removes; after it nothing is to do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from hub.store.body import unpack_polls
from hub.store.halting import Halt
from hub.store.parts import POLLS, RAW, Array, Table
from hub.store.rows import NS_PER_MS, FrameRows, sort_rows
from hub.store.schema import HOUR_NS
from hub.store.shelf_files import Fresh, ShelfFiles, Writing
from hub.store.snapshot import Catalogues, Group

DAY_NS: Final = 24 * HOUR_NS
_NS_PER_S: Final = 1_000_000_000
SLOT_NS: Final = 600 * _NS_PER_S
"""Frames are sealed when the slot of time they began in is over. [ns]"""
LAG_NS: Final = 120 * _NS_PER_S
"""What comes later than this after its slot makes one file more. [ns]"""
_MOST_SAMPLES: Final = 2_000_000
_FULL_SAMPLES: Final = 4_000_000
"""A shelf with more than this is sealed before its slot is over."""


class _Portion:
    """Rows of the frame journal that are sealed together: their samples, polls and ids."""

    def __init__(self, groups: Sequence[Group], halt: Halt) -> None:
        self._halt = halt
        self._keys = sorted({name for group in groups for name in group.names()})
        self._codes = {key: code for code, key in enumerate(self._keys)}
        self._taken = FrameRows()
        self._polls: dict[str, list[object]] = {name: [] for name in ("journal", *POLLS.types)}
        self._spans: dict[int, tuple[int, int]] = {}
        self.ids: list[int] = []

    @property
    def samples(self) -> int:
        """How many there are so far."""
        return self._taken.rows

    def take(self, connection: sqlite3.Connection, group: Group, before_ns: int) -> None:
        """Take rows of a catalogue that began before a time, oldest first, until there are enough."""
        code_of = np.array([self._codes[name] for name in group.names()], np.int64)
        device = f"{group.catalogue.site}/{group.catalogue.device}"
        rows = connection.execute(
            "SELECT f.id, s.id, s.edge || '/' || s.journal, f.seq, coalesce(k.done_ns, k.begun_ns),"
            " f.body FROM frames AS f JOIN source AS s ON s.id = f.source"
            " JOIN commits AS k ON k.id = f.commit_id"
            " WHERE f.catalogue = ? AND f.first_ns < ? ORDER BY f.id",
            (group.id, before_ns),
        )
        for key, source, journal, seq, done_ns, body in rows:
            self._halt.check()
            polls = list(unpack_polls([body]))
            self._taken.take(polls, code_of)
            for poll in polls:
                wall_ns, samples = poll.columns.wall_ns, len(poll.columns.values)
                told = (journal, seq, device, poll.boot, poll.mono_ns, wall_ns, done_ns, samples)
                for column, value in zip(self._polls.values(), told, strict=True):
                    column.append(value)
            low, high = self._spans.get(source, (seq, seq))
            self._spans[source] = (min(low, seq), max(high, seq))
            self.ids.append(key)
            if self.samples >= _MOST_SAMPLES:
                break
        rows.close()

    def table(self) -> Table:
        """Samples, sorted by point and time."""
        return self._taken.table(self._keys)

    def polls(self) -> Table:
        """Polls, sorted by journal and seq."""
        names = self._polls["journal"]
        journals = sorted({str(name) for name in names})
        codes = {journal: code for code, journal in enumerate(journals)}
        columns: dict[str, Array] = {name: np.array(self._polls[name]) for name in POLLS.types}
        return sort_rows(
            journals, np.array([codes[str(name)] for name in names], np.int64), columns, "seq", unique=False
        )

    def sources(self) -> list[tuple[int, int, int]]:
        """Sources with the first and last seq of each."""
        return [(source, low, high) for source, (low, high) in self._spans.items()]


class Sealing:
    """Seals one portion of one shelf at a time."""

    def __init__(self, files: ShelfFiles, catalogues: Catalogues, writing: Writing) -> None:
        self._files = files
        self._catalogues = catalogues
        self._writing = writing

    def step(self, connection: sqlite3.Connection, now_ns: int) -> bool:
        """Seal one portion of what is due; False when nothing is.

        Raises:
            StoreError: The disk is full or broken; the frames stay where they are.
        """
        for (shelf,) in connection.execute("SELECT id FROM shelf ORDER BY id").fetchall():
            groups = self._catalogues.of_shelf(connection, shelf)
            before_ns = _due(connection, groups, now_ns)
            if before_ns is not None:
                portion = _Portion(groups, self._files.halt)
                for group in groups:
                    if portion.samples < _MOST_SAMPLES:
                        portion.take(connection, group, before_ns)
                if portion.ids:
                    self._seal(shelf, portion, now_ns)
                    return True
        return False

    def _seal(self, shelf: int, portion: _Portion, now_ns: int) -> None:
        fresh: list[Fresh] = []
        try:
            fresh += [
                self._files.write(shelf, RAW, (day, day + DAY_NS), [table])
                for day, table in _by_day(portion.table())
            ]
            polls = portion.polls()
            start_ns = int(polls.columns["wall_ns"].min()) // DAY_NS * DAY_NS
            made = self._files.write(shelf, POLLS, (start_ns, start_ns + DAY_NS), [polls])
            fresh.append(replace(made, sources=portion.sources()))
            with self._writing() as connection:
                self._files.commit(connection, fresh, now_ns)
                _delete(connection, portion.ids)
        except BaseException:
            self._files.give_up(fresh)
            raise


def _due(connection: sqlite3.Connection, groups: Sequence[Group], now_ns: int) -> int | None:
    """Time before which frames are to be sealed now; None when nothing is due."""
    before_ns = (now_ns - LAG_NS) // SLOT_NS * SLOT_NS
    samples = 0
    for group in groups:
        count, first_ns = connection.execute(
            "SELECT count(*), min(last_ns) FROM frames WHERE catalogue = ?", (group.id,)
        ).fetchone()
        if count and first_ns - group.span_ns < before_ns:
            found = connection.execute(
                "SELECT 1 FROM frames WHERE catalogue = ? AND last_ns < ? AND first_ns < ? LIMIT 1",
                (group.id, before_ns + group.span_ns, before_ns),
            ).fetchone()
            if found is not None:
                return before_ns
        samples += count * len(group.catalogue.points)
    return now_ns - LAG_NS if samples > _FULL_SAMPLES else None


def _by_day(table: Table) -> Iterable[tuple[int, Table]]:
    """Rows of each UTC day, with the start of the day. [ns]."""
    day_ms = DAY_NS // NS_PER_MS
    days = table.columns["time"] // day_ms
    codes = np.repeat(np.arange(len(table.keys)), table.counts)
    for day in np.unique(days).tolist():
        there = days == day
        counts = np.bincount(codes[there], minlength=len(table.keys)).astype(np.int64)
        columns = {name: column[there] for name, column in table.columns.items()}
        yield day * DAY_NS, Table(table.keys, counts, columns).without_empty()


def _delete(connection: sqlite3.Connection, ids: list[int]) -> None:
    """Frames by their ids, in runs; then the commits that no frame names any more."""
    ordered = np.sort(np.array(ids))
    breaks = np.flatnonzero(np.diff(ordered) > 1) + 1
    for run in np.split(ordered, breaks):
        connection.execute("DELETE FROM frames WHERE id BETWEEN ? AND ?", (int(run[0]), int(run[-1])))
    oldest = connection.execute("SELECT commit_id FROM frames ORDER BY id LIMIT 1").fetchone()
    newest = connection.execute("SELECT max(id) FROM commits").fetchone()
    connection.execute("DELETE FROM commits WHERE id < ?", ((oldest or newest)[0],))
