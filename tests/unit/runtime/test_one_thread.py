"""Work in the one thread of a file is never left half way, whoever is cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from runtime.one_thread import OneThread


class Gate:
    """Work that waits until a test lets it go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.done: list[str] = []

    def work(self, name: str) -> str:
        self.begun.set()
        assert self.go.wait(5.0)
        self.done.append(name)
        return name


async def test_a_cancelled_caller_has_its_result_before_it_is_cancelled() -> None:
    thread, gate, got = OneThread("test"), Gate(), []

    async def caller() -> None:
        got.append(await thread.call(lambda: gate.work("a")))
        await asyncio.sleep(5.0)
        got.append("never")

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(caller())
        await asyncio.to_thread(gate.begun.wait)
        task.cancel()
        await asyncio.sleep(0)
        gate.go.set()
    assert task.cancelled()
    assert got == ["a"]
    thread.close(lambda: None)


async def test_a_time_out_stays_a_time_out() -> None:
    thread, gate = OneThread("test"), Gate()
    asyncio.get_running_loop().call_later(0.05, gate.go.set)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await thread.call(lambda: gate.work("a"))
            await asyncio.sleep(5.0)
    assert gate.done == ["a"]
    thread.close(lambda: None)


async def test_closing_waits_for_what_was_asked_before() -> None:
    thread, gate = OneThread("test"), Gate()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(thread.call(lambda: gate.work("a")))
        await asyncio.to_thread(gate.begun.wait)
        gate.go.set()
        thread.close(lambda: gate.done.append("closed"))
    assert gate.done == ["a", "closed"]


async def test_what_work_raises_reaches_the_caller() -> None:
    thread = OneThread("test")

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await thread.call(fail)
    thread.close(lambda: None)
