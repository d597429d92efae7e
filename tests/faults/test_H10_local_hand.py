"""H10: under a local hand nothing is written, and no lease lives."""

from __future__ import annotations

from protocols.refusal import Refusal
from tests.unit.gate.gate_plant import BATTERY, Plant


def test_h10_under_a_local_hand_nothing_is_written_within_one_poll_and_no_lease_lives(plant: Plant) -> None:
    assert plant.refusal(BATTERY, 100.0) is None
    plant.device.local = True
    plant.wait(1.0)
    writes = len(plant.device.writes)
    assert not plant.state.points[BATTERY].leases
    assert plant.refusal(BATTERY, 30.0) is Refusal.LOCAL_MODE
    plant.wait(10.0)
    assert len([w for w in plant.device.writes[writes:] if w[1] == BATTERY]) == 0
