"""How planning stands, as a person or a program asks the hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.api.plan_standing import SILENT_S
from hub.dispatch.standing import Failed, PlanStanding
from protocols.config import Text
from tests.unit.hub.api_running import NOW_S, Running, S, running_api

LIMITS = (Text(en="comp1 runs at least 60 min", zh="comp1 最短运行 60 分钟"),)
WHY = Text(en="the limits of the machines contradict each other", zh="设备限值相互矛盾")
FAILED = Failed((NOW_S - 600) * S, (NOW_S - 20) * S, "comp1 was free, is tripped", WHY, LIMITS)


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


async def test_a_plan_in_force_is_told_with_its_age_and_why_there_is_no_newer_one(api: Running) -> None:
    token = await api.token()
    made = PlanStanding("demo", "plan", (NOW_S - 900) * S, "p1", (NOW_S - 43 * 60) * S, FAILED)
    api.deps.planning.hear(made.encode())
    told = (await api.get("/sites/demo/plan/state", token)).json()
    assert (told["site"], told["going_by"], told["plan"]) == ("demo", "plan", "p1")
    assert told["sentence"]["en"].startswith(
        "The plan in force was made 43 min ago. There has been no newer plan"
    )
    assert told["sentence"]["en"].endswith(f": {WHY.en}.")
    assert told["sentence"]["zh"].startswith("当前计划于 43 分钟前生成。")
    failure = told["failure"]
    assert failure["why"] == WHY.model_dump()
    assert failure["limits"] == [one.model_dump() for one in LIMITS]
    assert failure["wanted"] == {
        "en": "Compressor 1 was free, is tripped", "zh": "1 号空压机 由可用变为故障停机",
    }  # fmt: skip


async def test_when_the_rules_took_over_is_told_and_a_reason_is_gone_with_the_next_plan(api: Running) -> None:
    token = await api.token()
    ruled = PlanStanding("demo", "rule", (NOW_S - 60) * S, failed=FAILED, blind_ns=(NOW_S - 5) * S)
    api.deps.planning.hear(ruled.encode())
    told = (await api.get("/sites/demo/plan/state", token)).json()
    assert (told["going_by"], told["plan"], told["made"]) == ("rule", None, None)
    assert "told their order by rule" in told["sentence"]["en"]
    assert "cannot be looked at" in told["sentence"]["en"]
    assert "按规则" in told["sentence"]["zh"]
    api.deps.planning.hear(PlanStanding("demo", "plan", NOW_S * S, "p2", NOW_S * S).encode())
    told = (await api.get("/sites/demo/plan/state", token)).json()
    assert (told["plan"], told["failure"]) == ("p2", None)
    assert told["sentence"]["en"] == "The plan in force was made 0 min ago."


async def test_an_old_word_and_a_word_of_nobody_are_no_knowledge(api: Running) -> None:
    token = await api.token()
    assert (await api.get("/sites/demo/plan/state", token)).json()["going_by"] == "unknown"
    api.deps.planning.hear(b"\x01what")
    api.deps.planning.hear(PlanStanding("other", "plan", NOW_S * S).encode())
    assert (await api.get("/sites/demo/plan/state", token)).json()["going_by"] == "unknown"
    api.deps.planning.hear(PlanStanding("demo", "waiting", NOW_S * S).encode())
    assert (await api.get("/sites/demo/plan/state", token)).json()["going_by"] == "waiting"
    api.clock.advance(SILENT_S + 1.0)
    told = (await api.get("/sites/demo/plan/state", token)).json()
    assert (told["going_by"], told["since"]) == ("unknown", None)
    assert (await api.client.get("/api/v1/sites/demo/plan/state")).status_code == 401
