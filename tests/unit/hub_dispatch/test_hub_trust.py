"""A need is not taken to be smaller because a machine delivers less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.dispatch import core
from hub.dispatch.events import SETTLED_S
from hub.dispatch.tasks import task_of
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, accepted, in_force, site, snapshot

SETTLED_NS = NOW_NS + round(SETTLED_S * 1e9)


def planned_kw() -> float:
    outlook = accepted().outlook
    assert outlook is not None
    return float(outlook.cooling_kw[0])


def followed() -> core.Memory:
    """What is remembered once the machines were told the plan."""
    return core.step(site(), in_force(), snapshot(), NOW_NS)[0]


def begins_at(share: float, values: dict[str, float]) -> tuple[str | None, float]:
    """Why a plan is asked for, and the cooling it would begin with, as a share of the one planned before."""
    look = replace(snapshot(SETTLED_NS, values), recent={"cooling_kw": share * planned_kw()})
    memory, decision = core.step(site(), followed(), look, SETTLED_NS)
    task = task_of(site(), memory, decision, look)
    return decision.replan, float(task.outlook.cooling_kw[0]) / planned_kw()


def test_less_cooling_of_machines_that_could_give_more_is_a_smaller_need() -> None:
    why, share = begins_at(0.4, {})
    assert why is not None
    assert why.startswith("the need for cooling is")
    assert share == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    "values",
    [
        {"chiller1/state_code": 3.0},
        {"chiller1/state_code": 0.0},
        {"chiller2/local_mode_code": 1.0},
        {"chiller1/supply_c": 14.0, "chiller2/supply_c": 14.0},
    ],
)
def test_less_cooling_with_a_machine_tripped_switched_or_away_or_with_warm_water_is_no_smaller_need(
    values: dict[str, float],
) -> None:
    why, share = begins_at(0.4, values)
    assert why is None or not why.startswith("the need for cooling")
    assert share == pytest.approx(1.0, abs=0.02)


def test_more_cooling_raises_the_need_even_with_a_machine_away() -> None:
    assert begins_at(2.0, {"chiller2/local_mode_code": 1.0})[1] == pytest.approx(2.0, abs=0.05)


def test_less_air_while_the_header_sinks_below_its_band_is_no_smaller_need() -> None:
    outlook = accepted().outlook
    assert outlook is not None
    for header_bar_g, lowered in ((6.7, True), (6.1, False)):
        look = snapshot(SETTLED_NS, {"comp4/header_bar_g": header_bar_g})
        look = replace(look, recent={"air_m3_min": 0.3 * float(outlook.air_m3_min[0])})
        memory, decision = core.step(site(), followed(), look, SETTLED_NS)
        found = task_of(site(), memory, decision, look).outlook.air_m3_min[0]
        assert bool(found < 0.5 * float(outlook.air_m3_min[0])) is lowered
