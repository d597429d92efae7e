"""One compressor of the station regulates, also where some follow another plan than the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.dispatch import core
from hub.dispatch.snapshot import MachineSeen
from hub.dispatch.solving import Accepted
from hub.registry.site import Modes
from optimizer.plan import Role
from plant.units.compressor import ROLE_BASE, ROLE_STANDBY, ROLE_TRIM
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, accepted, in_force, site, snapshot, told

pytestmark = pytest.mark.timeout(60)
CODES = {"standby": ROLE_STANDBY, "trim": ROLE_TRIM, "base": ROLE_BASE}


def _plan(**roles: Role) -> Accepted:
    """The demo's plan with these roles all along; machines not named stand by."""
    plan = accepted().plan
    machines = dict(plan.machines)
    for name in site().plant.compressor_ids:
        role = roles.get(name, "standby")
        machines[name] = replace(machines[name], role=(role,) * plan.steps)
    return replace(accepted(), plan=replace(plan, machines=machines))


def _roles(
    plan: Accepted, approved: dict[str, Accepted], modes: Modes, seen: dict[str, MachineSeen] | None = None
) -> dict[str, float]:
    memory = replace(in_force(plan), approved=approved)
    memory = memory if seen is None else replace(memory, seen=seen)
    of = replace(site(), modes=modes)
    values = told(core.step(of, memory, snapshot(), NOW_NS)[1])
    return {p.split("/")[0]: v for p, v in values.items() if p.endswith("/role_set_code")}


WAITS = Modes("auto", {"comp1": "approve"})


def test_who_is_approved_to_regulate_does_and_the_other_carries_the_base() -> None:
    found = _roles(_plan(comp4="trim", comp1="base"), {"comp1": _plan(comp1="trim", comp4="base")}, WAITS)
    assert found == {"comp1": ROLE_TRIM, "comp4": ROLE_BASE, "comp2": ROLE_STANDBY, "comp3": ROLE_STANDBY}


def test_where_who_would_regulate_is_approved_to_carry_the_base_another_regulates() -> None:
    plan = _plan(comp1="trim", comp2="base", comp4="base")
    found = _roles(plan, {"comp1": _plan(comp1="base")}, WAITS)
    assert found == {"comp1": ROLE_BASE, "comp2": ROLE_BASE, "comp4": ROLE_TRIM, "comp3": ROLE_STANDBY}


def test_of_two_who_are_approved_to_regulate_the_newer_plan_holds() -> None:
    older = _plan(comp2="trim")
    older = replace(older, plan=replace(older.plan, start_ns=older.plan.start_ns - 900 * 10**9))
    modes = Modes("auto", {"comp1": "approve", "comp2": "approve"})
    found = _roles(_plan(comp4="base"), {"comp1": _plan(comp1="trim"), "comp2": older}, modes)
    assert (found["comp1"], found["comp2"], found["comp4"]) == (ROLE_TRIM, ROLE_BASE, ROLE_BASE)


def test_one_plan_is_told_as_it_is() -> None:
    plan = _plan(comp4="trim", comp2="base")
    found = _roles(plan, {}, Modes("auto"))
    assert found == {name: CODES[plan.plan.machines[name].role[0]] for name in site().plant.compressor_ids}
    assert "comp1" not in _roles(_plan(comp1="trim", comp2="base"), {}, WAITS)
    assert _roles(_plan(comp1="trim", comp2="base"), {}, WAITS)["comp2"] == ROLE_BASE
