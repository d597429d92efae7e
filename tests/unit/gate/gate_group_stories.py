"""Stories of groups: selected together, and given back together and in order."""

from __future__ import annotations

from protocols.command import CommandKind, Level
from tests.unit.gate.gate_plant import BATTERY, CHILLER, PUMP, TOWER
from tests.unit.gate.gate_storytelling import set_
from tests.unit.gate.test_gate_protocol import Protocol


def groups(one: Protocol) -> None:
    one.a_group((PUMP, TOWER), cut=True)
    one.time_passes(4)
    one.a_group((PUMP, TOWER, CHILLER), cut=False)
    one.time_passes(30)
    one.a_group((PUMP, BATTERY), cut=False)
    group = {"group": b"g" * 16, "group_size": 2}
    one.time_passes(44)
    for point in (PUMP, BATTERY):
        one.deliver(one.world.ask(point, 60.0, kind=CommandKind.SELECT, **group))
    one.an_input("dew", value=True)
    one.deliver(one.world.ask(PUMP, 60.0, kind=CommandKind.OPERATE, **group))
    one.an_input("dew", value=False)


def a_group_falls_in_order(one: Protocol) -> None:
    set_(one, TOWER, 90.0, lease_s=9.0)
    set_(one, PUMP, 100.0, lease_s=1.0)
    one.time_passes(8)


def a_group_falls_at_once(one: Protocol) -> None:
    """Whoever of the group lets go: no tick is waited for."""
    for point in (TOWER, PUMP):
        one.a_group((PUMP, TOWER), cut=False)
        one.release(point, CommandKind.RELEASE, Level.OPTIMISER)
        assert (one.world.value(PUMP), one.world.value(TOWER)) == (50.0, 30.0), "I3: the group stays behind"


def a_group_does_not_wait_for_ever(one: Protocol) -> None:
    """Whoever comes before has a newer lease, or is out of service: the others go home all the same."""
    for point in (PUMP, TOWER):
        set_(one, point, 60.0, lease_s=9.0)
    one.world.lag = True
    one.release(TOWER, CommandKind.RELEASE, Level.OPTIMISER)
    set_(one, PUMP, 100.0, lease_s=9.0)
    one.world.lag = False
    one.time_passes(2)
    assert one.world.value(TOWER) == 30.0, "I14: the tower waits for a pump that is held anew"
    set_(one, TOWER, 60.0, lease_s=9.0)
    one.a_person_stops(CommandKind.LOCK_OUT, "demo/pump1", timed=False)
    one.release(TOWER, CommandKind.RELEASE, Level.OPTIMISER)
    one.time_passes(2)
    assert one.world.value(TOWER) == 30.0, "I14: the tower waits for a pump that is out of service"
