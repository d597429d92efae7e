"""Requests of one device while this run may not write: held back, never lost, no longer than they must be."""

from __future__ import annotations

import asyncio

from edge_agent.apply import Answer, Hand, HandPorts
from edge_agent.gate.events import ReadBack, ReadBackRequest, Write, WriteDone

POINT = "demo/battery1/power_set_kw"


class Line:
    """A line that keeps what was written, in order."""

    def __init__(self) -> None:
        self.written: list[float | None] = []

    async def write(self, device: str, point: str, value: float | None) -> None:
        assert (device, point) == ("battery1", "power_set_kw")
        self.written.append(value)

    async def read_back(self, device: str, point: str) -> float | None:
        assert (device, point) == ("battery1", "power_set_kw")
        return self.written[-1] if self.written else 0.0


async def test_a_write_waits_until_this_run_may_write_and_read_backs_pass_it() -> None:
    line, answers, may = Line(), asyncio.Queue[Answer](), asyncio.Event()
    hand = Hand(HandPorts(line, may.is_set, lambda _: True, answers.put, asyncio.sleep))
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(5):
        running = tasks.create_task(hand.run())
        hand.put(Write(POINT, 1, 5.0, "fallback"))
        hand.put(ReadBackRequest(POINT, 2, "power_set_kw"))
        assert await answers.get() == ReadBack(POINT, 2, 0.0)
        assert line.written == []
        hand.put(Write(POINT, 3, 0.0, "fallback"))
        may.set()
        assert await answers.get() == WriteDone(POINT, 3)
        assert line.written == [0.0], "the newer write took the place of the older one"
        running.cancel()


async def test_a_write_that_the_gate_no_longer_wants_when_it_may_go_is_left_out() -> None:
    line, answers, may, wanted = Line(), asyncio.Queue[Answer](), asyncio.Event(), {1}
    ports = HandPorts(line, may.is_set, lambda write: write.ticket in wanted, answers.put, asyncio.sleep)
    hand = Hand(ports)
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(5):
        running = tasks.create_task(hand.run())
        hand.put(Write(POINT, 1, 5.0, "lease"))
        await asyncio.sleep(0)
        wanted.clear()
        may.set()
        hand.put(ReadBackRequest(POINT, 2, "power_set_kw"))
        assert await answers.get() == ReadBack(POINT, 2, 0.0)
        assert line.written == []
        running.cancel()
