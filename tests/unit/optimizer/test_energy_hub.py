"""The case file that has every kind of machine and contract, and files that are wrong in one thing."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from ems.optimize_cli import app
from optimizer.cases.plant_case import PlantCase
from optimizer.cases.plant_problem import problem_of_plant
from plant.eir import EirCurve
from protocols.errors import ConfigError, SolveError
from tests.unit.optimizer.features import planned

EXAMPLE = Path(__file__).parents[3] / "configs" / "cases" / "energy-hub.yaml"
RUN = CliRunner()


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    plain = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert isinstance(plain, dict)
    return plain


def _told(case: Path) -> dict[str, Any]:
    done = RUN.invoke(app, ["dispatch", str(case), "--json", "--gap-pct", "0.5"])
    assert done.exit_code == 0, done.stdout
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said


@pytest.mark.timeout(90)
def test_the_example_is_planned_kept_and_the_order_of_its_parts_changes_nothing(
    example: dict[str, Any], tmp_path: Path
) -> None:
    short = example | {"exact_steps": 4}
    turned = deepcopy(short)
    turned["machines"].reverse()
    turned["contracts"]["demand"].reverse()
    turned["setpoints"]["water"].reverse()
    turned["setpoints"]["pressure"].reverse()
    turned["machines"][0]["cars"].reverse()
    path, other = tmp_path / "case.yaml", tmp_path / "turned.yaml"
    path.write_text(yaml.safe_dump(short), encoding="utf-8")
    other.write_text(yaml.safe_dump(turned), encoding="utf-8")
    said, again = _told(path), _told(other)
    assert said["status"] == "optimal"
    assert said["not_kept"] == []
    assert said["plan"]["shortages"] == []
    assert said["plan"] == again["plan"]
    assert {machine["kind"] for machine in said["plan"]["machines"].values()} == {
        "compressor", "chiller", "battery", "store", "boiler", "pv", "converter", "chp", "load",
    }  # fmt: skip
    assert set(said["plan"]["setpoints"]) == {
        "air_bar_g",
        "chilled_water_c",
        "condenser_water_c",
        "inverter_kvar",
    }


def _converter(kind: str, takes: dict[str, list[float]], gives: dict[str, list[float]]) -> dict[str, Any]:
    return {"kind": kind, "name": "x", "takes": takes, "gives": gives}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "teleporter", "name": "x"}, "teleporter"),
    (_converter("heat_pump", {"warm": [1]}, {"heat": [2]}), "take electric"),
    (_converter("converter", {"electric": [1]}, {"heat": [1, 2]}), "same number of corners"),
    (_converter("converter", {"heat": [1]}, {"heat": [1]}), "each of them once"),
    (_converter("electric_boiler", {"electric": [1]}, {}), "must give something"),
    ({"kind": "chp_polygon", "name": "x", "corners": [[0, 0], [1, 1]], "fuel": [[1, 2, 3]]}, "at least 3"),
    ({"kind": "shiftable_load", "name": "x", "energy_kwh": -1, "power_kw": 1}, "greater than or equal to 0"),
]


@pytest.mark.parametrize(("machine", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_machine_that_is_none_is_refused_with_its_reason(
    example: dict[str, Any], tmp_path: Path, machine: dict[str, Any], words: str
) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(example | {"machines": [machine]}), encoding="utf-8")
    done = RUN.invoke(app, ["dispatch", str(path)])
    assert isinstance(done.exception, ConfigError)
    assert words in str(done.exception)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"takes": {"electric": [5, 3]}, "gives": {"heat": [9, 9]}}, "no carrier of x rises"),
    (
        {"takes": {"electric": [5]}, "gives": {"heat": [9]}, "available_frac": [1, 2]},
        "available_frac of x has 2",
    ),
    ({"takes": {"electric": [5]}, "gives": {"heat": [9]}, "available_frac": -1}, "numbers not below zero"),
]


@pytest.mark.parametrize(("machine", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_a_converter_that_does_not_fit_the_window_is_refused(
    example: dict[str, Any], machine: dict[str, Any], words: str
) -> None:
    case = PlantCase.model_validate(example | {"machines": [{"kind": "converter", "name": "x", **machine}]})
    with pytest.raises(SolveError, match=words):
        problem_of_plant(case)


def test_a_share_of_nothing_holds_a_converter_off(example: dict[str, Any]) -> None:
    machine = {"kind": "free_cooling", "name": "x", "takes": {"electric": [5]}, "gives": {"cooling": [100]}}
    share = [0.0, 0.5, *[1.0] * 10]
    case = PlantCase.model_validate(
        example | {"machines": [machine | {"available_frac": share}], "setpoints": {}}
    )
    one = problem_of_plant(case).converters[0]
    assert one.commitment.lock is not None
    assert one.commitment.lock.tolist() == [0, *[-1] * 11]
    assert one.level[:, -1].tolist() == [100.0, 50.0, *[100.0] * 10]


def test_vanes_that_close_no_further_blow_off_at_their_power(example: dict[str, Any]) -> None:
    case = PlantCase.model_validate(example)
    machine = next(one for one in problem_of_plant(case).compressors if one.name == "comp2")
    assert machine.flow_m3_min.tolist() == [0.0, 12.0, 14.0, 20.0]
    assert machine.power_kw[0] == machine.power_kw[1] == pytest.approx(50.0 + 34.0 * 5.0 / 7.0)


def test_water_that_names_no_chiller_is_refused(example: dict[str, Any]) -> None:
    water = [{"chilled_c": 7, "condenser_c": 28, "power_frac": {"chiller9": 0.9}}]
    case = PlantCase.model_validate(example | {"setpoints": {"water": water}})
    with pytest.raises(SolveError, match="chiller9, which is no chiller"):
        problem_of_plant(case)


EIR = {
    "capacity_kw": 600,
    "cop": 5.5,
    "supply_c": 7.0,
    "condenser_c": 29.4,
    "capft": [0.254728043, 0.038406624, -0.000214248, 0.046305158, -0.00093104, -0.00033865],
    "eirft": [0.944795486, -0.058872682, 0.004552011, 0.002458086, 0.000491617, -0.001229043],
    "eirfplr": [0.2, 0.35, 0.45],
}


def _eir_case(example: dict[str, Any], **changed: Any) -> PlantCase:  # noqa: ANN401  fields of a file
    machine = {"kind": "eir_chiller", "name": "chiller1", "eir": EIR, "auxiliary_kw": 10} | changed
    plain = {"kind": "plant", "start": example["start"], "steps": 2, "prices": {"import_per_kwh": 0.8}}
    water = [{"chilled_c": 7, "condenser_c": c, "pumps_kw": p} for c, p in ((29, 0), (22, 4), (40, 0))]
    plain |= {"needs": {"cooling_kw": 400}, "machines": [machine], "setpoints": {"water": water}}
    return PlantCase.model_validate(plain)


def test_a_chiller_by_eir_curves_is_asked_at_every_pair_of_temperatures(example: dict[str, Any]) -> None:
    problem = problem_of_plant(_eir_case(example))
    eir = EirCurve.model_validate(EIR)
    levels = problem.cooling_levels
    assert levels is not None
    assert levels.condenser_c == (22.0, 29.0, 40.0)
    assert levels.allowed[:, 0].tolist() == [True, True, False]
    load, power = levels.load_kw["chiller1"][0, 0], levels.power_kw["chiller1"][0, 0]
    assert power.tolist() == pytest.approx([eir.power_kw(float(at), 7.0, 22.0) + 10.0 for at in load])
    plan = planned(problem)
    assert plan.setpoints["condenser_water_c"].tolist() == [22.0, 22.0]
    wanted_kw = eir.power_kw(400.0, 7.0, 22.0) + 10.0
    assert plan.machines["chiller1"].power_kw[0] == pytest.approx(wanted_kw, rel=5e-3)


def test_a_machine_keeps_its_least_lift_however_cold_the_tower_is(example: dict[str, Any]) -> None:
    problem = problem_of_plant(_eir_case(example, lift_least_k=20.0))
    levels = problem.cooling_levels
    assert levels is not None
    power = levels.power_kw["chiller1"]
    eir = EirCurve.model_validate(EIR)
    assert power[0, 0, -1] == pytest.approx(eir.full_power_kw(7.0, 27.0) + 10.0)


def test_factors_that_miss_one_are_told_with_the_plan_or_refused(example: dict[str, Any]) -> None:
    near = EIR | {"eirfplr": [0.2, 0.35, 0.455]}
    plan = planned(problem_of_plant(_eir_case(example, eir=near)))
    assert any("chiller1: EIRFPLR at rating is 1.0050" in note.en for note in plan.notes)
    with pytest.raises(ValidationError, match=r"EIRFPLR at rating is 1\.0500"):
        _eir_case(example, eir=EIR | {"eirfplr": [0.25, 0.35, 0.45]})
    with pytest.raises(SolveError, match="temperatures of chiller1 must be numbers"):
        problem_of_plant(_eir_case(example, condenser_c=float("nan")))


def test_pressure_takes_power_by_the_bar_and_leaks_by_absolute_pressure(example: dict[str, Any]) -> None:
    setpoints = {
        "pressure": [{"bar_g": 6.0}, {"bar_g": 7.0}],
        "leaks_m3_min": 4.0,
        "power_per_bar_frac": 0.08,
    }
    levels = problem_of_plant(PlantCase.model_validate(example | {"setpoints": setpoints})).air_levels
    assert levels is not None
    assert levels.power_frac == pytest.approx((0.92, 1.0))
    assert levels.need_m3_min[:, 0] == pytest.approx([-4.0 * 1.0 / 8.0, 0.0], abs=0.01)
    told = {"pressure": [{"bar_g": 6.0, "power_frac": 0.9, "extra_m3_min": -1.0}], "curve_bar_g": 7.0}
    levels = problem_of_plant(PlantCase.model_validate(example | {"setpoints": told})).air_levels
    assert levels is not None
    assert (levels.power_frac, levels.need_m3_min[0, 0]) == ((0.9,), -1.0)
