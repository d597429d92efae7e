"""Wiring of `ems sim profile`: one device, its server, its faults, and how a person reads it."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocols.device import BacnetIp, Connection, Mqtt, OpcUa
from protocols.profile import Profile
from simulator import faults
from simulator.device import Fault
from simulator.profile_device import ProfileDevice
from simulator.profile_modbus import modbus_profile_server
from simulator.profile_place import Place, Words, check_place, connection_of, serial_of, words_of
from simulator.pty_pair import pty_pair

_LOOK_S: Final = 0.5
Loop = Callable[[], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Serving:
    """A device that is served.

    Attributes:
        device: What it holds.
        place: Where, in the words a person needs.
        loops: Work that keeps it fresh, to be run until the end.
    """

    device: ProfileDevice
    place: Words
    loops: tuple[Loop, ...]


@asynccontextmanager
async def serving(
    profile: Profile, place: Place, *, still: bool = False, now_s: Callable[[], float] = time.monotonic
) -> AsyncIterator[Serving]:
    """Serve a profile on its own protocol until the block is left; faults are taken from `place.state`.

    Raises:
        ConfigError: The port is taken, or the place does not fit the protocol.
    """
    check_place(profile, place)
    place.state.mkdir(parents=True, exist_ok=True)
    faults.announce(place.state, (profile.id,))
    async with AsyncExitStack() as stack:
        ours = ""
        if profile.protocol == "modbus" and place.line == "serial":
            ours, theirs = stack.enter_context(pty_pair())
            connection: Connection = serial_of(place, theirs)
        else:
            connection = connection_of(profile, place)
        device = ProfileDevice(profile, connection, now_s, still=still)
        loops = await _open(device, place, ours, stack)
        loops.append(functools.partial(_watch_faults, device, place.state))
        yield Serving(device, words_of(profile, connection), tuple(loops))


async def _open(device: ProfileDevice, place: Place, ours: str, stack: AsyncExitStack) -> list[Loop]:
    """Open the server; each protocol's library is loaded only where it is spoken."""
    at = device.device.connection
    if isinstance(at, BacnetIp):
        from simulator.servers.bacnet import bacnet_server  # noqa: PLC0415  as said above

        return [(await stack.enter_async_context(bacnet_server(device))).run]
    if isinstance(at, OpcUa):
        from simulator.servers.opcua import opcua_server  # noqa: PLC0415  as said above

        return [(await stack.enter_async_context(opcua_server(device))).run]
    if isinstance(at, Mqtt):
        return await _open_mqtt(device, at, place, stack)
    await stack.enter_async_context(modbus_profile_server(device, ours))
    return []


async def _open_mqtt(device: ProfileDevice, at: Mqtt, place: Place, stack: AsyncExitStack) -> list[Loop]:
    from simulator.servers.broker import field_broker  # noqa: PLC0415  only where MQTT is spoken
    from simulator.servers.mqtt import mqtt_device  # noqa: PLC0415  as above
    from simulator.servers.sparkplug import sparkplug_device  # noqa: PLC0415  as above

    publish = mqtt_device if at.sparkplug is None else sparkplug_device
    loops: list[Loop] = [functools.partial(publish, device)]
    if not place.broker:
        loops.append(await stack.enter_async_context(field_broker(at.host, at.port, place.state / "broker")))
    return loops


async def _watch_faults(device: ProfileDevice, state: Path) -> None:
    """Put the fault `ems sim fault` asks for on the device, for ever."""
    while True:
        wanted = await asyncio.to_thread(faults.requested, state)
        device.fault = wanted.get(device.id, Fault.NONE)
        await asyncio.sleep(_LOOK_S)
