"""The first act of the demo: every part comes up, in the order in which one needs the other."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Final

from edge_agent.commission.comparing import Comparer, compare_live
from ems.demo.business_server import BusinessServer
from ems.demo.history import SEEDED_FILE
from ems.demo.layout import EDGE, SITE, Layout, Ports, choose_ports, prepare
from ems.demo.parts import Part, Parts, run_to_end
from ems.demo.screen import say
from ems.demo.series_server import EMBEDDED, INFLUX, SeriesServer
from hub.store import schema
from protocols.errors import ConfigError
from runtime.nats_server import seed_file
from runtime.site import SiteDevices, devices_file, load_devices, load_write_blocks
from simulator.panel import shown

SEED: Final = 1
"""What the true machines and the past are drawn from."""

_SEED_HISTORY_S: Final = 180.0
_PROVE_S: Final = 120.0


def bring_up(
    layout: Layout, parts: Parts, series: SeriesServer, business: BusinessServer
) -> Callable[[], None]:
    """Start everything, each with a line.

    Returns:
        What prints the last lines, the page's address and the password.

    Raises:
        ConfigError: A part did not come up; the message says which and why.
    """
    ports = prepare(layout)
    _bus_and_plant(layout, parts, ports)
    if series.engine == EMBEDDED:
        _seed_history(layout, schema.FILE, EMBEDDED)
    series.start()
    business.start()
    data = (*series.options(), *business.options())
    init = _begin_hub_init(layout, ports, data)
    parts.wait("sim", lambda: parts.says("sim", "simulator ready"))
    devices = len(demo_devices(layout).edge.devices)
    say(f"plant    {devices} simulated devices: Modbus, BACnet, OPC UA, MQTT")
    _compare(layout)
    _prove(layout, ports)
    password = _end_hub_init(init)
    if series.engine == INFLUX:
        _seed_history(layout, SEEDED_FILE, INFLUX)
    ports = _edge_and_hub(layout, parts, ports, data)
    return partial(_announce, layout, ports, password)


def demo_devices(layout: Layout) -> SiteDevices:
    """The demo's devices with their profiles."""
    return load_devices(layout.config, devices_file(layout.config, SITE, EDGE))


def _bus_and_plant(layout: Layout, parts: Parts, ports: Ports) -> None:
    parts.up("bus", "bus", "run", f"--state={layout.state('bus')}", f"--keys={layout.keys}",
             f"--port={ports.bus}", f"--edge={EDGE}")  # fmt: skip
    parts.up("sim", "sim", "run", f"--site={SITE}", f"--config={layout.config}",
             f"--state={layout.state('sim')}", f"--seed={SEED}")  # fmt: skip
    parts.wait("bus", lambda: seed_file(layout.keys, EDGE).exists())
    say(f"bus      nats://127.0.0.1:{ports.bus}")


def _seed_history(layout: Layout, mark: str, engine: str) -> None:
    if (layout.state("hub") / mark).exists():
        return
    say("history  simulating 30 days …")
    arguments = ("demo", "seed", f"--state={layout.root}", f"--store={engine}")
    run_to_end(Part("history", arguments, layout.logs / "history.log"), _SEED_HISTORY_S)


def _compare(layout: Layout) -> None:
    """As an installer does: each set-point read beside what the panel of its machine shows."""
    devices, state = demo_devices(layout), layout.state("edge")
    blocks = load_write_blocks(layout.config, SITE, devices)
    state.mkdir(parents=True, exist_ok=True)
    for name, block in blocks.items():
        panel = shown(layout.state("sim"), name)
        points = {limits.point: panel[limits.point] for limits in block.points}
        asyncio.run(compare_live(devices, name, points, Comparer("demo"), state))
    say(f"panels   the set-points of {len(blocks)} machines are what their panels show")


def _prove(layout: Layout, ports: Ports) -> None:
    arguments = ("edge", "prove", *_edge(layout, ports), "--person=demo", "--sign")
    run_to_end(Part("prove", arguments, layout.logs / "prove.log"), _PROVE_S)
    say("proofs   every set-point falls back by itself (var/edge/proofs)")


def _edge_and_hub(layout: Layout, parts: Parts, ports: Ports, data: tuple[str, ...]) -> Ports:
    ports = choose_ports(layout, ports)
    parts.up("hub", "hub", "run", *_hub(layout, ports, data), f"--port={ports.page}")
    parts.up("edge", "edge", "run", *_edge(layout, ports))  # after it: what it polls has somewhere to go
    say("edge     polls and keeps its journal")
    parts.wait("hub", lambda: parts.says("hub", "role api up") and _healthy(ports))
    say("hub      stores, forecasts and plans")
    return ports


def _edge(layout: Layout, ports: Ports) -> tuple[str, ...]:
    return (f"--edge={EDGE}", f"--state={layout.state('edge')}", *_common(layout, ports))


def _hub(layout: Layout, ports: Ports, data: tuple[str, ...]) -> tuple[str, ...]:
    return (f"--state={layout.state('hub')}", *data, *_common(layout, ports))


def _common(layout: Layout, ports: Ports) -> tuple[str, ...]:
    bus = f"--bus=nats://127.0.0.1:{ports.bus}"
    return (f"--config={layout.config}", f"--site={SITE}", f"--keys={layout.keys}", bus)


def _begin_hub_init(layout: Layout, ports: Ports, data: tuple[str, ...]) -> subprocess.Popen[str]:
    """Make the hub's databases meanwhile; the one-time password comes by a pipe and is in no log."""
    return subprocess.Popen(  # noqa: S603  our own command line
        [sys.executable, "-m", "ems.main", "hub", "init", *_hub(layout, ports, data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "EMS_DIE_WITH_PARENT": "1"},
        start_new_session=True,
    )


def _end_hub_init(init: subprocess.Popen[str]) -> str | None:
    """The one-time password, or None where somebody has one already.

    Raises:
        ConfigError: The databases could not be made; the message is the hub's own.
    """
    out, err = init.communicate()
    if init.returncode != 0:
        raise ConfigError(f"the hub's database could not be made: {err.strip().rpartition(chr(10))[2]}")
    found = [line for line in out.splitlines() if line.startswith("admin password:")]
    return found[0].partition(":")[2].strip() if found else None


def _healthy(ports: Ports) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports.page}/api/v1/health", timeout=1.0) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False


def _announce(layout: Layout, ports: Ports, password: str | None) -> None:
    say(f"page     http://127.0.0.1:{ports.page}/")
    again = f"`ems hub admin reset --state {layout.state('hub')}` makes a new one"
    if password is None:
        say(f"login    admin, with the password of the first start; {again}")
    else:
        say(f"login    admin / {password}    (shown once; {again})")
