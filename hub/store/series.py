"""Samples and windows of the embedded engine, out of frames, sealed files and rollups together."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final as Constant

import numpy as np

from hub.store.body import unpack_polls
from hub.store.origins import origins_of
from hub.store.parts import POLLS, RAW, ROLLUPS, Array, PartFiles, Table
from hub.store.port import HOLD_S, Marker, Origins, Raw, Span, TimeArray, Windows
from hub.store.recent_frames import RecentFrames
from hub.store.rollup import (
    LEVELS_S,
    MINUTE_S,
    NS_PER_S,
    Spans,
    blank,
    combine,
    cuts,
    held,
    joined,
    picked,
    take,
)
from hub.store.rows import NS_PER_MS, FrameRows, raw_of
from hub.store.snapshot import (
    Catalogues,
    Final,
    Group,
    Part,
    bodies_of,
    by_remade,
    by_shelf,
    key_of,
    parts_of,
)
from protocols.errors import DamagedPartError
from protocols.point import PointId

_log = logging.getLogger(__name__)

HOLD_NS: Constant = int(HOLD_S * NS_PER_S)
_PLAIN: Constant = ("time", "value", "quality")
_WINDOW: Constant = ("time", "integral", "covered_s", "low", "high", "first", "last", "worst")

Pieces = dict[str, list[dict[str, Array]]]
"""By key of the point: columns out of tables, the later one is right."""


class Series:
    """Reads through a connection that is inside a read transaction."""

    def __init__(self, folder: Path, marker: Marker | None, recent: RecentFrames | None = None) -> None:
        self.folder = folder
        self._recent = recent
        self._files = PartFiles(folder)
        self._marker = marker
        self.catalogues = Catalogues()
        self._missed: set[str] = set()
        self.damaged: set[str] = set()
        """Sealed files that could not be read; what they hold is missing from answers."""

    def raw(
        self,
        connection: sqlite3.Connection,
        points: Sequence[PointId],
        from_ns: int,
        to_ns: int,
        *,
        told: bool = True,
    ) -> dict[PointId, Raw]:
        """Samples with `from_ns` <= time < `to_ns` of each point; told times cost a column more."""
        groups = self.catalogues.of_points(connection, points)
        names = tuple(RAW.types) if told else _PLAIN
        found: Pieces = defaultdict(list)
        for shelf, some in by_shelf(groups, points).items():
            parts = parts_of(connection, shelf, RAW.name, from_ns, to_ns)
            self._read_parts(found, parts, [key_of(point) for point in some], names)
        self._read_frames(found, connection, groups, (points, from_ns, to_ns))
        return {point: raw_of(found[key_of(point)], from_ns, to_ns) for point in points}

    def over(
        self, connection: sqlite3.Connection, points: Sequence[PointId], edges_ns: TimeArray
    ) -> dict[PointId, Windows]:
        """Windows of each point, from the coarsest rollups that are exact and samples at their ends."""
        answer = {point: blank(edges_ns[:-1]) for point in points}
        if len(edges_ns) < 2:  # noqa: PLR2004  two edges make a window
            return answer
        groups = self.catalogues.of_points(connection, points)
        span = int(edges_ns[0]), int(edges_ns[-1])
        for shelf, all_of_it in by_shelf(groups, points).items():
            mine = [group for group in groups if group.shelf == shelf]
            for days, some in by_remade(connection, shelf, all_of_it, span).items():
                final = Final(connection, shelf, span, days)
                parts = self._windows_of(connection, (mine, final), some, edges_ns)
                for point in some:
                    answer[point] = combine(joined(parts[point]), edges_ns)
        return answer

    def rows_of(self, connection: sqlite3.Connection, shelf: int, span: tuple[int, int]) -> dict[str, int]:
        """Rows of each key in the files of samples that have some between two times."""
        found: dict[str, int] = defaultdict(int)
        for part in parts_of(connection, shelf, RAW.name, *span):
            with contextlib.suppress(DamagedPartError):  # told of when it is read
                for key, rows in self._files.keys(part.file).items():
                    found[key] += rows
        return found

    def origins(self, connection: sqlite3.Connection, point: PointId, raw: Raw) -> Origins:
        """Rows of journals that samples of a point came in."""
        groups = self.catalogues.of_points(connection, [point])
        return origins_of(connection, self._files, groups, point, raw)

    def polls(self, connection: sqlite3.Connection, span: Span) -> Table:
        """Sealed polls of a range of rows of a journal."""
        rows = connection.execute(
            "SELECT p.file FROM part_source AS x JOIN part AS p ON p.id = x.part"
            " JOIN source AS s ON s.id = x.source WHERE s.edge = ? AND s.journal = ?"
            " AND x.last_seq >= ? AND x.first_seq <= ? AND NOT p.damaged",
            (span.edge, span.journal, span.first_seq, span.last_seq),
        ).fetchall()
        key = f"{span.edge}/{span.journal}"
        tables = [self._files.read(file, [key], tuple(POLLS.types)) for (file,) in rows]
        columns = {
            name: np.concatenate([table.columns[name] for table in tables] or [np.empty(0)])
            for name in POLLS.types
        }
        there = (columns["seq"] >= span.first_seq) & (columns["seq"] <= span.last_seq)
        columns = {name: column[there] for name, column in columns.items()}
        return Table((key,), np.array([int(there.sum())]), columns)

    def marked(self, point: PointId, raw: Raw) -> Array:
        """Qualities by the rules of the point."""
        return raw.qualities if self._marker is None else self._marker.marks(point, raw)

    def margin_ns(self, point: PointId) -> int:
        """How far around a time the rules of a point look. [ns]."""
        return 0 if self._marker is None else self._marker.margin_ns(point)

    def most_margin_ns(self, connection: sqlite3.Connection) -> int:
        """How far the rules of any point look. [ns]."""
        if self._marker is None:
            return 0
        rows = connection.execute("SELECT id FROM catalogue").fetchall()
        some = (self.catalogues.one(connection, key) for (key,) in rows)
        points = (PointId(one.site, one.device, name) for one in some for name in one.points)
        return max((self._marker.margin_ns(point) for point in points), default=0)

    def rolled(
        self, connection: sqlite3.Connection, points: Sequence[PointId], edges_ns: TimeArray, level_s: int
    ) -> dict[PointId, Windows]:
        """Final windows of one rollup between the edges, without a look at samples."""
        answer = {point: blank(edges_ns[:0]) for point in points}
        groups = self.catalogues.of_points(connection, points)
        span = int(edges_ns[0]), int(edges_ns[-1])
        for shelf, all_of_it in by_shelf(groups, points).items():
            for days, some in by_remade(connection, shelf, all_of_it, span).items():
                final = Final(connection, shelf, span, days)
                starts, _ = take(Spans.between(edges_ns), level_s, partial(final, level_s))
                answer |= self.level(connection, shelf, some, (level_s, starts))
        return answer

    def _windows_of(
        self,
        connection: sqlite3.Connection,
        shelf: tuple[Sequence[Group], Final],
        points: Sequence[PointId],
        edges_ns: TimeArray,
    ) -> dict[PointId, list[Windows]]:
        """Windows of rollups and of samples that together fill the edges, of points of one shelf."""
        groups, final = shelf
        parts: dict[PointId, list[Windows]] = {point: [] for point in points}
        spans = Spans.between(edges_ns)
        for level_s in LEVELS_S if final.any() else ():
            if level_s == MINUTE_S:
                break
            starts, spans = take(spans, level_s, partial(final, level_s))
            self._add_level(parts, connection, groups[0].shelf, (level_s, starts))
        rest = dict.fromkeys(points, spans)
        if final.any():
            starts, _ = take(spans, MINUTE_S, partial(final, MINUTE_S))
            minutes = self.level(connection, groups[0].shelf, points, (MINUTE_S, starts))
            for point, there in minutes.items():
                used, rest[point] = take(spans, MINUTE_S, partial(_among, there.starts_ns))
                parts[point].append(picked(there, _among(used, there.starts_ns)))
        self._add_samples(parts, connection, groups, rest)
        return parts

    def _add_level(
        self,
        parts: dict[PointId, list[Windows]],
        connection: sqlite3.Connection,
        shelf: int,
        asked: tuple[int, TimeArray],
    ) -> None:
        for point, windows in self.level(connection, shelf, list(parts), asked).items():
            parts[point].append(windows)

    def level(
        self,
        connection: sqlite3.Connection,
        shelf: int,
        points: Sequence[PointId],
        asked: tuple[int, TimeArray],
    ) -> dict[PointId, Windows]:
        """Windows of one rollup (its length, their starts); one that is not there was never covered."""
        level_s, starts = asked
        if not len(starts):
            return {point: blank(starts) for point in points}
        found: Pieces = defaultdict(list)
        keys = [key_of(point) for point in points]
        parts = parts_of(connection, shelf, ROLLUPS[level_s].name, int(starts[0]), int(starts[-1]) + 1)
        self._read_parts(found, parts, keys, _WINDOW)
        return {point: _rolled(found[key], starts) for point, key in zip(points, keys, strict=True)}

    def _add_samples(
        self,
        parts: dict[PointId, list[Windows]],
        connection: sqlite3.Connection,
        groups: Sequence[Group],
        rest: dict[PointId, Spans],
    ) -> None:
        """Make windows of samples where no rollup is; each file that has some is read once."""
        wanted = [spans for spans in rest.values() if len(spans.starts_ns)]
        if not wanted:
            return
        around_ns = max(self.margin_ns(point) for point in rest)
        low = min(int(spans.starts_ns[0]) for spans in wanted) - HOLD_NS - around_ns
        high = max(int(spans.ends_ns[-1]) for spans in wanted) + around_ns
        found: Pieces = defaultdict(list)
        files = parts_of(connection, groups[0].shelf, RAW.name, low, high)
        needed = [part for part in files if any(_near(spans, part, around_ns) for spans in wanted)]
        self._read_parts(found, needed, [key_of(point) for point in rest], _PLAIN)
        self._read_frames(found, connection, groups, (list(rest), low, high))
        for point, spans in rest.items():
            edges, there = cuts(spans)
            stretches = _stretches(spans, around_ns)
            raw = raw_of([_thinned(piece, stretches) for piece in found[key_of(point)]], low, high)
            parts[point].append(picked(held(raw, self.marked(point, raw), edges, HOLD_NS), there))

    def _read_parts(
        self, found: Pieces, parts: Sequence[Part], keys: Sequence[str], names: Sequence[str]
    ) -> None:
        for part in parts:
            try:
                table = self._files.read(part.file, keys, names)
            except FileNotFoundError:
                if (
                    part.file not in self._missed
                ):  # replaced meanwhile: the next look does not name it any more
                    self._missed.add(part.file)
                    raise
                self._tell(part.file, f"the sealed file {part.file} is missing")
                continue
            except DamagedPartError as error:
                self._tell(part.file, str(error))
                continue
            for key, columns in table.pieces().items():
                found[key].append(columns)

    def _tell(self, file: str, why: str) -> None:
        if file not in self.damaged:
            _log.error("%s; what it holds is missing from answers", why)
        self.damaged.add(file)

    def _read_frames(
        self,
        found: Pieces,
        connection: sqlite3.Connection,
        groups: Sequence[Group],
        asked: tuple[Sequence[PointId], int, int],
    ) -> None:
        """Samples of points between two times that are still in frames."""
        points, from_ns, to_ns = asked
        keys, span = [key_of(point) for point in points], (from_ns, to_ns)
        pieces = None if self._recent is None else self._recent.read(connection, groups, keys, span)
        if pieces is None:
            table = self.frames(connection, groups, keys, span)
            pieces = {key: [columns] for key, columns in table.pieces().items()}
        for key, some in pieces.items():
            found[key] += some

    def frames(
        self,
        connection: sqlite3.Connection,
        groups: Sequence[Group],
        keys: Sequence[str],
        span: tuple[int, int],
    ) -> Table:
        """Samples that are still in frames, of some keys and at least the time asked."""
        rows = FrameRows()
        ordered = sorted(set(keys))
        codes = {key: code for code, key in enumerate(ordered)}
        for group in groups:
            code_of = np.array([codes.get(name, -1) for name in group.names()], np.int64)
            if (code_of >= 0).any():
                rows.take(unpack_polls(bodies_of(connection, group, *span)), code_of)
        return rows.table(ordered)


def _rolled(pieces: Sequence[dict[str, Array]], starts: TimeArray) -> Windows:
    """Windows out of tables of a rollup; of one start the row of the last table stays."""
    if not pieces:
        return blank(starts[:0])
    whole = {name: np.concatenate([piece[name] for piece in pieces]) for name in _WINDOW}
    times = whole["time"] * NS_PER_MS
    at = np.argsort(times, kind="stable")
    ordered = times[at]
    at = at[np.append(ordered[1:] != ordered[:-1], True) & _among(starts, ordered)]
    covered_s = whole["covered_s"][at]
    mean = np.divide(whole["integral"][at], covered_s, out=np.full(len(at), np.nan), where=covered_s > 0.0)
    low, high, first, last, worst = (whole[name][at] for name in ("low", "high", "first", "last", "worst"))
    return Windows(times[at], mean, low, high, first, last, covered_s, worst)


def _among(known: TimeArray, starts: TimeArray) -> Array:
    """Which of `starts` are in `known`, which ascends."""
    if not len(known):
        return np.zeros(len(starts), bool)
    at = np.minimum(np.searchsorted(known, starts), len(known) - 1)
    found: Array = known[at] == starts
    return found


def _stretches(spans: Spans, around_ns: int) -> Spans:
    """Where the samples are that stand in the spans, or that their rules look at; without overlap."""
    lows, highs = spans.starts_ns - HOLD_NS - around_ns, spans.ends_ns + around_ns
    fresh = np.append(True, lows[1:] > highs[:-1])[: len(lows)]
    return Spans(lows[fresh], highs[np.append(fresh[1:], True)[: len(lows)]])


def _thinned(piece: dict[str, Array], stretches: Spans) -> dict[str, Array]:
    """The samples of a table that are in one of the stretches."""
    lows = np.searchsorted(piece["time"], stretches.starts_ns // NS_PER_MS)
    counts = np.searchsorted(piece["time"], stretches.ends_ns // NS_PER_MS + 1) - lows
    at = np.arange(int(counts.sum())) + np.repeat(lows - (np.cumsum(counts) - counts), counts)
    return {name: column[at] for name, column in piece.items()}


def _near(spans: Spans, part: Part, around_ns: int) -> bool:
    """Whether a file may have samples that stand in one of the spans, or that its rules look at."""
    starts, ends = spans.starts_ns - HOLD_NS - around_ns, spans.ends_ns + around_ns
    return bool(np.any((starts <= part.last_ns) & (ends > part.first_ns)))
