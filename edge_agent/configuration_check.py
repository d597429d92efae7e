"""What a configuration from the hub may hold: points, polling, reporting, rules; never what a write rests on.

A signed write block names devices and points. Who could move such a point to another register, or such a
device to another address, could write anywhere within its limits. So all of that stays as it is at the box:
the connection of a device with a write block, its watchdog, its set-points and the points its block names. A
controller that acts can be taken away from far, not changed, and none begins to act. The list of networks
that devices may be in can be made narrower from far, not wider than at the box. A password or certificate
of this box is never sent to an address it was not meant for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from edge_agent.controllers.file import file_in_force, load_controllers
from edge_agent.gate.book import block_file
from edge_agent.settings import Accepted, Place, load_accepted
from plant.control.controllers import ControllerBook
from protocols.configuration import Configuration, Why
from protocols.device import Device, EdgeDevices
from protocols.errors import ConfigError, EmsError
from protocols.networks import DeviceNetworks
from protocols.outlet import Outlet
from protocols.point import PointKind
from protocols.profile import PointSpec, Profile
from protocols.write_block import WriteBlock
from runtime.fitting import load_if_there
from runtime.site import controllers_file, devices_file
from runtime.yaml_config import load_config

MOST_POINTS: Final = 100_000
"""Points of one edge; more is a slip, and would not fit the box."""

_FREE: Final = {"label": None, "report": None}
"""What may change of a point that writing rests on: its name for people, and what is reported of it."""


class Refused(NamedTuple):
    """Why a configuration is not even tried."""

    why: Why
    detail: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A configuration whose files lie in a folder of their own."""

    folder: Path
    configuration: Configuration


def refuse_paths(configuration: Configuration, place: Place) -> Refused | None:
    """Whether it holds files that are not for it to hold; nothing is read from the disk."""
    if (configuration.site, configuration.edge) != (place.site, place.edge):
        return Refused(Why.ADDRESSEE, f"for {configuration.site}/{configuration.edge}")
    paths = set(configuration.files)
    blocks = sorted(path for path in paths if "/write/" in path)
    if blocks:
        return Refused(Why.WRITE_BLOCK, f"holds {', '.join(blocks)}")
    folder = f"sites/{place.site}/{place.edge}"
    own, beside = f"{folder}.yaml", {f"{folder}.controllers.yaml", f"{folder}.rules.yaml"}
    other = sorted(path for path in paths - beside - {own} if not path.startswith("devices/"))
    if own not in paths or other:
        return Refused(Why.FILES, f"holds {', '.join(other)}" if other else f"has no {own}")
    return None


def check_staged(staged: Staged, now: Accepted) -> Accepted | Refused:
    """Read it as a start would, then compare it with what is in force; slow, call it in a thread."""
    try:
        wanted = load_accepted(now.place, staged.folder)
        load_controllers(wanted)
    except EmsError as error:
        return Refused(Why.NOT_VALID, str(error).replace(f"{staged.folder}/", ""))
    return next(_objections(staged.configuration, now, wanted), wanted)


def changed_points(now: Accepted, wanted: Accepted) -> frozenset[str]:
    """Points that are new, or whose device or address is another."""
    before = _points(now)
    return frozenset(name for name, how in _points(wanted).items() if before.get(name) != how)


def _points(accepted: Accepted) -> dict[str, tuple[object, PointSpec]]:
    return {
        f"{device.id}/{spec.name}": (
            device.connection,
            spec.model_copy(update={"label": None, "report": None}),
        )
        for device in accepted.site.edge.devices
        for spec in accepted.site.profile_of(device.id).points
    }


def _objections(configuration: Configuration, now: Accepted, wanted: Accepted) -> Iterator[Refused]:
    points = sum(len(wanted.site.profile_of(device.id).points) for device in wanted.site.edge.devices)
    if points > MOST_POINTS:
        yield Refused(Why.NOT_VALID, f"{points} points; an edge reads at most {MOST_POINTS}")
    named = {f"devices/{name}.yaml" for name in wanted.site.profiles}
    idle = sorted({path for path in configuration.files if path.startswith("devices/")} - named)
    if idle:
        yield Refused(Why.FILES, f"no device uses {', '.join(idle)}")
    if wider := wanted.site.edge.networks.beyond(_own_networks(now)):
        own = devices_file(now.place.config, now.place.site, now.place.edge).name
        yield Refused(
            Why.NOT_VALID,
            f"device_networks: {', '.join(wider)} lies outside the list of this box; widen it there in {own}",
        )
    if touched := "; ".join((*_touched(now, wanted), *_acting(now, wanted))):
        yield Refused(Why.WRITE_BLOCK, touched)
    if moved := "; ".join(_moved_secrets(now, wanted)):
        yield Refused(Why.SECRET, moved)


def _own_networks(now: Accepted) -> DeviceNetworks:
    """What the file of the box allows; where that was spoiled since, what is in force."""
    path = devices_file(now.place.config, now.place.site, now.place.edge)
    try:
        return load_config(path, EdgeDevices).networks
    except ConfigError:
        return now.site.edge.networks


def _touched(now: Accepted, wanted: Accepted) -> Iterator[str]:
    devices = {device.id: device for device in wanted.site.edge.devices}
    for name, block in now.blocks.items():
        if name not in devices and _is_controller(now.site.device(name)):
            continue  # its inputs go with it: nobody can write them, and nothing of a machine rests on them
        if name not in devices:
            yield f"device {name!r} has a write block and is gone"
        elif devices[name].connection != now.site.device(name).connection:
            yield f"device {name!r} has a write block and another connection"
        else:
            yield from _changed(block, now.site.profile_of(name), wanted.site.profile_of(name))
    for name, device in devices.items():
        if _is_controller(device):
            continue  # limits of its inputs hold for whoever runs by this name, and it cannot act from far
        if name not in now.blocks and block_file(now.place.state, name).exists():
            yield f"device {name!r} is new and would take over a write block that lies at the box"


def _is_controller(device: Device) -> bool:
    return device.connection.kind == "controller"


def _acting(now: Accepted, wanted: Accepted) -> Iterator[str]:
    """Controllers that would act otherwise than in the file in force, or in the box's own.

    Rules need no such look: one that is not exactly as it was tried only advises.
    """
    place = now.place
    delivered = controllers_file(wanted.folder, place.site, place.edge)
    if not delivered.exists():
        return
    own = controllers_file(place.config, place.site, place.edge)
    faults: list[str] = []  # a file that was spoiled since lets nothing act
    known = [
        one
        for path in (file_in_force(now, controllers_file), own)
        for one in load_if_there(path, ControllerBook, faults).controllers
    ]
    for one in load_config(delivered, ControllerBook).controllers:
        if one.mode == "active" and one not in known:
            yield (
                f"controller {one.id!r} is to act and does not stand so at the box; write it there in "
                f"{own.name}, or say mode: advice"
            )


def _changed(block: WriteBlock, old: Profile, new: Profile) -> Iterator[str]:
    if (old.watchdog_point, old.watchdog_s) != (new.watchdog_point, new.watchdog_s):
        yield f"device {block.device!r} has a write block and another watchdog"
    named = {limits.point for limits in block.points}
    named |= {limits.effective_point for limits in block.points if limits.effective_point is not None}
    named |= {name for name in (block.local_mode_point, old.watchdog_point) if name is not None}
    named |= {spec.name for spec in old.points if spec.kind is PointKind.SETPOINT}
    before, after = _by_name(old), _by_name(new)
    for name in sorted(named):
        if name not in after:
            yield f"point {block.device}/{name} is gone and writing rests on it"
        elif _core(before[name]) != _core(after[name]):
            yield f"point {block.device}/{name} is changed and writing rests on it"


def _core(spec: PointSpec) -> dict[str, object]:
    return {**spec.model_dump(), **_FREE}


def _by_name(profile: Profile) -> dict[str, PointSpec]:
    return {spec.name: spec for spec in profile.points}


def _moved_secrets(now: Accepted, wanted: Accepted) -> Iterator[str]:
    outlet = wanted.site.edge.outlet
    if outlet is not None and (outlet.login or outlet.tls) and _door(outlet) != _door(now.site.edge.outlet):
        yield "the outlet has a login or certificate and a broker that is not known here"
    known = [device.connection for device in now.site.edge.devices]
    for device in wanted.site.edge.devices:
        if _has_secret(device) and device.connection not in known:
            yield f"device {device.id!r} has a login or certificate and a connection that is not known here"


def _door(outlet: Outlet | None) -> object:
    return outlet and (outlet.host, outlet.port, outlet.login, outlet.tls)


def _has_secret(device: Device) -> bool:
    names = ("login", "user_certificate", "security", "tls")
    return any(getattr(device.connection, name, None) is not None for name in names)
