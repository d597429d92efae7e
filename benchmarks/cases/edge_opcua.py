"""CPU of the whole edge agent while it takes 1,000 OPC UA items a second, journal and bus included."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.registry import Case, Result
from protocols import subjects
from protocols.coverage import Coverage
from protocols.errors import ContractError
from protocols.frame import Bundle, decode_bundle
from runtime.bus import connect, ensure_streams
from runtime.children import free_port
from runtime.keys import create_signing_key
from runtime.nats_server import RunningBus, running_bus, wait_listening

ITEMS: Final = 1000
_WARM_S: Final = 8.0
_MEASURED_S: Final = 30.0
_LEAST_FRAC: Final = 0.9
_TEXT: Final = {"en": "x", "zh": "x"}


@dataclass(slots=True)
class Taken:
    """What arrived at the bus, as a hub would count it."""

    client: Client
    bundles: list[Bundle] = field(default_factory=list)

    async def on_row(self, message: Msg) -> None:
        """Take a row and say so, as ingest does."""
        bundle = decode_bundle(message.data)
        self.bundles.append(bundle)
        body = Coverage(bundle.edge, bundle.journal, ((bundle.seq, bundle.seq),)).encode()
        await self.client.publish(subjects.coverage(bundle.edge), body)


def run() -> Result:
    """Measure the agent's process tree over 30 s.

    Raises:
        ContractError: Values are missing, bad or wrong.
    """
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        folder, port = Path(name), free_port()
        write_configs(folder / "config", port)
        with running_bus(folder) as bus, _server(port):
            return Result({"core_pct": asyncio.run(_measure(folder, bus))})


def write_configs(config: Path, port: int) -> None:
    """A site with one device of 1,000 points."""
    points = [
        {
            "name": f"p{item}_kw",
            "label": _TEXT,
            "unit": "kW",
            "every_s": 1.0,
            "address": {"kind": "opcua", "node": f"ns=2;s=p{item}"},
        }
        for item in range(ITEMS)
    ]
    profile = {"id": "bench", "label": _TEXT, "protocol": "opcua", "equipment": "meter", "points": points}
    connection = {"kind": "opcua", "url": f"opc.tcp://127.0.0.1:{port}/bench"}
    device = {"id": "plc", "label": _TEXT, "profile": "bench", "connection": connection}
    edge = {"site": "demo", "edge": "edge1", "devices": [device]}
    for path, body in ((config / "devices/bench.yaml", profile), (config / "sites/demo/edge1.yaml", edge)):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(body), encoding="utf-8")


async def _measure(folder: Path, bus: RunningBus) -> float:
    create_signing_key(folder / "keys" / "hub_sign.key")
    hub = await connect(bus.login("hub"), None)
    try:
        await ensure_streams(hub.jetstream())
        taken = Taken(hub)
        await hub.subscribe("tel.>", cb=taken.on_row)
        with _agent(folder, bus.url) as agent:
            await asyncio.sleep(_WARM_S)
            taken.bundles.clear()
            begin_s = cpu_s(agent)
            await asyncio.sleep(_MEASURED_S)
            used_s = cpu_s(agent) - begin_s
        check(taken.bundles, _MEASURED_S)
    finally:
        await hub.close()
    return used_s / _MEASURED_S * 100.0


def cpu_s(root: psutil.Process) -> float:
    """User and system time of a process and all its children so far. [s]."""
    times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def check(bundles: list[Bundle], seconds: float) -> None:
    """Hold what arrived against what the server holds: item i is the number of the second plus i thousandths.

    Raises:
        ContractError: Values are missing, bad or wrong.
    """
    frames = [frame for bundle in bundles for frame in bundle.frames if len(frame.values) == ITEMS]
    if len(frames) < seconds * _LEAST_FRAC:
        raise ContractError(f"{len(frames)} polls of {ITEMS} items arrived in {seconds:.0f} s")
    thousandths = np.arange(ITEMS) / 1000.0
    for frame in frames:
        seconds_told = frame.values - thousandths
        if frame.qualities.any() or np.ptp(seconds_told) > 1.0 + 1e-9:
            raise ContractError("a poll holds bad or mixed-up values")


@contextmanager
def _server(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.opcua_server", f"--port={port}", f"--items={ITEMS}"]
    process = subprocess.Popen(command)  # noqa: S603  our own module
    try:
        wait_listening("127.0.0.1", port, process, 60.0)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _agent(folder: Path, bus: str) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "ems.main", "edge", "run", f"--config={folder / 'config'}"]
    command += [f"--state={folder / 'edge'}", f"--keys={folder / 'keys'}", f"--bus={bus}"]
    process = subprocess.Popen(command)  # noqa: S603  our own module
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait(10)


CASE: Final = Case(
    "edge_opcua",
    "the whole agent at 1,000 OPC UA items a second, in per cent of a core",
    run,
    {"items": (ITEMS,)},
)
