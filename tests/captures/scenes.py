"""What is asked of a device while its bytes are recorded, and asked again when they are replayed."""

from __future__ import annotations

from typing import Final

import pytest

from protocols.driver import Driver
from protocols.errors import DeviceRefusedError, PointUnreadableError
from protocols.profile import Profile
from protocols.quality import Quality

TEXT: Final = {"en": "x", "zh": "x"}

CELLS: Final[dict[str, dict[int, int]]] = {
    "coil": {3: 1, 4: 0},
    "discrete": {10: 0, 11: 1},
    "input": {0: 0x4365, 1: 0x6666, 2: 0x0000, 3: 0x41C8, 5: 0xFFFE, 6: 0x0064, 7: 0xFFFF},
    "holding": {
        100: 0x0012, 101: 0x3456, 102: 0x7FFF, 110: 0x0000, 111: 0x0000, 112: 0x0000, 113: 0x000F,
        120: 7, 130: 0, 131: 0, 140: 0b1010_0000,
    },
}  # fmt: skip
"""Registers of the recorded device, put in by hand."""

VALUES: Final = {
    "voltage_v": 229.4, "power_kw": 25.0, "offset_c": -0.2, "hours_h": 100.0, "on_code": 1.0,
    "door_code": 1.0, "energy_kwh": 123_456.0, "total_kwh": 15.0, "mode_code": 7.0, "field_code": 5.0,
    "level_kw": 0.0, "run_code": 0.0,
}  # fmt: skip
"""What they mean."""


def _point(name: str, unit: str, address: dict[str, object], **more: object) -> dict[str, object]:
    return {"name": name, "label": TEXT, "unit": unit, "address": {"kind": "modbus", **address}, **more}


MODBUS: Final = Profile.model_validate(
    {
        "id": "recorded",
        "label": TEXT,
        "protocol": "modbus",
        "equipment": "meter",
        "points": [
            _point("voltage_v", "V", {"table": "input", "address": 0, "type": "f32"}),
            _point("power_kw", "kW", {"table": "input", "address": 2, "type": "f32", "order": "cdab"}),
            _point("offset_c", "°C", {"table": "input", "address": 5, "type": "i16"}, scale=0.1),
            _point("hours_h", "h", {"table": "input", "address": 6}, kind="counter"),
            _point("missing_kw", "kW", {"table": "input", "address": 7}, not_available=[65535]),
            _point("on_code", "code", {"table": "coil", "address": 3, "type": "bool"}, kind="state"),
            _point("door_code", "code", {"table": "discrete", "address": 11, "type": "bool"}, kind="state"),
            _point("energy_kwh", "kWh", {"address": 100, "type": "bcd32"}, kind="counter"),
            _point("total_kwh", "kWh", {"address": 110, "type": "u64"}, kind="counter"),
            _point("mode_code", "code", {"address": 120}, kind="setpoint"),
            _point("level_kw", "kW", {"address": 130, "type": "f32", "order": "dcba"}, kind="setpoint"),
            _point("field_code", "code", {"address": 140, "bit": 5, "bits": 3}, kind="state"),
            _point("run_code", "code", {"table": "coil", "address": 4, "type": "bool"}, kind="setpoint"),
            _point("gone_kw", "kW", {"address": 20_000}),
        ],
    }
)


async def ask_modbus(driver: Driver) -> None:
    """Read all, write by functions 6, 16 and 5, and read back; every value is known.

    Raises:
        AssertionError: One differs.
    """
    reading = await driver.read(MODBUS.points)
    found = dict(zip([spec.name for spec in MODBUS.points], reading.values.tolist(), strict=True))
    sure = dict(zip(found, map(Quality, reading.qualities.tolist()), strict=True))
    assert sure.pop("gone_kw") is Quality.BAD_REFUSED
    assert sure.pop("missing_kw") is Quality.BAD_NOT_AVAILABLE
    assert set(sure.values()) == {Quality.GOOD}
    assert {name: found[name] for name in VALUES} == pytest.approx(VALUES, rel=1e-6)
    for name, value in (("mode_code", 3.0), ("level_kw", -12.5), ("run_code", 1.0)):
        await driver.write(MODBUS.point(name), value)
        assert await driver.read_back(MODBUS.point(name)) == value
    with pytest.raises((DeviceRefusedError, PointUnreadableError)):
        await driver.read_back(MODBUS.point("gone_kw"))


async def ask_mqtt(driver: Driver, profile: Profile) -> None:
    """Read a device of `solara_pv500`, set its limit, and hear it told back.

    Raises:
        AssertionError: A value differs.
    """
    reading = await driver.read(profile.points)
    assert reading.values.tolist() == pytest.approx([8.4, 48210.5, 0.95])
    assert not reading.qualities.any()
    limit = profile.point("limit_set_frac")
    await driver.write(limit, 0.5)
    assert await driver.read_back(limit) == 0.5
