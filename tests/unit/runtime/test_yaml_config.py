"""Files with line numbers in every complaint."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.device import EdgeDevices
from protocols.errors import ConfigError
from protocols.profile import Profile
from runtime.site import devices_file, load_devices, load_write_blocks
from runtime.yaml_config import load_config, load_yaml

PROFILE = """\
id: acme_one
label: {en: One, zh: 一号}
protocol: modbus
equipment: meter
points:
  - name: power_kw
    label: {en: Power, zh: 功率}
    unit: kW
    address: {kind: modbus, address: 0, type: f32}
  - name: energy_kwh
    label: {en: Energy, zh: 电量}
    unit: kWh
    kind: counter
    address: {kind: modbus, address: 2, type: u32}
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "acme_one.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_profile_loads(tmp_path: Path) -> None:
    assert load_config(_write(tmp_path, PROFILE), Profile).point("power_kw").address.kind == "modbus"


def test_every_fault_of_a_file_is_told_with_its_line_and_field(tmp_path: Path) -> None:
    text = PROFILE.replace("unit: kW\n", "unit: kilowatt\n").replace("kind: counter", "kind: meter")
    with pytest.raises(ConfigError) as caught:
        load_config(_write(tmp_path, text), Profile)
    lines = str(caught.value).splitlines()
    assert any(":8: points.0.unit: unknown unit 'kilowatt'" in line for line in lines)
    assert any(":13: points.1.kind: " in line for line in lines)


def test_an_unknown_key_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"acme_one\.yaml:4: .*maker"):
        load_config(_write(tmp_path, PROFILE.replace("equipment: meter", "maker: acme")), Profile)


def test_two_points_on_one_address_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'power_kw' and 'energy_kwh' share the address holding 1"):
        load_config(_write(tmp_path, PROFILE.replace("address: 2", "address: 1")), Profile)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [1, 2", r":1|:2"),
        ("", "the file is empty"),
        ("a: 1\na: 2\n", ":2: a: this key cannot be used"),
        ("a: &x 1\nb: *x\n", ":2: aliases are not allowed"),
        ("a: 2026-13-45\n", ":1: "),
    ],
)
def test_broken_yaml_is_one_clear_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_yaml(_write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file"):
        load_config(tmp_path / "none.yaml", Profile)


def test_two_devices_on_one_address_are_refused(tmp_path: Path) -> None:
    device = "{id: %s, label: {en: a, zh: b}, profile: p, connection: {kind: modbus, host: h, unit: 1}}"
    text = f"site: demo\nedge: edge1\ndevices:\n  - {device % 'a'}\n  - {device % 'b'}\n"
    with pytest.raises(ConfigError, match="two devices share the address h:502 unit 1"):
        load_config(_write(tmp_path, text), EdgeDevices)


def test_the_shipped_site_loads_with_profiles_and_write_blocks(configs: Path) -> None:
    devices = load_devices(configs, devices_file(configs, "demo", "edge1"))
    blocks = load_write_blocks(configs, "demo", devices)
    assert {"comp1", "chiller1", "battery1", "chp1", "pv1"} <= set(blocks)
    assert {device.connection.kind for device in devices.edge.devices} == {
        "modbus",
        "bacnet",
        "opcua",
        "mqtt",
    }
