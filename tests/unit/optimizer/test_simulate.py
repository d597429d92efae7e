from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from optimizer.check import check
from optimizer.coarse import far_by_the_hour
from optimizer.compile import compile_problem
from optimizer.dispatch import plan_day
from optimizer.outlook import MachineNow, Outlook, PlantNow
from optimizer.plan import Plan
from optimizer.planned import planned_supply_c
from optimizer.problem import OFF, DispatchProblem, effective_lock
from optimizer.setpoints import setpoints_at
from optimizer.simulate import compare, simulate_plan, state_of
from optimizer.solve import Feasible, Optimal
from optimizer.tariff import Emissions, Tariff
from plant.flowsheet import Flowsheet
from plant.scenario import make_scenario
from plant.state import Plant, compile_plant
from plant.units.compressor import ROLE_BASE, ROLE_STANDBY, ROLE_TRIM
from protocols.errors import ContractError, SolveError

CONFIGS = Path(__file__).parents[3] / "configs"
NOW = PlantNow(machines={"comp4": MachineNow(on=True), "chiller1": MachineNow(on=True)}, month_peak_kw=800.0)


def _yaml(path: str) -> object:
    return yaml.safe_load((CONFIGS / path).read_text())


def _plant() -> Plant:
    return compile_plant(Flowsheet.model_validate(_yaml("sites/demo/flowsheet.yaml")))


def _outlook(season: str = "summer") -> Outlook:
    week = make_scenario(season, 3, 2)

    def quarters(series: np.ndarray) -> np.ndarray:
        means: np.ndarray = series[:1440].reshape(96, 15).mean(axis=1)
        return means

    return Outlook(
        start_ns=1_770_678_000 * 10**9,
        process_kw=quarters(week.electric_kw),
        air_m3_min=quarters(week.air_m3_min) + 3.5,
        cooling_kw=quarters(week.cooling_kw),
        heat_kw=quarters(week.heat_kw),
        outdoor_c=quarters(week.outdoor_c),
        wet_bulb_c=quarters(week.wet_bulb_c),
        irradiance_w_m2=quarters(week.irradiance_w_m2),
    )


def _supply() -> tuple[Tariff, Emissions]:
    tariff = Tariff.model_validate(_yaml("tariffs/demo.yaml"))
    return tariff, Emissions.model_validate(_yaml("emissions/demo.yaml"))


@pytest.fixture(scope="module")
def planned() -> tuple[Plant, Outlook, DispatchProblem, Plan]:
    plant, outlook = _plant(), _outlook()
    problem = compile_problem(plant, outlook, NOW, _supply())
    outcome = plan_day(problem)
    assert isinstance(outcome, Optimal | Feasible)
    assert outcome.gap <= 0.005
    return plant, outlook, problem, outcome.plan


def test_the_demo_day_is_planned_within_its_limits(
    planned: tuple[Plant, Outlook, DispatchProblem, Plan],
) -> None:
    _, _, problem, plan = planned
    assert check(problem, plan) == []
    assert not {"air_short", "cooling_short", "heat_short", "import_over"} & {s.name for s in plan.shortages}


def test_the_plan_run_forward_costs_what_it_says_and_less_than_the_plants_own_control(
    planned: tuple[Plant, Outlook, DispatchProblem, Plan],
) -> None:
    plant, outlook, problem, plan = planned
    ems, own = compare(plant, outlook, NOW, (problem.prices, 7.8), plan)
    assert ems.cost.total == pytest.approx(plan.cost.total, rel=0.03)
    assert ems.total < own.total
    assert (ems.air_unmet_m3, ems.cooling_unmet_kwh) == (0.0, 0.0)


def test_an_emptied_battery_is_no_gain(planned: tuple[Plant, Outlook, DispatchProblem, Plan]) -> None:
    plant, outlook, problem, _ = planned
    money = (problem.prices, 7.8)
    full = simulate_plan(plant, outlook, replace(NOW, soc_frac=0.9), money, None)
    empty = simulate_plan(plant, outlook, replace(NOW, soc_frac=0.2), money, None)
    assert full.total == pytest.approx(empty.total)


def test_set_points_follow_the_plan(planned: tuple[Plant, Outlook, DispatchProblem, Plan]) -> None:
    plant, _, problem, plan = planned
    codes = {"base": ROLE_BASE, "trim": ROLE_TRIM, "standby": ROLE_STANDBY}
    for step in (0, 15, 40, 95):
        told = setpoints_at(plant, plan, step, float(problem.forecasts.pv_kw[step]))
        roles = [codes[plan.machines[name].role[step]] for name in plant.compressor_ids]
        assert [c.role for c in told.compressors] == roles
        assert [c.permit for c in told.chillers] == [plan.machines[n].on[step] for n in plant.chiller_ids]
        assert told.battery_kw == pytest.approx(plan.battery_kw[step])
        assert told.chp_kw is None or -250.0 <= told.chp_kw <= -125.0


def test_water_that_the_plan_chose_is_told_step_by_step(
    planned: tuple[Plant, Outlook, DispatchProblem, Plan],
) -> None:
    plant, _, _, plan = planned
    chosen = replace(plan, setpoints={"chilled_water_c": np.linspace(7.0, 9.0, plan.steps)})
    told = [setpoints_at(plant, chosen, step).chillers[0].supply_set_c for step in (0, 95)]
    assert told == pytest.approx([7.0, 9.0])


def test_a_meter_of_half_hours_is_planned_in_half_hours() -> None:
    tariff, emissions = _supply()
    slow = tariff.model_copy(update={"metering_s": 1800})
    asked = compile_problem(_plant(), _outlook(), NOW, (slow, emissions), binary_steps=4)
    assert asked.prices.demand_charge_eur_kw == 0.0
    assert [(one.window_s, one.so_far_kw) for one in asked.supply.charges] == [(1800.0, 800.0)]
    assert compile_problem(_plant(), _outlook(), NOW, (tariff, emissions)).supply.charges == ()


def test_curtailed_pv_is_told_as_a_share_of_the_inverter(
    planned: tuple[Plant, Outlook, DispatchProblem, Plan],
) -> None:
    plant, _, _, plan = planned
    assert setpoints_at(plant, plan, 48).pv_limit_frac is None
    level = plan.machines["pv1"].level[48]
    told = setpoints_at(plant, plan, 48, float(level) + 50.0)
    assert told.pv_limit_frac == pytest.approx(level / 440.0)


def test_pv_that_was_planned_by_the_hour_is_not_curtailed_in_its_brighter_quarters(
    planned: tuple[Plant, Outlook, DispatchProblem, Plan],
) -> None:
    plant, outlook, problem, plan = planned
    sky = problem.forecasts.pv_kw
    _, of = np.unique(far_by_the_hour(outlook.start_ns, 900.0).first_of(plan.steps), return_inverse=True)
    hourly = (np.bincount(of, sky) / np.bincount(of))[of]
    assert float(np.abs(hourly - sky).max()) > 5.0
    name = next(name for name, one in plan.machines.items() if one.kind == "pv")
    by_hour = replace(plan, machines={**plan.machines, name: replace(plan.machines[name], level=hourly)})
    ran = simulate_plan(plant, outlook, NOW, (problem.prices, 7.8), by_hour)
    assert -ran.machine_kw[name] == pytest.approx(sky, abs=1.0)
    less = replace(plan.machines[name], level=0.5 * hourly)
    curtailed = simulate_plan(
        plant, outlook, NOW, (problem.prices, 7.8), replace(plan, machines={**plan.machines, name: less})
    )
    assert -curtailed.machine_kw[name].sum() < 0.6 * sky.sum()


@pytest.mark.parametrize(
    ("ran_s", "late_s", "lock"), [(60.0, 600.0, 1), (60.0, 0.0, 0), (700.0, 600.0, None)]
)
def test_what_is_owed_ends_later_where_a_quarter_is_planned_as_a_whole_after_its_begin(
    ran_s: float, late_s: float, lock: int | None
) -> None:
    now = replace(NOW, machines={"chiller1": MachineNow(on=True, state_s=ran_s)}, late_s=late_s)
    own = compile_problem(_plant(), _outlook(), now, _supply()).chillers[0].commitment
    assert own.min_up_s == 600.0
    locks = effective_lock(own, 4, 900.0).tolist()
    assert locks == {1: [1, 1, -1, -1], 0: [1, -1, -1, -1], None: [-1] * 4}[lock]


def test_a_tripped_machine_is_not_planned() -> None:
    plant = _plant()
    now = replace(NOW, machines={"comp4": MachineNow(on=False, lock=OFF)})
    problem = compile_problem(plant, _outlook("winter"), now, _supply())
    outcome = plan_day(problem)
    assert isinstance(outcome, Optimal | Feasible)
    assert not outcome.plan.machines["comp4"].on.any()
    assert check(problem, outcome.plan) == []


def test_chilled_water_is_as_warm_as_the_supply_limit_allows() -> None:
    plant = _plant()
    unit = plant.chillers[0]
    assert plant.loop is not None
    supply_c = planned_supply_c(plant, unit)
    assert unit.supply.low_c <= supply_c <= unit.supply.high_c
    assert supply_c + unit.supply.proportional_k / 2.0 < plant.loop.supply_max_c


def test_a_gap_in_the_outlook_is_refused_in_plant_words() -> None:
    outlook = _outlook()
    holes = replace(outlook, cooling_kw=np.where(np.arange(96) == 7, np.nan, outlook.cooling_kw))
    with pytest.raises(SolveError, match="need for cooling has no usable number in step 7"):
        plan_day(compile_problem(_plant(), holes, NOW, _supply()))


def test_a_plan_for_another_window_is_refused(planned: tuple[Plant, Outlook, DispatchProblem, Plan]) -> None:
    plant, outlook, problem, plan = planned
    later = replace(outlook, start_ns=outlook.start_ns + 900 * 10**9)
    with pytest.raises(ContractError, match="another window"):
        simulate_plan(plant, later, NOW, (problem.prices, 7.8), plan)


def test_the_model_starts_as_the_plant_is_seen() -> None:
    state = state_of(_plant(), replace(NOW, soc_frac=0.7, loop_c=9.5))
    assert (state.soc_frac, state.loop_c) == (0.7, 9.5)
    assert [machine.mode for machine in state.compressors] == [0, 0, 0, 2]
