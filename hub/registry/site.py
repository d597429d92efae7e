"""The site as configured: `sites/<site>/site.yaml`, its edges' device lists and their profiles."""

from __future__ import annotations

import zoneinfo
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator

from plant.control.controller_inputs import devices_of
from plant.control.controllers import ControllerBook
from protocols.config import Config, IdPart, Text
from protocols.device import Device
from protocols.errors import ConfigError
from protocols.point import PointId, PointKind
from protocols.profile import PointSpec, Profile
from runtime.fitting import load_if_there
from runtime.site import SiteDevices, controllers_file, devices_file, load_devices
from runtime.yaml_config import load_config

Mode = Literal["off", "advice", "approve", "auto"]
"""What the hub may do with a machine; only in auto it commands without a person."""
_STRICTEST_FIRST: Final[tuple[Mode, ...]] = ("off", "advice", "approve", "auto")

FRESH_S: Final = 45.0
"""A sample of a point that is always reported counts as present for this long, or three of its polls. [s]"""

_SLOW_S: Final = {PointKind.COUNTER: 120.0, PointKind.SETPOINT: 60.0}
_MISSED_POLLS: Final = 3
_ON_THE_WAY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Modes:
    """Modes of a site and of the machines that differ from it."""

    site: Mode = "advice"
    machines: Mapping[str, Mode] = field(default_factory=dict)

    def of(self, machine: str) -> Mode:
        """Mode of a machine: its own, else the site's; a site that is off rules all."""
        return "off" if self.site == "off" else self.machines.get(machine, self.site)

    def through(self, unit: str, devices: Collection[str]) -> Mode:
        """Mode of a unit that is told through devices: the strictest of theirs and of its own, if any.

        Example:
            >>> Modes("auto", {"plc1": "approve"}).through("comp1", {"plc1", "plc2"})
            'approve'
        """
        named = {*devices, *({unit} & self.machines.keys())} or {unit}
        return min((self.of(one) for one in named), key=_STRICTEST_FIRST.index)

    def stays(self, machine: str) -> bool:
        """Whether nobody counts on a machine to follow before a person acts, while others of its site follow.

        Where the whole site takes advice, people follow all of a plan or nothing of it.
        """
        mode, others = self.of(machine), {self.site, *self.machines.values()}
        return mode == "approve" or (mode == "advice" and not others.isdisjoint({"auto", "approve"}))


class SiteFile(Config):
    """`configs/sites/<site>/site.yaml`."""

    id: IdPart
    """Id of the site, also its folder."""

    label: Text
    """What people call it."""

    time_zone: str
    """IANA name; days and tariff windows are meant in it."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    """ISO 4217 code."""

    latitude: float = Field(ge=-90, le=90)
    """Degrees north."""

    longitude: float = Field(ge=-180, le=180)
    """Degrees east."""

    mode: Mode = "advice"
    """What the hub may do on the whole site."""

    edges: tuple[IdPart, ...] = Field(min_length=1)
    """Its edges."""

    machine_modes: dict[IdPart, Mode] = Field(default_factory=dict)
    """Machines that differ from the site's mode."""

    @property
    def modes(self) -> Modes:
        """Who may be commanded."""
        return Modes(self.mode, self.machine_modes)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            message = f"{name!r} is no IANA time zone, for example Europe/Berlin"
            raise ValueError(message) from error
        return name


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device with the edge that reads it and its profile."""

    edge: str
    device: Device
    profile: Profile


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything the hub knows of a site before the first message.

    Attributes:
        site: The site file.
        devices: Device id to device, in the order of the files.
        points: All points, in the order of the profiles.
    """

    site: SiteFile
    devices: dict[str, KnownDevice]
    points: dict[PointId, PointSpec]

    def silence_s(self, point: PointId) -> float:
        """Longest time the edge may keep silent about a point that is read and does not change; 0: none. [s].

        Raises:
            KeyError: No such point.
        """
        report = self.points[point].report_under(self.devices[point.device].device.report)
        return 0.0 if report is None else report.max_silence_s

    def stale_after_s(self, point: PointId) -> float:
        """Age from which on a value is no longer the present one: silence is over, this is loss. [s].

        Raises:
            KeyError: No such point.
        """
        spec = self.points[point]
        usual_s = max(_SLOW_S.get(spec.kind, FRESH_S), _MISSED_POLLS * spec.every_s)
        silence_s = self.silence_s(point)
        return (
            max(usual_s, silence_s + _MISSED_POLLS * spec.every_s + _ON_THE_WAY_S) if silence_s else usual_s
        )


def load_site_devices(config_dir: Path, site: str, edge: str) -> SiteDevices:
    """The devices of an edge, its controllers with their inputs among them.

    Raises:
        ConfigError: All faults of the files, one a line.
    """
    faults: list[str] = []
    book = load_if_there(controllers_file(config_dir, site, edge), ControllerBook, faults)
    if faults:
        raise ConfigError("\n".join(faults))
    return load_devices(config_dir, devices_file(config_dir, site, edge)).joined(devices_of(book.controllers))


def load_registry(config_dir: Path, site: str) -> Registry:
    """Read a site with all its edges.

    Raises:
        ConfigError: A file is missing or wrong, or a device id is used by two edges; all faults, one a line.
    """
    path = config_dir / "sites" / site / "site.yaml"
    file = load_config(path, SiteFile)
    faults = [] if file.id == site else [f"{path}: id is {file.id!r} but the folder is named {site!r}"]
    devices: dict[str, KnownDevice] = {}
    for edge in file.edges:
        try:
            found = load_site_devices(config_dir, site, edge)
        except ConfigError as error:
            faults.append(str(error))
            continue
        for device in found.edge.devices:
            if device.id in devices:
                faults.append(
                    f"device {device.id!r} is on the edges {devices[device.id].edge!r} and {edge!r}"
                )
            devices[device.id] = KnownDevice(edge, device, found.profiles[device.profile])
    faults += [
        f"{path}: machine_modes: {name!r} is no device" for name in file.machine_modes if name not in devices
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    points = {
        PointId(site, name, spec.name): spec
        for name, known in devices.items()
        for spec in known.profile.points
    }
    return Registry(file, devices, points)
