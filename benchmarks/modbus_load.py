"""The whole agent against a fast farm: what it costs, what arrives, whether it is right and in time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import psutil
from nats.aio.msg import Msg
from typing_extensions import override

from benchmarks.edge_rig import CountingHub, Rig, rig
from benchmarks.peer_tools import find_tool, need_tool
from edge_agent.poll import poll_groups
from protocols import subjects
from protocols.errors import ContractError
from protocols.frame import decode_bundle
from runtime.children import free_port
from runtime.site import devices_file, load_devices

_TEXT: Final = {"en": "x", "zh": "x"}
_FARM_WAIT_S: Final = 0.8
_FIRST_ROW_S: Final = 60.0
_AMPLITUDE: Final = 1.001
_LEAST_FRAC: Final = 0.9
_SCHED_CLOCK: Final = 2
"""Which clock of a process: the lowest bits of the id that clock_getcpuclockid(3) makes of its number."""


@dataclass(frozen=True, slots=True)
class Load:
    """One setting.

    Attributes:
        devices: Connections.
        floats: float32 points of each.
        every_s: Period. [s]
        for_s: Length of all windows together. [s]
        depth: Requests on their way at once.
        core: Core the agent is pinned to, None for any.
        warm_s: Time between the first row and the first window. [s]
        windows: Windows that follow one another; of processor time the median of them counts.
    """

    devices: int = 20
    floats: int = 500
    every_s: float = 1.0
    for_s: float = 20.0
    depth: int = 1
    core: int | None = None
    warm_s: float = 6.0
    windows: int = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a load.

    Attributes:
        points_s: Good points that arrived per second of all windows. [1/s]
        us_per_point: User and system time of the agent's processes per point, median of the windows. [us]
        core_pct: The same in per cent of one core.
        rss_mb: Resident memory of the agent's processes at the end. [MB]
        bytes_per_point: Payload and headers on the bus per point. [byte]
        late: Polls that came more than one period behind their predecessor's due time.
        wrong: Good points with a value the farm does not have.
    """

    points_s: float
    us_per_point: float
    core_pct: float
    rss_mb: float
    bytes_per_point: float
    late: int
    wrong: int


@dataclass(slots=True)
class _Checker(CountingHub):
    """Decodes every row, checks every value against the farm's rule, keeps the instants of the polls."""

    devices: dict[bytes, int] = field(default_factory=dict)
    instants_ns: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    good: int = 0
    wrong: int = 0
    size: int = 0

    @override
    def take(self, message: Msg) -> str:
        if not subjects.as_sent(message.subject).startswith("rcpt."):
            self._look(message)
        return CountingHub.take(self, message)

    def _look(self, message: Msg) -> None:
        self.size += len(message.data) + sum(len(k) + len(v) for k, v in (message.headers or {}).items())
        for frame in decode_bundle(message.data).frames:
            self.instants_ns[frame.catalogue].append(frame.at.mono_ns)
            sound = frame.qualities == 0
            self.good += int(sound.sum())
            wanted = 100.0 * self.devices.get(frame.catalogue, 0) + np.arange(len(frame.values))
            if frame.catalogue in self.devices:
                self.wrong += int((np.abs(frame.values - wanted)[sound] > _AMPLITUDE).sum())

    def forget(self) -> None:
        """Begin the window."""
        self.good = self.wrong = self.size = 0
        self.instants_ns.clear()

    def late(self, every_s: float) -> int:
        """Polls with more than one period between what was due and what was."""
        return sum(
            int((np.diff(np.array(at)) > 2.0 * every_s * 1e9).sum()) for at in self.instants_ns.values()
        )


@contextmanager
def fast_farm(devices: int, floats: int) -> Iterator[int]:
    """The neutral farm of Modbus TCP devices on consecutive ports; gives the first.

    Raises:
        ConfigError: It is not installed.
    """
    first, stats = _free_row(devices)
    command = [str(need_tool("modbus_farm")), "-devices", str(devices), "-floats", str(floats)]
    with subprocess.Popen([*command, "-port", str(first), "-stats", str(stats)]) as process:  # noqa: S603  our kit
        try:
            time.sleep(_FARM_WAIT_S)
            yield first
        finally:
            process.kill()


def _free_row(count: int) -> tuple[int, int]:
    """First of a row of ports that are likely free, and one more."""
    first = 20_000 + free_port() % 10_000
    return first, first + count


def write_load(config: Path, load: Load, first_port: int) -> None:
    """Site file and profile of a load."""
    points = [
        {"name": f"p{at}_kw", "label": _TEXT, "unit": "kW", "every_s": load.every_s,
         "address": {"kind": "modbus", "address": 2 * at, "type": "f32"}}
        for at in range(load.floats)
    ]  # fmt: skip
    profile = {"id": "farm", "label": _TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    devices = [
        {"id": f"d{at}", "label": _TEXT, "profile": "farm",
         "connection": {"kind": "modbus", "host": "127.0.0.1", "port": first_port + at, "depth": load.depth}}
        for at in range(load.devices)
    ]  # fmt: skip
    edge = {"site": "demo", "edge": "edge1", "devices": devices}
    for path, body in ((config / "devices/farm.yaml", profile), (config / "sites/demo/edge1.yaml", edge)):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(body), encoding="utf-8")


async def measure(folder: Path, load: Load) -> Seen:
    """Run the agent under a load and look at what arrives.

    Raises:
        ContractError: Nothing arrived.
        ConfigError: The farm is not installed.
    """
    with fast_farm(load.devices, load.floats) as port:
        write_load(folder / "config", load, port)
        async with rig(folder, counting=False) as made:
            if load.core is not None:
                made.prefix = ("taskset", "-c", str(load.core))
            checker, client = _Checker(devices=_catalogues(folder / "config")), await made.connect()
            try:
                async with asyncio.TaskGroup() as tasks:
                    taking = tasks.create_task(checker.run(client))
                    seen = await _window(made, load, checker)
                    taking.cancel()
            finally:
                await client.close()
            return seen


def _catalogues(config: Path) -> dict[bytes, int]:
    """Hash of the catalogue of each device, to its number in the farm."""
    site = load_devices(config, devices_file(config, "demo", "edge1"))
    return {group.hash: int(group.device.removeprefix("d")) for group in poll_groups(site)}


async def _window(made: Rig, load: Load, checker: _Checker) -> Seen:
    agent = psutil.Process(made.start_agent())
    begin_s = time.monotonic()
    while not checker.good:
        if time.monotonic() > begin_s + _FIRST_ROW_S:
            raise ContractError("no row arrived; the agent's log is in its folder")
        await asyncio.sleep(0.05)
    await asyncio.sleep(load.warm_s)
    checker.forget()
    from_s, shares = time.monotonic(), []
    for _ in range(load.windows):
        begun = _Begun.of(agent)
        await asyncio.sleep(load.for_s / load.windows)
        shares.append(begun.share(agent))
    took_s = time.monotonic() - from_s
    rss = sum(process.memory_info().rss for process in _tree(agent))
    good, size, late, wrong = checker.good, checker.size, checker.late(load.every_s), checker.wrong
    if not good:
        raise ContractError("no good point arrived in the windows")
    return Seen(
        points_s=good / took_s,
        us_per_point=1e6 * median(shares) * took_s / good,
        core_pct=100.0 * median(shares),
        rss_mb=rss / 2**20,
        bytes_per_point=size / good,
        late=late,
        wrong=wrong,
    )


@dataclass(frozen=True, slots=True)
class _Begun:
    """Begin of a window: how much processor time a process and its children had used, and when."""

    cpu_s: float
    at_s: float

    @classmethod
    def of(cls, process: psutil.Process) -> _Begun:
        """Now."""
        return cls(_cpu_s(process), time.monotonic())

    def share(self, process: psutil.Process) -> float:
        """Part of one core that it has used since."""
        return (_cpu_s(process) - self.cpu_s) / (time.monotonic() - self.at_s)


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    """User and system time of all threads, ended ones too, by the kernel's clock of each process. [s]."""
    return sum(time.clock_gettime(~one.pid << 3 | _SCHED_CLOCK) for one in _tree(process))


def telegraf(folder: Path, load: Load) -> dict[str, float] | None:
    """Telegraf on the same farm, its output thrown away, which costs it nothing; None where it is missing.

    Raises:
        ContractError: It read less than nine tenths of what was asked.
    """
    tool = find_tool("telegraf")
    if tool is None:
        return None
    with fast_farm(load.devices, load.floats) as first:
        path = folder / "telegraf.conf"
        path.write_text(_telegraf_config(load, first), encoding="utf-8")
        with subprocess.Popen(  # noqa: S603  a peer
            [str(tool), "--config", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                time.sleep(load.warm_s)
                peer, shares = psutil.Process(process.pid), []
                points, from_s = _farm_points(first + load.devices), time.monotonic()
                for _ in range(load.windows):
                    begun = _Begun.of(peer)
                    time.sleep(load.for_s / load.windows)
                    shares.append(begun.share(peer))
                points = _farm_points(first + load.devices) - points
                took_s = time.monotonic() - from_s
                rss = peer.memory_info().rss
            finally:
                process.kill()
    if points < _LEAST_FRAC * load.devices * load.floats * took_s / load.every_s:
        raise ContractError(f"telegraf read {points} points in {took_s:.0f} s, which is not all of them")
    share = median(shares)
    return {
        "us_per_point": 1e6 * share * took_s / points, "core_pct": 100.0 * share, "rss_mb": rss / 2**20,
    }  # fmt: skip


def _farm_points(stats_port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{stats_port}/", timeout=2.0) as answer:
        return int(json.load(answer)["regs"]) // 2


def _telegraf_config(load: Load, first: int) -> str:
    lines = [
        "[agent]", f'interval = "{round(1000 * load.every_s)}ms"', "round_interval = false",
        'flush_interval = "1s"', "omit_hostname = true", 'precision = "1ms"', "[[outputs.discard]]",
    ]  # fmt: skip
    for at in range(load.devices):
        lines += [
            "[[inputs.modbus]]", f'name = "dev{at}"', f'controller = "tcp://127.0.0.1:{first + at}"',
            'timeout = "1s"', 'configuration_type = "metric"', 'optimization = "max_insert"',
            "[[inputs.modbus.metric]]", "slave_id = 1", 'byte_order = "ABCD"', f'measurement = "dev{at}"',
            "fields = [",
        ]  # fmt: skip
        lines += [f'  {{address={2 * n}, name="r{n}", type="FLOAT32"}},' for n in range(load.floats)] + ["]"]
    return "\n".join(lines) + "\n"
