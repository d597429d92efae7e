from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.dispatch import core
from hub.dispatch.report import row_of
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import Accepted, Task, solve_task
from hub.dispatch.tasks import task_of
from hub.registry.planning_file import load_planning
from hub.registry.site import Mode, Modes
from optimizer.check import check
from optimizer.choices import with_choices
from optimizer.compile import compile_problem
from optimizer.dispatch import plan_day
from optimizer.explain import explain
from optimizer.planning import PlanningFile
from optimizer.solve import Feasible, Optimal
from optimizer.written import read
from plant.flowsheet import Flowsheet
from plant.state import compile_plant
from protocols.errors import ConfigError
from protocols.write_block import WriteLimits
from tests.unit.hub_dispatch.dispatch_day import CONFIG, NOW_NS, snapshot, told
from tests.unit.hub_dispatch.dispatch_day import site as demo

pytestmark = pytest.mark.timeout(120)
PLANNING = {
    "chilled_water": {"supply_c": [7, 8, 9, 10]},
    "pressure": {"bar_g": [6.6, 6.65, 6.7, 6.8], "least_bar_g": 6.2},
}
TOWER = {
    "kind": "cooling_tower", "electricity_node": "main_bus", "fan_kw": 30.0,
    "bindings": {"condenser_set_c": "tower1/condenser_set_c"},
}  # fmt: skip


def _site(planning: object = None, **changed: object) -> DispatchSite:
    point = "comp4/pressure_set_bar_g"
    own = demo().limits[point].model_copy(update={"levels": ("operator", "optimiser")})
    found = replace(
        demo(),
        planning=PlanningFile.model_validate(PLANNING if planning is None else planning),
        limits={**demo().limits, point: own},
    )
    return replace(found, **changed)  # type: ignore[arg-type]  # fields by their names


def _with_tower() -> tuple[DispatchSite, Snapshot]:
    """The demo with towers of its own that take a set-point, and a loop whose air handler minds its water."""
    sheet = yaml.safe_load((CONFIG / "sites/demo/flowsheet.yaml").read_text())
    sheet["units"]["tower1"] = TOWER
    sheet["units"]["ahu1"] |= {"fan_supply_c": 7.0, "fan": {"kind": "piecewise", "x": [0, 900], "y": [2, 60]}}
    limits = demo().limits["chiller1/supply_set_c"]
    tower = WriteLimits.model_validate(
        limits.model_dump() | {"point": "condenser_set_c", "low": 18.0, "high": 30.0}
    )
    water = {"condenser_water": {"supply_c": [18, 20, 22, 26]}, **PLANNING}
    site = _site(
        water,
        plant=compile_plant(Flowsheet.model_validate(sheet)),
        limits={**_site().limits, "tower1/condenser_set_c": tower},
        edges={**demo().edges, "tower1": "edge1"},
    )
    seen = snapshot()
    return site, replace(seen, links={**seen.links, "tower1": "up"})


def _task(site: DispatchSite, seen: Snapshot | None = None) -> Task:
    seen = seen or snapshot()
    memory, decision = core.step(site, core.Memory(), seen, NOW_NS)
    return task_of(site, memory, decision, seen)


def _checked(task: Task, accepted: Accepted) -> None:
    """Every declared limit and the curves at the levels, by the independent check."""
    problem, plan = read(accepted.made)
    assert check(problem, plan) == []
    exact = plan.binary_steps
    bar_g = plan.setpoints.get("air_bar_g")
    if bar_g is not None:
        assert set(bar_g) <= {*task.choices.pressure_bar_g, 6.65}
        assert (bar_g >= task.choices.least_bar_g - 1e-9).all()
    water = accepted.plan.setpoints.get("chilled_water_c")
    if water is not None and task.choices.humid is not None:
        wet_bulb_c, most_c = task.choices.humid
        damp = task.outlook.wet_bulb_c[:exact] > wet_bulb_c
        assert (water[:exact][damp] <= most_c).all()


def test_levels_are_planned_told_and_explained() -> None:
    site = _site()
    task = _task(site)
    assert task.choices.supply_c == (7.0, 8.0, 9.0, 10.0)
    assert task.choices.set_by == ("comp4",)
    accepted = solve_task(task)
    _checked(task, accepted)
    memory = core.planned(core.Memory(), accepted)
    values = told(core.step(site, memory, snapshot(), NOW_NS)[1])
    assert values["comp4/pressure_set_bar_g"] == pytest.approx(accepted.plan.setpoints["air_bar_g"][0])
    assert values["chiller1/supply_set_c"] <= accepted.plan.setpoints["chilled_water_c"][0]
    shown = {one["name"]: one for one in row_of(site, accepted, NOW_NS, 1).body["setpoints"]}
    assert shown["air_bar_g"]["devices"] == ["comp4"]
    assert len(shown["chilled_water_c"]["values"]) == accepted.plan.steps
    why = explain(*read(accepted.made), ("comp4", 0))
    assert "network pressure is at 6.60 bar(g)" in why.sentence.en
    assert "管网压力取 6.60 bar(g)" in why.sentence.zh
    extra = next(one.value for one in why.figures if one.name == "air_bar_g_extra_kw")
    assert extra is not None
    assert extra > 0.0


def test_a_site_without_the_file_plans_as_before() -> None:
    task = _task(demo())
    assert task.choices.names == frozenset()
    assert solve_task(task).plan.setpoints == {}


def test_a_lower_pressure_saves_what_the_forward_run_finds_too() -> None:
    plain, chosen = solve_task(_task(demo())), solve_task(_task(_site()))
    assert chosen.simulated.total < plain.simulated.total
    assert chosen.simulated.air_unmet_m3 == pytest.approx(plain.simulated.air_unmet_m3, abs=1e-6)
    for use in chosen.curves:
        assert use["worst_frac"] < 0.03


def test_chilled_and_condenser_water_and_machines_are_chosen_together() -> None:
    site, seen = _with_tower()
    task = _task(site, seen)
    assert task.choices.condenser_c == (18.0, 20.0, 22.0, 26.0)
    accepted = solve_task(task)
    _checked(task, accepted)
    values = told(core.step(site, core.planned(core.Memory(), accepted), seen, NOW_NS)[1])
    assert values["tower1/condenser_set_c"] == accepted.plan.setpoints["condenser_water_c"][0]
    assert len(set(accepted.plan.setpoints["chilled_water_c"])) >= 1
    why = explain(*read(accepted.made), ("chiller1", 0))
    assert {"chilled_water_c", "condenser_water_c"} <= {one.name for one in why.figures}


def test_the_levels_chosen_are_the_best_of_all_of_them() -> None:
    site, seen = _with_tower()
    task = _task(site, seen)
    found = _cost(task)
    alone = [
        _cost(replace(task, choices=replace(task.choices, supply_c=(cold,), condenser_c=(warm,))))
        for cold in task.choices.supply_c[::2]
        for warm in task.choices.condenser_c[::3]
    ]
    assert found <= min(alone) * (1.0 + 1e-4)
    assert max(alone) > found * 1.001


def _cost(task: Task) -> float:
    problem = compile_problem(task.plant, task.outlook, task.now, task.supply)
    outcome = plan_day(with_choices(problem, task.plant, task.outlook, task.choices))
    assert isinstance(outcome, Optimal | Feasible)
    plan = outcome.plan
    return plan.cost.total + sum(plan.charges.values()) - float(plan.machines["battery1"].level[-1]) * 0.15


def test_only_points_with_limits_and_levels_inside_them_are_chosen() -> None:
    site = _site()
    none = {name: one for name, one in site.limits.items() if name != "chiller2/supply_set_c"}
    task = _task(replace(site, limits=none))
    assert task.choices.supply_c == ()
    assert any("chiller2/supply_set_c has no write limits" in note.en for note in task.notes)
    narrow = site.limits["comp4/pressure_set_bar_g"]
    less = WriteLimits.model_validate(narrow.model_dump() | {"low": 6.64})
    task = _task(replace(site, limits={**site.limits, "comp4/pressure_set_bar_g": less}))
    assert task.choices.pressure_bar_g == (6.65, 6.7, 6.8)


def test_a_point_that_is_kept_for_people_is_neither_chosen_nor_told() -> None:
    task = _task(_site(limits=demo().limits))
    assert task.choices.pressure_bar_g == ()
    assert any("no compressor can be told one" in note.en for note in task.notes)
    memory = core.planned(core.Memory(), solve_task(_task(_site())))
    values = told(core.step(_site(limits=demo().limits), memory, snapshot(), NOW_NS)[1])
    assert "comp4/pressure_set_bar_g" not in values
    assert "chiller1/supply_set_c" in values


@pytest.mark.parametrize(
    ("changed", "supply_c"),
    [
        ({"chiller1/local_mode_code": 1.0, "chiller1/state_code": 2.0}, ()),
        ({"chiller2/state_code": 3.0}, (7.0, 8.0, 9.0, 10.0)),
        ({"chiller2/local_mode_code": 1.0}, (7.0, 8.0, 9.0, 10.0)),
    ],
)
def test_a_machine_that_runs_and_cannot_be_told_leaves_no_choice_one_that_stands_does(
    changed: dict[str, float], supply_c: tuple[float, ...]
) -> None:
    assert _task(_site(), snapshot(values=changed)).choices.supply_c == supply_c


def test_what_a_person_holds_is_planned_as_held() -> None:
    seen = replace(snapshot(), held={"chiller1/supply_set_c": 8.0})
    task = _task(_site(), seen)
    assert task.choices.supply_c == (8.0,)
    assert set(solve_task(task).plan.setpoints["chilled_water_c"]) == {8.0}
    nobody_knows = replace(snapshot(), held={"chiller1/supply_set_c": None})
    assert _task(_site(), nobody_knows).choices.supply_c == ()


def test_a_machine_that_waits_for_a_person_keeps_what_it_has_until_the_next_step() -> None:
    site = _site(modes=Modes("auto", {"chiller1": "approve", "chiller2": "approve", "comp4": "approve"}))
    task = _task(site, snapshot(values={"chiller1/supply_set_c": 7.5, "chiller2/supply_set_c": 7.5}))
    assert task.choices.held == {"chilled_water_c": (7.5,)}
    assert task.choices.pressure_bar_g == ()
    plan = solve_task(task).plan
    assert plan.setpoints["chilled_water_c"][0] == 7.5
    assert 7.5 not in plan.setpoints["chilled_water_c"][4:]


@pytest.mark.parametrize("mode", ["off", "advice"])
def test_nothing_is_told_where_the_site_does_not_command(mode: Mode) -> None:
    site = _site(modes=Modes(mode, {}))
    memory = core.planned(core.Memory(), solve_task(_task(_site())))
    assert told(core.step(site, memory, snapshot(), NOW_NS)[1]) == {}


@given(
    levels=st.lists(
        st.sampled_from([6.0, 7.0, 7.5, 8.0, 9.0, 9.5, 10.0]), min_size=2, max_size=4, unique=True
    ),
    bars=st.lists(st.sampled_from([6.45, 6.5, 6.6, 6.7, 6.9, 7.1]), min_size=2, max_size=4, unique=True),
    least=st.sampled_from([6.0, 6.3, 6.45]),
    humid=st.sampled_from([None, (3.2, 8.0), (-20.0, 7.0)]),
    kept=st.sampled_from([{}, {"chilled_water_c": (9.0,) * 4}, {"condenser_water_c": (22.0,) * 2}]),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_declared_limit_is_broken_whatever_there_is_to_choose(
    levels: list[float],
    bars: list[float],
    least: float,
    humid: tuple[float, float] | None,
    kept: dict[str, tuple[float, ...]],
) -> None:
    site, seen = _with_tower()
    task = _task(site, seen)
    choices = replace(
        task.choices,
        supply_c=tuple(sorted(levels)),
        pressure_bar_g=tuple(sorted(bars)),
        least_bar_g=least,
        humid=humid,
        kept=kept,
    )
    damp = np.linspace(0.0, 22.0, task.outlook.steps)
    task = replace(
        task, choices=choices, outlook=replace(task.outlook, wet_bulb_c=damp, outdoor_c=damp + 4.0)
    )
    problem = compile_problem(task.plant, task.outlook, task.now, task.supply)
    problem = with_choices(problem, task.plant, task.outlook, choices)
    outcome = plan_day(problem)
    assert isinstance(outcome, Optimal | Feasible)
    assert check(problem, outcome.plan) == []


@pytest.mark.parametrize(
    ("planning", "field"),
    [
        ("condenser_water: {supply_c: [20, 24]}", "condenser_water: the flowsheet has no cooling_tower"),
        (
            "chilled_water:\n  supply_c: [5, 8]",
            ":2: chilled_water.supply_c: found 5 °C, chiller1 takes 6 … 10 °C",
        ),
        ("pressure: {bar_g: [6.2, 6.6], least_bar_g: 6.0}", "allowed are 6.6 … 6.9"),
        ("pressure: {bar_g: [6.5, 6.6], least_bar_g: 5.0}", "the network needs 6 bar g"),
        ("chilled_water: {supply_c: [8, 7]}", "levels must rise"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_plant_words(tmp_path: Path, planning: str, field: str) -> None:
    place = tmp_path / "sites" / "demo" / "planning.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(planning + "\n")
    with pytest.raises(ConfigError) as error:
        load_planning(tmp_path, "demo", demo().plant)
    assert field in str(error.value)
    assert str(place) in str(error.value)
