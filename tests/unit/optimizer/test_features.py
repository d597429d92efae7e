"""What holds of every component: the checker passes its plan, two solvers agree, JSON brings it back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from optimizer.build import build
from optimizer.check import check
from optimizer.components.balance import SLACK_EUR
from optimizer.dispatch import plan_day
from optimizer.plan import Plan
from optimizer.read import read_plan
from optimizer.solve import Optimal, Solved, SolveOptions, solve
from tests.unit.optimizer.features import FEATURES, planned


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_the_plan_of_every_component_is_kept_and_both_solvers_give_it(name: str) -> None:
    asked = FEATURES[name]()
    matrix, columns = build(asked)
    costs = []
    for solver in ("highs", "scip"):
        found = solve(matrix, SolveOptions(gap_frac=1e-7, gap_eur=1e-7, solver=solver))
        assert isinstance(found, Solved)
        assert check(asked, read_plan(asked, matrix, columns, found.x)) == []
        costs.append(found.objective)
    assert costs[0] == pytest.approx(costs[1], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_a_plan_with_an_outlook_is_kept_and_comes_back_from_json(name: str) -> None:
    asked = replace(FEATURES[name](), binary_steps=3)
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal)
    assert check(asked, outcome.plan) == []
    again = Plan.from_dict(json.loads(json.dumps(outcome.plan.to_dict())))
    assert check(asked, again) == []


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_the_objective_is_the_money_of_the_plan(name: str) -> None:
    asked = FEATURES[name]()
    outcome = plan_day(asked, gap_frac=1e-7)
    assert isinstance(outcome, Optimal)
    plan = outcome.plan
    stored = sum(
        (plan.machines[b.name].level[-1] - b.soc_kwh)
        * float(asked.import_marginal_eur_kwh.mean())
        * b.discharge_eff_frac
        for b in asked.batteries
    )
    money = plan.cost.total + sum(plan.charges.values()) - stored
    short = [s.amount for s in plan.shortages if s.name == "spare_air"]
    spare = SLACK_EUR["spare_air"] * asked.step_h * sum(short)
    heat = sum(0.001 * s.amount * asked.step_h for s in plan.shortages if s.name == "heat_surplus")
    assert [s for s in plan.shortages if s.name not in {"spare_air", "heat_surplus"}] == []
    # apparent power stands on 48 sides of a circle, which lie 0.06 % inside it
    circle = 6e-4 * 4.0 * 600.0 if name == "contracts" else 0.0
    assert money + spare + heat - 0.02 - circle <= outcome.objective <= money + spare + heat + 0.02


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_a_spoilt_power_of_any_machine_is_seen(name: str) -> None:
    asked = FEATURES[name]()
    plan = planned(asked)
    for machine, own in plan.machines.items():
        spoilt = own.power_kw.copy()
        spoilt[2] += 25.0
        wrong = replace(plan, machines=plan.machines | {machine: replace(own, power_kw=spoilt)})
        assert check(asked, wrong), machine
    for machine, own in plan.machines.items():
        for carrier, values in own.flows.items():
            spoilt = values.copy()
            spoilt[2] -= 25.0
            flows = own.flows | {carrier: spoilt}
            wrong = replace(plan, machines=plan.machines | {machine: replace(own, flows=flows)})
            assert check(asked, wrong), (machine, carrier)


def test_no_name_of_a_component_is_given_up_silently() -> None:
    plan = planned(FEATURES["contracts"]())
    assert set(plan.charges) == {
        "half_hour", "slides", "kva", "coincident", "tiers", "power_factor", "gas_not_taken",
    }  # fmt: skip
    wrong = replace(plan, charges=plan.charges | {"slides": plan.charges["slides"] + 1.0})
    assert any("charge slides" in fault.limit for fault in check(FEATURES["contracts"](), wrong))
    kvar = np.full(6, 400.0)
    wrong = replace(plan, setpoints=plan.setpoints | {"inverter_kvar": kvar})
    assert any(fault.machine == "inverter" for fault in check(FEATURES["contracts"](), wrong))
