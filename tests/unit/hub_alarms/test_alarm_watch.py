"""The watch over its database: nothing is lost or told twice, whoever is killed; acts; who is in office."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.alarms.conditions import Marked
from hub.alarms.links import Links
from hub.alarms.tables import AlarmActRow, AlarmLineRow, AlarmNoticeRow, AlarmOfficeRow, AlarmStateRow
from hub.database import Sessions
from protocols.trouble import Trouble, TroubleCode
from tests.unit.hub_alarms.alarm_hub import Place, beat, place_of, site_of
from tests.unit.hub_alarms.alarm_story import definition


@pytest.fixture
async def place(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with place_of(clean_business_url, tmp_path) as made:
        yield made


async def kinds(sessions: Sessions, *, loud: bool = False) -> list[str]:
    async with sessions() as session:
        rows = (await session.execute(select(AlarmLineRow).order_by(AlarmLineRow.number))).scalars()
        return [row.kind for row in rows if not (loud and row.quiet) and row.alarm == "low"]


async def phase(sessions: Sessions, alarm: str = "low") -> str:
    async with sessions() as session:
        row = await session.get(AlarmStateRow, ("demo", alarm))
    return "normal" if row is None else row.phase


async def test_an_alarm_is_kept_with_its_messages_and_acknowledged_by_a_person(place: Place) -> None:
    watch = place.watch()
    await place.pass_s(10, 5.0, watch)
    assert await phase(place.sessions) == "unack"
    ident = await place.ask("ack", occurrence=1)
    await place.pass_s(1, 5.0, watch)
    assert await phase(place.sessions) == "ack"
    async with place.sessions() as session:
        act = (await session.execute(select(AlarmActRow).where(AlarmActRow.id == ident))).scalar_one()
        notices = (await session.execute(select(AlarmNoticeRow))).scalars().all()
    assert act.done_ns is not None
    assert not act.refused
    assert [(one.kind, one.escalation, one.state) for one in notices] == [
        ("raised", False, "waiting"), ("raised", True, "waiting"),
    ]  # fmt: skip
    assert watch.fresh.is_set()


async def test_an_act_that_does_not_fit_is_refused_with_its_reason(place: Place) -> None:
    watch = place.watch()
    await place.pass_s(1, 6.5, watch)
    await place.ask("ack")
    await place.ask("ack", "gone")
    await place.pass_s(1, 6.5, watch)
    async with place.sessions() as session:
        said = [row.refused for row in (await session.execute(select(AlarmActRow))).scalars()]
    assert ["acknowledged already" in said[0], "no alarm" in said[1]] == [True, True]


async def test_who_is_killed_at_any_moment_loses_nothing_and_nothing_is_told_twice(place: Place) -> None:
    course = [6.5] * 5 + [5.0] * 12 + [6.5] * 30 + [5.0] * 15
    watch = place.watch()
    for at, value in enumerate(course):
        if at % 4 == 3:  # a new process: it knows only what is in the databases
            await watch._office.resign()
            watch = place.watch(site_of(on_delay_s=2.0, off_delay_s=2.0))
        await place.pass_s(1, value, watch)
    assert await kinds(place.sessions, loud=True) == ["raised", "cleared", "raised"]


async def test_what_came_while_nobody_watched_is_found_later(place: Place) -> None:
    watch = place.watch()
    await place.pass_s(5, 6.5, watch)
    await watch.close()
    await place.pass_s(60, 5.0)
    again = place.watch()
    await place.pass_s(1, 5.0, again)
    assert await kinds(place.sessions, loud=True) == ["raised"]
    async with place.sessions() as session:
        row = (await session.execute(select(AlarmLineRow))).scalar_one()
    assert row.time_ns < place.clock.now().wall_ns - 50 * 10**9


async def test_what_came_and_went_while_nobody_watched_is_only_noted(place: Place) -> None:
    watch = place.watch()
    await place.pass_s(5, 6.5, watch)
    await watch.close()
    await place.pass_s(30, 5.0)
    await place.pass_s(60, 6.5)
    again = place.watch()
    await place.pass_s(5, 6.5, again)
    assert await kinds(place.sessions) == ["raised", "cleared"]
    assert await kinds(place.sessions, loud=True) == []
    async with place.sessions() as session:
        assert (await session.execute(select(AlarmNoticeRow))).scalars().all() == []


async def test_of_two_processes_one_watches_and_the_other_takes_over(place: Place) -> None:
    first, second = place.watch(), place.watch()
    await place.pass_s(10, 5.0, first, second)
    assert [first.watching, second.watching] == [True, False]
    assert await kinds(place.sessions) == ["raised"]
    await place.pass_s(5, 5.0, second)
    assert not second.watching
    await place.pass_s(8, 5.0, second)
    assert second.watching
    await place.pass_s(3, 5.0, first, second)
    assert [first.watching, second.watching] == [False, True]
    assert await kinds(place.sessions) == ["raised"]


async def test_one_that_lost_the_office_unseen_commits_nothing(place: Place) -> None:
    watch = place.watch()
    await place.pass_s(3, 6.5, watch)
    async with place.sessions.begin() as session:
        office = await session.get(AlarmOfficeRow, "demo")
        assert office is not None
        office.ballot = "somebody else"
    await watch._commit(watch._turn_of(watch._engine.drain(), [(1, "")], watch._now()))  # type: ignore[union-attr]  # it watches
    assert not watch.watching
    assert await kinds(place.sessions) == []


async def test_a_commit_whose_answer_got_lost_is_not_made_twice(place: Place) -> None:
    watch = place.watch()
    await place.pass_s(10, 5.0, watch)
    async with place.sessions() as session:
        office = await session.get(AlarmOfficeRow, "demo")
    assert office is not None
    engine = watch._engine
    assert engine is not None
    engine._happened, engine._changed = [], {"low"}
    turn = watch._turn_of(engine.drain(), [], watch._now())
    assert await watch._commit(turn)
    assert await watch._commit(turn)
    assert await kinds(place.sessions) == ["raised"]


def test_links_say_what_is_away_and_what_nobody_can_know(place_links: tuple[Links, Place]) -> None:
    links, place = place_links
    place.clock.advance(4.0)
    assert not _known(links, "edge:edge1")
    place.clock.advance(27.0)
    assert _so(links, "edge:edge1")
    troubles = [Trouble(TroubleCode.DISK_FULL, "0 B left")]
    links.hear(beat(place.clock, links={"comp1": "down", "comp2": "up"}, troubles=troubles))
    assert [_so(links, name) for name in ("edge:edge1", "device:comp1", "device:comp2")] == [
        False,
        True,
        False,
    ]
    assert _so(links, "box:edge1:disk_full")
    place.clock.advance(6.0)
    assert _so(links, "edge:edge1")
    assert not _known(links, "device:comp1")
    links.bus_is("down")
    assert _so(links, "hub:bus")
    assert not _known(links, "edge:edge1")
    place.clock.advance(100.0)
    links.bus_is("up")
    place.clock.advance(2.0)
    assert not _so(links, "edge:edge1")


@pytest.fixture
async def place_links(clean_business_url: str, tmp_path: Path) -> AsyncIterator[tuple[Links, Place]]:
    async with place_of(clean_business_url, tmp_path) as made:
        links = Links(made.registry, made.clock)
        links.bus_is("up")
        yield links, made


async def test_a_dead_edge_stays_one_alarm_over_restarts_of_the_watch(place: Place) -> None:
    site = site_of()
    dead = definition("edge:edge1", Marked("edge:edge1"), on_delay_s=10.0, off_delay_s=5.0, source="edge")
    site.alarms = replace(site.alarms, definitions={"edge:edge1": dead})
    for _ in range(4):
        watch = place.watch(site)
        await place.pass_s(45, None, watch)
        await watch.close()
    async with place.sessions() as session:
        rows = (await session.execute(select(AlarmLineRow))).scalars().all()
    assert [row.kind for row in rows] == ["raised"]


def _so(links: Links, name: str) -> bool:
    return next(one.why is not None and one.known for one in links.causes() if one.name == name)


def _known(links: Links, name: str) -> bool:
    return next(one.known for one in links.causes() if one.name == name)


async def test_a_rule_that_was_taken_away_and_comes_back_goes_on_counting(place: Place) -> None:
    watch, bare = place.watch(), site_of()
    bare.alarms = replace(bare.alarms, definitions={})
    for _ in range(3):
        await place.pass_s(8, 5.0, watch)
        watch.take(bare)
        await place.pass_s(2, 5.0, watch)
        watch.take(site_of())
    await place.pass_s(8, 5.0, watch)
    assert await kinds(place.sessions, loud=True) == [*["raised", "removed"] * 3, "raised"]
    async with place.sessions() as session:
        told = [row.occurrence for row in (await session.execute(select(AlarmNoticeRow))).scalars()]
    assert sorted(set(told)) == [1, 2, 3, 4]


async def test_a_box_may_say_what_it_likes_and_the_watch_goes_on(place: Place) -> None:
    site = site_of()
    name = "box:edge1:other"
    site.alarms = replace(site.alarms, definitions={name: definition(name, Marked(name), source="box")})
    watch = place.watch(site)
    hostile = Trouble(TroubleCode.OTHER, "a\x00b\n\u2028c" + "x" * 100_000)
    for _ in range(10):
        watch._links.hear(beat(place.clock, troubles=[hostile]))
        await place.pass_s(1, None, watch)
    async with place.sessions() as session:
        (row,) = (await session.execute(select(AlarmLineRow))).scalars()
    assert row.words.startswith("a b cxxx")
    assert len(row.words) <= 400
