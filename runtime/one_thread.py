"""Blocking work on one file, away from the event loop: one thread, in order, never left half way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


class OneThread:
    """The thread that owns a database connection; work is done in the order it was asked for."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def call(self, work: Callable[[], _T], halt: Callable[[], None] | None = None) -> _T:
        """Do `work` in the thread and give its result, or raise what it raised.

        Args:
            work: What is to be done.
            halt: Called once when the caller is cancelled meanwhile, so that long work may end early.

        A caller that is cancelled meanwhile still gets the result and is cancelled at its next wait: what was
        committed is never unknown to whoever committed it, and the next commit never runs beside it.
        """
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        cancelled = False
        while not future.done():
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError:
                if halt is not None and not cancelled:
                    halt()
                cancelled = True
        task = asyncio.current_task()
        if cancelled and task is not None:
            task.uncancel()  # the count of cancellations stays what it was: asyncio.timeout looks at it
            task.cancel()
        return future.result()

    def close(self, last: Callable[[], None]) -> None:
        """Do `last` after all that was asked before, wait for it, and let the thread go."""
        try:
            self._pool.submit(last).result()
        finally:
            self._pool.shutdown(wait=False)
