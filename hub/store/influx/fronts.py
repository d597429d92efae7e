"""How far the rollups on a server are, and what of them is to be made anew; in the business database.

Stretches of samples that came late are kept by device and day: a backfill of weeks is a few rows, and a day
it has left is rolled up while it goes on. Those of changed rules are kept by point. What a stretch is put
together with gets a number of its own, so that work on the old one, done meanwhile, counts for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.influx.rolling import Front, Stretch
from hub.store.influx.tables import FrontRow, LateRow
from protocols.point import PointId

Device = tuple[str, str]
"""Site and device."""

_DAY_NS: Final = 86_400 * 1_000_000_000
_NEAR_NS: Final = 3600 * 1_000_000_000
"""Stretches with less between them are one. [ns]"""


class Work(NamedTuple):
    """What is to be made anew next: rows, the time, and names of the points; None: all of the device."""

    numbers: tuple[int, ...]
    span: Stretch
    points: frozenset[str] | None


class FrontBook:
    """One process's view of it; used from one thread at a time."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction

    def fronts(self, points: Iterable[PointId]) -> dict[PointId, Front]:
        """How far the rollups of points are; those before their first are left out."""
        wanted: dict[Device, list[PointId]] = defaultdict(list)
        for point in dict.fromkeys(points):
            wanted[point.site, point.device].append(point)
        found: dict[PointId, Front] = {}
        with self._transaction() as connection:
            for device, some in sorted(wanted.items()):
                until_ns = _until_ns(connection, device)
                if until_ns is not None:
                    late = _late(connection, device)
                    whole = Front(until_ns, tuple(late[None]))
                    for point in some:
                        own = late.get(point.point)
                        found[point] = Front(until_ns, (*whole.late, *own)) if own else whole
        return found

    def until_ns(self, site: str, device: str) -> int | None:
        """How far the rollups of a device are; None before the first. [ns]."""
        with self._transaction() as connection:
            return _until_ns(connection, (site, device))

    def oldest_ns(self) -> int | None:
        """Up to where the rollups of the device that is farthest behind are; None without devices. [ns]."""
        with self._transaction() as connection:
            return connection.execute(select(func.min(FrontRow.until_ns))).scalar()

    def begin(self, site: str, device: str, from_ns: int) -> None:
        """Rollups of a device begin here, if they have not begun."""
        row = {"site": site, "device": device, "from_ns": from_ns, "until_ns": from_ns}
        with self._transaction() as connection:
            connection.execute(_insert(connection, FrontRow).values(row).on_conflict_do_nothing())

    def move(self, site: str, device: str, until_ns: int) -> None:
        """Rollups of a device are final up to here."""
        mine = (FrontRow.site == site, FrontRow.device == device, FrontRow.until_ns < until_ns)
        with self._transaction() as connection:
            connection.execute(update(FrontRow).where(*mine).values(until_ns=until_ns))

    def next_work(self, site: str, device: str) -> Work | None:
        """The oldest stretch of a device that is to be done, of all points that have the same one."""
        columns = (LateRow.number, LateRow.from_ns, LateRow.to_ns, LateRow.point)
        mine = (LateRow.site == site, LateRow.device == device)
        wanted = select(*columns).where(*mine).order_by(LateRow.from_ns, LateRow.number)
        with self._transaction() as connection:
            rows = connection.execute(wanted).all()
        if not rows:
            return None
        number, from_ns, to_ns, point = rows[0]
        span = Stretch(from_ns, to_ns)
        if point is None:
            return Work((number,), span, None)
        alike = [row for row in rows if row[3] is not None and Stretch(row[1], row[2]) == span]
        return Work(tuple(row[0] for row in alike), span, frozenset(str(row[3]) for row in alike))

    def done(self, work: Work, up_to_ns: int) -> None:
        """What was given out is done up to an instant."""
        same = (LateRow.from_ns == work.span.from_ns, LateRow.to_ns == work.span.to_ns)
        mine = (LateRow.number.in_(work.numbers), *same)
        with self._transaction() as connection:
            if work.span.to_ns <= up_to_ns:
                connection.execute(delete(LateRow).where(*mine))
            else:
                connection.execute(update(LateRow).where(*mine).values(from_ns=up_to_ns))

    def waiting(self) -> int:
        """How many stretches are to be done."""
        with self._transaction() as connection:
            return int(connection.execute(select(func.count()).select_from(LateRow)).scalar() or 0)

    def forget(self, points: Iterable[PointId], since_ns: int) -> None:
        """Rollups of points are to be made anew, not those of time before another: its samples are gone."""
        with self._transaction() as connection:
            for point in sorted(set(points)):
                mine = (FrontRow.site == point.site, FrontRow.device == point.device)
                row = connection.execute(
                    select(FrontRow.from_ns, FrontRow.until_ns).where(*mine)
                ).one_or_none()
                if row is not None and max(row[0], since_ns) < row[1]:
                    old = select(LateRow.number).where(
                        LateRow.site == point.site,
                        LateRow.device == point.device,
                        LateRow.point == point.point,
                    )
                    numbers = list(connection.execute(old).scalars())
                    span = Stretch(max(row[0], since_ns), row[1])
                    _put(connection, (point.site, point.device), (point.point, span), numbers)


def add_late(connection: Connection, late: Mapping[Device, Sequence[Stretch]]) -> None:
    """Note stretches of devices, within a transaction that is the caller's."""
    for device, stretches in sorted(late.items()):
        for stretch in joined(stretches):
            for piece in _by_day(stretch):
                _add(connection, device, piece)
        mine = (FrontRow.site == device[0], FrontRow.device == device[1])
        from_ns = min((stretch.from_ns for stretch in stretches), default=None)
        if from_ns is not None:
            earlier = update(FrontRow).where(*mine, FrontRow.from_ns > from_ns)
            connection.execute(earlier.values(from_ns=from_ns))


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Stretches in order; those that touch or nearly do are one."""
    found: list[Stretch] = []
    for one in sorted(stretches):
        if found and one.from_ns <= found[-1].to_ns + _NEAR_NS:
            found[-1] = Stretch(found[-1].from_ns, max(found[-1].to_ns, one.to_ns))
        else:
            found.append(one)
    return found


def _by_day(stretch: Stretch) -> Iterator[Stretch]:
    from_ns = stretch.from_ns
    while from_ns < stretch.to_ns:
        to_ns = min(stretch.to_ns, (from_ns // _DAY_NS + 1) * _DAY_NS)
        yield Stretch(from_ns, to_ns)
        from_ns = to_ns


def _add(connection: Connection, device: Device, piece: Stretch) -> None:
    """Put a stretch of one day together with what there is of that day."""
    day_ns = piece.from_ns // _DAY_NS * _DAY_NS
    mine = (
        LateRow.site == device[0], LateRow.device == device[1], LateRow.point.is_(None),
        LateRow.from_ns >= day_ns, LateRow.to_ns <= day_ns + _DAY_NS,
    )  # fmt: skip
    rows = connection.execute(select(LateRow.number, LateRow.from_ns, LateRow.to_ns).where(*mine)).all()
    from_ns = min([piece.from_ns, *(row[1] for row in rows)])
    to_ns = max([piece.to_ns, *(row[2] for row in rows)])
    _put(connection, device, (None, Stretch(from_ns, to_ns)), [row[0] for row in rows])


def _put(
    connection: Connection, device: Device, stretch: tuple[str | None, Stretch], instead_of: Sequence[int]
) -> None:
    """Insert, then delete: else SQLite would give the number of the old row to the new one."""
    point, span = stretch
    row = {
        "site": device[0], "device": device[1], "point": point, "from_ns": span.from_ns, "to_ns": span.to_ns,
    }  # fmt: skip
    connection.execute(_insert(connection, LateRow).values(row))
    connection.execute(delete(LateRow).where(LateRow.number.in_(instead_of)))


def _until_ns(connection: Connection, device: Device) -> int | None:
    wanted = select(FrontRow.until_ns).where(FrontRow.site == device[0], FrontRow.device == device[1])
    return connection.execute(wanted).scalar()


def _late(connection: Connection, device: Device) -> dict[str | None, list[Stretch]]:
    """Stretches by point; those of all points under None."""
    wanted = select(LateRow.point, LateRow.from_ns, LateRow.to_ns).where(
        LateRow.site == device[0], LateRow.device == device[1]
    )
    found: dict[str | None, list[Stretch]] = {None: []}
    for point, from_ns, to_ns in connection.execute(wanted.order_by(LateRow.number)):
        found.setdefault(point, []).append(Stretch(from_ns, to_ns))
    return found


def _insert(connection: Connection, table: Any) -> Any:  # noqa: ANN401  one shape in both dialects
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
