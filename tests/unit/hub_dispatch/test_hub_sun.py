"""PV and inverters that somebody holds are planned as held, those nobody can tell as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.events import GAP_S
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, Snapshot
from hub.dispatch.solving import Accepted, Task, solve_task
from hub.dispatch.supplied import Used
from hub.dispatch.tasks import task_of
from hub.registry.site import Mode, Modes
from optimizer.planning import PlanningFile
from optimizer.written import read
from protocols.write_block import WriteLimits
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, accepted, in_force, site, snapshot, told

pytestmark = pytest.mark.timeout(120)
LIMIT, KVAR = "pv1/limit_set_frac", "pv1/reactive_set_kvar"
SOON_NS = NOW_NS + 5 * 10**9


def _limited(**changed: object) -> DispatchSite:
    own = site().limits[LIMIT].model_dump() | changed
    return replace(site(), limits={**site().limits, LIMIT: WriteLimits.model_validate(own)})


def _task(of: DispatchSite, look: Snapshot, memory: core.Memory | None = None) -> Task:
    memory, decision = core.step(of, memory or core.Memory(), look, look.now_ns)
    return task_of(of, memory, decision, look)


def _sunny(task: Task) -> Task:
    """The same on a bright day, on which feeding in costs money."""
    sun = np.where((np.arange(96) >= 0) & (np.arange(96) < 24), 900.0, 0.0)
    tariff, emissions = task.supply
    at_a_loss = tariff.model_copy(update={"export_per_kwh": -0.3})
    outlook = replace(task.outlook, irradiance_w_m2=sun, process_kw=np.full(96, 20.0))
    return replace(task, outlook=outlook, supply=(at_a_loss, emissions), power_kw={})


def _pv_kw(made: Accepted) -> tuple[np.ndarray, np.ndarray]:
    """What the plan has it give, and what the sky could, where it gives more than nothing."""
    sky_kw = made.pv_kw
    return made.plan.machines["pv1"].level[sky_kw > 1.0], sky_kw[sky_kw > 1.0]


def test_a_limit_that_a_person_holds_is_planned_and_run_forward_by_both() -> None:
    look = replace(snapshot(SOON_NS), held={LIMIT: 0.3})
    memory, decision = core.step(site(), in_force(), look, SOON_NS)
    assert decision.seen.machines["pv1"].availability is Availability.HELD
    assert decision.replan == "pv1 was free, is held"
    assert LIMIT not in told(decision)
    task = task_of(site(), memory, decision, look)
    assert (task.now.pv.follows, task.now.pv.limit_frac) == (False, 0.3)
    assert any("is held at 30%" in note.en for note in task.notes)
    made = solve_task(_sunny(task))
    planned_kw, _ = _pv_kw(made)
    assert planned_kw == pytest.approx(np.full(len(planned_kw), 0.3 * 440.0))
    for day in (made.simulated, made.baseline):
        assert np.abs(day.machine_kw["pv1"]).max() == pytest.approx(0.3 * 440.0)


def test_another_limit_and_a_reactive_power_that_somebody_takes_ask_for_a_plan() -> None:
    memory, _ = core.step(site(), in_force(), replace(snapshot(SOON_NS), held={LIMIT: 0.3}), SOON_NS)
    memory = core.planned(memory, accepted())
    at_ns = SOON_NS + round(GAP_S * 1e9)
    memory, decision = core.step(site(), memory, replace(snapshot(at_ns), held={LIMIT: 0.6}), at_ns)
    assert decision.replan == "pv1 is held at something else"
    memory = core.planned(memory, accepted())
    at_ns += round(GAP_S * 1e9)
    both = replace(snapshot(at_ns), held={LIMIT: 0.6, KVAR: 50.0})
    assert core.step(_reactive(), memory, both, at_ns)[1].replan == "pv1 is held at something else"


@pytest.mark.parametrize(
    ("of", "follows", "noted"),
    [
        (site, True, False),
        (lambda: _limited(levels=["operator"]), False, True),
        (lambda: replace(site(), modes=Modes("auto", {"pv1": "advice"})), False, False),
        (lambda: replace(site(), modes=Modes("auto", {"pv1": "off"})), False, False),
        (lambda: replace(site(), modes=Modes("advice")), True, False),
    ],
    ids=["auto", "kept for operators", "advice beside auto", "off", "advice everywhere"],
)
def test_pv_is_curtailed_only_where_it_can_be_told(
    of: Callable[[], DispatchSite], *, follows: bool, noted: bool
) -> None:
    task = _task(of(), snapshot())
    assert task.now.pv.follows is follows
    assert any("is not curtailed by plans" in note.en for note in task.notes) is noted
    planned_kw, sky_kw = _pv_kw(solve_task(_sunny(task)))
    assert bool((planned_kw < sky_kw - 1.0).any()) is follows


def test_pv_is_curtailed_to_no_less_than_its_write_limits_allow() -> None:
    free_kw, _ = _pv_kw(solve_task(_sunny(_task(site(), snapshot()))))
    assert free_kw.min() < 0.85 * 440.0
    task = _task(_limited(low=0.85), snapshot())
    assert task.now.pv.least_frac == 0.85
    planned_kw, sky_kw = _pv_kw(solve_task(_sunny(task)))
    assert (planned_kw >= np.minimum(sky_kw, 0.85 * 440.0) - 0.01).all()


def _reactive() -> DispatchSite:
    sheet = site().plant.flowsheet
    unit = sheet.units["pv1"]
    bindings = {**unit.bindings, "reactive_set_kvar": KVAR, "reactive_kvar": "pv1/reactive_kvar"}
    bound = unit.model_copy(update={"bindings": bindings})
    plant = replace(
        site().plant,
        flowsheet=sheet.model_copy(update={"units": {**sheet.units, "pv1": bound}}),
        pv=cast(Any, bound),
    )
    own = site().limits[LIMIT].model_dump()
    limits = WriteLimits.model_validate(
        own | {"point": "reactive_set_kvar", "unit": "kvar", "low": -500.0, "high": 500.0}
    )
    said = {
        "point": "meter_main/reactive_kvar",
        "inverter_kva": 500.0,
        "factor_least": 0.95,
        "per_kvarh": 0.05,
    }
    planning = PlanningFile.model_validate({"reactive": said})
    return replace(site(), plant=plant, limits={**site().limits, KVAR: limits}, planning=planning)


@pytest.mark.parametrize(
    ("held", "mode", "kva", "given"),
    [
        ({}, "auto", 500.0, 0.0),
        ({KVAR: 120.0}, "auto", 0.0, 120.0),
        ({KVAR: None}, "auto", 0.0, 80.0),
        ({LIMIT: 0.5}, "auto", 0.0, 80.0),
        ({}, "off", 0.0, 80.0),
    ],
)
def test_inverters_that_take_no_orders_give_what_they_give_and_nothing_is_planned_for_them(
    held: dict[str, float | None], mode: Mode, kva: float, given: float
) -> None:
    used = Used(month_kwh=1000.0, month_kvarh=900.0, need_kvar=np.full(96, 300.0))
    of = replace(_reactive(), modes=Modes("auto", {"pv1": mode}))
    look = replace(snapshot(values={"pv1/reactive_kvar": 80.0}), used=used, held=held)
    task = _task(of, look)
    assert task.beside.inverter_kva == kva
    assert task.beside.need_kvar == pytest.approx(np.full(96, 300.0 - given))
    made = solve_task(task)
    problem, plan = read(made.made)
    assert problem.supply.reactive is not None
    assert bool(plan.setpoints["inverter_kvar"].any()) is (kva > 0.0)
    memory, decision = core.step(of, core.planned(core.Memory(), made), look, NOW_NS)
    assert (KVAR in told(decision)) is (kva > 0.0 or KVAR in held)
    assert memory.plan is made
