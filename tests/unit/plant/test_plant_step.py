"""Balances of the whole plant, the plant's own control over days, and long steps against short ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.average import LONGEST_STEP_S, average_step, share_air
from plant.carriers import GAUGE_OFFSET_BAR
from plant.control.baseline import decide, initial_memory
from plant.control.setpoints import CompressorSetpoint, Setpoints, no_setpoints
from plant.flowsheet import Flowsheet
from plant.readings import by_point, readings
from plant.scenario import SEASONS, make_scenario
from plant.state import (
    Loads,
    Orders,
    Plant,
    PlantInputs,
    PlantOutputs,
    PlantState,
    Weather,
    compile_plant,
    initial_state,
)
from plant.step import step
from plant.truth import true_flowsheet
from plant.units.compressor import LOADED, OFF, ROLE_BASE, ROLE_STANDBY, ROLE_TRIM, CompressorOrder
from plant.units.cooling import RUNNING, ChillerOrder
from plant.units.heat import ChpOrder
from protocols.errors import ConfigError

MILD = Weather(outdoor_c=20.0, wet_bulb_c=15.0, irradiance_w_m2=400.0)
DAY_S = 86_400


@dataclass
class Run:
    """The plant under its own control, step by step."""

    plant: Plant
    setpoints: Setpoints
    state: PlantState = field(init=False)

    def __post_init__(self) -> None:
        self.state = initial_state(self.plant)
        self.memory = initial_memory(self.plant)

    def go(self, weather: Weather, loads: Loads, seconds: int, dt_s: float = 1.0) -> Iterator[PlantOutputs]:
        for _ in range(int(seconds / dt_s)):
            orders, self.memory = decide(self.plant, self.memory, self.state, (loads, self.setpoints), dt_s)
            self.state, out = step(self.plant, self.state, PlantInputs(weather, loads, orders), dt_s)
            yield out


@pytest.fixture
def run(plant: Plant) -> Run:
    return Run(plant, no_setpoints(plant))


@given(
    st.tuples(st.floats(0, 900), st.floats(0, 80), st.floats(0, 1500), st.floats(0, 1500)),
    st.tuples(st.booleans(), st.booleans(), st.floats(0, 1), st.floats(-400, 400), st.floats(0, 1)),
    st.floats(0.5, 8.0),
)
@settings(max_examples=60, deadline=None)
def test_air_heat_cold_and_power_balance_in_every_step(
    plant: Plant,
    loads: tuple[float, float, float, float],
    told: tuple[bool, bool, float, float, float],
    header_bar_g: float,
) -> None:
    demand = Loads(*loads)
    orders = Orders(
        tuple(CompressorOrder(told[0], told[2]) for _ in plant.compressors),
        tuple(ChillerOrder(told[1], 7.0) for _ in plant.chillers),
        ChpOrder(told[0], 250.0 * told[2]),
        told[3],
        told[4],
    )
    state = initial_state(plant)._replace(header_bar_g=header_bar_g)
    assert plant.receiver is not None
    assert plant.loop is not None
    for _ in range(30):
        before = state
        state, out = step(plant, state, PlantInputs(MILD, demand, orders), 1.0)
        inflow = sum(machine.flow_m3_min for machine in state.compressors)
        stored = (state.header_bar_g - before.header_bar_g) * plant.receiver.volume_m3
        outflow = out.air.consumed_m3_min + out.air.leak_m3_min + out.air.blown_m3_min
        assert stored == pytest.approx((inflow - outflow) / 60.0, abs=1e-6)
        assert 0.0 <= state.header_bar_g <= plant.receiver.max_bar_g
        cooled = sum(flow.cooling_kw for flow in out.chillers)
        warmed = (state.loop_c - before.loop_c) * plant.loop.capacity_kwh_k * 3600.0
        assert warmed == pytest.approx(out.cooling_kw - cooled, abs=1e-6)
        assert out.cooling_kw + out.cooling_unmet_kw == pytest.approx(demand.cooling_kw)
        heat = out.heat
        given_kw = heat.chp_kw + heat.boiler_kw + heat.unmet_kw - heat.dumped_kw
        assert given_kw == pytest.approx(demand.heat_kw, abs=1e-6)
        assert sum(out.unit_kw) == pytest.approx(out.grid_import_kw - out.grid_export_kw, abs=1e-6)
        assert min(out.grid_import_kw, out.grid_export_kw) == 0.0


def test_an_empty_header_gives_no_more_than_it_holds(plant: Plant) -> None:
    state = initial_state(plant)._replace(header_bar_g=0.01)
    orders = Orders(
        tuple(CompressorOrder() for _ in plant.compressors), tuple(ChillerOrder() for _ in plant.chillers)
    )
    after, out = step(plant, state, PlantInputs(MILD, Loads(air_m3_min=60.0), orders), 1.0)
    assert after.header_bar_g == pytest.approx(0.0, abs=1e-9)
    assert out.air.unmet_m3_min > 0.0


@pytest.mark.parametrize("dt_s", [0.0, -1.0, 60.0])
def test_a_step_that_is_not_short_is_refused(plant: Plant, dt_s: float) -> None:
    with pytest.raises(ConfigError, match="a step must be"):
        step(plant, initial_state(plant), PlantInputs(MILD, Loads(), Orders()), dt_s)


@pytest.mark.parametrize("season", SEASONS)
def test_a_day_under_its_own_control_meets_every_supply(flowsheet: Flowsheet, season: str) -> None:
    plant = compile_plant(true_flowsheet(flowsheet, 7))
    run, scenario = Run(plant, no_setpoints(plant)), make_scenario(season, 2, 1)
    assert plant.receiver is not None
    pressures: list[float] = []
    for t_s in range(0, DAY_S, 2):
        for out in run.go(*scenario.at(t_s), seconds=2, dt_s=2.0):
            if t_s > 600:
                pressures.append(out.air.header_bar_g)
                unmet = (out.air.unmet_m3_min, out.cooling_unmet_kw, out.heat.unmet_kw)
                assert max(unmet) < 1e-6
                assert out.supply_c < 13.0
    assert plant.receiver.min_bar_g < min(pressures)
    assert max(pressures) < 7.6


def test_base_machines_stay_loaded_while_one_machine_trims(plant: Plant) -> None:
    roles = (ROLE_BASE, ROLE_STANDBY, ROLE_STANDBY, ROLE_TRIM)
    setpoints = no_setpoints(plant)._replace(
        compressors=tuple(CompressorSetpoint(r, permit=True) for r in roles)
    )
    run = Run(plant, setpoints)
    outs = list(run.go(MILD, Loads(air_m3_min=32.0), 3600))
    assert [machine.mode for machine in run.state.compressors] == [LOADED, OFF, OFF, LOADED]
    assert all(6.3 < out.air.header_bar_g < 6.9 for out in outs[1800:])


def test_a_machine_without_permit_stops_but_helps_in_an_emergency(plant: Plant) -> None:
    held = tuple(CompressorSetpoint(permit=False) for _ in plant.compressors)
    run = Run(plant, no_setpoints(plant)._replace(compressors=held))
    outs = list(run.go(MILD, Loads(air_m3_min=30.0), 3600))
    assert plant.receiver is not None
    assert outs[100].air.header_bar_g > 5.0
    assert all(out.air.header_bar_g > 5.0 for out in outs)
    assert any(machine.starts_count for machine in run.state.compressors)


def test_a_chiller_without_permit_leaves_the_loop_to_the_other(plant: Plant) -> None:
    setpoints = no_setpoints(plant)
    lead, lag = setpoints.chillers
    run = Run(plant, setpoints._replace(chillers=(lead._replace(permit=False), lag._replace(permit=True))))
    outs = list(run.go(MILD, Loads(cooling_kw=300.0), 7200))
    assert [machine.mode == RUNNING for machine in run.state.chillers] == [False, True]
    assert 6.0 < outs[-1].supply_c < 8.0


@pytest.mark.parametrize("cooling_kw", [100.0, 500.0, 900.0])
def test_a_loop_near_its_limit_overrules_a_missing_permit(plant: Plant, cooling_kw: float) -> None:
    setpoints = no_setpoints(plant)
    held = tuple(told._replace(permit=False) for told in setpoints.chillers)
    run = Run(plant, setpoints._replace(chillers=held))
    outs = list(run.go(MILD, Loads(cooling_kw=cooling_kw), 4 * 3600))
    assert max(out.supply_c for out in outs) < 13.0


def test_a_higher_set_point_is_held_within_its_band(plant: Plant) -> None:
    setpoints = no_setpoints(plant)
    warm = tuple(told._replace(permit=True, supply_set_c=99.0) for told in setpoints.chillers)
    run = Run(plant, setpoints._replace(chillers=warm))
    outs = list(run.go(MILD, Loads(cooling_kw=600.0), 7200))
    assert 9.0 <= outs[-1].supply_c <= 11.0


def test_battery_and_engine_follow_their_set_points(plant: Plant) -> None:
    setpoints = no_setpoints(plant)._replace(battery_kw=-100.0, chp_permit=True, chp_kw=-200.0)
    run = Run(plant, setpoints)
    outs = list(run.go(MILD, Loads(electric_kw=500.0, heat_kw=300.0), 1800))
    kw = dict(zip(plant.electric_ids, outs[-1].unit_kw, strict=True))
    assert kw["battery1"] == pytest.approx(-98.0)
    assert kw["chp1"] == pytest.approx(-200.0)
    assert run.state.soc_frac < 0.5


@pytest.mark.parametrize("season", ["winter", "summer"])
def test_mean_steps_agree_with_short_steps_over_a_quiet_day(plant: Plant, season: str) -> None:
    scenario, run, told = make_scenario(season, 4, 1), Run(plant, no_setpoints(plant)), no_setpoints(plant)
    short = sum(
        out.grid_import_kw * 2.0 / 3600.0
        for t_s in range(0, DAY_S, 2)
        for out in run.go(*scenario.at(t_s), 2, 2.0)
    )
    state, mean = initial_state(plant), 0.0
    for row in scenario.rows():
        state, out = average_step(plant, state, row, told, 60.0)
        mean += out.grid_import_kw / 60.0
    assert mean == pytest.approx(short, rel=0.025)
    assert state.meters_kwh[0][0] == pytest.approx(mean, rel=1e-9)


def test_a_mean_step_balances_power_and_cold(plant: Plant) -> None:
    assert plant.loop is not None
    state = initial_state(plant)
    for loads in (Loads(500.0, 35.0, 700.0, 300.0), Loads(200.0, 5.0, 60.0, 20.0), Loads()):
        before = state
        state, out = average_step(plant, state, (MILD, loads), no_setpoints(plant), 900.0)
        assert sum(out.unit_kw) == pytest.approx(out.grid_import_kw - out.grid_export_kw, abs=1e-6)
        cooled = sum(flow.cooling_kw for flow in out.chillers)
        warmed = (state.loop_c - before.loop_c) * plant.loop.capacity_kwh_k * 4.0
        assert warmed == pytest.approx(out.cooling_kw - cooled, abs=1e-6)
        flow = sum(machine.flow_m3_min for machine in state.compressors)
        assert flow == pytest.approx(out.air.consumed_m3_min + out.air.leak_m3_min)
    with pytest.raises(ConfigError, match="mean step"):
        average_step(plant, state, (MILD, Loads()), no_setpoints(plant), LONGEST_STEP_S + 1.0)


@pytest.mark.parametrize(
    ("roles", "need", "flows"),
    [
        ((None, None, None, None), 24.0, [0.0, 0.0, 0.0, 24.0]),
        ((None, None, None, None), 30.0, [20.0, 0.0, 0.0, 10.0]),
        ((ROLE_BASE, ROLE_STANDBY, ROLE_STANDBY, ROLE_TRIM), 24.0, [20.0, 0.0, 0.0, 4.0]),
        ((ROLE_BASE, ROLE_STANDBY, ROLE_STANDBY, ROLE_TRIM), 50.0, [20.0, 5.0, 0.0, 25.0]),
    ],
)
def test_air_is_shared_as_the_bands_would(
    plant: Plant, roles: tuple[int | None, ...], need: float, flows: list[float]
) -> None:
    told = no_setpoints(plant)._replace(compressors=tuple(CompressorSetpoint(role) for role in roles))
    assert share_air(plant.compressors, told, need) == pytest.approx(flows)


def test_every_measured_point_has_a_reading(plant: Plant, run: Run) -> None:
    out = list(run.go(MILD, Loads(500.0, 30.0, 400.0, 300.0), 60))[-1]
    shown = by_point(plant, readings(plant, run.state, out, (MILD, run.setpoints)))
    missing = {ref for ref in plant.flowsheet.points() if ref not in shown}
    assert {ref.split("/")[1] for ref in missing} == {
        "local_mode_code",
        "role_set_code",
        "permit_set_code",
        "pressure_set_bar_g",
        "supply_set_c",
        "power_set_kw",
        "limit_set_frac",
    }
    assert shown["comp4/header_bar_g"] == pytest.approx(run.state.header_bar_g)
    assert shown["meter_main/power_kw"] == pytest.approx(out.grid_import_kw)
    assert shown["pv1/power_kw"] < 0.0
    assert shown["weather1/outdoor_c"] == 20.0
    absolute = shown["comp1/pressure_bar_g"] + GAUGE_OFFSET_BAR
    assert absolute > GAUGE_OFFSET_BAR
