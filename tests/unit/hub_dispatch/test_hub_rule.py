"""What is told by rule where no plan can be had, with machines in other hands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.dispatch import core
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Snapshot
from hub.forecast.quarters import QUARTER_NS
from hub.registry.site import Modes
from plant.units.compressor import ROLE_BASE
from tests.unit.hub_dispatch.dispatch_day import accepted, in_force, site, snapshot, told

NEEDS = {"air_m3_min": 40.0, "cooling_kw": 400.0, "process_kw": 500.0, "heat_kw": 300.0}
END_NS = accepted().plan.start_ns + accepted().plan.binary_steps * QUARTER_NS


def look(values: dict[str, float] | None = None, after_s: int = 0) -> Snapshot:
    return replace(snapshot(END_NS + after_s * 10**9, values), recent=NEEDS)


def without(*, own_control: bool = False, of: DispatchSite | None = None) -> core.Memory:
    memory, _ = core.step(of or site(), in_force(), look(), END_NS)
    return core.planned(memory, None, own_control=own_control)


def ruled(memory: core.Memory, seen: Snapshot, of: DispatchSite | None = None) -> dict[str, float]:
    return told(core.step(of or site(), memory, seen, seen.now_ns)[1])


def carrying(found: dict[str, float]) -> set[str]:
    roles = {point: value for point, value in found.items() if point.endswith("role_set_code")}
    return {point.split("/")[0] for point, value in roles.items() if value == ROLE_BASE}


def test_where_the_judge_found_own_control_better_nothing_is_told() -> None:
    assert ruled(without(), look())
    assert ruled(without(own_control=True), look()) == {}


@pytest.mark.parametrize(("given", "base"), [(2.0, 1), (30.0, 0)])
def test_what_a_machine_in_local_mode_delivers_is_no_need_of_the_others(given: float, base: int) -> None:
    local = look({"comp1/local_mode_code": 1.0, "comp1/flow_m3_min": given})
    found = ruled(without(), local)
    assert not any(point.startswith("comp1/") for point in found)
    assert len(carrying(found)) == base


def test_a_machine_that_is_not_in_auto_carries_nothing_by_rule() -> None:
    best = carrying(ruled(without(), look()))
    assert len(best) == 1
    waits = replace(site(), modes=Modes("auto", dict.fromkeys(best, "approve")))
    others = carrying(ruled(without(of=waits), look(), waits))
    assert len(others) == 1
    assert others.isdisjoint(best)


def test_the_rule_is_worked_out_anew_when_a_machine_falls_away() -> None:
    memory, decision = core.step(site(), without(), look(), END_NS)
    best = carrying(told(decision))
    tripped = look({f"{name}/state_code": 3.0 for name in best}, after_s=1)
    others = carrying(ruled(memory, tripped))
    assert len(others) == 1
    assert others.isdisjoint(best)


def test_cooling_that_a_tripped_chiller_does_not_deliver_is_still_called_for() -> None:
    outlook = accepted().outlook
    assert outlook is not None
    tripped = replace(look({"chiller1/state_code": 3.0}), recent={**NEEDS, "cooling_kw": 0.0})
    assert ruled(without(), tripped)["chiller2/permit_set_code"] == 1.0
