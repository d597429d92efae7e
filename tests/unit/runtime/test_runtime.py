"""Clocks, locks, keys, supervision and the bus."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from protocols.errors import BusError, ConfigError, KeyFileError, StoreLockedError
from runtime.bus import connect, ensure_streams, publish_row
from runtime.bus_register import BusKeeper, nobodys_key
from runtime.children import check_port_free, free_port
from runtime.clock import SystemClock, VirtualClock
from runtime.database import open_sqlite, transaction
from runtime.keys import (
    create_signing_key,
    load_or_create_signing_key,
    load_public_key,
    load_signing_key,
)
from runtime.lock import StateLock
from runtime.nats_server import running_bus
from runtime.supervise import Backoff, guarded_decode, supervise


async def test_ticks_stay_on_their_grid_when_the_consumer_is_late() -> None:
    clock = VirtualClock()
    seen = []
    async for at in clock.ticks(1.0):
        seen.append(at.mono_ns)
        if len(seen) == 3:
            break
    assert seen == [0, 1_000_000_000, 2_000_000_000]


def test_the_wall_clock_may_jump_without_moving_the_boot_clock() -> None:
    clock = VirtualClock(wall_ns=10)
    clock.shift_wall(-3600)
    assert clock.now().mono_ns == 0


def test_the_system_clock_names_its_boot() -> None:
    assert SystemClock().now().boot == SystemClock().boot


def test_a_second_process_is_refused_by_the_kernels_lock(tmp_path: Path) -> None:
    imports = "from pathlib import Path; from runtime.lock import StateLock"
    code = f"{imports}; StateLock(Path({str(tmp_path)!r})).__enter__()"
    with StateLock(tmp_path):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "StoreLockedError" in done.stderr
        assert "is in use by process" in done.stderr
    with StateLock(tmp_path):
        pass


def test_one_process_cannot_lock_twice(tmp_path: Path) -> None:
    with StateLock(tmp_path), pytest.raises(StoreLockedError), StateLock(tmp_path):
        pass


def test_keys_are_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "k.key"
    key = create_signing_key(path)
    assert load_signing_key(path).private_bytes_raw() == key.private_bytes_raw()
    assert load_public_key(path.with_suffix(".pub")).public_bytes_raw() == key.public_key().public_bytes_raw()
    with pytest.raises(KeyFileError, match="cannot be written"):
        create_signing_key(path)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="other users can read"):
        load_signing_key(path)


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    connection = open_sqlite(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (x)")
    with pytest.raises(ZeroDivisionError), transaction(connection):
        connection.execute("INSERT INTO t VALUES (1)")
        _ = 1 // 0
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


async def test_work_that_fails_is_run_again() -> None:
    runs = []

    async def work() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise ValueError

    await supervise("test", work, Backoff(first_s=0.0))
    assert len(runs) == 3


async def test_work_that_was_told_to_end_ends_even_when_tidying_up_fails() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionResetError("the bus was away")

    async with asyncio.timeout(2.0), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(supervise("test", work, Backoff(first_s=0.0)))
        await begun.wait()
        task.cancel()
    assert task.cancelled()


def test_undecodable_bytes_become_none() -> None:
    assert guarded_decode(lambda data: data.decode("ascii"), b"\xff", "greeting") is None
    assert guarded_decode(lambda data: data.decode("ascii"), b"hi", "greeting") == "hi"


def test_a_taken_port_is_told_in_one_sentence() -> None:
    port = free_port()
    check_port_free("127.0.0.1", port, "the page")
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ConfigError, match=f"the page cannot use .*:{port}"),
    ):
        check_port_free("127.0.0.1", port, "the page")


@pytest.mark.net
async def test_an_edge_may_publish_only_its_own(tmp_path: Path) -> None:
    with running_bus(tmp_path, ("edge1", "edge2")) as bus:
        hub = await connect(bus.login("hub"))
        await ensure_streams(hub.jetstream())
        edge = await connect(bus.login("edge1"))
        js = edge.jetstream()
        await publish_row(js, "tel.edge1.j0", b"x", "j0:1")
        for foreign in ("tel.edge2.j0", "cmd.edge1", "hb.edge2"):
            with pytest.raises(BusError):
                await publish_row(js, foreign, b"x", "j0:2", timeout_s=0.3)
        assert (await hub.jetstream().stream_info("TEL")).state.messages == 1
        await edge.close()
        await hub.close()


@pytest.mark.net
async def test_the_same_row_twice_is_stored_once_and_a_killed_bus_comes_back(tmp_path: Path) -> None:
    with running_bus(tmp_path) as bus:
        hub = await connect(bus.login("hub"))
        await ensure_streams(hub.jetstream())
        edge = await connect(bus.login("edge1"))
        await publish_row(edge.jetstream(), "tel.edge1.j0", b"x", "j0:1")
        await asyncio.to_thread(bus.server.kill)
        await asyncio.to_thread(bus.server.start)
        async with asyncio.timeout(10):
            while True:
                try:
                    await publish_row(edge.jetstream(), "tel.edge1.j0", b"x", "j0:1", timeout_s=1.0)
                except BusError:
                    continue
                break
        async with asyncio.timeout(10):
            while not hub.is_connected:
                await asyncio.sleep(0.02)
        assert (await hub.jetstream().stream_info("TEL")).state.messages == 1
        await edge.close()
        await hub.close()


def test_a_signing_key_is_made_once_and_never_beside_a_foreign_public_half(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "commissioning.key"
    made = load_or_create_signing_key(path)
    again = load_or_create_signing_key(path)
    assert again.private_bytes_raw() == made.private_bytes_raw()
    assert (
        load_public_key(path.with_suffix(".pub")).public_bytes_raw() == made.public_key().public_bytes_raw()
    )
    path.unlink()
    with pytest.raises(KeyFileError, match="the key is kept elsewhere"):
        load_or_create_signing_key(path)


@pytest.mark.net
async def test_a_client_that_the_server_put_out_is_back_by_itself_when_it_may(tmp_path: Path) -> None:
    with running_bus(tmp_path) as bus:
        keeper, states = BusKeeper(bus.config.folder), list[str]()
        client = await connect(bus.login("edge1"), states.append)
        known = keeper.known().find("edge1")
        assert known is not None

        def swap(key: str) -> None:
            keeper.change(
                lambda old: (old or keeper.known()).with_edge(known.model_copy(update={"key": key}))
            )
            keeper.reload()

        swap(nobodys_key())
        async with asyncio.timeout(15):
            while "down" not in states:
                await asyncio.sleep(0.02)
            swap(known.key)
            while states[-1] != "up" or not client.is_connected:
                await asyncio.sleep(0.02)
            await client.flush(5)
        await client.close()
