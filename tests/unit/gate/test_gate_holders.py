"""Who holds each point and why, seen from outside: the message, and what the hub is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.gate.view import holder
from edge_agent.holders import HolderNews
from protocols.clock import Instant
from protocols.command import CommandKind, Level
from protocols.errors import ContractError
from protocols.holder import Holder, Holders, decode_holders
from runtime.clock import SystemClock
from tests.unit.gate.gate_plant import BATTERY, KINDS, TRIM, Plant, PlantDevice, folder, plant_rules

AT = Instant("boot0", 1_000, 2_000)
MESSAGE = Holders(
    edge="edge1", at=AT, whole=True, holders=(
        Holder("demo/battery1/power_set_kw", "operator", 30.0, 4.5, "ann", "test"),
        Holder("demo/chiller1/supply_set_c", "fallback", None, None, "", "no lease lives"),
    )
)  # fmt: skip


@pytest.fixture
def plant() -> Iterator[Plant]:
    with folder() as where:
        plant = Plant(Path(where), plant_rules(), device=PlantDevice())
        plant.start()
        yield plant
        plant.store.close()


def _rung(plant: Plant, point: str = BATTERY) -> tuple[str, float | None]:
    seen = holder(plant.rules, plant.state, point, plant.now)
    return seen.rung, seen.value


def test_the_lowest_live_rung_is_shown_with_its_value_end_name_and_reason(plant: Plant) -> None:
    assert _rung(plant) == ("fallback", 0.0)
    plant.send(plant.ask(BATTERY, 100.0, lease_s=9.0))
    assert _rung(plant) == ("optimiser", 100.0)
    plant.send(plant.ask(BATTERY, 30.0, level=Level.OPERATOR, lease_s=5.0, actor="ann", reason="noise"))
    seen = holder(plant.rules, plant.state, BATTERY, plant.now)
    assert seen == Holder(BATTERY, "operator", 30.0, 5.0, "ann", "noise")


def test_a_bound_shows_in_the_value_and_in_the_reason(plant: Plant) -> None:
    plant.send(plant.ask(BATTERY, 100.0))
    plant.send(plant.ask(BATTERY, 50.0, kind=CommandKind.AT_MOST, level=Level.GRID_LIMIT))
    seen = holder(plant.rules, plant.state, BATTERY, plant.now)
    assert (seen.rung, seen.value) == ("optimiser", 50.0)
    assert "grid limit" in seen.why


def test_whatever_stands_above_is_shown_first(plant: Plant) -> None:
    plant.output(6.5)
    assert _rung(plant, TRIM) == ("controller", 6.5)
    plant.device.dew_c = 30.0
    plant.now_ns += 1
    plant.poll()
    assert _rung(plant)[0] == "interlock"
    plant.act(CommandKind.STOP, "all")
    assert {_rung(plant, point)[0] for point in KINDS} == {"stopped"}
    plant.act(CommandKind.LOCK_OUT, TRIM)
    seen = holder(plant.rules, plant.state, TRIM, plant.now)
    assert (seen.rung, seen.actor) == ("locked_out", "ann")
    plant.device.local = True
    plant.now_ns += 1
    plant.poll()
    assert _rung(plant)[0] == "local"


def test_news_tells_each_change_once_and_the_whole_on_ask(plant: Plant) -> None:
    news = HolderNews(plant.rules, lambda: plant.state, SystemClock())
    first = news.changed()
    assert first is not None
    assert {one.point for one in first.holders} == set(KINDS)
    assert news.changed() is None
    plant.act(CommandKind.STOP, "demo/battery1")
    second = news.changed()
    assert second is not None
    assert [one.point for one in second.holders] == [BATTERY]
    assert not second.whole
    assert news.whole().whole
    assert len(news.whole().holders) == len(KINDS)


def test_the_message_comes_back_and_its_layout_has_not_changed(golden: Path) -> None:
    assert decode_holders(MESSAGE.encode()) == MESSAGE
    assert MESSAGE.encode().hex() == (golden / "holders.hex").read_text().strip()


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x97\x02\xa1e\xa1b\x01\x01\xc3\x90", b"\x97\x01\xa1e\xa1b\x01\x01\xc3\x91\x90"]
)
def test_what_is_no_such_message_is_refused(data: bytes) -> None:
    with pytest.raises(ContractError):
        decode_holders(data)
