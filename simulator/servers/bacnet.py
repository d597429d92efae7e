"""BACnet/IP: one bacpypes3 application a device, on its own UDP port of a loopback address, no broadcast.

Measured values refuse writes; set-points are commandable with a priority array and no watchdog.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from bacpypes3.apdu import APDU
from bacpypes3.app import Application
from bacpypes3.errors import PropertyError
from bacpypes3.local.analog import AnalogInputObject, AnalogValueObject, AnalogValueObjectCmd
from bacpypes3.local.binary import BinaryInputObject
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.multistate import MultiStateInputObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.primitivedata import Null
from typing_extensions import override

from protocols.device import BacnetIp
from protocols.errors import ConfigError
from protocols.profile import BacnetAddress, PointSpec
from runtime.children import check_port_free
from simulator.device import SLOW_S, Fault, FieldDevice

_VENDOR: Final = 999
_STATES: Final = 16
_REFRESH_S: Final = 1.0


@asynccontextmanager
async def bacnet_server(device: FieldDevice) -> AsyncIterator[BacnetServer]:
    """Serve one device until the block is left.

    Raises:
        ConfigError: The port is taken, or the profile has an object that cannot be served.
    """
    at = cast("BacnetIp", device.device.connection)
    # bacpypes3 binds with SO_REUSEPORT and retries for ever, so nothing but this tells of a taken port
    check_port_free(at.host, at.port, f"BACnet server of {device.id}", socket.SOCK_DGRAM)
    server = BacnetServer(device)
    try:
        yield server
    finally:
        server.close()


class BacnetServer:
    """The application of one device."""

    def __init__(self, device: FieldDevice) -> None:
        at = cast("BacnetIp", device.device.connection)
        self._device = device
        self._objects: list[tuple[PointSpec, Any]] = [
            (spec, _object(device, spec)) for spec in device.profile.points
        ]
        self._app = _App.from_object_list(
            [
                DeviceObject(
                    objectIdentifier=("device", at.device_instance),
                    objectName=device.id,
                    vendorIdentifier=_VENDOR,
                ),
                NetworkPortObject(
                    f"{at.host}/32:{at.port}", objectIdentifier=("network-port", 1), objectName="port"
                ),
                *(made for _, made in self._objects),
            ]
        )
        self._app.field_device = device

    async def run(self) -> None:
        """Refresh the objects each second, for ever."""
        while True:
            self.refresh()
            await asyncio.sleep(_REFRESH_S)

    def refresh(self) -> None:
        """Copy the readings into the present values that nobody may write."""
        for spec, made in self._objects:
            if not isinstance(made, _Setpoint):
                made.presentValue = _present(self._device, spec)

    def close(self) -> None:
        """Close the socket."""
        self._app.close()


def _present(device: FieldDevice, spec: PointSpec) -> float | int:
    raw = device.raw(spec)
    kind = cast("BacnetAddress", spec.address).object
    if kind.startswith("analog"):
        return raw
    return max(round(raw), 1) if kind.startswith("multi") else round(raw)


class _App(Application):  # type: ignore[misc]  # bacpypes3 carries no types
    """Puts the asked-for faults before any service."""

    field_device: FieldDevice

    @override
    async def indication(self, apdu: APDU) -> None:
        if self.field_device.fault is Fault.SILENT:
            return
        if self.field_device.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        await super().indication(apdu)


class _ReadOnly:
    """Refuses what bacpypes3 would let through: writes to an input in service."""

    async def write_property(  # an instance method in bacpypes3 too
        self, attr: int | str, value: object, index: int | None = None, priority: int | None = None
    ) -> None:
        del attr, value, index, priority
        raise PropertyError("writeAccessDenied")


class _AnalogInput(_ReadOnly, AnalogInputObject):  # type: ignore[misc]  # bacpypes3 carries no types
    pass


class _AnalogValue(_ReadOnly, AnalogValueObject):  # type: ignore[misc]  # bacpypes3 carries no types
    pass


class _BinaryInput(_ReadOnly, BinaryInputObject):  # type: ignore[misc]  # bacpypes3 carries no types
    pass


class _MultiStateInput(_ReadOnly, MultiStateInputObject):  # type: ignore[misc]  # bacpypes3 carries no types
    pass


class _Setpoint(AnalogValueObjectCmd):  # type: ignore[misc]  # bacpypes3 carries no types
    """A commandable value that hands what wins in its priority array to the device."""

    _field: tuple[FieldDevice, PointSpec]

    @override
    async def write_property(
        self, attr: int | str, value: Any, index: int | None = None, priority: int | None = None
    ) -> None:
        device, spec = self._field
        if not isinstance(value, Null) and isinstance(value, int | float):
            wanted = float(value) * spec.scale + spec.offset
            if (spec.low is not None and wanted < spec.low) or (spec.high is not None and wanted > spec.high):
                raise PropertyError("valueOutOfRange")
        await super().write_property(attr, value, index, priority)
        device.write(spec.name, float(self.presentValue) * spec.scale + spec.offset)


_KINDS: Final[dict[tuple[str, bool], tuple[Callable[..., Any], dict[str, object]]]] = {
    ("analog-input", False): (_AnalogInput, {"covIncrement": 0.0}),
    ("analog-value", False): (_AnalogValue, {"covIncrement": 0.0}),
    ("analog-value", True): (_Setpoint, {"covIncrement": 0.0}),
    ("binary-input", False): (_BinaryInput, {"polarity": "normal"}),
    ("multi-state-input", False): (_MultiStateInput, {"numberOfStates": _STATES}),
}


def _object(device: FieldDevice, spec: PointSpec) -> _ReadOnly | _Setpoint:
    at = cast("BacnetAddress", spec.address)
    if (at.object, at.commandable) not in _KINDS:
        raise ConfigError(
            f"the simulator serves no {at.object} with commandable={at.commandable}; "
            f"change point {spec.name!r} of profile {device.profile.id!r}"
        )
    kind, extra = _KINDS[at.object, at.commandable]
    made: _ReadOnly | _Setpoint = kind(
        objectIdentifier=(at.object, at.instance),
        objectName=spec.name,
        description=spec.label.en,
        presentValue=_present(device, spec),
        statusFlags=[0, 0, 0, 0],
        eventState="normal",
        outOfService=False,
        **extra,
    )
    if isinstance(made, _Setpoint):
        made._field = (device, spec)  # noqa: SLF001  a public name would become a BACnet property
    return made
