"""I18: a decision costs as much as the points it touches; counted in calls, because a clock would lie."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.gate import core
from edge_agent.gate.events import Event, MessageReceived, PointRead, Tick
from edge_agent.gate.rules import Rules
from edge_agent.gate.state import GateState
from protocols.clock import Instant
from protocols.command import Level
from protocols.receipt import Received
from tests.unit.gate.gate_plant import CHILLER, Plant, PlantDevice, folder, plant_rules
from tests.unit.gate.gate_world import HUB

FEW, MANY = (10, 100), (1_000, 10_000)
"""Points of the edge, and answered commands that are remembered."""


def _calls(rules: Rules, state: GateState, event: Event, now: Instant) -> int:
    """Calls of Python and of C that one decision makes."""
    count = 0

    def each(_frame: object, what: str, _arg: object) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(each)
    try:
        core.decide(rules, state, event, now)
    finally:
        sys.setprofile(before)
    return count


def _grown(plant: Plant, points: int, ids: int) -> tuple[Rules, GateState]:
    """The same edge with more points that are read but not commanded, and more answers in its table."""
    kind, state = plant.rules.points[CHILLER], plant.state
    more = {f"demo/chiller{n}/supply_set_c": replace(kind, device=f"chiller{n}") for n in range(2, points)}
    rules = replace(plant.rules, points={**plant.rules.points, **more})
    seen = plant.state.points[CHILLER]
    idle = replace(seen, leases=(), act=None, intent=None)
    for name in more:
        state = replace(state, points=state.points.put(name, idle))
    for number in range(ids):
        ident = b"old" + number.to_bytes(13, "big")
        receipt = Received(ident, "edge1", CHILLER, plant.now, 1.0)
        state = replace(state, answers=state.answers.put(ident, receipt))
    for worked_out_once in (rules.points_in, rules.points_of, rules.group_of, rules.guarded_by):
        assert worked_out_once
    return rules, state


@pytest.mark.parametrize("what", ["tick", "command", "poll"])
def test_a_decision_costs_the_same_at_a_hundred_times_the_size(what: str) -> None:
    with folder() as where:
        plant = Plant(Path(where), plant_rules(), device=PlantDevice())
        plant.start()
        plant.send(plant.ask(CHILLER, 8.0))
        command = plant.ask(CHILLER, 9.0, level=Level.OPERATOR)
        plant.now_ns += 250_000_000
        events: dict[str, Event] = {
            "tick": Tick(),
            "command": MessageReceived(command.sealed(HUB)),
            "poll": PointRead(CHILLER, 8.0, good=True, at_ns=plant.now_ns),
        }
        counts = [_calls(*_grown(plant, *size), events[what], plant.now) for size in (FEW, MANY)]
        plant.store.close()
    assert counts[1] <= counts[0] * 1.02 + 5, f"I18: {counts} calls for {FEW} and {MANY} points and ids"
    assert counts[0] < 1_500, f"I18: {counts[0]} calls for one point"
