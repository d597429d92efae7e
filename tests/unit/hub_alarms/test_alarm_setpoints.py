"""Alarms of set-points: refused, failed, run out, taken over, stopped; by the ledger and by the holders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from hub.alarms.config import ENDINGS, Ended
from hub.alarms.facts import Commanded
from hub.alarms.phrases import found_in
from hub.alarms.setpoints import Missed
from hub.alarms.tables import AlarmLineRow
from hub.alarms.watch import Site
from hub.ledger.tables import CommandRow
from tests.unit.hub_alarms.alarm_hub import Place, place_of, site_of
from tests.unit.hub_alarms.alarm_story import Story, definition, story

ROLE = "comp1/role_set_code"


def missed(*ended: Ended) -> Missed:
    return Missed((ROLE,), ended or ENDINGS, 900.0)


def watched(*ended: Ended) -> Story:
    return story(definition("low", missed(*ended)))


def commanded(told: Story, state: str, code: str = "", rung: str = "optimiser") -> None:
    told.engine.facts.command({ROLE: Commanded(state, code, told.moment.mono_s)})
    told.engine.facts.hold({ROLE: rung}, told.moment.mono_s)


@pytest.mark.parametrize(
    ("state", "code", "rung", "words", "zh"),
    [
        ("refused", "limits", "fallback", f"{ROLE} refused", f"{ROLE} 被拒绝"),
        ("failed", "no_answer", "fallback", f"{ROLE} failed: Nobody answered", f"{ROLE} 失败：未在规定时间"),
        ("expired", "", "fallback", f"{ROLE} expired", f"{ROLE} 租约到期"),
        ("overridden", "overridden", "local", f"{ROLE} overridden: local", f"{ROLE} 被接管：就地"),
        ("verified", "", "stopped", f"{ROLE} stopped", f"{ROLE} 已被人员停止"),
    ],
)
def test_each_end_is_an_alarm_with_its_words_in_both_languages(
    state: str, code: str, rung: str, words: str, zh: str
) -> None:
    told = watched()
    commanded(told, state, code, rung)
    told.pass_s(7)
    assert told.phase() == "unack"
    said = told.engine.state("low").words
    assert said.startswith(words)
    assert found_in(said, "zh").startswith(zh)


def test_what_the_rule_does_not_name_and_what_runs_well_is_no_alarm() -> None:
    told = watched("refused")
    for state, rung in (("failed", "fallback"), ("overridden", "local"), ("verified", "stopped")):
        commanded(told, state, rung=rung)
        told.pass_s(20)
    for state in ("issued", "received", "written", "verified", "released", "superseded"):
        commanded(told, state)
        told.pass_s(20)
    assert told.kinds() == []


def test_a_plan_that_a_person_took_over_at_the_page_is_no_override() -> None:
    told = watched()
    commanded(told, "overridden", "overridden", "operator")
    told.pass_s(20)
    assert told.kinds() == []


def test_it_is_over_when_a_newer_set_point_gets_through_or_after_its_time() -> None:
    told = watched()
    commanded(told, "refused", "limits")
    told.pass_s(10)
    commanded(told, "verified")
    told.pass_s(12)
    assert told.kinds() == ["raised", "cleared"]
    commanded(told, "refused", "limits")
    told.pass_s(925, lambda now: now.engine.facts.hold({ROLE: "fallback"}, now.moment.mono_s))
    assert told.kinds() == ["raised", "cleared"] * 2


def test_set_points_that_are_refused_again_and_again_are_one_alarm() -> None:
    told = watched()
    for _ in range(8):
        commanded(told, "issued")
        told.pass_s(3)
        commanded(told, "refused", "limits")
        told.pass_s(20)
    assert told.kinds() == ["raised"]


def test_while_a_box_says_nothing_of_its_holders_nobody_knows_that_a_stop_is_over() -> None:
    told = watched()
    commanded(told, "verified", rung="stopped")
    told.pass_s(10)
    told.pass_s(60)
    assert told.kinds() == ["raised"]
    commanded(told, "verified")
    told.pass_s(12)
    assert told.kinds() == ["raised", "cleared"]


@pytest.fixture
async def place(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with place_of(clean_business_url, tmp_path) as made:
        yield made


def _site() -> Site:
    site = site_of()
    low = definition("low", missed("refused", "expired"), on_delay_s=1.0, off_delay_s=2.0)
    site.alarms = replace(site.alarms, definitions={"low": low}, points=())
    return site


async def _command(place: Place, ident: int, state: str, **more: object) -> None:
    now_ns = place.clock.now().wall_ns
    known: dict[str, object] = {
        "id": ident.to_bytes(16, "big"), "site": "demo", "edge": "edge1", "point": f"demo/{ROLE}",
        "kind": "set", "value": 1.0, "unit": "code", "level": "optimiser", "reason": "r", "actor": "dispatch",
        "epoch": 1, "seq": ident, "issued_ns": now_ns, "lease_s": 60.0, "body": b"", "chain": b"",
        "state": state,
    } | more  # fmt: skip
    async with place.sessions.begin() as session:
        session.add(CommandRow(**known))


async def test_the_watch_reads_the_ledger_and_an_old_end_is_not_told_again_after_a_start(
    place: Place,
) -> None:
    watch = place.watch(_site())
    await _command(place, 1, "issued")
    await _command(place, 2, "refused", point="demo/comp2/role_set_code", code="limits")
    await place.pass_s(8, None, watch)
    async with place.sessions.begin() as session:
        change = update(CommandRow).where(CommandRow.seq == 1)
        await session.execute(change.values(state="refused", verdict="refused", code="limits"))
    await place.pass_s(8, None, watch)
    await _command(place, 3, "verified", verdict="verified")
    await place.pass_s(30, None, watch)
    async with place.sessions.begin() as session:
        change = update(CommandRow).where(CommandRow.seq == 3)
        await session.execute(change.values(state="expired", lease_until_ns=place.clock.now().wall_ns))
    await watch.close()
    place.clock.advance(1000.0)
    again = place.watch(_site())
    await place.pass_s(10, None, again)
    assert await _kinds(place) == ["raised", "cleared"]


async def test_a_lease_that_ran_out_a_moment_ago_is_told(place: Place) -> None:
    watch = place.watch(_site())
    await _command(place, 1, "expired", lease_until_ns=place.clock.now().wall_ns)
    await place.pass_s(8, None, watch)
    assert await _kinds(place) == ["raised"]


async def _kinds(place: Place) -> list[str]:
    async with place.sessions() as session:
        return [row.kind for row in (await session.execute(select(AlarmLineRow))).scalars()]
