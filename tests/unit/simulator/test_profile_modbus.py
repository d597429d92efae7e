"""A simulator made from a profile answers the real driver, and refuses what the device does not have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from protocols.device import Device, ModbusTcp
from protocols.driver import Driver
from protocols.drivers.modbus.driver import ModbusDriver
from protocols.drivers.modbus.make import make_drivers
from protocols.errors import DeviceRefusedError, DeviceUnreachableError
from protocols.profile import ModbusAddress, Profile
from runtime.children import free_port
from runtime.yaml_config import load_config
from simulator.device import Fault
from simulator.profile_device import ProfileDevice
from simulator.profile_modbus import modbus_profile_server

DEVICES = Path(__file__).parents[3] / "configs" / "devices"
TEXT = {"en": "x", "zh": "x"}
CONTROLLER = Profile.model_validate(
    {
        "id": "acme_ctl",
        "label": TEXT,
        "protocol": "modbus",
        "equipment": "chiller",
        "modbus": {"max_gap": 0},
        "points": [
            {"name": "on_code", "label": TEXT, "unit": "code", "kind": "state",
             "address": {"kind": "modbus", "table": "discrete", "address": 3, "type": "bool"}},
            {"name": "permit_code", "label": TEXT, "unit": "code", "kind": "setpoint",
             "address": {"kind": "modbus", "table": "coil", "address": 9, "type": "bool"}},
            {"name": "fault_code", "label": TEXT, "unit": "code", "kind": "state",
             "address": {"kind": "modbus", "address": 4, "bit": 3, "bits": 2}},
            {"name": "hours_h", "label": TEXT, "unit": "h", "kind": "counter",
             "address": {"kind": "modbus", "address": 10, "type": "bcd32", "order": "cdab"}},
            {"name": "supply_set_c", "label": TEXT, "unit": "°C", "kind": "setpoint", "scale": 0.1,
             "address": {"kind": "modbus", "address": 20, "type": "i16"}},
            {"name": "net_kwh", "label": TEXT, "unit": "kWh", "kind": "counter", "scale": 0.001,
             "address": {"kind": "modbus", "address": 30, "type": "i64", "order": "dcba"}},
        ],
    }
)  # fmt: skip


def _at() -> ModbusTcp:
    return ModbusTcp(host="127.0.0.1", port=free_port(), timeout_s=0.2)


@asynccontextmanager
async def _driver(profile: Profile, at: ModbusTcp) -> AsyncIterator[Driver]:
    device = Device(id="dev", label=profile.label, profile=profile.id, connection=at)
    driver = make_drivers({"dev": (device, profile)})["dev"]
    try:
        yield driver
    finally:
        await driver.close()


@asynccontextmanager
async def _connected(profile: Profile) -> AsyncIterator[Driver]:
    at = _at()
    async with modbus_profile_server(ProfileDevice(profile, at, lambda: 0.0)), _driver(profile, at) as driver:
        yield driver


@pytest.mark.net
@pytest.mark.parametrize("name", ["sunspec_inverter_103", "gavazzi_em24_e1", "abb_b23", "schneider_iem3155"])
async def test_every_point_of_a_shipped_profile_is_read_good(name: str) -> None:
    profile = load_config(DEVICES / f"{name}.yaml", Profile)
    async with _connected(profile) as driver:
        reading = await driver.read(profile.points)
    assert not reading.qualities.any()


@pytest.mark.net
async def test_bits_decimals_and_long_whole_numbers_come_through() -> None:
    async with _connected(CONTROLLER) as driver:
        reading = await driver.read(CONTROLLER.points)
    values = dict(zip([spec.name for spec in CONTROLLER.points], reading.values, strict=True))
    assert values["on_code"] == 1.0
    assert values["fault_code"] == 1.0
    assert values["hours_h"] == 8123.0
    assert values["net_kwh"] == pytest.approx(48_210.5)


@pytest.mark.net
async def test_a_set_point_keeps_what_is_written() -> None:
    async with _connected(CONTROLLER) as driver:
        await driver.write(CONTROLLER.point("supply_set_c"), 6.5)
        await driver.write(CONTROLLER.point("permit_code"), 0.0)
        assert await driver.read_back(CONTROLLER.point("supply_set_c")) == pytest.approx(6.5)
        assert await driver.read_back(CONTROLLER.point("permit_code")) == 0.0


@pytest.mark.net
async def test_what_the_profile_does_not_have_is_refused() -> None:
    async with _connected(CONTROLLER) as driver:
        assert isinstance(driver, ModbusDriver)
        with pytest.raises(DeviceRefusedError, match="illegal data address"):
            await driver.read_raw("holding", 19, 2)
        with pytest.raises(DeviceRefusedError):
            await driver.write(CONTROLLER.point("net_kwh"), 1.0)


@pytest.mark.net
async def test_a_value_outside_the_range_of_its_set_point_is_refused() -> None:
    limited = CONTROLLER.model_copy(
        update={"points": (CONTROLLER.point("supply_set_c").model_copy(update={"low": 3.0, "high": 20.0}),)}
    )
    async with _connected(limited) as driver:
        with pytest.raises(DeviceRefusedError, match="illegal data value"):
            await driver.write(limited.point("supply_set_c"), 45.0)


@pytest.mark.net
async def test_a_silent_device_answers_again_when_the_fault_ends() -> None:
    at = _at()
    device = ProfileDevice(CONTROLLER, at, lambda: 0.0)
    async with modbus_profile_server(device), _driver(CONTROLLER, at) as driver:
        device.fault = Fault.SILENT
        with pytest.raises(DeviceUnreachableError):
            await driver.read(CONTROLLER.points)
        device.fault = Fault.NONE
        assert not (await driver.read(CONTROLLER.points)).qualities.any()


async def test_bits_and_process_data_are_written_by_functions_22_and_23() -> None:
    addresses: list[dict[str, object]] = [
        {"address": 4, "bit": 3, "bits": 2, "write": "mask"},
        {"address": 4, "bit": 9, "bits": 1},
        {"address": 20, "type": "f32", "write": "read_write"},
    ]
    points = [
        {"name": f"p{at}_code", "label": TEXT, "unit": "code", "kind": "state" if at == 1 else "setpoint",
         "address": {"kind": "modbus", **address}}
        for at, address in enumerate(addresses)
    ]  # fmt: skip
    profile = Profile.model_validate({**CONTROLLER.model_dump(), "points": points})
    at = _at()
    async with modbus_profile_server(ProfileDevice(profile, at, lambda: 0.0)), _driver(profile, at) as driver:
        untouched = (await driver.read([profile.point("p1_code")])).values.tolist()
        for name, value in (("p0_code", 2.0), ("p0_code", 1.0), ("p2_code", 33.5)):
            await driver.write(profile.point(name), value)
            assert await driver.read_back(profile.point(name)) == value
        assert (await driver.read([profile.point("p1_code")])).values.tolist() == untouched
        forbidden = profile.point("p1_code").model_copy(
            update={"address": ModbusAddress(address=4, bit=9, write="mask")}
        )
        with pytest.raises(DeviceRefusedError):
            await driver.write(forbidden, 1.0 - untouched[0])
