"""Why there is no newer plan: told with site, moment and limits, in both languages, until there is one."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hub.database import Sessions
from hub.dispatch import core, events
from hub.dispatch.pilot import NEW_PRICES, RENEWED, Pilot
from hub.dispatch.reasons import PHRASES, reason_text
from hub.dispatch.record import Record, going_by
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.standing import Failed, PlanStanding, decode_standing
from hub.forecast.quarters import NAMES, Quarters
from hub.registry.site import Modes
from hub.store.engine import StorePlace, open_store
from protocols.config import Text
from protocols.errors import ContractError, SolveError
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import (
    NOW_NS,
    QUARTERS,
    START_NS,
    DayView,
    in_force,
    site,
    snapshot,
)

CHINESE = re.compile(r"[\u4e00-\u9fff]")
S = 1_000_000_000
RECENT = {"process_kw": 400.0, "air_m3_min": 20.0, "cooling_kw": 300.0, "heat_kw": 100.0}
LIMITS = (Text(en="a runs at least 60 min", zh="a 最短运行 60 分钟"), Text(en="b stands", zh="b 停机"))
WHY = SolveError("the limits contradict each other", zh="限值相互矛盾", limits=LIMITS)


def _unseen(now_ns: int) -> Snapshot:
    """Nothing was ever measured: there is no forecast, and so no plan."""
    gone = Quarters(START_NS, {name: np.full(QUARTERS, np.nan) for name in NAMES})
    return replace(snapshot(now_ns), past=gone)


def test_a_word_on_how_planning_stands_travels_and_a_stranger_s_bytes_are_refused() -> None:
    failed = Failed(NOW_NS, NOW_NS + S, "new prices", Text(en="no", zh="无"), LIMITS)
    for word in (
        PlanStanding("demo", "waiting", NOW_NS),
        PlanStanding("demo", "plan", NOW_NS, "p1", NOW_NS - S),
        PlanStanding("demo", "rule", NOW_NS, failed=failed, blind_ns=NOW_NS),
    ):
        assert decode_standing(word.encode()) == word
    good = PlanStanding("demo", "rule", NOW_NS, failed=failed).encode()
    for data in (b"", b"\x01", good[:-1], b"\x02" + good[1:], good.replace(b"rule", b"rude")):
        with pytest.raises(ContractError):
            decode_standing(data)


def test_failures_in_a_row_keep_their_begin_and_end_with_a_plan() -> None:
    record, now_ns = Record(), NOW_NS
    assert record.standing("demo") is None
    record.look(site(), core.Memory(), now_ns)
    record.failed(WHY, "first plan", now_ns + S)
    record.failed(WHY, "a new quarter hour", now_ns + 31 * S)
    word = record.standing("demo")
    assert word is not None
    told = Text(en="the limits contradict each other", zh="限值相互矛盾")
    assert word.failed == Failed(now_ns + S, now_ns + 31 * S, "a new quarter hour", told, LIMITS)
    record.planned("p1", now_ns + 40 * S)
    record.look(site(), in_force(), now_ns + 41 * S)
    word = PlanStanding("demo", "plan", now_ns + 41 * S, "p1", now_ns + 40 * S)
    assert record.standing("demo") == word
    record.look(site(), in_force(), now_ns + 50 * S, blind=True)
    record.look(site(), in_force(), now_ns + 60 * S, blind=True)
    assert record.standing("demo") == replace(word, blind_ns=now_ns + 50 * S)
    record.failed(WHY, "new prices", now_ns + 61 * S)
    record.renewed()
    record.look(site(), in_force(), now_ns + 62 * S)
    assert record.standing("demo") == word


def test_what_a_site_is_run_by_is_a_plan_while_it_holds_then_the_rule_or_nobody() -> None:
    memory, beyond_ns = in_force(), NOW_NS + 24 * 3600 * S
    assert going_by(site(), core.Memory(), NOW_NS) == "waiting"
    assert going_by(site(), memory, NOW_NS) == "plan"
    assert going_by(replace(site(), modes=Modes("off")), memory, NOW_NS) == "off"
    ended = core.planned(replace(memory, asked_for="new prices"), None)
    assert going_by(site(), ended, NOW_NS) == "plan"
    assert going_by(site(), ended, beyond_ns) == "own_control"
    by_rule, _ = core.step(site(), ended, replace(snapshot(beyond_ns), recent=RECENT), beyond_ns)
    assert going_by(site(), by_rule, beyond_ns) == "rule"


@pytest.mark.timeout(90)
async def test_a_site_without_a_forecast_says_so_until_it_has_a_plan(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = DayView(site(), store)
    view.shown = _unseen
    pilot = Pilot(site(), view, sessions, clock)
    assert pilot.standing() is None
    await pilot.decide({})
    await pilot.plan_when_asked()
    await pilot.decide({})
    word = pilot.standing()
    assert word is not None
    assert word.failed is not None
    assert (word.site, word.plan_id, word.failed.wanted) == ("demo", None, "first plan")
    assert word.failed.why.en.startswith("no forecast of the electric load: ")
    assert word.failed.why.zh.startswith("没有用电负荷的预测")
    assert word.going_by in {"rule", "own_control"}
    view.shown = snapshot
    clock.advance(core.RETRY_S + 1.0)
    await pilot.decide({})
    await pilot.plan_when_asked()
    await pilot.decide({})
    word = pilot.standing()
    assert word is not None
    assert (word.going_by, word.failed) == ("plan", None)
    assert word.plan_id is not None
    store.close()


def _sentences_of_events() -> list[str]:
    """Every reason that an event can give, with stand-ins for its parts."""
    tree = ast.parse(Path(events.__file__).read_text(encoding="utf-8"))
    said = [one.value for one in ast.walk(tree) if isinstance(one, ast.Return)]
    return [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "x1" for part in one.values)
        for one in said
        if isinstance(one, ast.JoinedStr)
    ]


def test_every_reason_of_a_plan_is_said_in_chinese_too() -> None:
    sentences = _sentences_of_events()
    assert len(sentences) > 5
    for said in (*sentences, core._FIRST, core._QUARTER, core._RULED, RENEWED, NEW_PRICES):
        text = reason_text(said)
        assert text.en == said
        assert CHINESE.search(text.zh), said
    assert reason_text("comp1 was free, is tripped").zh == "comp1 由可用变为故障停机"
    need = reason_text("the need for heat is 80 kW, planned were 20 kW")
    assert need.zh == "供热需求为 80 kW，计划为 20 kW"
    assert reason_text("of another version").zh == "of another version"


def test_a_reason_names_a_machine_as_people_do() -> None:
    names = {"pv1": Text(en="PV roof", zh="屋顶光伏"), "is": Text(en="another", zh="另一个")}
    text = reason_text("pv1 is held at something else", names)
    assert text == Text(en="PV roof is held at something else", zh="屋顶光伏 的外部设定已改变")
    assert len({phrase.en for phrase in PHRASES}) == len(PHRASES)
