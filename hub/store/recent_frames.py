"""Frames of the last hours, decoded once: who shows charts asks for the same ones again and again.

Rows of frames never change; they come, and leave when they are sealed. What is kept of a minute goes by the
rows that are in it now, told by the database in the reader's own transaction, so it is exact: a minute that
lost a row is decoded anew, of one that only got newer rows those alone.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.store.body import unpack_polls
from hub.store.parts import Array
from hub.store.rows import FrameRows
from hub.store.snapshot import Group

MOST_BYTES: Final = 64_000_000
"""So much is kept; what nobody asked for the longest time goes first. [B]"""
MOST_KEYS: Final = 64
"""Who asks for more points than this reads a store from end to end, which would push out all that is kept."""

_MINUTE_NS: Final = 60_000_000_000
_MS: Final = 1_000_000
_NOW: Final = (
    "SELECT m.minute, m.rows, f.id, f.source, f.seq FROM"
    " (SELECT last_ns / 60000000000 AS minute, count(*) AS rows, max(id) AS newest FROM frames"
    " WHERE catalogue = ? AND last_ns >= ? AND last_ns < ? GROUP BY 1) AS m"
    " JOIN frames AS f ON f.id = m.newest"
)
_BEFORE: Final = (
    "SELECT count(*) FROM frames WHERE catalogue = ? AND last_ns >= ? AND last_ns < ? AND id <= ?"
)
_NAMED: Final = "SELECT 1 FROM frames WHERE id = ? AND source = ? AND seq = ?"
_BODIES: Final = (
    "SELECT body FROM frames WHERE catalogue = ? AND last_ns >= ? AND last_ns < ? AND id > ? ORDER BY id"
)


_Name = tuple[int, int, int]
"""A catalogue and a minute, from and to. [ns]"""


class _Rows(NamedTuple):
    """Which rows these are: so many, the newest of them with this id, source and seq.

    An id comes again only after the largest one has gone. So while the newest row, known by source and seq
    for ever, is there, no id up to its own was given to another one, and as many are the same.
    """

    many: int
    newest: int
    source: int
    seq: int


class _Minute(NamedTuple):
    """Samples of a catalogue out of the rows that end in one minute, by point and time.

    Attributes:
        rows: The rows it is made of.
        ends: Where the samples of each point end, shape (points,).
        times: Shape (samples,); where all points have samples at the same times, those of one of them. [ms]
        columns: Value, quality, and told time [ms] where there are any, shape (samples,).
    """

    rows: _Rows
    ends: NDArray[np.int64]
    times: Array
    columns: dict[str, Array]

    @property
    def bytes(self) -> int:
        return self.ends.nbytes + self.times.nbytes + sum(one.nbytes for one in self.columns.values())

    def of(self, at: int) -> dict[str, Array]:
        """Samples of the point at a place of the catalogue."""
        start, end = int(self.ends[at - 1]) if at else 0, int(self.ends[at])
        shared = len(self.times) < self.ends[-1]
        times = self.times[: end - start] if shared else self.times[start:end]
        return {"time": times, **{name: column[start:end] for name, column in self.columns.items()}}

    def all_times(self) -> Array:
        """Of each sample. [ms]."""
        shared = len(self.times) < self.ends[-1]
        return np.tile(self.times, len(self.ends)) if shared else self.times


class RecentFrames:
    """Of one reader; threads may ask at once."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[_Name, _Minute] = OrderedDict()
        self._one = threading.Lock()

    def read(
        self,
        connection: sqlite3.Connection,
        groups: Sequence[Group],
        keys: Sequence[str],
        span: tuple[int, int],
    ) -> dict[str, list[dict[str, Array]]] | None:
        """Samples that are in frames, of some points and at least the time asked, ascending in time.

        None: they are not to be had this way, so they have to be read row by row.

        Args:
            connection: Inside a read transaction.
            groups: Catalogues of the points.
            keys: The points.
            span: From and to. [ns]
        """
        if len(set(keys)) > MOST_KEYS or any(group.span_ns > _MINUTE_NS for group in groups):
            return None
        found: dict[str, list[dict[str, Array]]] = {}
        for group in groups:
            places = _places(group, keys)
            for minute in self._minutes(connection, group, span) if places else ():
                for key, at in places.items():
                    piece = minute.of(at)
                    if len(piece["time"]):
                        found.setdefault(key, []).append(piece)
        return found if all(map(_ascend, found.values())) else None

    def _minutes(
        self, connection: sqlite3.Connection, group: Group, span: tuple[int, int]
    ) -> Iterable[_Minute]:
        from_ns, to_ns = span
        first = (from_ns - _MS) // _MINUTE_NS
        after = (to_ns + group.span_ns + _MS) // _MINUTE_NS + 1
        asked = (group.id, first * _MINUTE_NS, after * _MINUTE_NS)
        for number, *rows in connection.execute(_NOW, asked).fetchall():
            yield self._minute(connection, (group, number), _Rows(*rows))

    def _minute(self, connection: sqlite3.Connection, place: tuple[Group, int], rows: _Rows) -> _Minute:
        group, number = place
        asked = (group.id, number * _MINUTE_NS, (number + 1) * _MINUTE_NS)
        with self._one:
            known = self._kept.get(asked)
            if known is not None and known.rows == rows:
                self._kept.move_to_end(asked)
                return known
        if known is not None and not _begins(connection, asked, known.rows):
            known = None
        after = 0 if known is None else known.rows.newest
        bodies = (body for (body,) in connection.execute(_BODIES, (*asked, after)))
        taken, points = FrameRows(), len(group.catalogue.points)
        taken.take(unpack_polls(bodies), np.arange(points))
        fresh = _made(rows, taken, known, points)
        self._keep(asked, fresh)
        return fresh

    def _keep(self, name: _Name, fresh: _Minute) -> None:
        with self._one:
            before = self._kept.pop(name, None)
            self._bytes += fresh.bytes - (0 if before is None else before.bytes)
            self._kept[name] = fresh
            while self._bytes > self._most_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.bytes


def _places(group: Group, keys: Sequence[str]) -> dict[str, int]:
    """Where those of the points that are in a catalogue stand in it."""
    of_device, points = f"{group.catalogue.site}/{group.catalogue.device}/", group.catalogue.points
    named = ((key, key.removeprefix(of_device)) for key in keys if key.startswith(of_device))
    return {key: points.index(name) for key, name in named if name in points}


def _begins(connection: sqlite3.Connection, name: _Name, known: _Rows) -> bool:
    """Whether these rows are all there still, so that others only came after them."""
    named = connection.execute(_NAMED, (known.newest, known.source, known.seq)).fetchone()
    (count,) = connection.execute(_BEFORE, (*name, known.newest)).fetchone()
    return named is not None and count == known.many


def _made(rows: _Rows, taken: FrameRows, known: _Minute | None, points: int) -> _Minute:
    """Of rows after those that are known; of one instant of a point the sample that came last."""
    codes, columns = taken.columns()
    if known is not None:
        before = {"told": np.zeros(int(known.ends[-1]), np.int64), "time": known.all_times(), **known.columns}
        columns = {name: np.concatenate([before[name], column]) for name, column in columns.items()}
        codes = np.concatenate([np.repeat(np.arange(points), np.diff(known.ends, prepend=0)), codes])
    at = np.lexsort((columns["time"], codes))
    codes, times = codes[at], columns["time"][at]
    last = np.append((codes[1:] != codes[:-1]) | (times[1:] != times[:-1]), True)[: len(at)]
    at, codes, times = at[last], codes[last], times[last]
    counts = np.bincount(codes, minlength=points)
    names = ("value", "quality", "told") if columns["told"].any() else ("value", "quality")
    kept = {name: columns[name][at] for name in names}
    return _Minute(rows, np.cumsum(counts).astype(np.int64), _shared(times, counts), kept)


def _shared(times: Array, counts: NDArray[np.intp]) -> Array:
    """Times of one point where those of all are the same; else as they are."""
    if len(counts) < 2 or not len(times) or (counts != counts[0]).any():  # noqa: PLR2004  one point shares with nobody
        return times
    rows = times.reshape(len(counts), -1)
    return rows[0].copy() if (rows == rows[0]).all() else times


def _ascend(pieces: Sequence[dict[str, Array]]) -> bool:
    """Whether pieces, each ascending, ascend one after the other."""
    return all(a["time"][-1] < b["time"][0] for a, b in pairwise(pieces))
