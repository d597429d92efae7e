"""Rows of many points in columns: put in order, one an instant, the one that came last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hub.store.body import Poll
from hub.store.parts import Array, Table
from hub.store.port import Raw

NS_PER_MS: Final = 1_000_000
_SMALL: Final = 65_535


def sort_rows(
    keys: Sequence[str], codes: Array, columns: dict[str, Array], order: str, *, unique: bool = True
) -> Table:
    """Sort by key and `order`; where `unique`, of rows equal in both the last one given stays.

    Args:
        keys: What the codes mean, ascending.
        codes: Key of each row, shape (n,).
        columns: By name, shape (n,).
        order: Name of the column to sort by within a key.
        unique: Whether one row stays of those equal in key and `order`.
    """
    small = codes.astype(np.uint16) if len(keys) <= _SMALL else codes
    at = np.argsort(small, kind="stable")
    if not _ascending(small[at], columns[order][at]):
        by_time = np.argsort(columns[order], kind="stable")
        at = by_time[np.argsort(small[by_time], kind="stable")]
    small, sorted_by = small[at], columns[order][at]
    if unique and len(at):
        last = np.append((small[1:] != small[:-1]) | (sorted_by[1:] != sorted_by[:-1]), True)
        if not last.all():
            at, small = at[last], small[last]
    counts = np.bincount(small, minlength=len(keys)).astype(np.int64)
    return Table(tuple(keys), counts, {name: column[at] for name, column in columns.items()}).without_empty()


def _ascending(codes: Array, times: Array) -> bool:
    return bool(np.all((times[1:] >= times[:-1]) | (codes[1:] != codes[:-1])))


class FrameRows:
    """Samples out of stored frames, for some points of each catalogue."""

    def __init__(self) -> None:
        self._count = 0
        self._codes: list[Array] = []
        self._times: list[Array] = []
        self._values: list[Array] = []
        self._qualities: list[Array] = []
        self._told: list[Array] = []

    def take(self, polls: Iterable[Poll], code_of: NDArray[np.int64]) -> None:
        """Take samples out of polls.

        Args:
            polls: Of one catalogue, in order of arrival.
            code_of: Key of each point of the catalogue; -1 where it is not asked for.
        """
        wanted = np.flatnonzero(code_of >= 0)
        whole = code_of[wanted]
        for poll in polls:
            frame = poll.columns
            if frame.indices is None:
                where, codes = (wanted, whole) if len(wanted) < len(code_of) else (slice(None), whole)
            else:
                all_codes = code_of[frame.indices]
                where = np.flatnonzero(all_codes >= 0)
                codes = all_codes[where]
            values = frame.values[where]
            self._count += len(values)
            self._codes.append(codes[: len(values)])
            self._values.append(values)
            self._qualities.append(frame.qualities[where])
            if frame.sources is None:
                self._times.append(np.full(len(values), frame.wall_ns // NS_PER_MS))
                self._told.append(np.zeros(len(values), np.int64))
            else:
                self._times.append(frame.sources.times_ns(frame.wall_ns)[where] // NS_PER_MS)
                self._told.append(frame.sources.told_ns[where] // NS_PER_MS)

    @property
    def rows(self) -> int:
        """How many samples were taken."""
        return self._count

    def columns(self) -> tuple[Array, dict[str, Array]]:
        """Codes and columns, in order of arrival; times are whole milliseconds."""
        return _joined(self._codes, np.int64), {
            "time": _joined(self._times, np.int64),
            "value": _joined(self._values, np.float64),
            "quality": _joined(self._qualities, np.uint8),
            "told": _joined(self._told, np.int64),
        }

    def table(self, keys: Sequence[str]) -> Table:
        """Sorted, one an instant, the one that came last."""
        codes, columns = self.columns()
        return sort_rows(keys, codes, columns, "time")


def raw_of(pieces: Sequence[dict[str, Array]], from_ns: int, to_ns: int) -> Raw:
    """Samples of one point out of several tables; of one instant the one of the last table stays."""
    times = _joined([piece["time"] for piece in pieces], np.int64)
    columns = [
        _joined([piece["value"] for piece in pieces], np.float64),
        _joined([piece["quality"] for piece in pieces], np.uint8),
        _joined([piece.get("told", np.zeros(len(piece["time"]), np.int64)) for piece in pieces], np.int64),
    ]
    if not np.all(times[1:] > times[:-1]):
        at = np.argsort(times, kind="stable")
        ordered = times[at]
        at = at[np.append(ordered[1:] != ordered[:-1], True)]
        times, columns = times[at], [column[at] for column in columns]
    low, high = np.searchsorted(times, [-(-from_ns // NS_PER_MS), -(-to_ns // NS_PER_MS)])
    values, qualities, told = (column[low:high] for column in columns)
    return Raw(times[low:high] * NS_PER_MS, values, qualities, told * NS_PER_MS)


def _joined(pieces: Sequence[Array], kind: type) -> Array:
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.empty(0, kind)
