"""Wiring of `ems sim run`: one process, one plant loop, a server a device, the field broker beside it."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plant.flowsheet import Flowsheet
from protocols.clock import Clock
from protocols.device import BacnetIp, ModbusTcp, Mqtt
from protocols.errors import ConfigError
from runtime.clock import NS
from runtime.site import devices_file, load_devices
from runtime.yaml_config import load_config, load_yaml
from simulator import faults, memory, panel
from simulator.core import STEP_S, SimulatedPlant
from simulator.device import Fault, FieldDevice
from simulator.servers.bacnet import bacnet_server
from simulator.servers.broker import field_broker
from simulator.servers.modbus import modbus_server
from simulator.servers.mqtt import mqtt_device
from simulator.servers.opcua import opcua_server
from simulator.timeline import Timeline, timeline

_log = logging.getLogger(__name__)
Loop = Callable[[], Coroutine[None, None, None]]
"""Work that goes on until it is cancelled."""

_SAVE_EVERY: Final = 30
_CATCH_UP_STEPS: Final = 10


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """What `ems sim` is told.

    Attributes:
        config: Folder with sites/ and devices/.
        site: Which site.
        state: Folder of the simulator's own state.
        seed: Of true machines, weather and loads.
    """

    config: Path
    site: str
    state: Path
    seed: int


def load_flowsheet(config: Path, site: str) -> Flowsheet:
    """The nominal plant of a site.

    Raises:
        ConfigError: All faults of the file.
    """
    return load_config(config / "sites" / site / "flowsheet.yaml", Flowsheet)


def load_timeline(settings: SimulatorSettings, wall_ns: int) -> Timeline:
    """Weather and loads on the site's own time.

    Raises:
        ConfigError: The site file is missing or has no time zone.
    """
    return timeline(str(_site(settings).get("time_zone", "UTC")), wall_ns, settings.seed)


def load_plant(settings: SimulatorSettings, clock: Clock) -> SimulatedPlant:
    """Plant and devices of all edges of a site, with last run's state or freshly run in.

    Raises:
        ConfigError: All faults of the files.
    """
    devices: dict[str, FieldDevice] = {}
    for edge in _edges(settings):
        site = load_devices(settings.config, devices_file(settings.config, settings.site, edge))
        for device in site.edge.devices:
            devices[device.id] = FieldDevice(device, site.profile_of(device.id), clock.mono_s)
    wall_ns = clock.now().wall_ns
    plant = SimulatedPlant(
        devices,
        load_flowsheet(settings.config, settings.site),
        load_timeline(settings, wall_ns),
        settings.seed,
    )
    before = memory.load(settings.state, plant.state)
    if before is None:
        plant.run_in(wall_ns)
    else:
        plant.state = before
    plant.advance(wall_ns)
    return plant


async def serve(settings: SimulatorSettings, clock: Clock, on_ready: Callable[[int], None]) -> None:
    """Run the plant and all servers until cancelled.

    Args:
        settings: What to run.
        clock: Time of the plant loop and the watchdogs.
        on_ready: Called with the number of devices when every server listens.

    Raises:
        ConfigError: A file is wrong, or a port is taken.
    """
    plant = await asyncio.to_thread(_prepare, settings, clock)
    async with AsyncExitStack() as open_servers:
        loops = await _open(settings, plant, open_servers)
        on_ready(len(plant.devices))
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop())
                group.create_task(_run(settings, plant, clock))
        finally:
            memory.save(settings.state, plant.state)


def _prepare(settings: SimulatorSettings, clock: Clock) -> SimulatedPlant:
    settings.state.mkdir(parents=True, exist_ok=True)
    plant = load_plant(settings, clock)
    faults.announce(settings.state, tuple(plant.devices))
    panel.show(settings.state, plant.devices.values())
    return plant


async def _open(settings: SimulatorSettings, plant: SimulatedPlant, stack: AsyncExitStack) -> list[Loop]:
    """Open every server; the loops that keep them fresh are handed back."""
    loops: list[Loop] = []
    gateways: dict[tuple[str, int], list[FieldDevice]] = defaultdict(list)
    brokers: dict[tuple[str, int], list[FieldDevice]] = defaultdict(list)
    for device in plant.devices.values():
        at = device.device.connection
        if isinstance(at, ModbusTcp):
            gateways[at.host, at.port].append(device)
        elif isinstance(at, Mqtt):
            brokers[at.host, at.port].append(device)
        else:
            loops.append(await _open_refreshed(device, stack))
    for units in gateways.values():
        await stack.enter_async_context(modbus_server(units))
    for (host, port), publishers in brokers.items():
        broker = field_broker(host, port, settings.state / "field" / str(port))
        loops.append(await stack.enter_async_context(broker))
        loops += [functools.partial(mqtt_device, device) for device in publishers]
    return loops


async def _open_refreshed(device: FieldDevice, stack: AsyncExitStack) -> Loop:
    if isinstance(device.device.connection, BacnetIp):
        return (await stack.enter_async_context(bacnet_server(device))).run
    return (await stack.enter_async_context(opcua_server(device))).run


async def _run(settings: SimulatorSettings, plant: SimulatedPlant, clock: Clock) -> None:
    """One step a second; a late tick is caught up so that energies stay right."""
    last_ns = clock.now().wall_ns
    count = 0
    async for at in clock.ticks(STEP_S):
        _apply(plant, await asyncio.to_thread(faults.requested, settings.state))
        steps = min(max(round((at.wall_ns - last_ns) / NS), 1), _CATCH_UP_STEPS)
        for behind in range(steps - 1, -1, -1):
            plant.advance(at.wall_ns - behind * NS)
        last_ns, count = at.wall_ns, count + 1
        if count % _SAVE_EVERY == 0:
            await asyncio.to_thread(_save, settings.state, plant)


def _save(state: Path, plant: SimulatedPlant) -> None:
    """A full disk stops no machine; the state of an earlier save stays."""
    try:
        memory.save(state, plant.state)
    except OSError as error:
        _log.warning("the plant's state cannot be kept in %s: %s", state, error.strerror)


def _apply(plant: SimulatedPlant, wanted: dict[str, Fault]) -> None:
    for device in plant.devices.values():
        fault = wanted.get(device.id, Fault.NONE)
        if fault is not device.fault:
            _log.info("%s: fault %s -> %s", device.id, device.fault, fault)
            device.fault = fault


def _site(settings: SimulatorSettings) -> dict[str, object]:
    file = settings.config / "sites" / settings.site / "site.yaml"
    found = load_yaml(file)
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: is no mapping; write id, time_zone, edges and so on")
    return found


def _edges(settings: SimulatorSettings) -> list[str]:
    edges = _site(settings).get("edges")
    if not isinstance(edges, list) or not edges:
        raise ConfigError(f"site {settings.site!r} names no edge; give site.yaml a list `edges`")
    return [str(edge) for edge in edges]
