"""What the embedded engine has of some points at one moment: sealed files, frames, final rollups.

All of it is looked up in one read transaction, so a reader in another process sees a row either in a frame or
in a sealed file, never in both and never in none.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.store.port import TimeArray
from hub.store.schema import DAY_BIT, HOUR_NS
from protocols.frame import Catalogue, decode_catalogue
from protocols.point import PointId

_DAY_NS = 24 * HOUR_NS
_LONG_S = 86_400
_MS = 1_000_000
"""Times in files are whole milliseconds. [ns]"""


class Group(NamedTuple):
    """One catalogue of a shelf."""

    id: int
    shelf: int
    span_ns: int
    catalogue: Catalogue

    def names(self) -> list[str]:
        """Keys of its points in sealed files."""
        return [f"{self.catalogue.site}/{self.catalogue.device}/{name}" for name in self.catalogue.points]


class Part(NamedTuple):
    """A sealed file that counts."""

    id: int
    shelf: int
    kind: str
    period_ns: int
    until_ns: int
    first_ns: int
    last_ns: int
    rows: int
    bytes: int
    file: str


PART = "id, shelf, kind, period_ns, until_ns, first_ns, last_ns, rows, bytes, file"


class Catalogues:
    """Catalogues by their row; they never change, so each is decoded once."""

    def __init__(self) -> None:
        self._known: dict[int, Catalogue] = {}

    def of_points(self, connection: sqlite3.Connection, points: Iterable[PointId]) -> list[Group]:
        """Catalogues of the devices of some points."""
        found: list[Group] = []
        for site, device in dict.fromkeys(point[:2] for point in points):
            rows = connection.execute(
                "SELECT id, shelf, span_ns FROM catalogue WHERE site = ? AND device = ?", (site, device)
            ).fetchall()
            found += [Group(key, shelf, span_ns, self._one(connection, key)) for key, shelf, span_ns in rows]
        return found

    def of_shelf(self, connection: sqlite3.Connection, shelf: int) -> list[Group]:
        """All catalogues of a shelf."""
        rows = connection.execute(
            "SELECT id, shelf, span_ns FROM catalogue WHERE shelf = ?", (shelf,)
        ).fetchall()
        return [Group(key, shelf, span_ns, self._one(connection, key)) for key, shelf, span_ns in rows]

    def one(self, connection: sqlite3.Connection, key: int) -> Catalogue:
        """The catalogue of a row."""
        return self._one(connection, key)

    def _one(self, connection: sqlite3.Connection, key: int) -> Catalogue:
        known = self._known.get(key)
        if known is None:
            (body,) = connection.execute("SELECT body FROM catalogue WHERE id = ?", (key,)).fetchone()
            known = self._known[key] = decode_catalogue(body)
        return known


def key_of(point: PointId) -> str:
    """Key of a point in sealed files."""
    return "/".join(point)


def parts_of(connection: sqlite3.Connection, shelf: int, kind: str, from_ns: int, to_ns: int) -> list[Part]:
    """Sealed files with rows between two times, in the order they were made: the later one is right."""
    rows = connection.execute(
        f"SELECT {PART} FROM part WHERE shelf = ? AND kind = ? AND last_ns >= ? AND first_ns < ?"  # noqa: S608  a constant
        " AND NOT damaged ORDER BY id",
        (shelf, kind, from_ns, to_ns),
    ).fetchall()
    return [Part(*row) for row in rows]


def bodies_of(connection: sqlite3.Connection, group: Group, from_ns: int, to_ns: int) -> list[bytes]:
    """Frames with samples between two times, in order of arrival."""
    rows = connection.execute(
        "SELECT body FROM frames WHERE catalogue = ? AND last_ns >= ? AND last_ns <= ? AND first_ns < ?"
        " ORDER BY id",
        (group.id, from_ns - _MS, to_ns + group.span_ns + _MS, to_ns + _MS),
    ).fetchall()
    return [row[0] for row in rows]


class Final:
    """Which windows of the rollups of one shelf are there for good; on days that are made anew, none."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        shelf: int,
        span: tuple[int, int],
        without: Iterable[int] = (),
    ) -> None:
        from_ns, to_ns = span
        self._first_day = from_ns // _DAY_NS
        days = max(int(to_ns // _DAY_NS - self._first_day + 1), 0)
        self._hours = np.zeros(days * 24, bool)
        self._days = np.zeros(days, bool)
        rows = connection.execute(
            "SELECT day_ns, hours FROM rolled WHERE shelf = ? AND day_ns BETWEEN ? AND ?",
            (shelf, self._first_day * _DAY_NS, to_ns),
        )
        for day_ns, hours in rows:
            at = day_ns // _DAY_NS - self._first_day
            self._days[at] = bool(hours & DAY_BIT)
            self._hours[24 * at : 24 * at + 24] = [bool(hours >> hour & 1) for hour in range(24)]
        for day_ns in without:
            at = day_ns // _DAY_NS - self._first_day
            self._days[at] = False
            self._hours[24 * at : 24 * at + 24] = False

    def __call__(self, level_s: int, starts_ns: TimeArray) -> NDArray[np.bool_]:
        """Of windows of a rollup, which are final, shape (n,)."""
        if level_s == _LONG_S:
            found: NDArray[np.bool_] = self._days[starts_ns // _DAY_NS - self._first_day]
        else:
            found = self._hours[starts_ns // HOUR_NS - 24 * self._first_day]
        return found

    def any(self) -> bool:
        """Whether a rollup can help at all."""
        return bool(self._hours.any())


def by_remade(
    connection: sqlite3.Connection, shelf: int, points: Sequence[PointId], span: tuple[int, int]
) -> dict[tuple[int, ...], list[PointId]]:
    """Points by the days around a time on which their rollups are still to be made anew; mostly none."""
    rows = connection.execute(
        "SELECT point, day_ns FROM remake WHERE shelf = ? AND day_ns BETWEEN ? AND ? ORDER BY day_ns",
        (shelf, span[0] // _DAY_NS * _DAY_NS, span[1]),
    ).fetchall()
    days: dict[str, list[int]] = defaultdict(list)
    for key, day_ns in rows:
        days[key].append(day_ns)
    found: dict[tuple[int, ...], list[PointId]] = defaultdict(list)
    for point in points:
        found[tuple(days.get(key_of(point), ()))].append(point)
    return dict(found)


def by_shelf(groups: Sequence[Group], points: Sequence[PointId]) -> dict[int, list[PointId]]:
    """Points by their shelf; those never seen are left out."""
    shelf_of = {(group.catalogue.site, group.catalogue.device): group.shelf for group in groups}
    found: dict[int, list[PointId]] = defaultdict(list)
    for point in points:
        shelf = shelf_of.get(point[:2])
        if shelf is not None:
            found[shelf].append(point)
    return dict(found)
