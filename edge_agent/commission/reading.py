"""Reads points of a device of the site file, whatever it speaks; with the bytes where there are some."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_agent.commission.rawread import RawPoint, read_point
from edge_agent.commission.target import connected
from edge_agent.drivers import make_drivers
from protocols.device import ModbusSerial, ModbusTcp
from protocols.drivers.modbus.plan import limits_of
from protocols.errors import ConfigError
from protocols.profile import PointSpec, Profile
from protocols.quality import Quality
from runtime.site import SiteDevices


def chosen(devices: SiteDevices, name: str, points: Sequence[str]) -> tuple[Profile, tuple[PointSpec, ...]]:
    """Profile of a device, and those of its points that were asked for; all when none was.

    Raises:
        ConfigError: No such device or point; the message lists what there is.
    """
    known = [device.id for device in devices.edge.devices]
    if name not in known:
        raise ConfigError(f"no device {name!r} in the site file; there are: {', '.join(known)}")
    profile = devices.profile_of(name)
    names = [spec.name for spec in profile.points]
    missing = [point for point in points if point not in names]
    if missing:
        raise ConfigError(f"{name} has no point {', '.join(missing)}; there are: {', '.join(names)}")
    return profile, tuple(spec for spec in profile.points if not points or spec.name in points)


async def read_points(
    devices: SiteDevices, name: str, specs: Sequence[PointSpec], state: Path
) -> list[RawPoint]:
    """Read points of one device.

    Raises:
        DeviceError: It does not answer, or answers something else.
    """
    at = devices.device(name).connection
    if isinstance(at, ModbusTcp | ModbusSerial):
        async with connected(at, limits_of(devices.profile_of(name))) as modbus:
            return [await read_point(modbus, spec) for spec in specs]
    driver = make_drivers(devices, state)[name]
    try:
        await driver.open()
        reading = await driver.read(specs)
    finally:
        await driver.close()
    told = [0] * len(specs) if reading.source_ns is None else reading.source_ns.tolist()
    rows = zip(specs, reading.values.tolist(), reading.qualities.tolist(), told, strict=True)
    return [RawPoint(spec, b"", value, Quality(code), None, told_ns) for spec, value, code, told_ns in rows]
