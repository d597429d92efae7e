"""The battery follower: target and peak shave inside power, ramp and state of charge."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plant.control.follower import (
    FollowerBattery,
    FollowerMemory,
    FollowerNow,
    FollowerReason,
    FollowerSettings,
    decide,
)
from plant.state import Plant
from plant.units.power import battery_step

BATTERY = FollowerBattery(capacity_kwh=500.0, charge_max_kw=250.0, discharge_max_kw=250.0)
TARGET = FollowerSettings(aim="target", target_kw=100.0)
SHAVE = FollowerSettings(aim="peak_shave", import_max_kw=600.0, recharge_below_kw=400.0)


def live(
    plant: Plant, how: FollowerSettings, rest_kw: list[float], soc_frac: float
) -> list[tuple[float, float, float]]:
    """Grid power, battery power and state of charge of each second; the set-point acts a second later."""
    assert plant.battery is not None
    memory, wanted_kw, rows = FollowerMemory(), 0.0, []
    for second, rest in enumerate(rest_kw):
        soc_frac, battery_kw = battery_step(plant.battery, soc_frac, wanted_kw, 1.0)
        grid_kw = rest + battery_kw
        rows.append((grid_kw, battery_kw, soc_frac))
        said = decide(how, BATTERY, memory, FollowerNow(float(second), grid_kw, battery_kw, soc_frac))
        memory, wanted_kw = said.memory, said.battery_kw
    return rows


def test_the_grid_power_comes_to_its_target_and_stays(plant: Plant) -> None:
    rows = live(plant, TARGET, [250.0] * 60 + [30.0] * 60, 0.5)
    assert [round(grid_kw) for grid_kw, _, _ in rows[10:60]] == [100] * 50
    assert [round(grid_kw) for grid_kw, _, _ in rows[70:]] == [100] * 50


def test_peaks_are_shaved_and_the_battery_is_recharged_in_the_valley_only(plant: Plant) -> None:
    rows = live(plant, SHAVE, [500.0] * 30 + [750.0] * 120 + [500.0] * 60 + [300.0] * 120, 0.5)
    assert all(abs(kw) < 1.0 for _, kw, _ in rows[:30]), "inside the band it does nothing"
    assert all(grid_kw <= 602.0 for grid_kw, _, _ in rows[40:150])
    assert all(abs(kw) < 2.5 for _, kw, _ in rows[160:210])
    assert all(abs(grid_kw - 400.0) < 2.5 for grid_kw, _, _ in rows[230:])


def test_power_fades_out_before_the_battery_is_empty_or_full(plant: Plant) -> None:
    empty = live(plant, TARGET, [300.0] * 600, 0.13)
    assert min(soc for _, _, soc in empty) >= 0.1
    steps = [abs(b - a) for (_, a, _), (_, b, _) in itertools.pairwise(empty[20:])]
    assert max(steps) < 10.0, "no step in power at the end"
    full = live(plant, TARGET, [-150.0] * 600, 0.93)
    assert max(soc for _, _, soc in full) <= 0.95


def test_a_missing_reading_means_no_power_and_says_so() -> None:
    said = decide(TARGET, BATTERY, FollowerMemory(120.0, 0.0), FollowerNow(1.0, math.nan, 0.0, 0.5))
    assert said.battery_kw == 0.0
    assert said.reason is FollowerReason.NO_DATA


def test_reasons_name_what_holds_the_power_back() -> None:
    def reason(grid_kw: float, soc_frac: float) -> FollowerReason:
        return decide(TARGET, BATTERY, FollowerMemory(), FollowerNow(0.0, grid_kw, 0.0, soc_frac)).reason

    assert reason(900.0, 0.5) is FollowerReason.POWER_LIMIT
    assert reason(200.0, 0.1) is FollowerReason.EMPTY
    assert reason(-100.0, 0.95) is FollowerReason.FULL
    assert reason(100.0, 0.5) is FollowerReason.IN_BAND
    assert reason(150.0, 0.5) is FollowerReason.FOLLOWS


def test_a_leased_target_counts_in_place_of_the_settings() -> None:
    now = FollowerNow(0.0, 100.0, 0.0, 0.5, target_kw=120.0)
    assert decide(TARGET, BATTERY, FollowerMemory(), now).battery_kw == pytest.approx(20.0)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be below import_max_kw"):
        FollowerSettings(aim="peak_shave", import_max_kw=100.0, recharge_below_kw=100.0)
    with pytest.raises(ValidationError, match="needs import_max_kw"):
        FollowerSettings(aim="peak_shave")
    with pytest.raises(ValidationError, match="must be below soc_max_frac"):
        FollowerBattery(
            capacity_kwh=1.0, charge_max_kw=1.0, discharge_max_kw=1.0, soc_min_frac=0.9, soc_max_frac=0.8
        )


NUMBERS = st.floats(-3000.0, 3000.0)


@given(
    st.sampled_from([TARGET, SHAVE]),
    st.lists(st.tuples(st.floats(0.1, 30.0), NUMBERS, NUMBERS, st.floats(0.0, 1.0)), max_size=30),
)
@settings(max_examples=150, deadline=None)
def test_the_wanted_power_keeps_every_limit_whatever_is_seen(
    how: FollowerSettings, looks: list[tuple[float, float, float, float]]
) -> None:
    memory, now_s = FollowerMemory(), 0.0
    for dt_s, grid_kw, battery_kw, soc_frac in looks:
        now_s += dt_s
        before = memory
        said = decide(how, BATTERY, memory, FollowerNow(now_s, grid_kw, battery_kw, soc_frac))
        memory = said.memory
        assert -BATTERY.discharge_max_kw <= said.battery_kw <= BATTERY.charge_max_kw
        assert said.battery_kw >= 0.0 or soc_frac > BATTERY.soc_min_frac
        assert said.battery_kw <= 0.0 or soc_frac < BATTERY.soc_max_frac
        toward_zero = abs(said.battery_kw) <= abs(before.wanted_kw)
        ramp_kw = how.ramp_kw_s * (1.0 if math.isnan(before.at_s) else now_s - before.at_s)
        assert toward_zero or abs(said.battery_kw - before.wanted_kw) <= ramp_kw + 1e-6
