"""Battery, PV, CHP and boiler keep their limits and balances."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.control import heat_led
from plant.units.heat import Chp, ChpOrder, ChpState, chp_advance
from plant.units.power import Battery, Photovoltaics, battery_step

BATTERY = Battery(electricity_node="bus", capacity_kwh=500.0, power_max_kw=250.0)
PV = Photovoltaics(electricity_node="bus", peak_kw=500.0, inverter_kw=440.0)
CHP = Chp(
    electricity_node="bus",
    gas_node="gas",
    heat_node="heat",
    generation_max_kw=250.0,
    generation_min_kw=125.0,
    fuel_kw=(374.0, 658.0),
    heat_kw=(188.0, 320.0),
)


@given(st.lists(st.floats(-400, 400), max_size=40), st.floats(0.1, 0.95), st.sampled_from([1.0, 60.0, 900.0]))
def test_the_state_of_charge_stays_in_bounds_and_energy_is_kept(
    wanted: list[float], soc_frac: float, dt_s: float
) -> None:
    for power_kw in wanted:
        after = battery_step(BATTERY, soc_frac, power_kw, dt_s)
        assert BATTERY.soc_min_frac - 1e-9 <= after.soc_frac <= BATTERY.soc_max_frac + 1e-9
        assert abs(after.power_kw) <= BATTERY.power_max_kw
        assert abs(after.power_kw) <= abs(power_kw)
        factor = 0.96 if after.power_kw > 0 else 1 / 0.96
        stored = after.power_kw * factor * dt_s / 3600.0
        assert (after.soc_frac - soc_frac) * BATTERY.capacity_kwh == pytest.approx(stored, abs=1e-6)
        soc_frac = after.soc_frac


def test_the_charge_limit_falls_near_full() -> None:
    assert BATTERY.charge_limit_kw(0.5) == 250.0
    assert BATTERY.charge_limit_kw(0.9) == pytest.approx(137.5)
    assert BATTERY.charge_limit_kw(0.95) == 0.0


def test_pv_is_zero_at_night_and_cut_at_the_inverter() -> None:
    assert PV.generation_kw(0.0, 10.0) == 0.0
    assert PV.generation_kw(1200.0, -10.0) == 440.0
    assert PV.generation_kw(800.0, 35.0) < PV.generation_kw(800.0, 5.0)


def test_the_engine_keeps_least_times_and_ramps() -> None:
    state = chp_advance(CHP, ChpState(), ChpOrder(run=True, generation_kw=250.0), 1.0)
    assert (state.running, state.generation_kw, state.starts_count) == (True, 0.0, 1)
    powers = []
    for _ in range(400):
        state = chp_advance(CHP, state, ChpOrder(run=True, generation_kw=250.0), 1.0)
        powers.append(state.generation_kw)
    assert max(b - a for a, b in pairwise(powers[200:])) <= CHP.times.ramp_kw_s
    assert state.generation_kw == 250.0
    assert chp_advance(CHP, state, ChpOrder(), 1.0).running


def test_the_engine_gives_no_more_than_its_fuel() -> None:
    for generation_kw in (125.0, 180.0, 250.0):
        out = generation_kw + CHP.heat_at_kw(generation_kw)
        assert 0.8 < out / CHP.fuel_at_kw(generation_kw) < 0.9
    assert CHP.generation_for_heat_kw(CHP.heat_at_kw(200.0)) == pytest.approx(200.0)


def test_the_engine_follows_what_it_was_told_and_else_the_heat() -> None:
    rest, warm = ChpState(), 300.0
    assert heat_led.decide(CHP, rest, warm, (None, None)).run
    assert heat_led.decide(CHP, rest, warm, (True, 0.0)) == heat_led.decide(CHP, rest, warm, (None, None))
    assert heat_led.decide(CHP, rest, 0.0, (True, -200.0)) == ChpOrder(run=True, generation_kw=200.0)
    assert not heat_led.decide(CHP, rest, warm, (False, -200.0)).run
    assert not heat_led.decide(CHP, rest, 150.0, (None, None)).run
