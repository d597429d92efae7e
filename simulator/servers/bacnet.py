"""BACnet/IP: one bacpypes3 application a device, on its own UDP port of a loopback address, no broadcast.

Measured values refuse writes; set-points are commandable with a priority array and no watchdog.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from bacpypes3.apdu import APDU
from bacpypes3.app import Application
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from typing_extensions import override

from protocols.device import BacnetIp
from runtime.children import check_port_free
from simulator.device import SLOW_S, Fault, FieldDevice
from simulator.servers.bacnet_objects import make_object, present

_VENDOR: Final = 999
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
        self._objects = [make_object(device, spec) for spec in device.profile.points]
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
                *(served.object for served in self._objects),
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
        for served in self._objects:
            if served.refreshed:
                served.object.presentValue = present(self._device, served.spec)

    def close(self) -> None:
        """Close the socket."""
        self._app.close()


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
