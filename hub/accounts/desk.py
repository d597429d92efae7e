"""Asks for accounts one at a time, in a thread, and remembers the newest answers for a moment.

A year takes seconds. Who asks the same meanwhile shares the one answer; who asks something else waits for
their turn, and beyond a few who wait is told to come back: nobody waits behind a queue without an end. What
nobody waits for any more is not begun, or given up at its next read of the series.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar, cast

from hub.accounts.heeding import HeedingReader, NobodyWaitsError
from hub.accounts.site import SiteAccounts
from hub.store.port import SeriesReader
from protocols.clock import Clock
from protocols.errors import BusyError, EmsError

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
KEPT_S: Final = 60.0
"""So long an answer is given again. [s]"""
MOST_WAITING: Final = 8
"""Questions that wait for their turn at once."""
_MOST: Final = 32
_MOST_WAIT_S: Final = 60


@dataclass(slots=True, eq=False)
class _Work:
    """A question, for all who ask it; `begin` works it out, `heard_by` counts who waits."""

    whole: Hashable
    begin: Callable[[SeriesReader, int], Any]
    heard_by: int = 0
    unwanted: threading.Event = field(default_factory=threading.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    found: Any = None
    failed: BaseException | None = None


def _own(failed: BaseException) -> BaseException:
    """An error of ours anew for each who hears it."""
    return copy.copy(failed) if isinstance(failed, EmsError) else failed


class AccountsDesk:
    """Of one process that answers questions about accounts."""

    def __init__(self, series: SeriesReader, clock: Clock) -> None:
        self._series = series
        self._clock = clock
        self._line: deque[_Work] = deque()
        self._now: _Work | None = None
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
            work: Called in a thread; given up when all who asked were cancelled.

        Raises:
            BusyError: Too many wait for other answers; `wait_s` says when to ask again.
            ConfigError: As `work`.
            StoreError: As `work`.
        """
        whole = (id(site), key)
        kept = self._kept.get(whole)
        if kept is not None and self._clock.mono_s() - kept[0] < KEPT_S:
            return cast("_T", kept[1])
        mine = self._under_way.get(whole) or self._put(
            whole, lambda reader, now_ns: work(reader, site, now_ns)
        )
        mine.heard_by += 1
        try:
            await mine.over.wait()
        finally:
            mine.heard_by -= 1
            if not mine.heard_by:
                self._drop(mine)
        if mine.failed is not None:
            raise _own(mine.failed) from mine.failed
        return cast("_T", mine.found)

    @property
    def waiting(self) -> int:
        """Who waits for an answer now."""
        shown = [*self._line, *([] if self._now is None else [self._now])]
        return sum(one.heard_by for one in shown)

    def forget(self) -> None:
        """Give nothing again, nor what is under way: the site changed, or something came late."""
        self._kept.clear()
        self._under_way = {}

    def _put(self, whole: Hashable, begin: Callable[[SeriesReader, int], Any]) -> _Work:
        """A question of its own, at the end of the line."""
        if len(self._line) >= MOST_WAITING:
            wait_s = min(max(math.ceil(self._took_s * len(self._line)), 1), _MOST_WAIT_S)
            raise BusyError("other accounts are being worked out", wait_s=wait_s)
        made = self._under_way[whole] = _Work(whole, begin)
        self._line.append(made)
        self._next()
        return made

    def _next(self) -> None:
        """Begin what has waited longest, unless something is under way."""
        if self._now is not None or not self._line:
            return
        work = self._now = self._line.popleft()
        reader = HeedingReader(self._series, work.unwanted)
        call = partial(work.begin, reader, self._clock.now().wall_ns)
        done = asyncio.get_running_loop().run_in_executor(None, call)
        done.add_done_callback(partial(self._ended, work, self._clock.mono_s()))

    def _ended(self, work: _Work, begun_s: float, done: asyncio.Future[Any]) -> None:
        """The thread is through with it, whatever came of it."""
        self._now, self._took_s = None, self._clock.mono_s() - begun_s
        work.failed = asyncio.CancelledError() if done.cancelled() else done.exception()
        if work.failed is None:
            work.found = done.result()
        if self._under_way.get(work.whole) is work:
            del self._under_way[work.whole]
            if work.failed is None:
                self._keep(work.whole, work.found)
        if work.failed is not None and not work.heard_by and not isinstance(work.failed, NobodyWaitsError):
            _log.warning("accounts that nobody waits for any more failed: %s", work.failed)
        work.over.set()
        self._next()

    def _drop(self, work: _Work) -> None:
        """Nobody waits for it: it is not begun, or ends at its next read; who asks again begins anew."""
        work.unwanted.set()
        if self._under_way.get(work.whole) is work:
            del self._under_way[work.whole]
        if work in self._line:
            self._line.remove(work)

    def _keep(self, whole: Hashable, found: object) -> None:
        self._kept[whole] = (self._clock.mono_s(), found)
        self._kept.move_to_end(whole)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
