"""Asks for accounts one at a time, in a thread, and remembers the newest answers for a moment.

A year takes seconds. Who asks the same meanwhile shares the one answer; who asks something else waits for
their turn, and beyond a few who wait is told to come back: nobody waits behind a queue without an end.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from hub.accounts.site import SiteAccounts
from hub.store.port import SeriesReader
from protocols.clock import Clock
from protocols.errors import BusyError, EmsError

_T = TypeVar("_T")
KEPT_S: Final = 60.0
"""So long an answer is given again. [s]"""
MOST_WAITING: Final = 8
"""Questions that wait for their turn at once."""
_MOST: Final = 32
_MOST_WAIT_S: Final = 60


@dataclass(slots=True, eq=False)
class _Work:
    """A question under way, for those who ask the same."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    done: bool = False
    found: Any = None
    failed: EmsError | None = None


class AccountsDesk:
    """Of one process that answers questions about accounts."""

    def __init__(self, series: SeriesReader, clock: Clock) -> None:
        self._series = series
        self._clock = clock
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._took_s = 0.0
        self._under_way: dict[Hashable, _Work] = {}
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()

    async def ask(
        self, site: SiteAccounts, key: Hashable, work: Callable[[SeriesReader, SiteAccounts, int], _T]
    ) -> _T:
        """What `work` gives of the series, the site and now, or what it gave a moment ago.

        Args:
            site: One version of the site; another version has answers of its own.
            key: What is asked; two questions with one key have one answer, or one refusal.
            work: Called in a thread.

        Raises:
            BusyError: Too many wait for other answers; `wait_s` says when to ask again.
            ConfigError: As `work`.
            StoreError: As `work`.
        """
        whole = (id(site), key)
        while True:
            kept = self._kept.get(whole)
            if kept is not None and self._clock.mono_s() - kept[0] < KEPT_S:
                return cast("_T", kept[1])
            same = self._under_way.get(whole)
            if same is None:
                return await self._first(whole, site, work)
            await same.over.wait()
            if same.failed is not None:
                raise type(same.failed)(str(same.failed.args[0]), **same.failed.context) from same.failed
            if same.done:
                return cast("_T", same.found)  # else who was first went away: the next one does it

    def forget(self) -> None:
        """Give nothing again, nor what is under way: the site changed, or something came late."""
        self._kept.clear()
        self._under_way = {}

    async def _first(
        self, whole: Hashable, site: SiteAccounts, work: Callable[[SeriesReader, SiteAccounts, int], _T]
    ) -> _T:
        """Do the work, and let those share it who ask the same meanwhile."""
        if self._waiting >= MOST_WAITING:
            wait_s = min(max(math.ceil(self._took_s * self._waiting), 1), _MOST_WAIT_S)
            raise BusyError("other accounts are being worked out", wait_s=wait_s)
        mine = self._under_way[whole] = _Work()
        try:
            found = await self._in_turn(site, work)
            mine.found, mine.done = found, True
            if self._under_way.get(whole) is mine:
                self._keep(whole, found)
        except EmsError as error:
            mine.failed = error
            raise
        finally:
            if self._under_way.get(whole) is mine:
                del self._under_way[whole]
            mine.over.set()
        return found

    async def _in_turn(self, site: SiteAccounts, work: Callable[[SeriesReader, SiteAccounts, int], _T]) -> _T:
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            begun_s = self._clock.mono_s()
            found = await asyncio.to_thread(work, self._series, site, self._clock.now().wall_ns)
            self._took_s = self._clock.mono_s() - begun_s
        finally:
            self._turn.release()
        return found

    def _keep(self, whole: Hashable, found: object) -> None:
        self._kept[whole] = (self._clock.mono_s(), found)
        self._kept.move_to_end(whole)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
