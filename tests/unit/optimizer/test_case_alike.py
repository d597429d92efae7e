"""Cases that say the same in other words, or differ in one thing whose effect is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from optimizer.cases.plant_case import PlantCase
from optimizer.cases.plant_problem import problem_of_plant
from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.solve import Optimal

EXAMPLE: Final = Path(__file__).parents[3] / "configs" / "cases" / "small-plant.yaml"
STEPS: Final = 4
CENTS: Final = 0.03
"""The solver ends where a cent is open; in both plans, and once more in the pass against chatter."""
MONEY: Final = ("start_cost", "wear_per_kwh", "end_value_per_kwh")
PRICES: Final = ("import_per_kwh", "export_per_kwh", "gas_per_kwh", "demand_per_kw")


@pytest.fixture
def case() -> dict[str, Any]:
    """The first hour of the example; the battery and the ice hold at the end what they held."""
    plain: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    plain["start"] = "2026-06-15T05:00:00+08:00"
    plain["steps"] = plain["exact_steps"] = STEPS
    for part in ("needs", "prices"):
        plain[part] = {name: of[:STEPS] if isinstance(of, list) else of for name, of in plain[part].items()}
    return plain


def _planned(plain: dict[str, Any]) -> Optimal:
    problem = problem_of_plant(PlantCase.model_validate(plain))
    found = plan_day(problem, limit_s=100.0, gap_frac=0.0)
    assert isinstance(found, Optimal)
    assert check(problem, found.plan) == []
    return found


def _machine(plain: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in plain["machines"] if one["name"] == name)
    return found


def _times(node: Any, factor: float, money: tuple[str, ...]) -> Any:  # noqa: ANN401  parsed YAML of any shape
    if isinstance(node, list):
        return [_times(part, factor, money) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        name: _scaled(of, factor) if name in money else _times(of, factor, money) for name, of in node.items()
    }


def _scaled(of: float | list[float], factor: float) -> float | list[float]:
    return [factor * one for one in of] if isinstance(of, list) else factor * of


@pytest.mark.timeout(120)
def test_the_same_instant_in_another_zone_is_the_same_plan(case: dict[str, Any]) -> None:
    here, there = _planned(case), _planned(case | {"start": "2026-06-14T21:00:00Z"})
    assert here.plan.to_dict() == there.plan.to_dict()


@pytest.mark.timeout(120)
def test_money_in_another_unit_costs_as_many_times_as_much(case: dict[str, Any]) -> None:
    tenth = case | {
        "prices": _times(case["prices"], 0.1, PRICES),
        "machines": _times(case["machines"], 0.1, MONEY),
    }
    assert _planned(tenth).objective == pytest.approx(0.1 * _planned(case).objective, abs=CENTS)


@pytest.mark.timeout(120)
def test_a_machine_that_is_held_standing_is_as_if_it_were_not_there(case: dict[str, Any]) -> None:
    without = case | {"machines": [one for one in case["machines"] if one["name"] != "chp1"]}
    _machine(case, "chp1")["switching"]["held"] = "standing"
    held, away = _planned(case), _planned(without)
    assert not held.plan.machines["chp1"].on.any()
    assert held.objective == pytest.approx(away.objective, abs=CENTS)


@pytest.mark.timeout(120)
def test_who_needs_nothing_pays_nothing(case: dict[str, Any]) -> None:
    for machine in case["machines"]:
        machine.pop("switching", None)
    _machine(case, "ice")["loss_per_h_frac"] = 0.0
    found = _planned(case | {"needs": {}})
    assert found.plan.shortages == ()
    assert found.plan.cost.total == pytest.approx(0.0, abs=CENTS)
    assert not any(machine.on.any() for machine in found.plan.machines.values())


@pytest.mark.timeout(120)
def test_who_needs_nothing_still_pays_what_contracts_say(case: dict[str, Any]) -> None:
    boiler = [_machine(case, "boiler1")]
    taken = _planned(case | {"needs": {}, "machines": boiler, "contracts": {"gas": {"take_or_pay_kwh": 100}}})
    assert taken.plan.cost.total == pytest.approx(0.0, abs=CENTS)
    assert taken.plan.charges == pytest.approx({"gas_not_taken": 33.0}, abs=CENTS)
    assert taken.objective == pytest.approx(33.0, abs=CENTS)
    bought = _planned(case | {"needs": {}, "machines": [], "contracts": {"import_least_kw": 30}})
    assert {one.name for one in bought.plan.shortages} == {"import_under"}
    assert bought.plan.cost.total == pytest.approx(0.0, abs=CENTS)
