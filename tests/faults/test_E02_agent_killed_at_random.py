"""E2: the agent is killed at any moment while set-points come: nothing lost, nothing written wrongly."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import pytest

from benchmarks.edge_orders import FALLBACK, HIGH, LOW, Orders, orders, point, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import SetPointServer, Written, set_points
from protocols.receipt import Received
from runtime.clock import SystemClock

pytestmark = [pytest.mark.net, pytest.mark.slow]
POINTS = 4
RESTART_S = 5.0
BUSY_S = 60.0
"""Patience on a machine that has other things to do; the time counts where it has not."""
SUPERVISOR_S = 1.0
"""`RestartSec` of the unit; here the agent is started at once."""
MANY = 200
STEP_S = 0.3
"""A write that was on its way when the next order came is no wrong one."""


class Wanted:
    """What was ordered, point by point; no value comes twice."""

    def __init__(self, hub: Orders, chance: Random) -> None:
        self._hub, self._chance = hub, chance
        self.values: dict[int, list[float]] = {number: [] for number in range(POINTS)}

    def order(self) -> None:
        """Another value for one of the points."""
        number, value = self._chance.randrange(POINTS), round(self._chance.uniform(LOW, HIGH), 2)
        if value != FALLBACK and value not in self.values[number]:
            self.values[number].append(value)
            self._hub.want(point(number), value)

    async def keep(self) -> None:
        """Order one value after the other until cancelled."""
        while True:
            self.order()
            await asyncio.sleep(0.05)


def wrong_writes(
    written: Sequence[Written],
    wanted: Mapping[int, Sequence[float]],
    received_s: Mapping[tuple[str, float], float],
) -> list[str]:
    """Writes that no live lease asked for, or that came back behind a later order."""
    found, reached = [], dict.fromkeys(wanted, -1)
    for number, value, at_s in written:
        ordered = next(
            (n for n, one in enumerate(wanted[number]) if math.isclose(one, value, abs_tol=1e-4)), None
        )
        if ordered is None:
            found.append(f"s{number} = {value} was never ordered")
            continue
        later = [received_s.get((point(number), one), math.inf) for one in wanted[number][ordered + 1 :]]
        if ordered < reached[number] or min(later, default=math.inf) < at_s - STEP_S:
            found.append(f"s{number} = {value} is an old order")
        reached[number] = max(reached[number], ordered)
    return found


@dataclass
class Restarts:
    """How long the agent took from a kill to its next row, and how much of that it worked. [s]"""

    longest_s: float = 0.0
    longest_free_s: float = 0.0
    most_cpu_s: float = 0.0

    def note(self, took_s: float, cpu_s: float) -> None:
        """Take one in; only while nobody else has work for the machine its wall time is the agent's."""
        self.longest_s, self.most_cpu_s = max(self.longest_s, took_s), max(self.most_cpu_s, cpu_s)
        if os.getloadavg()[0] <= (os.cpu_count() or 1):
            self.longest_free_s = max(self.longest_free_s, took_s)


async def killed(made: Rig, kills: int, chance: Random) -> Restarts:
    """Kill and start again, at any moment from the first instruction on."""
    clock, restarts = SystemClock(), Restarts()
    for _ in range(kills):
        await clock.sleep(chance.uniform(0.0, 2.0))
        await made.end_agent(signal.SIGKILL)
        killed_s, pid = clock.mono_s(), made.start_agent()
        if (
            restarts.longest_s == 0.0 or chance.random() < 0.5
        ):  # else the next kill may come before it is there
            await made.journals(1, BUSY_S)
            times = psutil.Process(pid).cpu_times()
            restarts.note(clock.mono_s() - killed_s, times.user + times.system)
    return restarts


async def rounds(folder: Path, kills: int, note: Callable[[str, object], None]) -> None:
    chance = Random(kills)  # noqa: S311  the same moments each time
    with farm(4, 25) as port, set_points(POINTS, FALLBACK) as device:
        write_site(folder / "config", port, devices=4, floats=25, every_s=0.2)
        write_set_points(folder / "config", device.port, POINTS)
        async with rig(folder) as made:
            await prove(made)
            device.written.clear()
            made.start_agent()
            async with orders(made) as hub, asyncio.TaskGroup() as tasks:
                wanted = Wanted(hub, chance)
                ordering = tasks.create_task(wanted.keep())
                restarts = await killed(made, kills, chance)
                ordering.cancel()
                last = {number: values[-1] for number, values in wanted.values.items() if values}
                await until(lambda: _there(device, last), 15, "the newest orders on the device")
                leased = list(device.written)
                await made.end_agent()
                rows, samples = made.journalled()
                here = made.hub
                await until(lambda: len(here.samples) + len(here.receipts) >= rows, 20, f"all {rows} rows")
                wrong = wrong_writes(leased, wanted.values, _received_s(hub))
    lost = samples - sum(made.hub.samples.values())
    for name, figure in (
        ("kills", kills), ("writes", len(leased)), ("lost", lost), ("wrong_writes", len(wrong)),
        ("longest_restart_s", round(restarts.longest_s + SUPERVISOR_S, 1)),
        ("longest_on_a_free_machine_s", round(restarts.longest_free_s + SUPERVISOR_S, 1)),
        ("cpu_of_a_restart_s", round(restarts.most_cpu_s, 1)),
    ):  # fmt: skip
        note(name, figure)
    assert leased
    assert (lost, wrong) == (0, [])
    assert restarts.longest_free_s <= RESTART_S - SUPERVISOR_S
    assert restarts.most_cpu_s <= RESTART_S - SUPERVISOR_S


def _received_s(hub: Orders) -> dict[tuple[str, float], float]:
    """When the edge took the order of each value, by its boot clock."""
    received = [r for r in hub.receipts if isinstance(r, Received) and r.id in hub.ordered]
    return {hub.ordered[r.id]: r.at.mono_ns / 1e9 for r in received}


def _there(device: SetPointServer, last: Mapping[int, float]) -> bool:
    return all(abs(device.value(number) - value) < 0.01 for number, value in last.items())


@pytest.mark.timeout(60)
async def test_two_kills_lose_nothing_and_write_nothing_wrong(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await rounds(tmp_path, 2, record_property)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
async def test_two_hundred_kills_lose_nothing_and_write_nothing_wrong(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await rounds(tmp_path, MANY, record_property)
