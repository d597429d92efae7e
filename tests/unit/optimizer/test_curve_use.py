from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optimizer.compile import compile_problem
from optimizer.curve_use import CurveUse, curve_notes, curve_uses
from optimizer.dispatch import plan_day
from optimizer.outlook import MachineNow, Outlook, PlantNow
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.simulate import simulate_plan
from optimizer.solve import Feasible, Optimal
from optimizer.tariff import Emissions, Tariff
from plant.flowsheet import Flowsheet
from plant.state import Plant, compile_plant
from plant.units.compressor import VsdCompressor
from plant.units.cooling import Chiller
from protocols.errors import ConfigError
from runtime.yaml_config import load_config
from tests.unit.plant.learnt_curves import dearer

CONFIGS = Path(__file__).parents[3] / "configs"
NOW = PlantNow(machines={"comp4": MachineNow(on=True), "chiller1": MachineNow(on=True)}, month_peak_kw=800.0)
STEPS = 6


def _flowsheet() -> Flowsheet:
    return load_config(CONFIGS / "sites/demo/flowsheet.yaml", Flowsheet)


def _outlook() -> Outlook:
    return Outlook(
        start_ns=1_770_678_000 * 10**9,
        process_kw=np.full(STEPS, 400.0),
        air_m3_min=np.linspace(12.0, 24.0, STEPS),
        cooling_kw=np.linspace(300.0, 520.0, STEPS),
        heat_kw=np.full(STEPS, 150.0),
        outdoor_c=np.linspace(22.0, 33.0, STEPS),
        wet_bulb_c=np.linspace(18.0, 25.0, STEPS),
        irradiance_w_m2=np.full(STEPS, 200.0),
    )


def _supply() -> tuple[Tariff, Emissions]:
    return (
        load_config(CONFIGS / "tariffs/demo.yaml", Tariff),
        load_config(CONFIGS / "emissions/demo.yaml", Emissions),
    )


def _planned(plant: Plant) -> tuple[DispatchProblem, Plan]:
    problem = compile_problem(plant, _outlook(), NOW, _supply())
    outcome = plan_day(problem)
    assert isinstance(outcome, Optimal | Feasible)
    return problem, outcome.plan


def _uses(plant: Plant) -> dict[str, CurveUse]:
    problem, plan = _planned(plant)
    return {use.machine: use for use in curve_uses(plant, _outlook(), problem, plan)}


@pytest.fixture(scope="module")
def nominal() -> dict[str, CurveUse]:
    return _uses(compile_plant(_flowsheet()))


def test_a_nominal_plan_is_held_against_the_true_curves(nominal: dict[str, CurveUse]) -> None:
    assert set(nominal) == {"comp1", "comp2", "comp3", "comp4", "chiller1", "chiller2"}
    assert {use.version for use in nominal.values()} == {0}
    for use in nominal.values():
        assert 0.0 <= use.corner_error_frac < (0.03 if use.machine.startswith("chiller") else 0.25)
        assert 0.0 <= use.worst_frac < 0.15
        assert use.outside_steps == 0
        if use.planned_kwh > 0.0:
            assert use.curve_kwh == pytest.approx(use.planned_kwh, rel=0.05)


def test_a_learnt_curve_is_what_plan_simulation_and_check_of_curves_read() -> None:
    flowsheet = _flowsheet()
    vsd = flowsheet.units["comp4"]
    assert isinstance(vsd, VsdCompressor)
    plant = compile_plant(flowsheet, {"comp4": dearer(vsd, 1.08)})
    plain = compile_plant(flowsheet)
    asked, before = (compile_problem(one, _outlook(), NOW, _supply()) for one in (plant, plain))
    place = plant.compressor_ids.index("comp4")
    assert asked.compressors[place].power_kw == pytest.approx(1.08 * before.compressors[place].power_kw)
    money = (asked.prices, 7.8)
    dear, cheap = (simulate_plan(one, _outlook(), NOW, money, None).cost.energy for one in (plant, plain))
    assert dear > cheap
    used = _uses(plant)["comp4"]
    assert used.version == 2
    assert used.curve_kwh == pytest.approx(used.planned_kwh, rel=0.05)


def test_a_plan_beyond_what_was_learnt_says_so_for_machine_quantity_and_steps() -> None:
    flowsheet = _flowsheet()
    chiller = flowsheet.units["chiller1"]
    assert isinstance(chiller, Chiller)
    narrow = dearer(chiller, 0.9, cooling_kw=(100.0, 600.0), condenser_c=(15.0, 24.0))
    plant = compile_plant(flowsheet, {"chiller1": narrow})
    problem, plan = _planned(plant)
    uses = curve_uses(plant, _outlook(), problem, plan)
    used = next(use for use in uses if use.machine == "chiller1")
    on = int(plan.machines["chiller1"].on.sum())
    assert 0 < used.outside_steps <= on
    assert used.outside == ("condenser_c",)
    said = next(text for text in curve_notes(uses, plan.steps) if "chiller1" in text.en)
    assert f"{used.outside_steps} of {STEPS} steps" in said.en
    assert "冷凝温度" in said.zh
    inside = compile_plant(flowsheet, {"chiller1": dearer(chiller, 0.9, condenser_c=(5.0, 45.0))})
    assert _uses(inside)["chiller1"].outside_steps == 0


def test_corners_far_beside_the_curve_are_told() -> None:
    flowsheet = _flowsheet()
    plant = compile_plant(flowsheet)
    problem, plan = _planned(plant)
    bent = replace(
        problem.chillers[0],
        load_kw=problem.chillers[0].load_kw[:, [0, -1]],
        power_kw=problem.chillers[0].power_kw[:, [0, -1]],
    )
    coarse = replace(problem, chillers=(bent, *problem.chillers[1:]))
    outcome = plan_day(coarse)
    assert isinstance(outcome, Optimal | Feasible)
    fine, rough = (
        next(use for use in curve_uses(plant, _outlook(), *both) if use.machine == "chiller1")
        for both in ((problem, plan), (coarse, outcome.plan))
    )
    assert rough.corner_error_frac > 0.03 > fine.corner_error_frac
    assert rough.worst_frac > fine.worst_frac
    said = curve_notes((replace(rough, worst_frac=0.06),), STEPS)
    assert [text.en for text in said] == [
        "planned points of chiller1 lie up to 6.0 % of full power beside its curve"
    ]


def test_a_curve_of_no_unit_or_another_kind_is_refused_with_what_to_do() -> None:
    flowsheet = _flowsheet()
    vsd = flowsheet.units["comp4"]
    assert isinstance(vsd, VsdCompressor)
    with pytest.raises(ConfigError) as refused:
        compile_plant(flowsheet, {"comp9": dearer(vsd), "chiller1": dearer(vsd)})
    said = str(refused.value)
    assert "curves.comp9" in said
    assert "curves.chiller1" in said
    assert "take it out" in said
