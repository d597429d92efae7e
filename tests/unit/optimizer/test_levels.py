from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from benchmarks.cases.b11_setpoints import day, measure, problem_of, schedule_of
from benchmarks.enumerate_water import cost_of
from optimizer.build import build
from optimizer.chilled_sets import form_of
from optimizer.dispatch import plan_day
from optimizer.levels import CoolingLevels
from optimizer.problem import Commitment, DispatchProblem, Store
from optimizer.solve import Solved, SolveOptions, solve
from optimizer.starting import Ramp
from optimizer.water import Water, corners_of, levels_of
from plant.eir import EirCurve
from protocols.errors import ContractError, SolveError
from tests.unit.optimizer.cases import flat, with_need
from tests.unit.optimizer.features import FEATURES, STEPS, planned


def _least_water(asked: DispatchProblem) -> float:
    """Least money of every level, set and share of the load in each step, on a fine grid; no times bind."""
    levels = asked.cooling_levels
    assert levels is not None
    names = [machine.name for machine in asked.chillers]
    money = 0.0
    for step, need in enumerate(asked.forecasts.cooling_kw):
        best = np.inf
        for level, running in product(range(len(levels.supply_c)), product((False, True), repeat=2)):
            if not levels.allowed[level, step] or not any(running):
                continue
            curves = [(levels.load_kw[n][level, step], levels.power_kw[n][level, step]) for n in names]
            first = np.linspace(curves[0][0][0], curves[0][0][-1], 20001) if running[0] else np.zeros(1)
            second = need - first
            x, y = curves[1]
            fits = (second >= x[0] - 1e-9) & (second <= x[-1] + 1e-9) if running[1] else np.abs(second) < 1e-9
            if not running[1]:
                first = np.array([need])
                fits = np.array([curves[0][0][0] <= need <= curves[0][0][-1]])
            if not fits.any():
                continue
            power = np.interp(first, *curves[0]) if running[0] else np.zeros(1)
            power = power + (np.interp(need - first, x, y) if running[1] else 0.0)
            extra = levels.extra_kw[level, step] + levels.extra_frac[level, step] * need
            best = min(best, float(power[fits].min()) + float(extra))
        money += best * 0.25 * float(asked.prices.import_eur_kwh[step])
    return money


def test_water_temperatures_and_machines_are_the_best_of_all() -> None:
    asked = FEATURES["water"]()
    asked = with_need(asked, electric_kw=flat(STEPS, 0.0))
    assert form_of(asked) == "needs"
    assert planned(asked).cost.total == pytest.approx(_least_water(asked), rel=1e-4)


def _slow(asked: DispatchProblem) -> DispatchProblem:
    """The same, with ramps that never bind, so that machines are looked at one by one."""
    free = Commitment(ramp=Ramp(up_per_min=1e6, down_per_min=1e6))
    return replace(asked, chillers=tuple(replace(one, commitment=free) for one in asked.chillers))


def test_with_a_store_that_is_shut_and_machine_by_machine_the_optimum_is_the_same() -> None:
    asked = FEATURES["water"]()
    shut = Store(name="ice", carrier="cooling", content=0.0, most=100.0, charge_max=0.0, discharge_max=0.0)
    beside, slow = replace(asked, stores=(shut,)), _slow(asked)
    assert (form_of(beside), form_of(slow)) == ("loads", "columns")
    cost = planned(asked).cost.total
    assert planned(beside).cost.total == pytest.approx(cost, abs=0.01)
    assert planned(slow).cost.total == pytest.approx(cost, abs=0.01)


def test_with_a_store_in_use_sets_along_their_load_cost_what_machine_by_machine_costs() -> None:
    asked = FEATURES["water"]()
    ice = Store(name="ice", carrier="cooling", content=20.0, most=60.0, charge_max=100.0, discharge_max=100.0)
    beside = replace(asked, stores=(ice,))
    assert planned(beside).cost.total == pytest.approx(planned(_slow(beside)).cost.total, rel=2e-3)


def test_a_store_moves_cooling_to_the_step_and_the_level_where_it_is_cheap() -> None:
    asked = FEATURES["water"]()
    ice = Store(name="ice", carrier="cooling", content=0.0, most=100.0, charge_max=200.0, discharge_max=200.0)
    beside = replace(asked, stores=(ice,))
    assert planned(beside).cost.total < planned(asked).cost.total - 0.5


def _least_air(asked: DispatchProblem) -> float:
    levels = asked.air_levels
    assert levels is not None
    money = 0.0
    for step, need in enumerate(asked.forecasts.air_m3_min):
        best = np.inf
        for level, bar in enumerate(levels.pressure_bar_g):
            if bar < levels.least_bar_g[step] - 1e-9:
                continue
            wanted = need + levels.need_m3_min[level, step]
            for running in product((False, True), repeat=3):
                for trim in np.flatnonzero(running):
                    base = [m for k, m in enumerate(asked.compressors) if running[k] and k != trim]
                    machine = asked.compressors[int(trim)]
                    rest = wanted - sum(m.full_flow_m3_min for m in base)
                    if machine.flow_m3_min[0] <= rest <= machine.flow_m3_min[-1]:
                        power = sum(m.full_power_kw for m in base)
                        power += float(np.interp(rest, machine.flow_m3_min, machine.power_kw))
                        best = min(best, power * levels.power_frac[level])
        money += best * 0.25 * float(asked.prices.import_eur_kwh[step])
    return money


def test_network_pressure_and_machines_are_the_best_of_all_and_the_users_have_theirs() -> None:
    asked = with_need(FEATURES["pressure"](), electric_kw=flat(STEPS, 0.0))
    plan = planned(asked)
    assert plan.cost.total == pytest.approx(_least_air(asked), rel=1e-6)
    assert plan.setpoints["air_bar_g"].tolist() == [6.0, 6.0, 7.0, 6.0, 6.5, 6.0]


def test_a_level_that_leaks_more_than_it_saves_is_not_chosen() -> None:
    asked = FEATURES["pressure"]()
    assert asked.air_levels is not None
    leaky = replace(asked.air_levels, need_m3_min=np.array([[3.0], [2.0], [0.0]]) * np.ones(STEPS))
    plan = planned(replace(asked, air_levels=leaky))
    assert plan.setpoints["air_bar_g"].tolist() == [7.0] * STEPS


def test_an_outlook_keeps_to_what_is_permitted() -> None:
    for name in ("water", "pressure"):
        planned(replace(FEATURES[name](), binary_steps=2))


def test_minimum_times_bind_across_levels() -> None:
    asked = FEATURES["water"]()
    own = Commitment(on=True, state_s=0.0, min_up_s=3600.0, min_down_s=1800.0, start_eur=2.0)
    machines = (replace(asked.chillers[0], commitment=own), asked.chillers[1])
    plan = planned(replace(asked, chillers=machines))
    assert plan.machines["c1"].on[:4].all()


def test_both_forms_have_the_same_bound_on_a_day_of_ten_levels() -> None:
    asked = FEATURES["water"]()
    levels = asked.cooling_levels
    assert levels is not None
    places = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    many = CoolingLevels(
        supply_c=tuple(7.0 + 0.2 * k for k in range(10)),
        condenser_c=(27.0,) * 10,
        load_kw={name: load[places] for name, load in levels.load_kw.items()},
        power_kw={name: power[places] * 1.001 for name, power in levels.power_kw.items()},
        extra_kw=levels.extra_kw[places],
        extra_frac=levels.extra_frac[places],
        allowed=levels.allowed[places],
    )
    costs = []
    for machines in (asked.chillers, _slow(asked).chillers):
        whole = replace(asked, cooling_levels=many, chillers=machines)
        found = solve(build(whole)[0], SolveOptions(gap_frac=1e-7))
        assert isinstance(found, Solved)
        costs.append(found.objective)
    assert costs[0] == pytest.approx(costs[1], abs=1e-3)


@pytest.mark.timeout(60)
def test_a_day_of_25_levels_is_within_half_a_percent_of_the_best_schedule_there_is() -> None:
    found = measure(11)
    assert -1e-6 <= found["excess_pct"] <= 0.5
    assert found["best"] * 0.99 <= found["bound"] <= found["best"]


def test_the_judge_of_the_day_refuses_what_no_plant_can_do() -> None:
    of = day(11)
    from_plan = schedule_of(of.plant, planned(problem_of(of)))
    wrong = replace(from_plan, load_kw=from_plan.load_kw * 1.1)
    with pytest.raises(ContractError, match="kW of"):
        cost_of(of.plant, of.price, wrong)
    flicker = from_plan.on.copy()
    flicker[0, ::2] = ~flicker[0, ::2]
    with pytest.raises(ContractError):
        cost_of(of.plant, of.price, replace(from_plan, on=flicker))


def _water(asked: DispatchProblem, **changed: object) -> DispatchProblem:
    levels = asked.cooling_levels
    assert levels is not None
    return replace(asked, cooling_levels=replace(levels, **changed))  # type: ignore[arg-type]  # hostile on purpose


def _air(asked: DispatchProblem, **changed: object) -> DispatchProblem:
    levels = asked.air_levels
    assert levels is not None
    return replace(asked, air_levels=replace(levels, **changed))  # type: ignore[arg-type]  # hostile on purpose


HOSTILE: list[tuple[str, Callable[[DispatchProblem], DispatchProblem], str]] = [
    (
        "water",
        lambda p: _water(p, allowed=np.zeros((3, STEPS), dtype=np.bool_)),
        "no water temperature is permitted",
    ),
    ("water", lambda p: _water(p, load_kw={}), "each chiller needs its curves"),
    ("water", lambda p: _water(p, condenser_c=(27.0,)), "come in pairs"),
    ("water", lambda p: _water(p, extra_kw=np.full((3, STEPS), np.nan)), "pumps and fans need powers"),
    ("water", lambda p: _water(p, allowed=np.ones((3, 2), dtype=np.bool_)), "told for every level and step"),
    ("water", lambda p: replace(p, chillers=()), "come in pairs of numbers and need chillers"),
    ("pressure", lambda p: _air(p, least_bar_g=flat(STEPS, 8.0)), "no network pressure is permitted"),
    ("pressure", lambda p: _air(p, pressure_bar_g=(7.0, 6.5, 6.0)), "network pressures must rise"),
    ("pressure", lambda p: _air(p, power_frac=(0.9, 0.0, 1.0)), "share of power above zero"),
    ("pressure", lambda p: _air(p, need_m3_min=np.full((3, STEPS), np.nan)), "must be numbers"),
    ("pressure", lambda p: _air(p, move_eur=-1.0), "another network pressure must be a number"),
    ("pressure", lambda p: replace(p, compressors=()), "one to six compressors"),
]


@pytest.mark.parametrize(("name", "spoil", "words"), HOSTILE, ids=[words for _, _, words in HOSTILE])
def test_levels_that_do_not_fit_are_refused(
    name: str, spoil: Callable[[DispatchProblem], DispatchProblem], words: str
) -> None:
    with pytest.raises(SolveError, match=words):
        plan_day(spoil(FEATURES[name]()))


def test_temperatures_outside_the_fit_of_a_machine_are_not_permitted() -> None:
    eir = EirCurve(
        capacity_kw=500.0,
        cop=5.0,
        supply_c=7.0,
        condenser_c=29.4,
        capft=(0.254728043, 0.038406624, -0.000214248, 0.046305158, -0.00093104, -0.00033865),
        eirft=(0.944795486, -0.058872682, 0.004552011, 0.002458086, 0.000491617, -0.001229043),
        eirfplr=(0.2, 0.35, 0.45),
    )
    waters = [
        Water(
            supply_c=7.0,
            condenser_c=condenser_c,
            extra_kw=flat(2, 1.0),
            extra_frac=flat(2, 0.0),
            allowed=np.ones(2, dtype=np.bool_),
        )
        for condenser_c in (25.0, 40.0)
    ]
    levels = levels_of({"c1": eir}, waters)
    assert levels.allowed.tolist() == [[True, True], [False, False]]
    load, power = corners_of(eir, 7.0, 29.4)
    assert load[-1] == pytest.approx(500.0, rel=0.01)
    assert power[-1] == pytest.approx(100.0, rel=0.02)
    with pytest.raises(SolveError, match="at least one pair"):
        levels_of({}, waters)
