"""Run work again when it fails, and decode what strangers send: the only blind excepts (ADR 0004)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from protocols.errors import EmsError
from protocols.units import Seconds

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

undecodable: Counter[str] = Counter()
"""How many messages of each kind could not be decoded since the start; read by health."""


class Failing(NamedTuple):
    """The newest failure of a piece of work: how many in a row, when on the monotonic clock [s], and why."""

    in_a_row: int
    at_s: float
    why: str


failing: dict[str, Failing] = {}
"""The newest failure of each piece of work by its name; read by health, which looks at its age."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from `first_s` to `most_s`."""

    first_s: Seconds = 1.0
    most_s: Seconds = 60.0

    def delay_s(self, failures: int) -> Seconds:
        """Wait after the given number of failures in a row, from 1 on."""
        return min(self.first_s * 2.0 ** min(failures - 1, 30), self.most_s)


async def supervise(name: str, work: Callable[[], Awaitable[None]], backoff: Backoff | None = None) -> None:
    """Await `work` until it returns; cancellation passes through, also when tidying up after it fails.

    An error of our own tree is logged as its sentence, any other with its traceback. A run longer than
    `most_s` wipes the count of failures.
    """
    backoff = backoff or Backoff()
    now_s = asyncio.get_running_loop().time
    failures = 0
    while True:
        started_s = now_s()
        try:
            await work()
        except Exception as error:  # one piece of work must not end the process, ADR 0004
            failures = 1 if now_s() - started_s > backoff.most_s else failures + 1
            failing[name] = Failing(failures, time.monotonic(), str(error))
            foreseen = isinstance(error, EmsError)
            _log.error("%s failed, %d in a row: %s", name, failures, error, exc_info=not foreseen)
            if _is_cancelled():
                raise asyncio.CancelledError from error
        else:
            return
        await asyncio.sleep(backoff.delay_s(failures))


def stand_to_cancellation() -> None:
    """Raise what a library may have swallowed: `asyncio.wait_for` of Python 3.11 does at times (bpo-37658).

    A loop over calls of such a library says it once a round; a task is asked to end only once.

    Raises:
        asyncio.CancelledError: This task was asked to end.
    """
    if _is_cancelled():
        raise asyncio.CancelledError


async def heeding(work: Awaitable[_T]) -> _T:
    """The result of `work`, unless this task was cancelled while it waited for it.

    For a single call of a library that waits by `asyncio.wait_for` (see above). What runs in a task that is
    being ended, such as giving back its leases, is not disturbed: only a cancellation during the wait counts.

    Raises:
        asyncio.CancelledError: The task was cancelled meanwhile, whatever `work` made of it.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        return await work
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


def _is_cancelled() -> bool:
    """Whether this task was asked to end, and the answer got lost in an error of its tidying up."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def guarded_decode(decode: Callable[[bytes], _T], data: bytes, what: str) -> _T | None:
    """Decode a stranger's bytes; None, a log line and a count when it does not work."""
    try:
        return decode(data)
    except Exception as error:  # noqa: BLE001  decoders of libraries leak any kind of error on hostile input, ADR 0004
        undecodable[what] += 1
        if undecodable[what] & (undecodable[what] - 1) == 0:
            _log.warning("%s could not be decoded (%d so far): %s", what, undecodable[what], error)
        return None
