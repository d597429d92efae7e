"""What one edge reads, as files: the device list of an edge and the profiles it names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from protocols.device import Device, EdgeDevices, protocol_of
from protocols.errors import ConfigError
from protocols.outlet import idle_patterns
from protocols.profile import ControllerAddress, ModbusAddress, PointSpec, Profile
from protocols.write_block import WriteBlock, WriteLimits
from runtime.yaml_config import line_numbers, load_config, load_yaml


@dataclass(frozen=True, slots=True)
class SiteDevices:
    """An edge's devices with their profiles.

    Attributes:
        edge: The device list.
        profiles: Profile id to profile, only those in use.
    """

    edge: EdgeDevices
    profiles: dict[str, Profile]

    def device(self, device_id: str) -> Device:
        """Find a device.

        Raises:
            KeyError: No such device.
        """
        for device in self.edge.devices:
            if device.id == device_id:
                return device
        raise KeyError(device_id)

    def profile_of(self, device_id: str) -> Profile:
        """Profile of a device.

        Raises:
            KeyError: No such device.
        """
        return self.profiles[self.device(device_id).profile]

    def joined(self, others: Sequence[tuple[Device, Profile]]) -> SiteDevices:
        """The same with further devices, such as controllers; one whose id is taken is left out."""
        taken = {device.id for device in self.edge.devices}
        fresh = [(device, profile) for device, profile in others if device.id not in taken]
        if not fresh:
            return self
        devices = (*self.edge.devices, *(device for device, _ in fresh))
        profiles = self.profiles | {profile.id: profile for _, profile in fresh}
        return SiteDevices(self.edge.model_copy(update={"devices": devices}), profiles)


def devices_file(config_dir: Path, site: str, edge: str) -> Path:
    """Where an edge's device list stands."""
    return config_dir / "sites" / site / f"{edge}.yaml"


def controllers_file(config_dir: Path, site: str, edge: str) -> Path:
    """Where the controllers of an edge stand; the file need not be there."""
    return config_dir / "sites" / site / f"{edge}.controllers.yaml"


def rules_file(config_dir: Path, site: str, edge: str) -> Path:
    """Where the rules of an edge stand; the file need not be there."""
    return config_dir / "sites" / site / f"{edge}.rules.yaml"


def beside_files(config_dir: Path, site: str, edge: str) -> list[Path]:
    """Its controllers and rules, those that are there."""
    found = (where(config_dir, site, edge) for where in (controllers_file, rules_file))
    return [path for path in found if path.exists()]


def configuration_files(config_dir: Path, site: str, edge: str) -> dict[str, bytes]:
    """The device list of an edge, the profiles it names, and its controllers and rules where it has them.

    By their paths below the folder. Controllers and rules are not read here.

    Raises:
        ConfigError: A file is missing or wrong; all faults, one a line.
    """
    file = devices_file(config_dir, site, edge)
    found = load_devices(config_dir, file)
    paths = [file, *(config_dir / "devices" / f"{name}.yaml" for name in sorted(found.profiles))]
    paths += beside_files(config_dir, site, edge)
    return {str(path.relative_to(config_dir)): path.read_bytes() for path in paths}


def load_devices(config_dir: Path, file: Path) -> SiteDevices:
    """Read a device list and every profile it names.

    Raises:
        ConfigError: All faults of all files, one a line.
    """
    faults: list[str] = []
    edge: EdgeDevices | None = None
    try:
        edge = load_config(file, EdgeDevices)
    except ConfigError as error:
        faults.append(str(error))
    profiles = _load_profiles(config_dir, file, faults)
    if edge is not None:
        line_of = line_numbers(file)
        faults += [
            f"{file}:{line_of(('devices', at, 'connection'))}: device {device.id!r} has a "
            f"{device.connection.kind} connection, its profile {device.profile!r} speaks "
            f"{profiles[device.profile].protocol}"
            for at, device in enumerate(edge.devices)
            if device.profile in profiles
            and profiles[device.profile].protocol != protocol_of(device.connection)
        ]
        faults += _idle_outlet(file, edge, profiles)
    if edge is None or faults:
        raise ConfigError("\n".join(faults))
    return SiteDevices(edge, profiles)


def _idle_outlet(file: Path, edge: EdgeDevices, profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Patterns of the outlet that no point fits; a slip there would be silence for years."""
    if edge.outlet is None or any(device.profile not in profiles for device in edge.devices):
        return
    names = [
        f"{device.id}/{spec.name}" for device in edge.devices for spec in profiles[device.profile].points
    ]
    line_of = line_numbers(file)
    for at in idle_patterns(edge.outlet, names):
        place = ("outlet", "points", at)
        yield (
            f"{file}:{line_of(place)}: outlet.points.{at}: found {edge.outlet.points[at]!r}, which fits no "
            f"point; allowed are patterns of device/point such as {names[0]!r} or '{edge.devices[0].id}/*'"
        )


def _load_profiles(config_dir: Path, file: Path, faults: list[str]) -> dict[str, Profile]:
    """Every profile a device list names, also of a faulty list, so that all is told at once."""
    profiles: dict[str, Profile] = {}
    for name, line in _named_profiles(file).items():
        path = config_dir / "devices" / f"{name}.yaml"
        if not path.exists():
            known = ", ".join(sorted(one.stem for one in path.parent.glob("*.yaml"))) or "none"
            faults.append(f"{file}:{line}: found profile {name!r}; there is no {path}; allowed: {known}")
            continue
        try:
            profiles[name] = _load_profile(path, name)
        except ConfigError as error:
            faults.append(str(error))
    return profiles


def _named_profiles(file: Path) -> dict[str, int]:
    """Names of profiles, each with the line of its first device; empty when that cannot be told."""
    try:
        document, line_of = load_yaml(file), line_numbers(file)
    except ConfigError:
        return {}  # said already
    devices = document.get("devices") if isinstance(document, Mapping) else None
    found: dict[str, int] = {}
    for at, device in enumerate(devices if isinstance(devices, list) else ()):
        name = device.get("profile") if isinstance(device, Mapping) else None
        if isinstance(name, str):
            found.setdefault(name, line_of(("devices", at, "profile")))
    return found


def _load_profile(path: Path, name: str) -> Profile:
    profile = load_config(path, Profile)
    if profile.id != name:
        raise ConfigError(f"{path}: id is {profile.id!r} but the file is named {name!r}")
    return profile


def load_write_blocks(config_dir: Path, site: str, devices: SiteDevices) -> dict[str, WriteBlock]:
    """Read the unsigned write blocks of a site's devices; a device without a file is read-only.

    Raises:
        ConfigError: All faults of all files, one a line.
    """
    blocks: dict[str, WriteBlock] = {}
    faults: list[str] = []
    for device in devices.edge.devices:
        path = config_dir / "sites" / site / "write" / f"{device.id}.yaml"
        if not path.exists():
            continue
        try:
            block = load_config(path, WriteBlock)
            faults += misfits(path, block, devices)
        except ConfigError as error:
            faults.append(str(error))
        else:
            blocks[device.id] = block
    if faults:
        raise ConfigError("\n".join(faults))
    return blocks


def misfits(
    path: Path, block: WriteBlock, devices: SiteDevices, top: tuple[int | str, ...] = ()
) -> list[str]:
    """What does not fit between a write block, signed or not, and its device, one a line; empty: all does.

    Args:
        path: Its file.
        block: What the file says.
        devices: The edge.
        top: Where in the file the block begins.
    """
    if (block.site, block.edge, block.device) != (devices.edge.site, devices.edge.edge, path.stem):
        return [f"{path}: is for {block.site}/{block.edge}/{block.device}, not for this place"]
    profile = devices.profile_of(block.device)
    specs = {spec.name: spec for spec in profile.points}
    found: list[tuple[tuple[int | str, ...], str]] = [
        ((field,), f"profile {profile.id!r} has no point {name!r}")
        for field, name in (
            ("local_mode_point", block.local_mode_point),
            ("safety_point", block.safety_point),
        )
        if name is not None and name not in specs
    ]
    for at, limits in enumerate(block.points):
        place = ("points", at)
        if limits.effective_point is not None and limits.effective_point not in specs:
            text = f"profile {profile.id!r} has no point {limits.effective_point!r}"
            found.append(((*place, "effective_point"), text))
        faults = (*_misfit(limits, specs, profile), *_no_inputs(limits, devices))
        found += [(place, f"{limits.point!r} {fault}") for fault in faults]
    if not found:
        return []
    line_of = line_numbers(path)
    return [f"{path}:{line_of((*top, *place))}: {text}" for place, text in found]


def _no_inputs(limits: WriteLimits, devices: SiteDevices) -> Iterator[str]:
    known = {device.id for device in devices.edge.devices}
    for condition in limits.duty.interlock if limits.duty is not None else ():
        device, point = condition.input.split("/")
        if device not in known or point not in {spec.name for spec in devices.profile_of(device).points}:
            yield f"has an interlock on {condition.input!r}, which does not exist at this edge"


def _misfit(limits: WriteLimits, specs: Mapping[str, PointSpec], profile: Profile) -> Iterator[str]:
    spec = specs.get(limits.point)
    if spec is None or spec.kind != "setpoint":
        yield f"is no set-point of profile {profile.id!r}"
    elif spec.unit != limits.unit:
        yield f"has the unit {spec.unit!r}, the limits say {limits.unit!r}"
    elif not _within(limits, spec):
        yield (
            f"has limits of {limits.low:g} to {limits.high:g} {limits.unit}; "
            f"profile {profile.id!r} calls {_ends(spec)} valid, so some could never be read back"
        )
    elif isinstance(at := spec.address, ModbusAddress) and at.bit is not None and at.write != "mask":
        yield "is a bit field; it is written with function 22 only, say `write: mask` in the profile"
    elif isinstance(at, ControllerAddress) and (
        limits.fallback.kind != "value" or limits.fallback.value != at.value
    ):
        yield (
            f"is an input of a controller and goes back to what its file says; "
            f"write: fallback: {{kind: value, value: {at.value:g}}}"
        )
    gives_back = limits.fallback.kind in ("release", "release_group")
    if gives_back and limits.fallback.value is None and profile.protocol != "bacnet":
        yield f"has no priority slot to empty over {profile.protocol}; say which value gives it back"


def _within(limits: WriteLimits, spec: PointSpec) -> bool:
    low = -math.inf if spec.low is None else spec.low
    high = math.inf if spec.high is None else spec.high
    return low <= limits.low and limits.high <= high


def _ends(spec: PointSpec) -> str:
    low, high = ("any" if end is None else f"{end:g}" for end in (spec.low, spec.high))
    return f"{low} to {high}"
