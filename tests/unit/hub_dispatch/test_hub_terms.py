"""The planner hears of each term of office, also of none, from the loop that asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.command.issuer import CommandIssuer
from hub.command.lane import CommandLane
from hub.command.leader import Company, Leader
from hub.command.order_service import OrderService
from hub.command.receipts import ReceiptIntake
from hub.command.wishes import Wish
from hub.database import Sessions
from hub.roles.dispatch_loops import DispatchLoops
from hub.roles.dispatch_renewal import load_limits
from hub.store.engine import StorePlace, open_store
from protocols.heartbeat import Heartbeat
from runtime.bus import connect, ensure_streams
from runtime.clock import SystemClock
from runtime.nats_server import running_bus
from tests.unit.hub_dispatch.dispatch_day import CONFIG


@dataclass
class TermsHeard:
    """A planner that wants nothing and keeps each term once."""

    terms: list[int] = field(default_factory=list)

    def in_term(self, epoch: int) -> None:
        if self.terms[-1:] != [epoch]:
            self.terms.append(epoch)

    async def decide(self, beats: Mapping[str, tuple[Heartbeat, float]]) -> dict[str, list[Wish]]:
        assert self.terms[-1]
        return {edge: [] for edge in beats}

    async def plan_when_asked(self) -> None:
        await asyncio.Event().wait()


def beat(fence: int, reading_ms: int) -> bytes:
    return Heartbeat("edge1", "demo", 1, "boot", reading_ms, 0, fence).encode()


@pytest.mark.net
@pytest.mark.timeout(60)
async def test_the_planner_hears_that_the_office_is_lost_and_that_it_is_taken_again(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock, planner = SystemClock(), TermsHeard()
    store, limits = open_store(StorePlace(tmp_path / "series.db"), clock), load_limits(CONFIG, "demo")
    with running_bus(tmp_path) as server:
        bus = await connect(server.login("hub"))
        await ensure_streams(bus.jetstream())
        issuer = CommandIssuer("demo", ["edge1"], sessions, clock, 10.0)
        office = Leader(Company("demo", bus, sessions), clock, issuer.fence, 3.0)
        issuer.arm(Ed25519PrivateKey.generate(), bus, office)
        issuer.heard(beat(0, 1))
        people = OrderService("demo", sessions, issuer, limits.writables, clock)
        intake = ReceiptIntake("demo", sessions, store, clock)
        lane = CommandLane(("edge1",), None)
        loops = DispatchLoops("demo", bus, lane, office, issuer, people, intake, planner, clock)

        async def until(count: int) -> int:
            async with asyncio.timeout(15.0):
                while len(planner.terms) < count:
                    await office.step()
                    await issuer.act()
                    await asyncio.sleep(0.02)
            return planner.terms[-1]

        async with asyncio.TaskGroup() as group:
            deciding = group.create_task(loops._decide())
            first = await until(1) or await until(2)
            issuer.heard(beat(first + 1, 2))
            heard = len(planner.terms)
            assert await until(heard + 1) == 0
            assert await until(heard + 2) > first + 1
            deciding.cancel()
        await bus.close()
    store.close()
