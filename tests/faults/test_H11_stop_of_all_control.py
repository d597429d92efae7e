"""H11: after a stop, or a hardwired safety, only the fallback is written until a person releases it."""

from __future__ import annotations

from protocols.command import CommandKind, Level
from protocols.refusal import Refusal
from tests.unit.gate.gate_plant import BATTERY, CHILLER, TRIM, Plant


def test_h11_after_a_stop_of_everything_the_fallback_alone_is_written_until_two_steps_release_it(
    plant: Plant,
) -> None:
    assert plant.refusal(BATTERY, 100.0) is None
    assert plant.refusal(CHILLER, 8.0, level=Level.OPERATOR) is None
    plant.output(6.5)
    plant.act(CommandKind.STOP, "all")
    assert (plant.value(BATTERY), plant.value(CHILLER), plant.value(TRIM)) == (0.0, None, 6.0)
    writes = len(plant.device.writes)
    for boot in ("boota", "bootb"):
        plant.restart(boot=boot)
        assert plant.refusal(BATTERY, 30.0, level=Level.OPERATOR) is Refusal.STOPPED
        plant.output(6.5)
    assert len(plant.device.writes) == writes
    plant.act(CommandKind.RESUME, "all", confirm="bob")
    assert plant.refusal(BATTERY, 30.0) is Refusal.STOPPED
    plant.act(CommandKind.RESUME, "all")
    plant.act(CommandKind.RESUME, "all", confirm="bob")
    assert plant.refusal(BATTERY, 30.0) is None


def test_h11_a_hardwired_safety_stops_its_zone_and_stays_latched_when_it_is_over(plant: Plant) -> None:
    assert plant.refusal(BATTERY, 100.0) is None
    plant.device.safety = True
    plant.wait(1.0)
    assert plant.value(BATTERY) == 0.0
    plant.device.safety = False
    plant.wait(2.0)
    assert plant.refusal(BATTERY, 30.0) is Refusal.STOPPED
    assert plant.refusal(CHILLER, 8.0) is None
