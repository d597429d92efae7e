"""Nonsense in the case of a plant: a reason that names machine and field, and never anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from ems.optimize_cli import app
from optimizer.cases.plant_case import PlantCase
from optimizer.cases.plant_problem import problem_of_plant
from optimizer.inputs import refuse
from protocols.errors import ConfigError, SolveError
from runtime.yaml_config import as_config

CASES: Final = Path(__file__).parents[3] / "configs" / "cases"
RUN: Final = CliRunner()
STEPS: Final = 4
Change = Callable[[dict[str, Any]], object]


def _cut(node: Any, old: int) -> Any:  # noqa: ANN401  parsed YAML of any shape
    if isinstance(node, dict):
        return {key: _cut(part, old) for key, part in node.items()}
    if isinstance(node, list):
        series = len(node) == old and not any(isinstance(one, dict | list) for one in node)
        return node[:STEPS] if series else [_cut(one, old) for one in node]
    return node


def _short(name: str) -> dict[str, Any]:
    """A case of the house, its first hour."""
    plain = yaml.safe_load((CASES / name).read_text(encoding="utf-8"))
    found: dict[str, Any] = _cut(plain, plain["steps"]) | {"steps": STEPS, "exact_steps": STEPS}
    found["start"] = "2026-06-15T08:00:00+08:00"
    return found


@pytest.fixture
def small() -> dict[str, Any]:
    return _short("small-plant.yaml")


@pytest.fixture
def hub() -> dict[str, Any]:
    plain = _short("energy-hub.yaml")
    free = {"shiftable_load", "batch", "ev_group"}
    return plain | {"machines": [one for one in plain["machines"] if one["kind"] not in free]}


def _machine(plain: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in plain["machines"] if one["name"] == name)
    return found


def _judged(plain: dict[str, Any]) -> str:
    """Why a case is refused, before anything is solved; empty where it is planned."""
    try:
        refuse(problem_of_plant(as_config("case", plain, PlantCase)))
    except ConfigError as error:
        return str(error)
    except SolveError as error:
        return f"{error} {error.context['zh']}"
    return ""


def _told(path: Path) -> dict[str, Any]:
    done = RUN.invoke(app, ["dispatch", str(path), "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _planned(plain: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = folder / "case.json"
    path.write_text(json.dumps(plain), encoding="utf-8")
    return _told(path)


def _set(*path: str | int, to: object) -> Change:
    def change(plain: dict[str, Any]) -> None:
        node: Any = plain
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = to

    return change


def _of(name: str, *path: str, to: object) -> Change:
    def change(plain: dict[str, Any]) -> None:
        _set(*path, to=to)(_machine(plain, name))

    return change


SMALL: Final[dict[str, tuple[Change, str]]] = {
    "a switch as a number": (_of("boiler1", "heat_kw", to=True), "heat_kw: a number is wanted, true is none"),
    "a switch in a series": (
        _set("needs", "air_m3_min", 1, to=False),
        "needs.air_m3_min.1: a number is wanted",
    ),
    "a need no plant has": (
        _set("needs", "electric_kw", 0, to=1e12),
        "electric_kw.0: 1e+12 is more than a plant",
    ),
    "a list in a series": (
        _set("needs", "heat_kw", to=[[1.0]]),
        "needs.heat_kw.0: Input should be a valid number",
    ),
    "a number as a start": (
        _set("start", to=0),
        "start: 0 is no time; write it as 2026-06-15T08:00:00+08:00",
    ),
    "a start without zone": (
        _set("start", to="2026-06-15T08:00:00"),
        "start: 2026-06-15T08:00:00 has no offset from UTC",
    ),
    "a start long ago": (
        _set("start", to="0001-01-01T00:00:00+00:00"),
        "start: the year 1 cannot be planned",
    ),
    "a step of 1e12 minutes": (
        _set("step_min", to=1e12),
        "step_min: Input should be less than or equal to 1440",
    ),
    "a step of no length": (
        _set("step_min", to=1e-12),
        "step_min: Input should be greater than or equal to 0.1",
    ),
    "grams as kilograms": (
        _set("prices", "grid_kg_per_kwh", to=530),
        "prices.grid_kg_per_kwh: 530 kg/kWh is no",
    ),
    "a run of a year": (
        _of("comp1", "switching", "min_run_min", to=525600),
        "min_run_min: Input should be less",
    ),
    "a run that never ends": (
        _of("comp1", "switching", "min_run_min", to=float("inf")),
        "min_run_min: Input",
    ),
    "a cold start without when": (
        _of("comp1", "switching", "cold_start_cost", to=9),
        "cold_start_cost needs cold_after_min: after how long a stop is a start cold?",
    ),
    "a cold start that is cheaper": (
        _of("comp1", "switching", to={"start_cost": 4, "cold_start_cost": 2, "cold_after_min": 60}),
        "a cold start of comp1 costs 2.0, a warm one 4.0; a cold one must not cost less",
    ),
    "ageing that pays": (
        _of("battery1", "wear_per_kwh", to=-1),
        "wear_per_kwh: Input should be greater than",
    ),
    "a battery without end": (
        _of("battery1", "most_kwh", to=float("inf")),
        "most_kwh: Input should be a finite",
    ),
    "more at the end than it holds": (
        _of("battery1", "end_least_kwh", to=500),
        "end_least_kwh is 500, but it holds 400 at most; ask for less",
    ),
    "least above most": (
        _of("ice", "least", to=2000),
        "least is 2000, above most of 1500; exchange or mend them",
    ),
    "an efficiency of nothing": (
        _of("boiler1", "efficiency_frac", to=1e-12),
        "efficiency_frac: Input should be",
    ),
    "a boiler without end": (_of("boiler1", "heat_kw", to=float("inf")), "heat_kw: Input should be a finite"),
    "a machine called like another": (
        _of("pv1", "name", to="comp1"),
        "two machines are called comp1; give each",
    ),
    "a machine called like a shortage": (_of("comp1", "name", to="short"), "no machine may be called short"),
    "PV called like a shortage": (
        _of("pv1", "name", to="surplus"),
        "no machine may be called surplus",
    ),
    "a machine with a dot": (_of("comp1", "name", to="comp1.on"), "name: String should match pattern"),
    "a machine with 300 letters": (_of("comp1", "name", to="a" * 300), "name: String should match pattern"),
    "a machine in Chinese": (_of("comp1", "name", to="空压机"), "name: String should match pattern"),
    "a plant without end": (_set("steps", to=10_000), "steps: Input should be less than or equal to 1000"),
    "no step": (_set("steps", to=0), "steps: Input should be greater than or equal to 1"),
    "two PV plants": (
        lambda plain: plain["machines"].append({"kind": "pv", "name": "pv2"}),
        "the case has 2 PV plants, pv1 and pv2; add them into one series",
    ),
}

HUB: Final[dict[str, tuple[Change, str]]] = {
    "heat out of nothing": (_of("exchanger1", "takes", to={}), "a heat_exchanger must take something"),
    "lower heat that goes nowhere": (_of("chp1", "low_carrier", to=None), "low_heat needs low_carrier"),
    "lower heat below nothing": (
        _of("chp1", "low_heat", to=[8, 0.12, -1]),
        "the lower heat of chp1 is -20 kW at 100 kW and 40 kW of heat; it must not be negative at any corner",
    ),
    "more heat than fuel": (
        _of("chp1", "low_heat", to=[500, 0, 0]),
        "chp1 gives more than its fuel at 100 kW",
    ),
    "a levy that is none": (
        _set("contracts", "levies_per_kwh", "tax", to=[0.1, 0.1, float("nan"), 0.1]),
        "the levy tax has no usable number in step 2 at 08:30 (1 in all); fill it",
    ),
    "a need below nothing": (
        _set("carriers", "warm", "need", to=[1, 1, -2, 1]),
        "the need for warm is -2 in step 2 at 08:30; it must be a number not below zero",
    ),
    "a demand window of a year": (
        _set("contracts", "demand", 0, "window_min", to=525600),
        "contracts.demand.0.window_min: Input should be less than or equal to 1440",
    ),
    "leaks without end": (
        _set("setpoints", "leaks_m3_min", to=float("inf")),
        "leaks_m3_min: Input should be a",
    ),
    "water as hot as steel": (
        _set("setpoints", "water", 0, "condenser_c", to=1500),
        "1500 °C is no temperature",
    ),
    "a level of another length": (
        _set("setpoints", "water", 1, "permitted", to=[True]),
        "permitted of the water at 9 °C has 1 values, the case has 4 steps; both must agree",
    ),
    "a level of no chiller": (
        _set("setpoints", "water", 1, "power_frac", to={"chiller9": 0.9}),
        "the water temperatures name chiller9, which is no chiller of the case",
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_nonsense_in_a_plant_is_refused_where_it_stands(small: dict[str, Any], name: str) -> None:
    change, words = SMALL[name]
    assert _judged(small) == ""
    change(small)
    assert words in _judged(small)


@pytest.mark.parametrize("name", HUB)
def test_nonsense_in_contracts_and_carriers_is_refused_where_it_stands(
    hub: dict[str, Any], name: str
) -> None:
    change, words = HUB[name]
    assert _judged(hub) == ""
    change(hub)
    assert words in _judged(hub)


@pytest.mark.timeout(90)
def test_defaults_that_are_written_out_change_nothing(hub: dict[str, Any], tmp_path: Path) -> None:
    written = PlantCase.model_validate(hub).model_dump(mode="json")
    assert _judged(written) == ""
    assert _planned(written, tmp_path)["plan"] == _planned(hub, tmp_path)["plan"]
