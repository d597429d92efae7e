"""Sealing: frames of closed time become Parquet files, day by day, and leave the frame journal.

The row of a file and the deletion of its frames are one transaction, after the file is flushed to the disk.
A kill before it leaves a file that no row names, which the next start removes; after it nothing is to do.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from hub.store.body import unpack_polls
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


class _Rows(NamedTuple):
    """Rows of the frame journal of one catalogue."""

    group: Group
    ids: list[int]
    sources: list[tuple[int, str, int]]
    done_ns: list[int]
    bodies: list[bytes]


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
                rows = self._portion(connection, groups, before_ns)
                if rows:
                    self._seal(shelf, rows, now_ns)
                    return True
        return False

    def _portion(
        self, connection: sqlite3.Connection, groups: Sequence[Group], before_ns: int
    ) -> list[_Rows]:
        """Rows that began before a time, of some catalogues, oldest first, as many as are sealed at once."""
        found: list[_Rows] = []
        room = _MOST_SAMPLES
        for group in groups:
            points = max(len(group.catalogue.points), 1)
            rows = connection.execute(
                "SELECT f.id, s.id, s.edge || '/' || s.journal, f.seq, coalesce(k.done_ns, k.begun_ns),"
                " f.body FROM frames AS f JOIN source AS s ON s.id = f.source"
                " JOIN commits AS k ON k.id = f.commit_id"
                " WHERE f.catalogue = ? AND f.first_ns < ? ORDER BY f.id LIMIT ?",
                (group.id, before_ns, room // points + 1),
            ).fetchall()
            if rows:
                ids, sources, journals, seqs, done, bodies = (
                    list(column) for column in zip(*rows, strict=True)
                )
                found.append(_Rows(group, ids, list(zip(sources, journals, seqs, strict=True)), done, bodies))
            room -= len(rows) * points
            if room <= 0:
                break
        return found

    def _seal(self, shelf: int, rows: Sequence[_Rows], now_ns: int) -> None:
        fresh: list[Fresh] = []
        try:
            samples, polls = _tables(rows)
            fresh += [
                self._files.write(shelf, RAW, (day, day + DAY_NS), [table]) for day, table in _by_day(samples)
            ]
            start_ns = int(polls.columns["wall_ns"].min()) // DAY_NS * DAY_NS
            made = self._files.write(shelf, POLLS, (start_ns, start_ns + DAY_NS), [polls])
            fresh.append(replace(made, sources=_source_spans(rows)))
            with self._writing() as connection:
                self._files.commit(connection, fresh, now_ns)
                _delete(connection, [key for group in rows for key in group.ids])
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


def _tables(rows: Sequence[_Rows]) -> tuple[Table, Table]:
    """Samples sorted by point and time, and the polls they came with, sorted by journal and seq."""
    keys = sorted({name for group in rows for name in group.group.names()})
    codes = {key: code for code, key in enumerate(keys)}
    taken = FrameRows()
    for group in rows:
        taken.take(group.bodies, np.array([codes[name] for name in group.group.names()], np.int64))
    return taken.table(keys), _polls(rows)


def _polls(rows: Sequence[_Rows]) -> Table:
    journals = sorted({journal for group in rows for _, journal, _ in group.sources})
    code_of = {journal: code for code, journal in enumerate(journals)}
    lists: dict[str, list[object]] = defaultdict(list)
    codes: list[int] = []
    for group in rows:
        device = f"{group.group.catalogue.site}/{group.group.catalogue.device}"
        for (_, journal, seq), done_ns, body in zip(group.sources, group.done_ns, group.bodies, strict=True):
            for poll in unpack_polls([body]):
                codes.append(code_of[journal])
                row = (
                    seq,
                    device,
                    poll.boot,
                    poll.mono_ns,
                    poll.columns.wall_ns,
                    done_ns,
                    len(poll.columns.values),
                )
                for name, value in zip(POLLS.types, row, strict=True):
                    lists[name].append(value)
    columns: dict[str, Array] = {name: np.array(values) for name, values in lists.items()}
    return sort_rows(journals, np.array(codes, np.int64), columns, "seq", unique=False)


def _source_spans(rows: Sequence[_Rows]) -> list[tuple[int, int, int]]:
    """Rows of the sources: source, first and last seq."""
    spans: dict[int, tuple[int, int]] = {}
    for group in rows:
        for source, _, seq in group.sources:
            low, high = spans.get(source, (seq, seq))
            spans[source] = (min(low, seq), max(high, seq))
    return [(source, low, high) for source, (low, high) in spans.items()]


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
