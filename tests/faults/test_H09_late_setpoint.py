"""H9: a set-point that comes late, or was over before it came, is never carried out."""

from __future__ import annotations

from protocols.receipt import Refused
from protocols.refusal import Refusal
from tests.unit.gate.gate_plant import BATTERY, CHILLER, Plant


def test_h9_what_arrives_late_or_was_over_before_is_never_carried_out(plant: Plant) -> None:
    late, over = plant.ask(BATTERY, 100.0, lease_s=9.0), plant.ask(CHILLER, 8.0, lease_s=2.0)
    plant.wait(3.0)
    assert plant.send(over) is not None
    plant.wait(7.5)
    answer = plant.send(late)
    assert isinstance(answer, Refused)
    assert answer.code in (Refusal.STALE_ECHO, Refusal.OUT_OF_ORDER)
    assert not plant.device.writes
