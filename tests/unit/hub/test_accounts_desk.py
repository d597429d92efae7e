"""The desk of the accounts: one computation for all who ask the same, and no queue without an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from hub.accounts.desk import MOST_WAITING, AccountsDesk
from hub.accounts.heeding import NobodyWaitsError
from hub.accounts.site import SiteAccounts
from hub.store.engine import StorePlace, open_store
from hub.store.port import SeriesReader
from protocols.errors import BusyError, ConfigError
from runtime.clock import VirtualClock
from tests.unit.accounts.site_series import accounts_with

BOOK = """\
meters:
  - {id: main, point: meter_main/import_kwh}
"""


class Slow:
    """A piece of work that ends when it is let, and counts how often it was done."""

    def __init__(self) -> None:
        self.done = 0
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, _reader: object, _site: object, _now_ns: int) -> int:
        self.done += 1
        self.begun.set()
        if not self.may_end.wait(15.0):
            raise TimeoutError
        return self.done


@pytest.fixture
def site(tmp_path: Path) -> SiteAccounts:
    return accounts_with(tmp_path, BOOK)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AccountsDesk]:
    clock = VirtualClock(wall_ns=1_750_000_000_000_000_000)
    with closing(open_store(StorePlace(tmp_path / "series.db"), clock)) as store:
        yield AccountsDesk(store, clock)


@asynccontextmanager
async def _busy(desk: AccountsDesk, site: SiteAccounts, slow: Slow) -> AsyncIterator[asyncio.Task[int]]:
    async with asyncio.TaskGroup() as group:
        try:
            first = group.create_task(desk.ask(site, "year", slow))
            await asyncio.to_thread(slow.begun.wait, 15.0)
            yield first
        finally:
            slow.may_end.set()


async def test_who_asks_the_same_meanwhile_shares_the_one_computation(
    desk: AccountsDesk, site: SiteAccounts
) -> None:
    slow = Slow()
    async with asyncio.TaskGroup() as group, _busy(desk, site, slow) as first:
        others = [group.create_task(desk.ask(site, "year", slow)) for _ in range(3 * MOST_WAITING)]
        await asyncio.sleep(0)
    assert (slow.done, first.result(), {one.result() for one in others}) == (1, 1, {1})


async def test_beyond_those_who_may_wait_one_is_told_when_to_come_back(
    desk: AccountsDesk, site: SiteAccounts
) -> None:
    slow = Slow()
    async with asyncio.TaskGroup() as group, _busy(desk, site, slow):
        waiting = [
            group.create_task(desk.ask(site, number, lambda *_: "later")) for number in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(BusyError) as refused:
            await desk.ask(site, "one more", slow)
        slow.may_end.set()
    assert refused.value.context["wait_s"] == 1
    assert {one.result() for one in waiting} == {"later"}


async def test_a_refusal_is_shared_and_not_remembered(desk: AccountsDesk, site: SiteAccounts) -> None:
    slow, said = Slow(), []

    def refuse(reader: object, of: object, now_ns: int) -> int:
        slow(reader, of, now_ns)
        raise ConfigError("no prices")

    async def asked() -> None:
        with pytest.raises(ConfigError, match="no prices"):
            await desk.ask(site, "year", refuse)
        said.append(slow.done)

    async with asyncio.TaskGroup() as group:
        group.create_task(asked())
        await asyncio.to_thread(slow.begun.wait, 15.0)
        group.create_task(asked())
        await asyncio.sleep(0)
        slow.may_end.set()
    assert said == [1, 1]
    await asked()
    assert said == [1, 1, 2]


async def test_what_began_before_something_came_late_is_given_to_nobody_who_asks_after(
    desk: AccountsDesk, site: SiteAccounts
) -> None:
    slow = Slow()
    async with asyncio.TaskGroup() as group, _busy(desk, site, slow) as first:
        desk.forget()
        after = group.create_task(desk.ask(site, "year", slow))
        await asyncio.sleep(0)
        slow.may_end.set()
    assert (first.result(), after.result()) == (1, 2)
    assert await desk.ask(site, "year", slow) == 2


async def test_where_the_first_goes_away_the_others_get_the_answer_that_is_under_way(
    desk: AccountsDesk, site: SiteAccounts
) -> None:
    slow = Slow()
    async with asyncio.TaskGroup() as group, _busy(desk, site, slow) as first:
        second = group.create_task(desk.ask(site, "year", slow))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        assert desk.waiting == 1
        slow.may_end.set()
    assert first.cancelled()
    assert (slow.done, second.result()) == (1, 1)


async def test_what_nobody_waits_for_is_not_begun_and_leaves_its_place_in_the_line(
    desk: AccountsDesk, site: SiteAccounts
) -> None:
    slow, begun = Slow(), []
    async with asyncio.TaskGroup() as group, _busy(desk, site, slow):
        left = [
            group.create_task(desk.ask(site, number, lambda *_: begun.append("left")))
            for number in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        for one in left:
            one.cancel()
        await asyncio.sleep(0)
        later = group.create_task(desk.ask(site, "later", lambda *_: begun.append("later")))
        await asyncio.sleep(0)
        slow.may_end.set()
    assert later.done()
    assert begun == ["later"]


async def test_what_is_worked_out_for_nobody_ends_at_its_next_read_and_is_worked_out_anew_for_who_asks_again(
    desk: AccountsDesk, site: SiteAccounts
) -> None:
    slow, ends = Slow(), list[str]()

    def reads(reader: SeriesReader, of: object, now_ns: int) -> str:
        slow(reader, of, now_ns)
        try:
            reader.last()
        except NobodyWaitsError:
            ends.append("given up")
            raise
        ends.append("done")
        return "an answer"

    async with asyncio.TaskGroup() as group:
        first = group.create_task(desk.ask(site, "year", reads))
        await asyncio.to_thread(slow.begun.wait, 15.0)
        first.cancel()
        await asyncio.sleep(0)
        again = group.create_task(desk.ask(site, "year", reads))
        await asyncio.sleep(0)
        slow.may_end.set()
    assert first.cancelled()
    assert again.result() == "an answer"
    assert ends == ["given up", "done"]
