"""The agent of the demo, all four drivers, on a box of 512 MB: what a start and ten seconds of work need.

The bound is that of the unit (`MemoryMax=512M`): a cgroup of version 2 or 1 where root may make one,
otherwise a limit of the address space (RLIMIT_AS), which is stricter, since it counts what was never touched.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.edge_rig import Rig, rig, until
from ems.demo.layout import Layout, prepare
from protocols.errors import ContractError
from runtime.clock import SystemClock
from runtime.site import devices_file, load_devices

BOUND_BYTES: Final = 512_000_000
FIRST_SAMPLE_S: Final = 5.0

_ROOT: Final = Path(__file__).resolve().parents[1]
_CGROUPS: Final = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.peak"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
)
_WAIT_S: Final = 40.0
_WORK_S: Final = 10.0
_KIB: Final = 1024
_MB: Final = 1e6


@dataclass(frozen=True, slots=True)
class Bound:
    """How the agent is bounded.

    Attributes:
        kind: `cgroup` or `rlimit`.
        prefix: Command before the agent's own.
        peak: File with the highest memory of the group [byte]; None for a limit of the address space.
    """

    kind: str
    prefix: tuple[str, ...]
    peak: Path | None = None


@dataclass(frozen=True, slots=True)
class SmallBox:
    """What was seen.

    Attributes:
        kind: `cgroup` or `rlimit`.
        first_sample_s: From the start of the process to the first sample at the hub. [s]
        first_sample_cpu_s: Processor time of the agent until then; does not depend on who else works. [s]
        all_devices_s: From the start of the process to the word that every device answers. [s]
        rss_mb: Most resident memory of the agent. [MB]
        bounded_mb: Most memory the kernel charged to the bound, file pages included; 0 without a group. [MB]
    """

    kind: str
    first_sample_s: float
    first_sample_cpu_s: float
    all_devices_s: float
    rss_mb: float
    bounded_mb: float


@contextmanager
def bounded(kind: str) -> Iterator[Bound]:
    """A bound of `BOUND_BYTES` while the block runs; who may not make a group gets the stricter one."""
    made = _group() if kind == "cgroup" else None
    if made is None:
        yield Bound("rlimit", ("sh", "-c", f'ulimit -v {BOUND_BYTES // 1024} && exec "$@"', "sh"))
        return
    group, peak = made
    enter = f'echo $$ > {group}/cgroup.procs && exec "$@"'
    try:
        yield Bound("cgroup", ("sh", "-c", enter, "sh"), group / peak)
    finally:
        with suppress(OSError):
            group.rmdir()


def _group() -> tuple[Path, str] | None:
    for root, limit, peak in _CGROUPS:
        group = root / f"ems_small_box_{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(BOUND_BYTES), encoding="ascii")
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        return group, peak
    return None


@contextmanager
def plant(folder: Path) -> Iterator[int]:
    """The demo's simulated plant on free ports, its configuration below `folder`; gives how many devices."""
    layout = Layout(folder, _ROOT / "configs")
    prepare(layout)
    places = (f"--config={layout.config}", f"--state={layout.state('sim')}")
    command = [sys.executable, "-m", "ems.main", "sim", "run", *places]
    with (
        (folder / "sim.log").open("ab") as log,
        subprocess.Popen(  # noqa: S603  our own command
            command, stdout=log, stderr=log
        ) as simulator,
    ):
        try:
            site = load_devices(layout.config, devices_file(layout.config, "demo", "edge1"))
            yield len(site.edge.devices)
        finally:
            simulator.kill()


async def small_box(folder: Path, kind: str, work_s: float = _WORK_S) -> SmallBox:
    """Start the agent under the bound, wait for a good sample of every device, let it work, end it.

    Raises:
        ContractError: The kernel ended it, or it ended by itself.
        BusError: A device gave no sample.
    """
    with bounded(kind) as bound:
        async with rig(folder) as bench:
            with plant(folder) as devices:
                await _stands(folder)
                bench.prefix = bound.prefix
                return await _measure(bench, bound, devices, work_s)


async def _stands(folder: Path) -> None:
    """Wait until the simulator serves: the agent's start is measured, not the plant's."""
    log = folder / "sim.log"
    await until(lambda: "simulator ready" in log.read_text(encoding="utf-8"), _WAIT_S, "the simulated plant")


async def _measure(bench: Rig, bound: Bound, devices: int, work_s: float) -> SmallBox:
    clock = SystemClock()
    begun_s = clock.mono_s()
    pid = bench.start_agent()
    await until(lambda: bool(bench.hub.samples), _WAIT_S, "the first sample")
    first_s, times = clock.mono_s() - begun_s, psutil.Process(pid).cpu_times()
    await until(lambda: _up(bench) >= devices, _WAIT_S, f"all {devices} devices")
    all_s = clock.mono_s() - begun_s
    await asyncio.sleep(work_s)
    if bench.agent is None or bench.agent.poll() is not None:
        raise ContractError(f"the agent ended within a bound of {BOUND_BYTES} bytes ({bound.kind})")
    rss_mb, charged_mb = _high_mb(pid), _charged_mb(bound)
    await bench.end_agent()
    return SmallBox(bound.kind, first_s, times.user + times.system, all_s, rss_mb, charged_mb)


def _high_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    high_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return high_kib * _KIB / _MB


def _charged_mb(bound: Bound) -> float:
    if bound.peak is None or not bound.peak.exists():
        return 0.0
    return int(bound.peak.read_text(encoding="ascii")) / _MB


def _up(bench: Rig) -> int:
    return list(bench.hub.beats[-1].links.values()).count("up") if bench.hub.beats else 0
