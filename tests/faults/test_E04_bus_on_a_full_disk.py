"""E4 at the bus: its disk is filled by others; when there is room again the bus answers again by itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from runtime.bus import BusLogin, connect, ensure_streams
from runtime.children import free_port
from runtime.nats_server import seed_file, wait_listening
from tests.faults.test_full_disk import Disk
from tests.needs import missing

pytestmark = [pytest.mark.net, pytest.mark.timeout(60)]

DISK_BYTES = 60_000_000
BODY = bytes(30_000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        missing("root", "a small file system can only be mounted by root")
    try:
        yield Disk(folder)
    finally:
        subprocess.run([shutil.which("umount") or "umount", "--lazy", str(folder)], check=True)


async def _answered(client: Client) -> bool:
    try:
        return b'"seq"' in (await client.request("tel.edge1.j0", BODY, timeout=1.0)).data
    except NatsError:
        return False


async def test_a_bus_whose_disk_was_full_is_started_anew_when_there_is_room(small_disk: Disk) -> None:
    state, keys, port = small_disk.folder / "bus", small_disk.folder / "keys", free_port()
    command = [sys.executable, "-m", "ems.main", "bus", "run", f"--state={state}", f"--keys={keys}"]
    command += [f"--port={port}", "--edge=edge1"]

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command)
        wait_listening("127.0.0.1", port, process, 20.0)
        return process

    bus = await asyncio.to_thread(start)
    try:
        hub = await connect(BusLogin(f"nats://127.0.0.1:{port}", "hub", seed_file(keys, "hub")), None)
        await ensure_streams(hub.jetstream())
        edge = await connect(BusLogin(f"nats://127.0.0.1:{port}", "edge1", seed_file(keys, "edge1")), None)
        assert await _answered(edge)
        small_disk.fill()
        assert not await _answered(edge)
        small_disk.make_room()
        assert await asyncio.to_thread(bus.wait, 10) is not None
        bus = await asyncio.to_thread(start)
        async with asyncio.timeout(20):
            while not await _answered(edge):
                await asyncio.sleep(0.05)
        assert (await hub.jetstream().stream_info("TEL")).state.messages >= 2
        await edge.close()
        await hub.close()
    finally:
        bus.terminate()
        bus.wait(10)
