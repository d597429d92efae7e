"""With the real models, in a small plant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hub.forecast.backtest import Trial, backtest
from hub.forecast.day_grid import day_grid
from hub.forecast.features import table
from hub.forecast.job import STEPS, Answer, Job, Site, work
from hub.forecast.quarters import Quarters
from tests.unit.hub_forecast.forecast_plant import CALENDAR, START_NS, ZONE, load, past

pytestmark = pytest.mark.timeout(60)
SITE = Site(CALENDAR, ZONE)


def asked(quarters: Quarters, **more: object) -> Answer:
    return work(replace(Job(SITE, quarters, names=("process_kw",)), **more))  # type: ignore[arg-type]


def test_what_is_known_of_a_day_does_not_change_with_the_day_itself() -> None:
    values = load(40)
    grid = day_grid(CALENDAR, ZONE, START_NS, len(values))
    weather = np.zeros((len(values), 1))
    at = 30 * 96
    changed = values.copy()
    changed[at:] = np.nan
    whole, cut = table(values, grid, weather), table(changed, grid, weather)
    assert np.array_equal(whole.known[: at + 96], cut.known[: at + 96], equal_nan=True)
    assert np.array_equal(whole.base[: at + 96], cut.base[: at + 96], equal_nan=True)


def test_a_holiday_and_a_make_up_day_are_foreseen_from_days_that_are_alike() -> None:
    before = past(30)  # to 30 September
    holiday = asked(before, train=False).found["process_kw"].verdict.courses[1, :96]
    assert holiday.max() < 90.0
    worked = past(40)  # to 10 October; the 11th, a Saturday, is worked like a Wednesday
    course = asked(worked, train=False).found["process_kw"].verdict.courses[1, :96]
    assert course[10 * 4] == pytest.approx(400.0, rel=0.2)
    assert course[20 * 4] == pytest.approx(250.0, rel=0.25)


def test_models_beat_the_same_weekday_of_last_week_and_the_band_holds() -> None:
    measured = past(110)
    nights = [day * 96 for day in range(88, 109)]
    outcome = backtest(Trial(SITE, measured, {}, {}, nights, every_days=21), ("process_kw",))["process_kw"]
    assert outcome.ratio < 0.8
    assert 70.0 <= outcome.coverage_pct <= 90.0


def test_what_comes_after_now_is_never_seen() -> None:
    measured = past(60)
    cut = Quarters(START_NS, {name: values[: 50 * 96] for name, values in measured.values.items()})
    found = asked(cut).found["process_kw"].verdict
    again = asked(cut).found["process_kw"].verdict
    assert np.array_equal(found.courses, again.courses)  # the same twice: nothing is drawn by chance
    assert found.courses.shape == (3, STEPS)
    assert np.isfinite(found.courses).all()


def test_with_too_little_to_learn_from_the_simple_methods_speak() -> None:
    answer = asked(past(10))
    assert answer.learned == {}
    assert answer.found["process_kw"].verdict.method in {"similar_days", "last_week", "yesterday"}


def test_a_plant_that_changed_for_good_is_noticed_and_followed() -> None:
    measured = past(80)
    values = measured.values["process_kw"].copy()
    values[72 * 96 :] *= 1.6
    moved = Quarters(START_NS, measured.values | {"process_kw": values})
    found = asked(moved).found["process_kw"]
    assert found.drift > 1.0
    grid = day_grid(CALENDAR, ZONE, START_NS, 81 * 96)
    working = grid.columns[80 * 96 :, -3] == 0.0
    assert found.verdict.courses[1, :96][working].mean() > 500.0


def test_a_series_that_never_was_measured_is_left_out() -> None:
    measured = past(30)
    gone = Quarters(START_NS, measured.values | {"process_kw": np.full(30 * 96, np.nan)})
    assert asked(gone).found == {}


def test_weather_from_elsewhere_takes_the_place_of_ours() -> None:
    foreseen = np.full(STEPS, 33.0)
    job = Job(SITE, past(12), {"outdoor_c": foreseen}, train=False)
    verdict = work(job).found["outdoor_c"].verdict
    assert verdict.method == "imported"
    assert np.allclose(verdict.courses[1], 33.0)
    assert (verdict.courses[0] <= verdict.courses[2]).all()
