"""Prices that are published and forecasts that change ask for another plan at once."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from accounts.invoice import Courses
from hub.dispatch import core
from hub.dispatch.events import GAP_S
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import EVENT_LIMIT_S
from hub.dispatch.supplied import Used
from hub.dispatch.tasks import task_of
from hub.dispatch.view import PlantView
from hub.forecast.issue import Issue
from hub.forecast.quarters import QUARTER_NS, floor_quarter_ns
from hub.store.embedded import EmbeddedStore
from hub.store.engine import StorePlace, open_store
from protocols.point import local_point
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, accepted, in_force, site, snapshot

pytestmark = pytest.mark.timeout(60)
BEGIN_NS = floor_quarter_ns(NOW_NS)
SECOND_NS = 10**9
PRICE = np.linspace(0.1, 0.3, 96)


def _look(at_ns: int, per_kwh: np.ndarray | None = None, issue: Issue | None = None) -> Snapshot:
    courses = {} if per_kwh is None else {"epex": Courses(floor_quarter_ns(at_ns), 900, per_kwh)}
    return replace(snapshot(at_ns), used=Used(courses=courses), issue=issue)


def _planned_by(per_kwh: np.ndarray) -> core.Memory:
    memory, _ = core.step(site(), core.Memory(), _look(NOW_NS, per_kwh), NOW_NS)
    return core.planned(memory, accepted())


def _replan(memory: core.Memory, look: Snapshot) -> tuple[core.Memory, str | None]:
    memory, decision = core.step(site(), memory, look, look.now_ns)
    return memory, decision.replan


def test_prices_of_the_day_that_are_published_ask_for_a_plan_at_once() -> None:
    other = np.where(np.arange(96) >= 60, PRICE + 0.2, PRICE)
    at_ns = NOW_NS + 5 * SECOND_NS
    memory, decision = core.step(site(), _planned_by(PRICE), _look(at_ns, other), at_ns)
    assert decision.replan == "other prices of epex are published"
    assert task_of(site(), memory, decision, _look(at_ns, other)).limit_s == EVENT_LIMIT_S
    memory = core.planned(memory, accepted())
    assert _replan(memory, _look(at_ns + SECOND_NS, other))[1] is None


def test_prices_that_nobody_knew_are_news_and_those_that_are_lost_are_none() -> None:
    at_ns, unknown = NOW_NS + 5 * SECOND_NS, np.where(np.arange(96) >= 60, np.nan, PRICE)
    assert _replan(_planned_by(unknown), _look(at_ns, PRICE))[1] is not None
    assert _replan(_planned_by(PRICE), _look(at_ns, unknown))[1] is None
    assert _replan(_planned_by(PRICE), _look(at_ns))[1] is None


def test_the_same_prices_a_quarter_hour_on_are_no_news() -> None:
    later_ns = NOW_NS + QUARTER_NS
    on = np.append(PRICE[1:], 0.9)
    assert _replan(_planned_by(PRICE), _look(later_ns, on))[1] == "a new quarter hour"
    memory = _planned_by(PRICE)
    assert _replan(memory, _look(NOW_NS + 5 * SECOND_NS, 1.001 * PRICE))[1] is None


def test_prices_that_are_others_again_and_again_make_no_storm_of_plans() -> None:
    memory, asked = _planned_by(PRICE), list[int]()
    for second in range(5, 245, 5):
        memory, why = _replan(memory, _look(NOW_NS + second * SECOND_NS, PRICE * (1.0 + second / 10.0)))
        if why is not None:
            asked.append(second)
            memory = core.planned(memory, accepted())
    assert asked[0] == 5
    assert all(later - before >= GAP_S for before, later in pairwise(asked))


def _issue(factor: float) -> Issue:
    outlook = accepted().outlook
    assert outlook is not None
    names = ("process_kw", "air_m3_min", "cooling_kw", "heat_kw")
    middle = {name: np.array(getattr(outlook, name)) for name in names}
    middle["process_kw"] = middle["process_kw"] * factor
    return Issue(outlook.start_ns, middle, {name: np.full(4, course[0]) for name, course in middle.items()})


@pytest.mark.parametrize(("factor", "wanted"), [(1.02, False), (1.3, True)])
def test_a_forecast_that_says_something_else_does_not_wait_for_a_plan_to_settle(
    factor: float, *, wanted: bool
) -> None:
    memory, why = _replan(in_force(), _look(NOW_NS + 5 * SECOND_NS, issue=_issue(factor)))
    assert (why is not None) is wanted
    if why is not None:
        assert why.startswith("the forecast of ")
        memory = core.planned(memory, accepted())
    assert _replan(memory, _look(NOW_NS + 6 * SECOND_NS, issue=memory.issue))[1] is None


def test_another_forecast_of_the_same_quarter_hour_is_looked_at_too() -> None:
    memory, why = _replan(in_force(), _look(NOW_NS + 5 * SECOND_NS, issue=_issue(1.0)))
    assert why is None
    assert _replan(memory, _look(NOW_NS + 10 * SECOND_NS, issue=_issue(1.3)))[1] is not None


def test_a_plan_that_follows_the_clock_gives_way_to_what_is_new() -> None:
    later_ns = NOW_NS + QUARTER_NS
    memory, why = _replan(in_force(), _look(later_ns))
    assert why == "a new quarter hour"
    memory, why = _replan(memory, _look(later_ns + 2 * SECOND_NS, issue=_issue(1.3)))
    assert why is None
    assert core.gives_way(memory)
    assert _replan(core.gave_way(memory), _look(later_ns + 3 * SECOND_NS, issue=memory.issue))[1] is not None


def test_the_look_at_the_plant_sees_prices_soon_after_they_are_published(tmp_path: Path) -> None:
    store = open_store(StorePlace(tmp_path / "series.db"), VirtualClock(wall_ns=NOW_NS))
    assert isinstance(store, EmbeddedStore)
    point = local_point("demo", "market/price_mwh")
    starts = BEGIN_NS + QUARTER_NS * np.arange(-96, 96, dtype=np.int64)
    store.seed_means(point, starts[:96], np.full(96, 80.0))
    view = PlantView(replace(site(), courses={"epex": ("market/price_mwh", 0.001)}), store)
    first = view.snapshot(NOW_NS, {}, 10.0).used
    assert first.courses["epex"].per_kwh == pytest.approx(np.full(96, 0.08))
    assert view.snapshot(NOW_NS + 6 * SECOND_NS, {}, 10.0).used is first
    store.seed_means(point, starts[96:], np.full(96, 200.0))
    again = view.snapshot(NOW_NS + 12 * SECOND_NS, {}, 10.0).used
    assert again.courses["epex"].per_kwh == pytest.approx(np.full(96, 0.2))
    assert again.notes == ()
    store.close()
