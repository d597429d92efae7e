"""Why a point is held or was set, over the API in both languages: of our own parts, or as people wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from hub.api import why_words
from hub.api.why_words import WhyWords
from hub.ledger.tables import CommandRow
from hub.registry.site import load_registry
from protocols.config import Text
from protocols.holder import Holder
from protocols.point import parse_point
from tests.unit.hub.orders_running import CONFIGS, NOW_S, POINT, Running, S, running_orders, set_

pytestmark = pytest.mark.timeout(60)
GATE = CONFIGS.parent / "edge_agent" / "gate"
TRIP = "comp1 was free, is tripped"


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_orders(clean_business_url, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def words() -> WhyWords:
    return WhyWords(load_registry(CONFIGS, "demo"))


def test_each_reason_of_the_gate_is_said_there_word_by_word() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in GATE.glob("*.py"))
    for said in (*(phrase.en for phrase in why_words._GATE), *why_words._BY_RUNG.values()):
        for literal, *_ in Formatter().parse(said):
            assert literal in source, said


@pytest.mark.parametrize(
    ("rung", "actor", "why", "en", "zh"),
    [
        ("fallback", "", "no lease lives", "no lease lives", "没有有效租约"),
        (
            "interlock",
            "",
            "interlock: chiller1/supply_set_c is 3, at least 4 is needed",
            "{chiller1} · {supply_set_c} is 3, at least 4 is needed",
            "{chiller1} · {supply_set_c} 为 3，至少需要 4",
        ),
        (
            "stopped",
            "hardwired",
            "automatic control is stopped: the safety of comp1 acts (hardwired)",
            "the safety of {comp1} acts",
            "{comp1} 的安全装置动作",
        ),
        ("stopped", "olga", "automatic control is stopped: smoke (hall 2) (olga)", *["smoke (hall 2)"] * 2),
        ("locked_out", "olga", "out of service: started (olga)", "started", "started"),
        ("operator", "olga", TRIP, TRIP, TRIP),
        (
            "optimiser",
            "dispatch",
            "charges while power is cheap (within the grid limit)",
            "charges while power is cheap (within the grid limit)",
            "低价时段充电（在电网限制之内）",
        ),
        ("optimiser", "dispatch", "of another version", "of another version", "of another version"),
    ],
)
def test_the_reason_of_a_holder_is_read_back(  # noqa: PLR0917  one table
    words: WhyWords, rung: str, actor: str, why: str, en: str, zh: str
) -> None:
    registry = words._registry
    names = {device: known.device.label for device, known in registry.devices.items()}
    names["supply_set_c"] = registry.points[parse_point(POINT)].label
    assert words.of_holder(Holder(POINT, rung, None, None, actor, why)) == Text(
        en=en.format(**{name: label.en for name, label in names.items()}),
        zh=zh.format(**{name: label.zh for name, label in names.items()}),
    )


def _command(number: int, level: str, reason: str) -> CommandRow:
    fields: dict[str, Any] = {
        "id": bytes([number]) * 16, "site": "demo", "edge": "edge1", "point": POINT, "kind": "set",
        "value": 7.5, "unit": "°C", "level": level, "reason": reason, "actor": "x", "epoch": 1, "seq": number,
        "issued_ns": NOW_S * S, "lease_s": 10.0, "body": b"", "chain": b"", "state": "verified",
    }  # fmt: skip
    return CommandRow(**fields)


async def test_commands_holders_and_the_audit_say_why_in_both_languages(api: Running) -> None:
    token = await api.token("olga")
    await api.order(token, **set_(reason="started"))
    async with api.deps.sessions.begin() as session:
        session.add_all([_command(1, "optimiser", TRIP), _command(2, "operator", "started")])
    person, plan = (await api.get("/commands", token)).json()
    assert person["reason"] == {"en": "started", "zh": "started"}
    names = api.deps.registry.devices["comp1"].device.label
    assert plan["reason"] == {
        "en": f"{names.en} was free, is tripped",
        "zh": f"{names.zh} 由可用变为故障停机",
    }
    entry = (await api.get("/audit", token, limit=1)).json()[0]
    assert (entry["reason"], entry["reason_text"]) == ("started", {"en": "started", "zh": "started"})
    api.deps.control.holders.hear("edge1", [Holder(POINT, "optimiser", 7.5, 9.0, "dispatch", TRIP)])
    (held,) = (await api.get("/holders", token)).json()
    rows = {row["id"]: row for row in (await api.get("/setpoints", token)).json()}
    assert held["why"] == TRIP
    assert held["why_text"] == rows[POINT]["holder"]["why_text"] == plan["reason"]
