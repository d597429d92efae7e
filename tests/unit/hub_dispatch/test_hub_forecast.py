from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hub.forecast.gates import forecast, refusal
from hub.forecast.quarters import NAMES, QUARTER_NS, Quarters, collect, sources
from hub.forecast.similar import Window, similar_days
from optimizer.words import FORESEEN
from plant.flowsheet import Flowsheet
from protocols.errors import SolveError
from runtime.yaml_config import load_config

START_NS = 1_736_121_600_000_000_000  # Monday, 6 January 2025, 00:00 UTC
DAYS = 28
FLOWSHEET = Path(__file__).parents[3] / "configs/sites/demo/flowsheet.yaml"


def shape(
    quarter: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    hour = quarter % 96 / 4.0
    week_day = quarter // 96 % 7
    work = np.where((hour >= 6) & (hour < 18) & (week_day < 5), 1.0, 0.3)
    return np.asarray(work + 0.05 * np.sin(hour), dtype=np.float64)


@pytest.fixture
def past() -> Quarters:
    quarters = np.arange(DAYS * 96, dtype=np.float64)
    day = shape(quarters)
    hour = quarters % 96 / 4.0
    values = {
        "process_kw": 500.0 * day,
        "air_m3_min": 50.0 * day,
        "cooling_kw": 600.0 * day,
        "heat_kw": 300.0 * day,
        "irradiance_w_m2": 300.0 * np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0),
        "wet_bulb_c": 2.0 + 3.0 * np.sin((hour - 8.0) / 12.0 * np.pi),
        "outdoor_c": 5.0 + 3.0 * np.sin((hour - 8.0) / 12.0 * np.pi),
    }
    return Quarters(START_NS, values)


def window(days: int = DAYS, quarters: int = 0) -> Window:
    return Window(START_NS + (days * 96 + quarters) * QUARTER_NS, 96, "UTC")


def test_a_plant_that_repeats_itself_is_foreseen_exactly(past: Quarters) -> None:
    expected = shape(np.arange(DAYS * 96, (DAYS + 1) * 96, dtype=np.float64)) * 500.0
    assert np.allclose(similar_days(past, "process_kw", window()), expected)
    assert forecast(past, window()).degraded == {}


def test_a_sunday_is_foreseen_from_sundays(past: Quarters) -> None:
    short = Quarters(START_NS, {name: values[: 20 * 96] for name, values in past.values.items()})
    expected = shape(np.arange(20 * 96, 21 * 96, dtype=np.float64)) * 50.0
    assert np.allclose(similar_days(short, "air_m3_min", window(20)), expected)


def test_the_level_of_the_last_hour_leads_over_and_fades(past: Quarters) -> None:
    values = past.values["process_kw"].copy()
    values[-4:] += 40.0
    led = similar_days(Quarters(START_NS, past.values | {"process_kw": values}), "process_kw", window())
    plain = similar_days(past, "process_kw", window())
    assert led[0] - plain[0] == pytest.approx(40.0 * np.exp(-0.0625), rel=0.02)
    assert abs(led[-4] - plain[-4]) < 12.0


@pytest.mark.parametrize("name", NAMES)
def test_a_quarter_no_day_knows_is_no_forecast_and_says_which_series(past: Quarters, name: str) -> None:
    values = past.values[name].copy()
    values[np.arange(len(values)) % 96 == 40] = np.nan
    with pytest.raises(SolveError, match=f"no forecast of {FORESEEN[name].en}"):
        forecast(Quarters(START_NS, past.values | {name: values}), window())


@pytest.mark.parametrize("factor", [10.0, np.nan, np.inf, -1.0])
def test_a_broken_forecast_is_refused(past: Quarters, factor: float) -> None:
    good = similar_days(past, "cooling_kw", window())
    assert refusal(past, "cooling_kw", window(), good) is None
    assert refusal(past, "cooling_kw", window(), good * factor) is not None


def test_ten_times_the_level_in_the_last_hour_does_not_count(past: Quarters) -> None:
    values = past.values["heat_kw"].copy()
    values[-4:] *= 10.0
    gated = forecast(Quarters(START_NS, past.values | {"heat_kw": values}), window())
    assert np.allclose(gated.outlook.heat_kw, forecast(past, window()).outlook.heat_kw, atol=20.0)


def test_a_plant_that_was_off_for_weeks_is_foreseen_from_the_days_known_and_says_so(past: Quarters) -> None:
    gated = forecast(past, window(DAYS + 10))
    assert set(gated.degraded) == set(NAMES)
    assert gated.outlook.process_kw.max() == pytest.approx(past.values["process_kw"].max())


def test_measurements_that_ended_hours_ago_degrade_every_series(past: Quarters) -> None:
    gated = forecast(past, window(DAYS, 12))
    assert set(gated.degraded) == set(NAMES)
    assert all("old" in reason.en for reason in gated.degraded.values())


def test_a_start_far_from_the_last_measurement_is_refused(past: Quarters) -> None:
    good = similar_days(past, "process_kw", window())
    assert "away" in str(refusal(past, "process_kw", window(), good + 610.0 * (np.arange(96) == 0)))


def test_nothing_measured_means_no_forecast() -> None:
    empty = Quarters(START_NS, {name: np.full(96, np.nan) for name in NAMES})
    with pytest.raises(SolveError, match="without a number"):
        forecast(empty, window(1))


def test_each_need_is_the_sum_of_the_points_the_flowsheet_binds() -> None:
    terms = sources(load_config(FLOWSHEET, Flowsheet))
    given = {
        "meter_process/power_kw": 700.0,
        "comp1/flow_m3_min": 20.0,
        "comp4/flow_m3_min": 9.0,
        "chp1/heat_kw": 190.0,
        "boiler1/heat_kw": 60.0,
        "weather1/outdoor_c": -4.0,
    }
    quarters = collect(terms, lambda point: np.full(2, given.get(point, 0.0)), START_NS, 2)
    assert {name: float(values[0]) for name, values in quarters.values.items()} == {
        "process_kw": 700.0,
        "air_m3_min": 29.0,
        "cooling_kw": 0.0,
        "heat_kw": 250.0,
        "outdoor_c": -4.0,
        "wet_bulb_c": 0.0,
        "irradiance_w_m2": 0.0,
    }
