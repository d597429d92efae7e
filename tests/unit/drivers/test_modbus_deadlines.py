"""One timer for the deadlines of many connections."""

from __future__ import annotations

import asyncio

from protocols.drivers.modbus.deadlines import Deadlines


async def test_each_is_woken_at_its_earliest_deadline_and_once() -> None:
    deadlines, loop = Deadlines(), asyncio.get_running_loop()
    woken: list[tuple[str, float]] = []
    done = asyncio.Event()

    def first() -> None:
        woken.append(("first", loop.time()))

    def second() -> None:
        woken.append(("second", loop.time()))
        done.set()

    begun_s = loop.time()
    deadlines.watch(second, begun_s + 0.04)
    deadlines.watch(first, begun_s + 0.03)
    deadlines.watch(first, begun_s + 0.01)
    deadlines.watch(first, begun_s + 5.0)
    async with asyncio.timeout(5):
        await done.wait()
    assert [name for name, _ in woken] == ["first", "second"]
    assert all(at_s >= begun_s + least_s for (_, at_s), least_s in zip(woken, (0.009, 0.039), strict=True))


async def test_who_is_forgotten_sleeps_and_can_be_watched_again() -> None:
    deadlines, loop = Deadlines(), asyncio.get_running_loop()
    woken: list[str] = []
    again = asyncio.Event()

    def forgotten() -> None:
        woken.append("forgotten")

    deadlines.watch(forgotten, loop.time() + 0.01)
    deadlines.forget(forgotten)
    deadlines.watch(again.set, loop.time() + 0.02)
    async with asyncio.timeout(5):
        await again.wait()
    assert not woken
    again.clear()
    deadlines.watch(again.set, loop.time() + 0.01)
    async with asyncio.timeout(5):
        await again.wait()


async def test_one_that_fails_keeps_nobody_else_asleep() -> None:
    deadlines, loop = Deadlines(), asyncio.get_running_loop()
    errors: list[object] = []
    loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    woken = asyncio.Event()

    def fails() -> None:
        raise ValueError

    at_s = loop.time() + 0.01
    deadlines.watch(fails, at_s)
    deadlines.watch(woken.set, at_s)
    async with asyncio.timeout(5):
        await woken.wait()
    assert len(errors) == 1
