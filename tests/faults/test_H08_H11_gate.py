"""Fault rows H8 to H11 at the gate: storm, late set-point, local hand, stop of all automatic control."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.gate.events import Write
from protocols.command import CommandKind, Level
from protocols.receipt import Received, Refused
from protocols.refusal import Refusal
from tests.unit.gate.gate_plant import (
    BATTERY,
    CHILLER,
    PUMP,
    TRIM,
    Plant,
    PlantDevice,
    folder,
    plant_rules,
)


@pytest.fixture
def plant() -> Iterator[Plant]:
    with folder() as where:
        plant = Plant(Path(where), plant_rules(), device=PlantDevice())
        plant.start()
        yield plant
        plant.store.close()


def _code(plant: Plant, point: str, value: float, **changes: object) -> Refusal | None:
    answer = plant.send(plant.ask(point, value, **changes))
    return answer.code if isinstance(answer, Refused) else None


def _ration(plant: Plant, point: str) -> None:
    """One change a second."""
    rules = plant.rules.points[point]
    limits = type(rules.limits).model_validate({**rules.limits.model_dump(), "duty": {"dwell_s": 1.0}})
    plant.rules = replace(plant.rules, points={**plant.rules.points, point: replace(rules, limits=limits)})


def test_h8_a_storm_of_set_points_ends_with_one_write_a_dwell_and_no_more_than_the_quota(
    plant: Plant,
) -> None:
    _ration(plant, PUMP)
    accepted = 0
    for count in range(120):
        accepted += _code(plant, PUMP, 60.0 + count % 7) is None
        accepted += _code(plant, BATTERY, float(count % 11)) is None
        if count % 40 == 39:
            plant.wait(0.5)
        plant.now_ns += 10_000_000
    took_s = (plant.now_ns - 100_000_000_000) / 1e9
    writes = [at_ns for at_ns, point, _ in plant.device.writes if point == PUMP]
    assert len(writes) <= took_s + 1
    assert accepted <= plant.rules.quota_per_s * (took_s + 1)


def test_h8_a_storm_of_one_value_writes_it_once_however_slow_the_device_is(plant: Plant) -> None:
    _ration(plant, PUMP)
    plant.lag = True  # what the gate asks of the device is done below, one by one
    first = plant.ask(PUMP, 61.0)
    assert isinstance(plant.send(first), Received)
    (write,) = plant.queue
    assert isinstance(write, Write)
    assert isinstance(plant.send(plant.ask(PUMP, 61.0)), Received)  # while the write waits for the device
    assert plant.queue == [write]
    done = plant.write(write)
    assert isinstance(plant.send(plant.ask(PUMP, 61.0)), Received)  # while it is on the wire
    plant.feed(done)
    last = plant.ask(PUMP, 61.0)
    assert isinstance(plant.send(last), Received)  # while it is read back
    plant.queue.remove(write)
    plant.lag = False
    plant.carry_out()
    assert [value for _, point, value in plant.device.writes if point == PUMP] == [61.0]
    assert plant.kinds(first.id) == ["received", "superseded"]
    assert plant.kinds(last.id) == ["received", "verified"]


def test_h9_what_arrives_late_or_was_over_before_is_never_carried_out(plant: Plant) -> None:
    late, over = plant.ask(BATTERY, 100.0, lease_s=9.0), plant.ask(CHILLER, 8.0, lease_s=2.0)
    plant.wait(3.0)
    assert plant.send(over) is not None
    plant.wait(7.5)
    answer = plant.send(late)
    assert isinstance(answer, Refused)
    assert answer.code in (Refusal.STALE_ECHO, Refusal.OUT_OF_ORDER)
    assert not plant.device.writes


def test_h10_under_a_local_hand_nothing_is_written_within_one_poll_and_no_lease_lives(plant: Plant) -> None:
    assert _code(plant, BATTERY, 100.0) is None
    plant.device.local = True
    plant.wait(1.0)
    writes = len(plant.device.writes)
    assert not plant.state.points[BATTERY].leases
    assert _code(plant, BATTERY, 30.0) is Refusal.LOCAL_MODE
    plant.wait(10.0)
    assert len([w for w in plant.device.writes[writes:] if w[1] == BATTERY]) == 0


def test_h11_after_a_stop_of_everything_the_fallback_alone_is_written_until_two_steps_release_it(
    plant: Plant,
) -> None:
    assert _code(plant, BATTERY, 100.0) is None
    assert _code(plant, CHILLER, 8.0, level=Level.OPERATOR) is None
    plant.output(6.5)
    plant.act(CommandKind.STOP, "all")
    assert (plant.value(BATTERY), plant.value(CHILLER), plant.value(TRIM)) == (0.0, None, 6.0)
    writes = len(plant.device.writes)
    for boot in ("boota", "bootb"):
        plant.restart(boot=boot)
        assert _code(plant, BATTERY, 30.0, level=Level.OPERATOR) is Refusal.STOPPED
        plant.output(6.5)
    assert len(plant.device.writes) == writes
    plant.act(CommandKind.RESUME, "all", confirm="bob")
    assert _code(plant, BATTERY, 30.0) is Refusal.STOPPED
    plant.act(CommandKind.RESUME, "all")
    plant.act(CommandKind.RESUME, "all", confirm="bob")
    assert _code(plant, BATTERY, 30.0) is None


def test_h11_a_hardwired_safety_stops_its_zone_and_stays_latched_when_it_is_over(plant: Plant) -> None:
    assert _code(plant, BATTERY, 100.0) is None
    plant.device.safety = True
    plant.wait(1.0)
    assert plant.value(BATTERY) == 0.0
    plant.device.safety = False
    plant.wait(2.0)
    assert _code(plant, BATTERY, 30.0) is Refusal.STOPPED
    assert _code(plant, CHILLER, 8.0) is None
