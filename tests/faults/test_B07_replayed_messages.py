"""B7: messages that come again, late and in any order lead to what once and in order leads to."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from edge_agent.gate import core
from edge_agent.gate.events import Event, MessageReceived, RenewalReceived, Write
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from runtime.clock import VirtualClock
from tests.unit.gate.gate_plant import BATTERY, CHILLER, PUMP, Plant, PlantDevice, folder, plant_rules
from tests.unit.gate.gate_world import HUB

pytestmark = pytest.mark.timeout(300)
S = 1_000_000_000
METER = Catalogue("demo", "meter", ("power_kw",), ("kW",), ("measurement",))
POWER = PointId("demo", "meter", "power_kw")
MANY = pytest.param(100_000, marks=pytest.mark.nightly)


def rows(count: int) -> list[Received]:
    """One sample a row, each at its own second."""
    no_doubt = np.zeros(1, np.uint8)
    frames = (
        Frame(METER.hash(), Instant("b", seq * S, seq * S), np.array([float(seq)]), no_doubt)
        for seq in range(1, count + 1)
    )
    return [Received("edge1", "j1", seq, (frame,)) for seq, frame in enumerate(frames, 1)]


@pytest.mark.parametrize("messages", [10_000, MANY])
def test_telemetry_five_times_and_shuffled_is_stored_once_and_in_order(tmp_path: Path, messages: int) -> None:
    chance = random.Random(messages)  # noqa: S311  a seeded order of a test
    once = rows(messages // 5)
    sent = once * 5
    chance.shuffle(sent)
    store = open_store(StorePlace(tmp_path / "series.db"), VirtualClock())
    store.add_catalogue(METER)
    for start in range(0, len(sent), 500):
        store.append(sent[start : start + 500])
    assert store.ranges("edge1", "j1") == [(1, len(once))]
    found = store.raw(POWER, 0, 10**6 * S)
    assert found.values.tolist() == [float(seq) for seq in range(1, len(once) + 1)]
    store.close()


@pytest.mark.parametrize("messages", [5_000, MANY])
def test_commands_and_renewals_replayed_in_any_order_write_nothing_and_lengthen_nothing(
    messages: int,
) -> None:
    chance = random.Random(messages)  # noqa: S311  as above
    with folder() as where:
        plant = Plant(Path(where), plant_rules(quota_per_s=100), device=PlantDevice())
        plant.start()
        sent: list[Event] = []
        renewals: list[Event] = []
        for turn in range(40):
            for point, value in ((BATTERY, turn - 20.0), (CHILLER, 7.0 + turn / 10.0), (PUMP, 50.0 + turn)):
                command = plant.ask(point, value)
                plant.send(command)
                sent.append(MessageReceived(command.sealed(HUB)))
            held = sorted(
                lease.id for name in plant.state.points for lease in plant.state.points[name].leases
            )
            renewals.append(RenewalReceived(plant.renewal(held, 10.0).sealed(HUB)))
            plant.feed(renewals[-1])
            plant.wait(0.5)
        before, written = plant.state, len(plant.device.writes)
        for event in chance.choices([*sent, *renewals], k=messages):
            said = core.decide(plant.rules, plant.state, event, plant.now)
            assert said.state is before
            assert not [effect for effect in said.effects if isinstance(effect, Write)]
        assert len(plant.device.writes) == written
        plant.store.close()
