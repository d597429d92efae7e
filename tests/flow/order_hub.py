"""A hub without a plant model: the real ingest and dispatch roles, and a planner that wants one value.

`python -m tests.flow.order_hub ROLE FOLDER BUS`: one role as a process of its own, so that it can be killed.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from typing_extensions import override

from benchmarks.edge_orders import point
from hub.command.wishes import Wish
from hub.database import embedded_url, upgrade
from hub.roles import dispatch, ingest
from hub.roles.options import RoleOptions
from hub.store.engine import open_reader
from hub.store.schema import open_writer
from protocols.heartbeat import Heartbeat

PLANNED = 2
"""The set-point the planner wants held."""
PLAN_C = 30.0
SHORT_LEASE_S = 6.0
"""For who shows that it is renewed. [s]"""
LEASE_S = 30.0
"""Long enough for a killed role to be there again on a machine that has much else to do. [s]"""


class SamePlan:
    """Wants one set-point held at one value, for ever."""

    def in_term(self, epoch: int) -> None:
        """It wants the same in each."""

    async def decide(self, beats: Mapping[str, tuple[Heartbeat, float]]) -> dict[str, list[Wish]]:
        return {edge: [Wish(point(PLANNED), PLAN_C, "°C", "the plan", 1, None)] for edge in beats}

    async def plan_when_asked(self) -> None:
        await asyncio.Event().wait()


class PlanOfStore(SamePlan):
    """As a plan is made: from what the store says; while it says nothing, what is held stays held."""

    def __init__(self, options: RoleOptions) -> None:
        self._reader = open_reader(options.store_place)

    @override
    async def decide(self, beats: Mapping[str, tuple[Heartbeat, float]]) -> dict[str, list[Wish]]:
        await asyncio.to_thread(self._reader.last)
        return await super().decide(beats)


def options_of(folder: Path, bus: str) -> RoleOptions:
    """Where the roles find their things."""
    copies = 3 if "," in bus else None
    state, keys = folder / "hub", folder / "keys"
    return RoleOptions(folder / "config", "demo", state, bus, keys, 0, bus_replicas=copies)


def prepared(folder: Path, bus: str) -> RoleOptions:
    """Both databases made."""
    options = options_of(folder, bus)
    options.state.mkdir(mode=0o700)
    open_writer(options.series_path).close()
    upgrade(embedded_url(options.state))
    return options


@contextmanager
def role(name: str, folder: Path, bus: str) -> Iterator[subprocess.Popen[bytes]]:
    """One role as a process while the block runs."""
    with (folder / f"{name}.log").open("ab") as log:
        command = [sys.executable, "-m", "tests.flow.order_hub", name, str(folder), bus]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


async def _run(name: str, options: RoleOptions) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        if name == "ingest":
            await ingest.run(options)
        elif name == "reading-dispatch":
            await dispatch.carry_out(options, lambda _: PlanOfStore(options), SHORT_LEASE_S)
        else:
            await dispatch.carry_out(options, lambda _: SamePlan(), LEASE_S)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], options_of(Path(sys.argv[2]), sys.argv[3])))
