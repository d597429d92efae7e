"""Every kind of BACnet object a profile may name is served, read by our driver, and commanded."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from edge_agent.drivers import make_drivers
from protocols.device import BacnetIp, Device, EdgeDevices
from protocols.profile import Profile
from runtime.children import free_port
from runtime.site import SiteDevices
from simulator.profile_device import ProfileDevice
from simulator.profile_values import told_values
from simulator.servers.bacnet import bacnet_server

pytestmark = pytest.mark.net
TEXT = {"en": "x", "zh": "x"}
READ = [
    "analog-input", "analog-output", "analog-value", "binary-input", "binary-output", "binary-value",
    "multi-state-input", "multi-state-output", "multi-state-value", "integer-value", "positive-integer-value",
    "large-analog-value", "accumulator", "pulse-converter",
]  # fmt: skip
COMMANDED = [
    "analog-output", "analog-value", "binary-output", "binary-value", "multi-state-output",
    "multi-state-value", "integer-value", "positive-integer-value", "large-analog-value",
]  # fmt: skip


def _point(thing: str, instance: int, **more: object) -> dict[str, object]:
    address = {"kind": "bacnet", "object": thing, "instance": instance, "cov": thing == "analog-input"}
    name = f"{thing.replace('-', '_')}_{instance}_kw"
    commandable = {"commandable": instance == 2}
    return {"name": name, "label": TEXT, "unit": "kW", "address": address | commandable, **more}


PROFILE = Profile.model_validate(
    {
        "id": "all_kinds",
        "label": TEXT,
        "protocol": "bacnet",
        "equipment": "chiller",
        "points": [
            *(_point(kind, 1) for kind in READ),
            *(_point(kind, 2, kind="setpoint", low=0, high=20) for kind in COMMANDED),
        ],
    }
)


@pytest.mark.parametrize("lifetime_s", [None, 60])
async def test_every_kind_is_read_commanded_and_given_back(tmp_path: Path, lifetime_s: int | None) -> None:
    port = free_port(socket.SOCK_DGRAM)
    at = BacnetIp(host="127.0.0.1", port=port, device_instance=3001, cov_lifetime_s=lifetime_s)
    place = Device(id="dev", label=PROFILE.label, profile=PROFILE.id, connection=at)
    site = SiteDevices(EdgeDevices(site="s", edge="e", devices=(place,)), {PROFILE.id: PROFILE})
    device = ProfileDevice(PROFILE, at, lambda: 0.0)
    driver = make_drivers(site, tmp_path)["dev"]
    async with bacnet_server(device) as server:
        server.refresh()
        async with asyncio.timeout(10):
            await driver.open()
            reading = await driver.read(PROFILE.points)
            assert not reading.qualities.any()
            assert reading.values.tolist() == pytest.approx([*told_values(device).values()])
            for kind in COMMANDED:
                spec = PROFILE.point(f"{kind.replace('-', '_')}_2_kw")
                await driver.write(spec, 1.0)
                assert await driver.read_back(spec) == 1.0
                assert device.value(spec.name) == 1.0
                await driver.write(spec, None)
                assert device.value(spec.name) != 1.0 or kind.startswith("binary")
        await driver.close()
