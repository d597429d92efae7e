"""Where samples of the embedded engine came from: rows of journals, out of frames and sealed polls."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.store.body import Poll, unpack_polls
from hub.store.parts import POLLS, Array, PartFiles
from hub.store.port import HOLD_S, Origins, Raw
from hub.store.rows import NS_PER_MS
from hub.store.snapshot import Group, parts_of
from protocols.errors import DamagedPartError
from protocols.point import PointId

_AFTER_NS: Final = int(HOLD_S * 1e9)
"""So long after the time its device told a sample may have been read."""


class _Origin(NamedTuple):
    source: tuple[str, str]
    seq: int
    polled_ns: int
    exact: bool


def origins_of(
    connection: sqlite3.Connection, files: PartFiles, groups: Sequence[Group], point: PointId, raw: Raw
) -> Origins:
    """Rows that samples of a point came in.

    A frame names its row. A sealed file keeps one line a poll, found by device and instant: sure for a sample
    of that instant, the first poll that can have brought it where the device told a time of its own.

    Args:
        connection: Inside a read transaction.
        files: The sealed files.
        groups: Catalogues of the device.
        point: The point.
        raw: Samples of it, as they were read.

    Raises:
        FileNotFoundError: A sealed file was replaced meanwhile; look anew.
    """
    found: dict[int, _Origin] = {}
    times_ms = raw.times_ns // NS_PER_MS
    if len(times_ms):
        for group in groups:
            found |= _in_frames(connection, group, point, raw)
        open_at = np.array([time_ms not in found for time_ms in times_ms.tolist()])
        for shelf in sorted({group.shelf for group in groups}) if open_at.any() else ():
            polls = _Polls(connection, files, shelf, (point, raw.times_ns[open_at]))
            told = raw.source_ns[open_at] != 0
            found |= polls.origins(times_ms[open_at], told)
    return _columns([found.get(time_ms) for time_ms in times_ms.tolist()])


def _columns(origins: Sequence[_Origin | None]) -> Origins:
    sources = sorted({origin.source for origin in origins if origin is not None})
    number = {source: at for at, source in enumerate(sources)}
    rows = [
        (-1, 0, 0, False) if one is None else (number[one.source], one.seq, one.polled_ns, one.exact)
        for one in origins
    ]
    source, seqs, polled_ns, exact = (
        np.array([row[at] for row in rows], np.int64) for at in range(len(_Origin._fields))
    )
    return Origins(tuple(sources), source, seqs, polled_ns, exact.astype(bool))


def _in_frames(connection: sqlite3.Connection, group: Group, point: PointId, raw: Raw) -> dict[int, _Origin]:
    """Origins by time in milliseconds of what is still in frames; of one instant the last one stays."""
    if point.point not in group.catalogue.points:
        return {}
    number = group.catalogue.points.index(point.point)
    first_ns, last_ns = int(raw.times_ns[0]), int(raw.times_ns[-1])
    rows = connection.execute(
        "SELECT s.edge, s.journal, f.seq, f.body FROM frames AS f JOIN source AS s ON s.id = f.source"
        " WHERE f.catalogue = ? AND f.last_ns >= ? AND f.last_ns <= ? AND f.first_ns < ? ORDER BY f.id",
        (group.id, first_ns - NS_PER_MS, last_ns + group.span_ns + NS_PER_MS, last_ns + NS_PER_MS),
    )
    found: dict[int, _Origin] = {}
    for edge, journal, seq, body in rows:
        for poll in unpack_polls([body]):
            at = _position(poll, number)
            if at is not None:
                columns = poll.columns
                time_ms = columns.time_ns(at) // NS_PER_MS
                found[time_ms] = _Origin((edge, journal), seq, columns.wall_ns, exact=True)
    return found


def _position(poll: Poll, number: int) -> int | None:
    """Where a point of the catalogue stands in a poll; None where it does not."""
    indices = poll.columns.indices
    if indices is None:
        return number
    at = np.flatnonzero(indices == number)
    return int(at[0]) if len(at) else None


class _Polls:
    """Sealed polls of one device around some times, in order of their instants."""

    def __init__(
        self, connection: sqlite3.Connection, files: PartFiles, shelf: int, asked: tuple[PointId, Array]
    ) -> None:
        point, times_ns = asked
        self._files = files
        self._device = f"{point.site}/{point.device}"
        self._journals: list[str] = []
        span = int(times_ns[0]) - NS_PER_MS, int(times_ns[-1]) + _AFTER_NS
        parts = parts_of(connection, shelf, POLLS.name, *span)
        pieces = [np.empty((3, 0), np.int64), *(self._rows(part.file, span) for part in parts)]
        rows = np.concatenate(pieces, axis=1)
        self._polled_ns, self._seqs, self._names = rows[:, np.argsort(rows[0], kind="stable")]
        self._ms = self._polled_ns // NS_PER_MS

    def origins(self, times_ms: Array, told: NDArray[np.bool_]) -> dict[int, _Origin]:
        """Polls of instants, by instant; where the device told the time, the first one from then on.

        Args:
            times_ms: Ascending, shape (n,).
            told: Whether the device told the time, shape (n,).
        """
        low = np.searchsorted(self._ms, times_ms)
        high = np.searchsorted(self._ms, times_ms + 1)
        there = low < high
        near = np.minimum(low, max(len(self._ms) - 1, 0))
        wait_ms = self._ms[near] - times_ms if len(self._ms) else np.zeros(len(times_ms), np.int64)
        later = ~there & told & (low < len(self._ms)) & (wait_ms <= _AFTER_NS // NS_PER_MS)
        exact = there & ~told
        for at in np.flatnonzero(exact & (high - low > 1)).tolist():
            exact[at] = self._one_row(slice(int(low[at]), int(high[at])))
        sources = [(edge, journal) for edge, _, journal in (name.partition("/") for name in self._journals)]
        use = np.flatnonzero(there | later)
        row = low[use]
        columns = (times_ms[use], self._names[row], self._seqs[row], self._polled_ns[row], exact[use])
        return {
            time_ms: _Origin(sources[name], seq, polled_ns, sure)
            for time_ms, name, seq, polled_ns, sure in zip(*(one.tolist() for one in columns), strict=True)
        }

    def _one_row(self, rows: slice) -> bool:
        """Whether polls of one instant came in the same row of a journal."""
        return bool(np.ptp(self._seqs[rows]) == 0 and np.ptp(self._names[rows]) == 0)

    def _rows(self, file: str, span: tuple[int, int]) -> Array:
        """Instants, seqs and journals of the polls of the device in a file, shape (3, n)."""
        try:
            sizes = self._files.keys(file)
            at = self._files.between(file, "wall_ns", *span)
            columns = self._files.some(file, at, ("wall_ns", "seq", "device"))
        except DamagedPartError:  # told of where samples are read
            return np.empty((3, 0), np.int64)
        if not len(at):
            return np.empty((3, 0), np.int64)
        journals = sorted(sizes)
        names = np.searchsorted(np.cumsum([sizes[name] for name in journals]), at, side="right")
        names += len(self._journals)
        self._journals += journals
        mine = columns["device"] == self._device
        found: Array = np.stack([columns["wall_ns"][mine], columns["seq"][mine], names[mine]]).astype(
            np.int64
        )
        return found
