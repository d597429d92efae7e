"""E4 on the real agent: others fill its disk, or it turns read-only; it says so, and leases end in time.

The disk is a small tmpfs or an ext4 image, which only root may mount; without it the tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.edge_orders import FALLBACK, Orders, orders, point, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import SetPointServer, set_points
from runtime.clock import SystemClock
from tests.needs import missing

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(90)]
SIZE_BYTES = 30_000_000
LEASE_S = 5.0
LATE_S = 1.5
OLD_ECHO_S = 1.5
ALARM_S = 30.0


@dataclass
class Disk:
    folder: Path

    def fill(self) -> None:
        with (self.folder / "fill").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                return

    def make_room(self) -> None:
        (self.folder / "fill").unlink()

    def turn_read_only(self) -> None:
        """What the kernel does by itself after an error of the medium."""
        _as_root("mount", "-o", "remount,abort", str(self.folder))


def _as_root(*command: str) -> None:
    tool = shutil.which(command[0])
    if tool is None:
        missing("root", f"{command[0]} is not installed here")
    done = subprocess.run([tool, *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        missing("root", f"{' '.join(command)}: {done.stderr.strip()}")


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    if os.geteuid() != 0:
        missing("root", "a small file system can only be mounted by root")
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "tmpfs":
        _as_root("mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(folder))
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(2 * SIZE_BYTES)
        _as_root("mkfs.ext4", "-q", "-F", str(image))
        _as_root("mount", "-o", "loop", str(image), str(folder))
    try:
        yield Disk(folder)
    finally:
        subprocess.run([shutil.which("umount") or "umount", "--lazy", str(folder)], check=True)


async def _alarmed(made: Rig, clock: SystemClock) -> float:
    begin_s = clock.mono_s()
    await until(lambda: bool(made.hub.beats[-1].troubles), ALARM_S, "the alarm in the heartbeat")
    return clock.mono_s() - begin_s


async def _expires(made: Rig, hub: Orders, device: SetPointServer) -> None:
    """The lease that lives ends in time, whatever the disk does."""
    hub.speaking = False
    await until(lambda: device.value(0) == FALLBACK, 3 * LEASE_S, "the fallback on the device")
    held_s = device.written[-1].at_s - hub.renewed_s
    assert held_s <= LEASE_S + LATE_S
    assert held_s >= LEASE_S - OLD_ECHO_S
    assert made.agent is not None
    assert made.agent.poll() is None, "the agent lives"


@pytest.mark.nightly
@pytest.mark.parametrize("disk", ["tmpfs"], indirect=True)
async def test_while_others_fill_its_disk_it_says_so_leases_end_in_time_and_all_samples_come(
    tmp_path: Path, disk: Disk
) -> None:
    clock = SystemClock()
    with farm(2, 50) as port, set_points(1, FALLBACK) as device:
        write_site(tmp_path / "config", port, devices=2, floats=50, every_s=0.1)
        write_set_points(tmp_path / "config", device.port, 1)
        (tmp_path / "edge").symlink_to(disk.folder)
        async with rig(tmp_path) as made:
            await prove(made)
            made.start_agent()
            async with orders(made, lease_s=LEASE_S) as hub:
                await hub.set(point(0), 50.0)
                await until(lambda: hub.renewed_s > 0, 10, "a renewal")
                disk.fill()
                assert await _alarmed(made, clock) <= ALARM_S
                await _expires(made, hub, device)
                disk.make_room()
                await until(lambda: not made.hub.beats[-1].troubles, 30, "no alarm any more")
            await made.end_agent()
            rows, samples = made.journalled()
            here = made.hub
            await until(lambda: len(here.samples) + len(here.receipts) >= rows, 20, f"all {rows} rows")
    assert sum(made.hub.samples.values()) == samples


@pytest.mark.parametrize("disk", ["ext4"], indirect=True)
async def test_when_its_disk_turns_read_only_it_says_so_polls_on_and_leases_end_in_time(
    tmp_path: Path, disk: Disk
) -> None:
    clock = SystemClock()
    with farm(2, 50) as port, set_points(1, FALLBACK) as device:
        write_site(tmp_path / "config", port, devices=2, floats=50, every_s=0.1)
        write_set_points(tmp_path / "config", device.port, 1)
        (tmp_path / "edge").symlink_to(disk.folder)
        async with rig(tmp_path) as made:
            await prove(made)
            made.start_agent()
            async with orders(made, lease_s=LEASE_S) as hub:
                await hub.set(point(0), 50.0)
                await until(lambda: hub.renewed_s > 0, 10, "a renewal")
                disk.turn_read_only()
                renewed_s = hub.renewed_s
                assert await _alarmed(made, clock) <= ALARM_S
                await until(lambda: hub.renewed_s > renewed_s, 10, "a renewal on the read-only disk")
                assert device.value(0) == 50.0, "a lease goes on without a disk"
                await _expires(made, hub, device)
                assert made.hub.beats[-1].links == {"meter1": "up", "meter2": "up", "setter": "up"}
