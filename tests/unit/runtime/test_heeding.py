"""Cancellations that `asyncio.wait_for` of Python 3.11 forgets where an answer comes in the same turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from runtime.supervise import heeding


async def forgetful(answer: asyncio.Future[int]) -> int:
    """What `wait_for` does: the answer wins over the cancellation that came with it."""
    try:
        return await asyncio.shield(answer)
    except asyncio.CancelledError:
        return answer.result()


async def ended(work: Awaitable[int], answer: asyncio.Future[int]) -> asyncio.Task[int]:
    """A task that waits for `work` is cancelled in the turn in which its answer comes."""
    async with asyncio.TaskGroup() as tasks:

        async def wait() -> int:
            return await work

        task = tasks.create_task(wait())
        await asyncio.sleep(0)
        answer.set_result(1)
        task.cancel()
    return task


async def test_a_cancellation_that_was_swallowed_is_raised() -> None:
    answer = asyncio.get_running_loop().create_future()
    assert not (await ended(forgetful(answer), answer)).cancelled(), "so the library does it"
    answer = asyncio.get_running_loop().create_future()
    assert (await ended(heeding(forgetful(answer)), answer)).cancelled()


async def test_one_that_came_before_does_not_disturb_what_a_task_does_at_its_end() -> None:
    given_back = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_back.append(await heeding(asyncio.sleep(0, 7)))

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
    assert given_back == [7]


async def test_a_time_limit_that_was_swallowed_is_a_time_out() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await heeding(stubborn())
