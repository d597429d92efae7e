"""How late the fallback is read back after the end of a lease: hub killed, and hub and agent killed."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from nats.aio.msg import Msg

from benchmarks.edge_orders import FALLBACK, point
from benchmarks.edge_rig import until
from benchmarks.hub_rig import HubRig, hub_rig
from benchmarks.registry import Case, Figures, Result
from protocols.ask import Question, decode_answer
from protocols.errors import BusError, ContractError
from protocols.receipt import FallbackDone, decode_receipt
from protocols.subjects import ask

ROUNDS: Final = 10
POINTS: Final = 4
RESTART_S: Final = 1.0
"""`RestartSec` of the agent's systemd unit. [s]"""
_RENEWED_S: Final = 5.0
_KILL_EARLY_S: Final = 3.0
_LATEST_S: Final = 60.0
_LOW: Final = 30.0


@dataclass(slots=True)
class Bench:
    """The rig, and when each point was last read back on its fallback. [s, boot clock]."""

    rig: HubRig
    chance: Random
    home_s: dict[str, float] = field(default_factory=dict)

    async def on_receipt(self, message: Msg) -> None:
        """Note a fallback that is done."""
        try:
            receipt = decode_receipt(message.data)
        except ContractError:
            return
        if isinstance(receipt, FallbackDone):
            self.home_s[receipt.point] = receipt.at.mono_ns / 1e9

    async def round(self, *, agent_too: bool) -> float:
        """One end of all leases; how late the last point was on its fallback. [s].

        Raises:
            BusError: A point was not set, or did not fall back within a minute.
            ContractError: The device holds something else than the fallback then.
        """
        rig = self.rig
        dispatch = rig.start("dispatch")
        placed = [await rig.place(at, round(self.chance.uniform(_LOW, 90.0), 2)) for at in range(POINTS)]
        for order in placed:
            await rig.verified(order, 30.0)
        await asyncio.sleep(self.chance.uniform(0.0, _RENEWED_S))
        self.home_s.clear()
        await rig.end(dispatch)
        ends_s = await self._ends_s()
        if agent_too:
            await self._kill_agent(min(ends_s.values()))
        await until(lambda: set(self.home_s) >= set(ends_s), _LATEST_S, "every point on its fallback")
        held = [rig.device.value(at) for at in range(POINTS)]
        if held != [FALLBACK] * POINTS:
            raise ContractError(f"the device holds {held}, the fallback is {FALLBACK}")
        return max(self.home_s[name] - end_s for name, end_s in ends_s.items())

    async def _ends_s(self) -> dict[str, float]:
        """Ends of the leases, asked of the edge: nobody prolongs them any more. [s, boot clock]."""
        asked_s = self.rig.clock.mono_s()  # not later than the edge looks, so an end is never taken too late
        answer = decode_answer((await self.rig.bus.request(ask("edge1"), Question("holders").encode())).data)
        found = {
            str(row["point"]): asked_s + float(row["until_s"])
            for row in answer.body or ()
            if row["rung"] == "operator" and row["until_s"] is not None
        }
        if set(found) != {point(at) for at in range(POINTS)}:
            raise BusError(f"only {sorted(found)} are held: {answer.error}")
        return found

    async def _kill_agent(self, end_s: float) -> None:
        """Kill it shortly before the end, and start it again as its supervisor does."""
        early_s = self.chance.uniform(0.0, _KILL_EARLY_S)
        await asyncio.sleep(max(0.0, end_s - early_s - self.rig.clock.mono_s()))
        await self.rig.edge.end_agent(signal.SIGKILL)
        await asyncio.sleep(RESTART_S)
        self.rig.edge.start_agent()


def run() -> Result:
    """Let leases end in both ways, `ROUNDS` times each.

    Raises:
        BusError: A point did not fall back at all.
        ContractError: The device holds something else than the fallback.
    """
    return Result(asyncio.run(_run()))


async def _run() -> Figures:
    late_s: dict[bool, list[float]] = {False: [], True: []}
    async with _bench() as bench:
        for turn in range(2 * ROUNDS):
            agent_too = turn >= ROUNDS
            late_s[agent_too].append(await bench.round(agent_too=agent_too))
            print(
                f"agent killed: {agent_too}, late {late_s[agent_too][-1]:.2f} s", file=sys.stderr, flush=True
            )
    return {
        "late_max_s": max(late_s[False]),
        "late_after_kill_max_s": max(late_s[True]),
        "late_mean_s": math.fsum(late_s[False]) / ROUNDS,
        "late_after_kill_mean_s": math.fsum(late_s[True]) / ROUNDS,
        "rounds": float(ROUNDS),
        "points": float(POINTS),
    }


@asynccontextmanager
async def _bench() -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        async with hub_rig(Path(name), POINTS) as rig:
            bench = Bench(rig, Random(1))  # noqa: S311  the same moments each time
            await rig.bus.subscribe("rcpt.edge1.*", cb=bench.on_receipt)
            yield bench


CASE: Final = Case(
    "expiry",
    "from the end of a lease nobody renews to the fallback read back: hub killed, and hub and agent killed",
    run,
    {"rounds": (ROUNDS,), "restart_s": (RESTART_S,)},
)
