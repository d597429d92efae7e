"""Nothing is planned on an issued forecast that cannot be true; similar days speak then, the plan says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.tasks import task_of
from hub.forecast.ceilings import most_needed
from hub.forecast.gates import forecast
from hub.forecast.issue import Issue
from hub.forecast.quarters import NAMES, QUARTER_NS, floor_quarter_ns
from hub.forecast.similar import Window
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, past, site, snapshot

START_NS = floor_quarter_ns(NOW_NS)
WINDOW = Window(START_NS, 96, "UTC")


def issued(late: int = 0) -> Issue:
    """What similar days say, issued `late` quarters before the window begins."""
    course = forecast(past(), Window(START_NS, 96, "UTC")).outlook
    middle = {name: np.concatenate([getattr(course, name), getattr(course, name)[:8]]) for name in NAMES}
    before = {name: past().values[name][-4:] for name in NAMES}
    if late:
        middle = {
            name: np.concatenate([past().values[name][-late:], one[:-late]]) for name, one in middle.items()
        }
        before = {name: past().values[name][-late - 4 : -late] for name in NAMES}
    return Issue(START_NS - late * QUARTER_NS, middle, before, dict.fromkeys(NAMES, "learned"))


@pytest.mark.parametrize("late", [0, 1, 7, 8])
def test_an_issued_forecast_is_planned_on_for_two_hours(late: int) -> None:
    issue = issued(late)
    higher = replace(issue, middle=issue.middle | {"process_kw": issue.middle["process_kw"] + 7.0})
    gated = forecast(past(), WINDOW, None, higher)
    assert gated.refused == {}
    assert gated.outlook.process_kw[95] == pytest.approx(issue.middle["process_kw"][late + 95] + 7.0, abs=0.1)


CHANGES: dict[str, Callable[[Issue], Issue]] = {
    "no numbers": lambda one: replace(one, middle=one.middle | {"air_m3_min": np.full(104, np.nan)}),
    "one infinite": lambda one: replace(
        one,
        middle=one.middle | {"air_m3_min": np.where(np.arange(104) == 50, np.inf, one.middle["air_m3_min"])},
    ),
    "ten times": lambda one: replace(
        one, middle=one.middle | {"air_m3_min": 10.0 * one.middle["air_m3_min"]}
    ),
    "too short": lambda one: replace(one, middle=one.middle | {"air_m3_min": one.middle["air_m3_min"][:40]}),
    "from the time to come": lambda one: replace(one, start_ns=one.start_ns + 4 * QUARTER_NS),
    "nine quarters old": lambda _: issued(9),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_one_that_cannot_be_true_is_not_planned_on_and_the_plan_says_why(name: str) -> None:
    look = replace(snapshot(), issue=CHANGES[name](issued()))
    memory, decision = core.step(site(), core.Memory(), look, NOW_NS)
    task = task_of(site(), memory, decision, look)
    plain = task_of(site(), memory, decision, replace(look, issue=None))
    assert np.array_equal(task.outlook.air_m3_min, plain.outlook.air_m3_min)
    assert any(
        note.en.startswith("the need for compressed air is foreseen by similar days: ") for note in task.notes
    )


def test_the_plan_says_how_old_the_forecast_is() -> None:
    why = forecast(past(), WINDOW, None, issued(9)).refused["heat_kw"]
    assert why.en.startswith("the forecast is 2.2 h old")


def test_more_than_the_plant_can_take_is_refused_though_the_past_would_allow_it() -> None:
    issue = issued()
    most = most_needed(site().plant.flowsheet)
    over = replace(issue, middle=issue.middle | {"cooling_kw": np.full(104, most["cooling_kw"] + 1.0)})
    assert "more than the plant can take" in forecast(past(), WINDOW, most, over).refused["cooling_kw"].en


def test_the_last_hour_leads_over_and_fades() -> None:
    issue = issued()
    low = replace(issue, before=issue.before | {"heat_kw": issue.before["heat_kw"] - 30.0})
    led, plain = (forecast(past(), WINDOW, None, one).outlook.heat_kw for one in (low, issue))
    assert 20.0 < led[0] - plain[0] < 30.0
    assert abs(led[-1] - plain[-1]) < 0.1


def test_a_series_that_was_not_issued_is_foreseen_by_similar_days_without_a_word() -> None:
    issue = issued()
    less = replace(issue, middle={name: one for name, one in issue.middle.items() if name != "heat_kw"})
    gated = forecast(past(), WINDOW, None, less)
    assert gated.refused == {}
    assert np.isfinite(gated.outlook.heat_kw).all()
