"""Spread, mirrors, `hold` and the device's own watchdog, as a write block says them, at the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from typing_extensions import override

from edge_agent.gate.lease import spread_ns
from edge_agent.gate.rules import NS, Rules
from protocols.receipt import FallbackDone
from protocols.write_block import FallbackHold
from tests.unit.gate.gate_world import FALLBACK_KW, POINT, SLOT, World, limits, rules_of


def with_hold() -> Rules:
    """The battery keeps what it was told last."""
    rules = rules_of()
    battery = replace(rules.points[POINT], limits=limits(FallbackHold()))
    return replace(rules, points={**rules.points, POINT: battery})


def opened(folder: Path, rules: Rules) -> World:
    world = World(folder, rules)
    world.start()
    return world


def test_a_lease_with_a_spread_ends_early_by_a_part_drawn_from_its_device(tmp_path: Path) -> None:
    rules = rules_of(duty={"spread_s": 4.0})
    early_s = spread_ns(rules, rules.points[POINT], 10 * NS) / NS
    assert 0.0 < early_s < 4.0
    world = opened(tmp_path, rules)
    command = world.order(100.0, lease_s=10.0)
    world.wait(10.0 - early_s - 0.5)
    assert "expired" not in world.kinds(command.id)
    world.wait(1.0)
    assert world.kinds(command.id)[-2:] == ["expired", "fallbackdone"]
    assert world.value() == FALLBACK_KW
    world.store.close()


def test_machines_end_at_different_instants_and_never_before_half_of_a_lease() -> None:
    rules = rules_of(duty={"spread_s": 30.0})
    drawn = {
        spread_ns(rules, replace(rules.points[POINT], device=f"comp{number}"), 1000 * NS)
        for number in range(12)
    }
    assert len(drawn) == 12
    assert max(drawn) - min(drawn) > 10 * NS, "they are spread over the time that was given"
    assert all(spread_ns(rules, rules.points[POINT], length) <= length // 2 for length in (NS, 4 * NS))
    assert spread_ns(rules, rules.points[SLOT], 1000 * NS) == 0, "a point without a spread ends on time"


@pytest.mark.parametrize(
    ("mirror_s", "stays_s", "ends"), [(0.0, 2.0, True), (5.0, 8.0, False), (5.0, 13.0, True)]
)
def test_a_foreign_value_counts_after_twice_the_time_of_the_mirror(
    tmp_path: Path, mirror_s: float, stays_s: float, *, ends: bool
) -> None:
    world = opened(tmp_path, rules_of(duty={"mirror_s": mirror_s}, max_lease_s=60.0))
    command = world.order(100.0, lease_s=50.0)
    world.wait(1.0)
    world.device.values[POINT] = 42.0
    world.wait(stays_s)
    assert ("overridden" in world.kinds(command.id)) is ends
    assert world.value() == 42.0, "nothing is written over it"
    world.store.close()


def test_a_mirror_that_comes_round_in_time_ends_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path, rules_of(duty={"mirror_s": 5.0}, max_lease_s=60.0))
    command = world.order(100.0, lease_s=50.0)
    for _ in range(4):
        world.device.values[POINT] = 42.0
        world.wait(8.0)
        world.device.values[POINT] = 100.0
        world.wait(2.0)
    assert world.kinds(command.id)[-1] == "verified"
    world.store.close()


def test_a_point_that_holds_stays_where_it_is_when_its_lease_ends(tmp_path: Path) -> None:
    world = opened(tmp_path, with_hold())
    command = world.order(100.0, lease_s=5.0)
    writes = len(world.device.writes)
    world.wait(8.0)
    assert world.kinds(command.id)[-2:] == ["expired", "fallbackdone"]
    done = next(one for one in world.receipts if isinstance(one, FallbackDone))
    assert done.value == 100.0, "its fallback is what it shows"
    assert len(world.device.writes) == writes
    world.restart(boot="bootb")
    world.wait(5.0)
    assert (world.value(), len(world.device.writes)) == (100.0, writes)
    world.store.close()


@dataclass
class WithWatchdog(World):
    """A plant whose battery drops its set-point six seconds after the last write, whoever lives."""

    watchdog_s: float = 6.0

    @override
    def poll(self) -> None:
        fed = [at_ns for at_ns, point, _ in self.device.writes if point == POINT]
        if fed and self.now_ns - fed[-1] >= self.watchdog_s * NS:
            self.device.values[POINT] = FALLBACK_KW
        super().poll()


def test_a_device_drops_the_value_of_a_dead_agent_and_the_next_one_finds_it_home(tmp_path: Path) -> None:
    world = WithWatchdog(tmp_path, rules_of(watchdog_s=6.0))
    world.start()
    command = world.order(100.0, lease_s=10.0)
    world.wait(5.0)
    assert world.value() == 100.0, "it is fed"
    writes = len(world.device.writes)
    world.now_ns += 12 * NS  # the agent is dead: nobody feeds, nobody ends the lease
    world.restart()
    world.wait(2.0)
    assert world.value() == FALLBACK_KW
    assert len(world.device.writes) == writes, "the device was faster; nothing had to be written"
    assert world.kinds(command.id)[-2:] == ["expired", "fallbackdone"]
    world.store.close()
