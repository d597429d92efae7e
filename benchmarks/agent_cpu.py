"""CPU of the whole edge agent at a steady load: configuration written, agent started, rows checked."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
from nats.aio.client import Client
from nats.aio.msg import Msg

from protocols import subjects
from protocols.coverage import Coverage
from protocols.frame import Bundle, decode_bundle
from runtime.bus import connect, ensure_streams
from runtime.keys import create_signing_key
from runtime.nats_server import RunningBus

WARM_S: Final = 8.0
MEASURED_S: Final = 30.0
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


def write_site(
    config: Path, protocol: str, addresses: list[dict[str, Any]], connections: Mapping[str, dict[str, Any]]
) -> None:
    """A profile with one point an address, read each second, and one device a connection."""
    points = [
        {"name": f"p{at}_kw", "label": _TEXT, "unit": "kW", "every_s": 1.0, "address": address}
        for at, address in enumerate(addresses)
    ]
    profile = {"id": "bench", "label": _TEXT, "protocol": protocol, "equipment": "meter", "points": points}
    devices = [
        {"id": name, "label": _TEXT, "profile": "bench", "connection": connection}
        for name, connection in connections.items()
    ]
    edge = {"site": "demo", "edge": "edge1", "devices": devices}
    for path, body in ((config / "devices/bench.yaml", profile), (config / "sites/demo/edge1.yaml", edge)):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(body), encoding="utf-8")


async def core_pct(folder: Path, bus: RunningBus, check: Callable[[list[Bundle], float], None]) -> float:
    """CPU of the agent's process tree over `MEASURED_S`, 100 being one core, all rows held against `check`.

    Args:
        folder: Holds `config`; keys and the agent's state are made in it.
        bus: Where the agent publishes.
        check: Takes what arrived and the seconds it arrived in; raises where it is not right.
    """
    create_signing_key(folder / "keys" / "hub_sign.key")
    hub = await connect(bus.login("hub"), None)
    try:
        await ensure_streams(hub.jetstream())
        taken = Taken(hub)
        await hub.subscribe("tel.>", cb=taken.on_row)
        with _agent(folder, bus.url) as agent:
            await asyncio.sleep(WARM_S)
            taken.bundles.clear()
            begin_s = cpu_s(agent)
            await asyncio.sleep(MEASURED_S)
            used_s = cpu_s(agent) - begin_s
        check(taken.bundles, MEASURED_S)
    finally:
        await hub.close()
    return used_s / MEASURED_S * 100.0


def cpu_s(root: psutil.Process) -> float:
    """User and system time of a process and all its children so far. [s]."""
    times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
    return sum(time.user + time.system for time in times)


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
