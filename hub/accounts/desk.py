"""Asks for accounts one at a time, in a thread, and remembers the newest answers for a moment.

A year takes seconds: who asks meanwhile waits for their turn, and the loop goes on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar, cast

from hub.accounts.site import SiteAccounts
from hub.store.port import SeriesReader
from protocols.clock import Clock

_T = TypeVar("_T")
KEPT_S: Final = 60.0
"""So long an answer is given again. [s]"""
_MOST: Final = 32


class AccountsDesk:
    """Of one process that answers questions about accounts."""

    def __init__(self, series: SeriesReader, clock: Clock) -> None:
        self._series = series
        self._clock = clock
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()

    async def ask(
        self, site: SiteAccounts, key: Hashable, work: Callable[[SeriesReader, SiteAccounts, int], _T]
    ) -> _T:
        """What `work` gives of the series, the site and now, or what it gave a moment ago.

        Args:
            site: One version of the site; another version has answers of its own.
            key: What is asked; two questions with one key have one answer.
            work: Called in a thread.

        Raises:
            ConfigError: As `work`.
            StoreError: As `work`.
        """
        async with self._turn:
            whole = (id(site), key)
            kept = self._kept.get(whole)
            if kept is not None and self._clock.mono_s() - kept[0] < KEPT_S:
                return cast("_T", kept[1])
            found = await asyncio.to_thread(work, self._series, site, self._clock.now().wall_ns)
            self._kept[whole] = (self._clock.mono_s(), found)
            self._kept.move_to_end(whole)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
            return found

    def forget(self) -> None:
        """Give nothing again: the site changed, or a test did."""
        self._kept.clear()
