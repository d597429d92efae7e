"""E9: everything is dropped after the connect, without a reset: noticed in time, back soon when it heals."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from benchmarks.edge_rig import until
from benchmarks.polling import Polls, lines_of, made_site, poller_of
from runtime.clock import SystemClock
from tests.needs import missing

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
EVERY_S = 0.5
NOTICED_S = 3 * EVERY_S
BACK_S = 5.0
HERE, THERE = "10.213.94.1", "10.213.94.2"
_SERVE = """
import asyncio, struct
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readexactly(6)
            body = await reader.readexactly(head[5])
            start, count = struct.unpack(">HH", body[2:6])
            data = struct.pack(f">{count}H", *range(start, start + count))
            writer.write(head[:4] + struct.pack(">H", 3 + len(data)) + body[:2] + bytes((len(data),)) + data)
    except (asyncio.IncompleteReadError, OSError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", 502)
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass
class Plant:
    """A network of its own with a meter in it, behind a cable that can be cut."""

    name: str

    def cut(self) -> None:
        """Let no packet come back any more; neither side is told."""
        _ip("-n", self.name, "route", "add", "blackhole", f"{HERE}/32")

    def heal(self) -> None:
        """Let them through."""
        _ip("-n", self.name, "route", "del", "blackhole", f"{HERE}/32")


def _ip(*words: str) -> None:
    subprocess.run([shutil.which("ip") or "ip", *words], check=True, capture_output=True)


def _made(*words: str) -> None:
    try:
        _ip(*words)
    except subprocess.CalledProcessError as error:
        missing("root", f"no network can be made here: {error.stderr!r}")


@pytest.fixture
def plant() -> Iterator[Plant]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        missing("root", "a network can only be made by root")
    with _plant() as made:
        yield made


@contextmanager
def _plant() -> Iterator[Plant]:
    name = f"ems{secrets.token_hex(3)}"
    try:
        _made("netns", "add", name)
        _made("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        _ip("addr", "add", f"{HERE}/30", "dev", f"{name}a")
        _ip("link", "set", f"{name}a", "up")
        _ip("-n", name, "addr", "add", f"{THERE}/30", "dev", f"{name}b")
        _ip("-n", name, "link", "set", f"{name}b", "up")
        serving = ["ip", "netns", "exec", name, sys.executable, "-c", _SERVE]
        with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as meter:
            try:
                assert meter.stdout is not None
                assert meter.stdout.readline() == "ready\n"
                yield Plant(name)
            finally:
                meter.kill()
    finally:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", name)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", f"{name}a")  # it goes with the other end, but not at once


async def test_a_cut_cable_is_noticed_within_three_polls_and_a_healed_one_within_five_seconds(
    plant: Plant,
) -> None:
    clock, polls = SystemClock(), Polls()
    connection = {"kind": "modbus", "host": THERE, "port": 502, "timeout_s": EVERY_S}
    site = made_site({"meter1": connection}, 2, EVERY_S)
    async with lines_of(site) as lines, asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(poller_of(site, lines, polls).run())
        frames = polls.frames["meter1"]
        await until(lambda: len(frames) >= 3 and not frames[-1][1].qualities.any(), 10, "good polls")
        plant.cut()
        cut_s = clock.mono_s()
        await until(lambda: bool(frames[-1][1].qualities.any()), 10, "a bad poll")
        noticed_s = frames[-1][0] - cut_s
        await clock.sleep(4.0)  # long enough for its circuit to open
        plant.heal()
        healed_s = clock.mono_s()
        await until(lambda: not frames[-1][1].qualities.any(), 30, "good polls again")
        back_s = frames[-1][0] - healed_s
        polling.cancel()
    assert noticed_s <= NOTICED_S
    assert back_s <= BACK_S
