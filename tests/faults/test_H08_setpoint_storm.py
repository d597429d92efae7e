"""H8: a storm of set-points ends with one write a dwell, and the edge takes no more than its quota."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.gate.events import Write
from protocols.receipt import Received
from tests.unit.gate.gate_plant import BATTERY, PUMP, Plant


def _ration(plant: Plant, point: str, **duty: float) -> None:
    rules = plant.rules.points[point]
    limits = type(rules.limits).model_validate({**rules.limits.model_dump(), "duty": duty})
    plant.rules = replace(plant.rules, points={**plant.rules.points, point: replace(rules, limits=limits)})


def test_h8_a_storm_of_set_points_ends_with_one_write_a_dwell_and_no_more_than_the_quota(
    plant: Plant,
) -> None:
    _ration(plant, PUMP, dwell_s=1.0)
    accepted = 0
    for count in range(120):
        accepted += plant.refusal(PUMP, 60.0 + count % 7) is None
        accepted += plant.refusal(BATTERY, float(count % 11)) is None
        if count % 40 == 39:
            plant.wait(0.5)
        plant.now_ns += 10_000_000
    took_s = (plant.now_ns - 100_000_000_000) / 1e9
    writes = [at_ns for at_ns, point, _ in plant.device.writes if point == PUMP]
    assert len(writes) <= took_s + 1
    assert accepted <= plant.rules.quota_per_s * (took_s + 1)


@pytest.mark.parametrize("duty", [{"dwell_s": 1.0}, {"writes_per_day": 8}])
def test_h8_a_storm_of_one_value_writes_it_once_however_slow_the_device_is(
    plant: Plant, duty: dict[str, float]
) -> None:
    _ration(plant, PUMP, **duty)
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
