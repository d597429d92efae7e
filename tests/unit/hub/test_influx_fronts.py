"""What of the rollups on a server is made anew: the touched time, the points whose rules changed, no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from hub.store.engine import open_store
from hub.store.influx.fronts import FrontBook, Work, add_late, joined
from hub.store.influx.records import RecordBook
from hub.store.influx.rolling import Front, Stretch
from hub.store.influx.store import InfluxStore
from hub.store.influx.tables import FrontRow, LateRow
from hub.values.cleaning import RuleMarker
from hub.values.config import Cleaning
from runtime.clock import VirtualClock
from runtime.influx_server import InfluxServerProcess
from tests.influx import new_place
from tests.unit.hub.store_stories import ENERGY, METER, POWER, START_NS, S, frame, row

pytestmark = pytest.mark.net

HOUR = 3600 * S
DAY = 24 * HOUR
BEGUN = START_NS // DAY * DAY
DEVICE = ("demo", "meter")


@pytest.fixture
def book(business_url: str) -> Iterator[RecordBook]:
    made = RecordBook(business_url, writing=True)
    made.rollups.begin(*DEVICE, BEGUN)
    made.rollups.move(*DEVICE, BEGUN + 10 * DAY)
    yield made
    made.close()


def note(book: RecordBook, *stretches: Stretch) -> None:
    with book.transaction() as connection:
        add_late(connection, {DEVICE: list(stretches)})


def rows_of(book: RecordBook) -> list[tuple[str | None, int, int]]:
    columns = (LateRow.point, LateRow.from_ns, LateRow.to_ns)
    with book.transaction() as connection:
        rows = connection.execute(select(*columns).order_by(LateRow.from_ns, LateRow.point)).all()
    return [(row[0], row[1], row[2]) for row in rows]


def settled(rollups: FrontBook) -> list[Work]:
    """Do all that is to be done."""
    found = []
    while (work := rollups.next_work(*DEVICE)) is not None:
        found.append(work)
        rollups.done(work, work.span.to_ns)
    return found


def test_a_backfill_of_many_batches_is_one_stretch_a_day(book: RecordBook) -> None:
    for minute in range(0, 3 * 1440, 5):
        at_ns = BEGUN + minute * 60 * S
        note(book, Stretch(at_ns, at_ns + 900 * S))
    found = rows_of(book)
    assert [point for point, _, _ in found] == [None] * 4
    assert (found[0][1], found[-1][2]) == (BEGUN, BEGUN + 3 * DAY - 300 * S + 900 * S)
    assert [to_ns for _, _, to_ns in found[:3]] == [BEGUN + DAY, BEGUN + 2 * DAY, BEGUN + 3 * DAY]


def test_samples_of_far_days_leave_the_days_between_alone(book: RecordBook) -> None:
    note(book, Stretch(BEGUN + HOUR, BEGUN + 2 * HOUR), Stretch(BEGUN + 5 * DAY, BEGUN + 5 * DAY + HOUR))
    assert rows_of(book) == [
        (None, BEGUN + HOUR, BEGUN + 2 * HOUR),
        (None, BEGUN + 5 * DAY, BEGUN + 5 * DAY + HOUR),
    ]
    front = book.rollups.fronts([POWER])[POWER]
    starts = BEGUN + np.arange(6) * DAY
    assert front.final(starts, 86_400).tolist() == [False, True, True, True, True, False]


def test_samples_before_the_first_rollups_move_their_begin(book: RecordBook) -> None:
    note(book, Stretch(BEGUN - DAY, BEGUN - DAY + HOUR))
    with book.transaction() as connection:
        assert connection.execute(select(FrontRow.from_ns)).scalar() == BEGUN - DAY


def test_work_that_is_done_while_its_stretch_grows_counts_for_nothing(book: RecordBook) -> None:
    note(book, Stretch(BEGUN, BEGUN + HOUR))
    work = book.rollups.next_work(*DEVICE)
    assert work is not None
    note(book, Stretch(BEGUN + HOUR // 2, BEGUN + HOUR))
    book.rollups.done(work, work.span.to_ns)
    assert rows_of(book) == [(None, BEGUN, BEGUN + HOUR)]
    assert len(settled(book.rollups)) == 1
    assert book.rollups.waiting() == 0


def test_a_rule_that_changes_twice_is_done_by_the_newer_one(book: RecordBook) -> None:
    book.rollups.forget([POWER, ENERGY], 0)
    work = book.rollups.next_work(*DEVICE)
    assert work is not None
    assert (work.span, work.points) == (
        Stretch(BEGUN, BEGUN + 10 * DAY),
        frozenset({"power_kw", "energy_kwh"}),
    )
    book.rollups.forget([POWER], 0)
    book.rollups.done(work, BEGUN + DAY)
    assert rows_of(book) == [
        ("power_kw", BEGUN, BEGUN + 10 * DAY),
        ("energy_kwh", BEGUN + DAY, BEGUN + 10 * DAY),
    ]
    assert len(settled(book.rollups)) == 2


def test_a_stretch_of_one_point_holds_up_no_other_one(book: RecordBook) -> None:
    book.rollups.forget([POWER], 0)
    fronts = book.rollups.fronts([POWER, ENERGY])
    assert fronts[ENERGY] == Front(BEGUN + 10 * DAY, ())
    assert fronts[POWER].late == (Stretch(BEGUN, BEGUN + 10 * DAY),)


def test_rollups_whose_samples_are_gone_are_never_made_anew(book: RecordBook) -> None:
    book.rollups.forget([POWER], BEGUN + 9 * DAY)
    assert rows_of(book) == [("power_kw", BEGUN + 9 * DAY, BEGUN + 10 * DAY)]
    book.rollups.forget([ENERGY], BEGUN + 11 * DAY)
    assert len(rows_of(book)) == 1


def test_stretches_that_nearly_touch_are_one() -> None:
    some = [Stretch(5 * HOUR, 6 * HOUR), Stretch(0, HOUR), Stretch(HOUR + 60 * S, 2 * HOUR)]
    assert joined(some) == [Stretch(0, 2 * HOUR), Stretch(5 * HOUR, 6 * HOUR)]
    assert joined([]) == []


def test_a_changed_rule_remakes_its_point_and_leaves_the_others(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    place, clock = new_place(influx, tmp_path), VirtualClock(wall_ns=BEGUN)
    marker = RuleMarker({})
    store = open_store(place, clock, marker)
    assert isinstance(store, InfluxStore)
    store.add_catalogue(METER)
    assert store.upkeep()
    store.append([row(1, *(frame(BEGUN + n * 600 * S, float(n % 7), float(n)) for n in range(2 * 144)))])
    clock.shift_wall(3 * 86_400.0)
    while store.upkeep():
        pass
    edges = np.array([BEGUN, BEGUN + DAY, BEGUN + 2 * DAY], np.int64)
    before = store.over([POWER, ENERGY], edges)
    marker.take({POWER: (Cleaning(points=("meter/power_kw",), high=5.5),)})
    store.forget_rollups([POWER])
    assert not store.quarters(POWER, BEGUN, BEGUN + DAY).covered_s.any(), "none is final until made anew"
    assert store.quarters(ENERGY, BEGUN, BEGUN + DAY).covered_s.sum() == 86_400.0
    by_samples = store.over([POWER], edges)[POWER]
    while store.upkeep():
        pass
    after = store.over([POWER, ENERGY], edges)
    np.testing.assert_allclose(after[POWER].mean, by_samples.mean, rtol=1e-12)
    assert after[POWER].high.tolist() == [5.0, 5.0]
    assert before[POWER].high.tolist() == [6.0, 6.0]
    assert after[ENERGY].mean.tolist() == before[ENERGY].mean.tolist()
    quarters = store.quarters(POWER, BEGUN, BEGUN + DAY)
    assert 0.0 < quarters.covered_s.sum() < 86_400.0
    store.close()
