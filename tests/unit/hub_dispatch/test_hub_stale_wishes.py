"""What was decided long ago is not held for ever where nobody can decide any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typing_extensions import override

from hub.command.issuer import WISHES_S, CommandIssuer
from hub.command.leader import Company, Leader
from hub.command.wishes import Wish
from hub.database import Sessions
from hub.dispatch.view import PlantView
from hub.forecast.quarters import floor_quarter_ns
from hub.ledger import book
from hub.store.engine import StorePlace, open_store
from hub.store.port import Windows
from optimizer.planning import PlanningFile, ReactiveSupply
from protocols.command import CommandKind, decode_command
from protocols.errors import StoreError
from protocols.heartbeat import Heartbeat
from protocols.point import PointId, local_point
from runtime.bus import connect, ensure_streams
from runtime.clock import SystemClock, VirtualClock
from runtime.nats_server import running_bus
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, site


class AheadClock(SystemClock):
    """The system's clock, as far ahead as it is told."""

    ahead_s = 0.0

    @override
    def mono_s(self) -> float:
        return super().mono_s() + self.ahead_s


def beat(*leases: bytes) -> bytes:
    return Heartbeat(
        edge="edge1", site="demo", agent_epoch=1, boot="boot", reading_ms=1, wall_ms=0, fence=0,
        leases=[ident.hex() for ident in leases], links={"comp1": "up"}, cap_hashes={"comp1": "11" * 16},
    ).encode()  # fmt: skip


@pytest.mark.net
async def test_what_nobody_has_asked_for_again_is_given_back(sessions: Sessions, tmp_path: Path) -> None:
    key, clock = Ed25519PrivateKey.generate(), AheadClock()
    with running_bus(tmp_path) as server:
        hub = await connect(server.login("hub"))
        await ensure_streams(hub.jetstream())
        issuer = CommandIssuer("demo", ["edge1"], sessions, clock, 10.0)
        office = Leader(Company("demo", hub, sessions), SystemClock(), issuer.fence, 30.0)
        issuer.arm(key, hub, office)
        issuer.heard(beat())

        async def until(kinds: list[CommandKind], leases: tuple[bytes, ...]) -> list[bytes]:
            async with asyncio.timeout(12.0):
                while True:
                    await office.step()
                    issuer.heard(beat(*leases))
                    await issuer.act()
                    rows = await book.open_commands(sessions, "demo")
                    if sorted(decode_command(row.body).kind for row in rows) == sorted(kinds):
                        return [row.id for row in rows]
                    await asyncio.sleep(0.02)

        while not office.epoch:
            await office.step()
        await issuer.act()
        issuer.want({"edge1": [Wish("demo/comp1/role_set_code", 2.0, "code", "because", 1, "plan")]})
        (lease,) = await until([CommandKind.SET], ())
        clock.ahead_s = WISHES_S / 2.0
        await until([CommandKind.SET], (lease,))
        clock.ahead_s = WISHES_S + 1.0
        await until([CommandKind.SET, CommandKind.RELEASE], (lease,))
        await hub.close()


@pytest.mark.net
@pytest.mark.timeout(60)
async def test_what_a_plan_wanted_in_another_term_is_not_ordered_when_the_hub_leads_again(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = SystemClock()
    with running_bus(tmp_path) as server:
        hub = await connect(server.login("hub"))
        await ensure_streams(hub.jetstream())
        issuer = CommandIssuer("demo", ["edge1"], sessions, clock, 10.0)
        office = Leader(Company("demo", hub, sessions), clock, issuer.fence, 3.0)
        issuer.arm(Ed25519PrivateKey.generate(), hub, office)
        issuer.heard(beat())

        async def act_until(led: Callable[[], bool]) -> None:
            async with asyncio.timeout(15.0):
                while not led():
                    await office.step()
                    issuer.heard(beat())
                    await issuer.act()
                    await asyncio.sleep(0.02)

        await act_until(lambda: issuer.epoch > 0)
        first = issuer.epoch
        issuer.want({"edge1": [Wish("demo/comp1/role_set_code", 2.0, "code", "because", 1, "plan")]})
        office.outdone(first + 1)
        await act_until(lambda: issuer.epoch == 0)
        await act_until(lambda: issuer.epoch > first)
        await issuer.act()
        assert await book.open_commands(sessions, "demo") == []
        await hub.close()


def test_needs_that_cannot_be_read_are_not_known_and_the_rest_of_the_plant_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(StorePlace(tmp_path / "series.db"), VirtualClock(wall_ns=NOW_NS))
    view = PlantView(site(), store)
    assert view.snapshot(NOW_NS, {}, 10.0).now_ns == NOW_NS

    def away(*_: object) -> None:
        raise StoreError("the store is away")

    monkeypatch.setattr(store, "over", away)
    later_ns = NOW_NS + 60 * 10**9
    seen = view.snapshot(later_ns, {}, 10.0)
    assert (seen.now_ns, seen.recent, seen.quarter_kw) == (later_ns, {}, None)
    store.close()


def test_a_past_that_could_be_read_in_part_only_is_read_again_with_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(StorePlace(tmp_path / "series.db"), VirtualClock(wall_ns=NOW_NS))
    metered = PlanningFile(reactive=ReactiveSupply(point="grid1/reactive_kvar"))
    view, quarters = PlantView(replace(site(), planning=metered), store), store.quarters

    def away(point: PointId, start_ns: int, end_ns: int) -> Windows:
        if point == local_point("demo", "grid1/reactive_kvar"):
            raise StoreError("the store is away")
        return quarters(point, start_ns, end_ns)

    with monkeypatch.context() as patch:
        patch.setattr(store, "quarters", away)
        for later_ns in (NOW_NS, NOW_NS + 10**9):
            with pytest.raises(StoreError):
                view.snapshot(later_ns, {}, 10.0)
    seen = view.snapshot(NOW_NS + 2 * 10**9, {}, 10.0)
    assert seen.metered is not None
    assert seen.past.end_ns == floor_quarter_ns(NOW_NS)
    store.close()
