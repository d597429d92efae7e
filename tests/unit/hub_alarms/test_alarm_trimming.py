"""The journal of alarms is kept for its time and no longer; what stands or waits stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hub.alarms.tables import AlarmActRow, AlarmLineRow, AlarmNoticeRow, AlarmStateRow
from hub.alarms.trimming import PORTION, Trimmer
from hub.alarms.watch import Site
from tests.unit.hub_alarms.alarm_hub import Place, place_of, site_of

DAY_S = 86_400.0


@pytest.fixture
async def place(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with place_of(clean_business_url, tmp_path) as made:
        yield made


def _line(place: Place, site: str = "demo") -> AlarmLineRow:
    return AlarmLineRow(
        site=site, alarm="low", kind="comment", time_ns=place.clock.now().wall_ns, priority=1, occurrence=1,
        label_en="w", label_zh="w", actor="anna", words="", value=None, quiet=False,
    )  # fmt: skip


async def _count(place: Place, table: type) -> int:
    async with place.sessions() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


def _kept_for(days: int) -> Site:
    site = site_of()
    site.alarms = replace(site.alarms, keep_days=days)
    return site


async def test_what_is_old_enough_goes_and_what_stands_or_waits_stays(place: Place) -> None:
    watch = place.watch(_kept_for(400))
    trimmer = Trimmer((place.sessions, "demo"), watch, place.clock)
    await place.pass_s(10, 5.0, watch)
    await place.ask("ack", done_ns=place.clock.now().wall_ns)
    await place.ask("ack")
    assert await trimmer.turn() == 0
    place.clock.advance(399 * DAY_S)
    async with place.sessions.begin() as session:
        session.add(_line(place))
    assert await trimmer.turn() == 0
    place.clock.advance(2 * DAY_S)
    assert await trimmer.turn() == 1
    assert await _count(place, AlarmLineRow) == 1
    assert await _count(place, AlarmStateRow) == 1
    assert await _count(place, AlarmNoticeRow) == 2, "they wait still, however long"
    assert await _count(place, AlarmActRow) == 1


async def test_of_many_rows_some_go_at_a_time_until_all_are_gone_and_other_sites_keep_theirs(
    place: Place,
) -> None:
    async with place.sessions.begin() as session:
        session.add_all([_line(place) for _ in range(PORTION + 5)])
        session.add(_line(place, "other"))
    place.clock.advance(401 * DAY_S)
    trimmer = Trimmer((place.sessions, "demo"), place.watch(_kept_for(400)), place.clock)
    assert await trimmer.turn() == PORTION + 5
    assert await _count(place, AlarmLineRow) == 1
