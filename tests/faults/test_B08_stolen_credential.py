"""B8: with the key of one edge nobody reaches another edge, the hub, or a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from nats.aio.client import Client

from benchmarks.bus_probes import OTHER, THIEF, Scene, probes, scene_on, succeeded, thief_on
from benchmarks.shared_bus import shared_bus
from runtime.bus import connect, ensure_streams, publish_row
from runtime.bus_register import BusKeeper, nobodys_key
from runtime.nats_server import RunningBus, ensure_seed, public_of, running_bus

pytestmark = pytest.mark.net


@pytest.mark.slow
@pytest.mark.timeout(90)
async def test_none_of_all_probes_with_a_stolen_key_succeeds(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with running_bus(tmp_path, (THIEF, OTHER)) as bus:
        async with scene_on(bus) as scene:
            came_through = [probe[0] for probe in probes() if await succeeded(scene, probe)]
            await _honest_work_goes_on(scene)
    assert len(probes()) >= 40
    assert not came_through
    record_property("figure", f"{len(came_through)} of {len(probes())} probes succeeded")


async def _honest_work_goes_on(scene: Scene) -> None:
    """The command that waited is still there for e2, and e2 can still tell what it reads."""
    js = scene.other.jetstream()
    pull = await js.pull_subscribe_bind("CMD_e2", "CMD")
    message = (await pull.fetch(1, timeout=2))[0]
    assert message.data == b"command"
    await message.ack_sync()
    await publish_row(js, "tel.e2.j", b"honest", "j:2")


async def test_the_judge_sees_that_a_command_is_displaced_where_all_share_an_account(tmp_path: Path) -> None:
    with shared_bus(tmp_path, (THIEF, OTHER)) as bus:
        async with scene_on(bus) as scene:
            (trick,) = [probe for probe in probes() if probe[0] == "row with reply cmd.e2"]
            assert await succeeded(scene, trick)


async def _lost(client: Client, most_s: float) -> None:
    async with asyncio.timeout(most_s):
        while client.is_connected:
            await asyncio.sleep(0.01)


async def test_a_revoked_box_is_cut_off_and_the_others_stay_connected(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with running_bus(tmp_path, (THIEF, OTHER)) as bus:
        hub, other = await connect(bus.login("hub")), await connect(bus.login(OTHER))
        await ensure_streams(hub.jetstream())
        thief = await thief_on(bus.login(THIEF))
        begun_s = asyncio.get_running_loop().time()
        assert BusKeeper(bus.config.folder).revoke(THIEF)
        await _lost(thief, 60.0)
        took_s = asyncio.get_running_loop().time() - begun_s
        with pytest.raises(Exception, match=r"Authorization Violation|nats:"):
            await thief_on(bus.login(THIEF))
        reconnects = (hub.stats["reconnects"], other.stats["reconnects"])
        await publish_row(other.jetstream(), "tel.e2.j", b"x", "j:1")
        await hub.close()
        await other.close()
    assert reconnects == (0, 0)
    record_property("figure", f"cut off {took_s:.2f} s after the order")


async def test_a_box_takes_a_spare_account_by_one_swap_of_its_key(tmp_path: Path) -> None:
    with running_bus(tmp_path, (OTHER,)) as bus:
        hub = await connect(bus.login("hub"))
        await ensure_streams(hub.jetstream())
        keeper = BusKeeper(bus.config.folder)
        await asyncio.to_thread(keeper.provision, ["e3"])
        ensure_seed(bus.config.keys, "e3")
        keeper.admit("e3", public_of(bus.config.keys, "e3"))
        await _takes_rows_of(bus, "e3")
        await hub.close()


async def _takes_rows_of(bus: RunningBus, edge: str) -> None:
    async with asyncio.timeout(5.0):
        client = await connect(bus.login(edge))
        await publish_row(client.jetstream(), f"tel.{edge}.j", b"x", "j:1")
    await client.close()


async def test_a_revoked_key_never_comes_back(tmp_path: Path) -> None:
    with running_bus(tmp_path, (THIEF,)) as bus:
        keeper = BusKeeper(bus.config.folder)
        key = public_of(bus.config.keys, THIEF)
        keeper.revoke(THIEF)
        with pytest.raises(Exception, match="was revoked"):
            keeper.admit(THIEF, key)
        keeper.admit(THIEF, nobodys_key())
