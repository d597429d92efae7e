"""All faults of a document in one run, each with what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.device import EdgeDevices
from protocols.errors import ConfigError
from protocols.profile import Profile
from runtime.site import load_devices
from runtime.yaml_config import load_config

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
  - name: voltage_v
    label: {en: Voltage, zh: 电压}
    unit: V
    address: {kind: modbus, address: 4, type: f32}
"""


def _complaints(folder: Path, text: str) -> list[str]:
    path = folder / "acme_one.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, Profile)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_a_fault_behind_another_one_is_told_in_the_same_run(tmp_path: Path) -> None:
    text = PROFILE.replace("unit: kWh", "unit: kWx").replace("address: 4", "address: 1")
    assert [line.split(":")[0] for line in _complaints(tmp_path, text)] == ["12", "15"]


def test_a_fault_of_the_head_hides_none_of_the_points(tmp_path: Path) -> None:
    text = PROFILE.replace("equipment: meter", "equipment: My Meter").replace("address: 4", "address: 1")
    complaints = _complaints(tmp_path, text)
    assert complaints[0].startswith("4: equipment: String should match pattern")
    assert complaints[0].endswith("found 'My Meter'")
    assert "share the address holding 2" in complaints[1]


def test_twins_are_named_also_where_both_have_other_faults(tmp_path: Path) -> None:
    text = PROFILE.replace("name: voltage_v", "name: power_kw").replace("unit: kW\n", "unit: kWx\n")
    told = _complaints(tmp_path, text.replace("unit: V\n", "unit: Vx\n"))
    assert [line.split(":")[0] for line in told] == ["8", "15", "17"]
    assert told[1].endswith("point 'power_kw' is there twice")


def test_an_unknown_field_is_answered_with_those_there_are(tmp_path: Path) -> None:
    (complaint,) = _complaints(tmp_path, PROFILE.replace("kind: counter", "kinds: counter"))
    assert complaint.startswith("13: points.1.kinds: unknown field; allowed: name, label, unit, kind")
    assert complaint.endswith("did you mean 'kind'?")


def test_a_field_of_an_address_is_looked_up_in_the_right_kind_of_address(tmp_path: Path) -> None:
    text = PROFILE.replace("address: 0, type: f32", "address: 0, tipe: f32, order: abdc")
    order, field = sorted(_complaints(tmp_path, text), key=len)
    assert "found 'abdc'" in order
    assert "Input should be 'abcd', 'cdab', 'badc' or 'dcba'" in order
    assert "did you mean 'type'?" in field


def test_a_missing_kind_of_address_names_the_kinds_there_are(tmp_path: Path) -> None:
    (complaint,) = _complaints(tmp_path, PROFILE.replace("{kind: modbus, address: 4", "{address: 4"))
    assert complaint.startswith("18: points.2.address: ")
    assert "allowed: bacnet, modbus, mqtt, opcua" in complaint


def test_a_field_that_was_faulty_is_not_called_missing(tmp_path: Path) -> None:
    complaints = _complaints(tmp_path, PROFILE.replace("unit: V", "unit: Volts"))
    assert len(complaints) == 1


def test_a_faulty_point_is_not_called_unknown_where_it_is_named(tmp_path: Path) -> None:
    text = PROFILE.replace("unit: V\n", "unit: Volts\n") + "watchdog_point: voltage_v\n"
    assert len(_complaints(tmp_path, text)) == 1


def test_a_device_list_tells_all_its_faults_at_once(tmp_path: Path) -> None:
    path = tmp_path / "edge1.yaml"
    device = "{id: %s, label: {en: a, zh: b}, profile: p, connection: {kind: modbus, host: h, unit: %s}}"
    rows = [device % ("a", "1"), device % ("b", "300"), device % ("c", "1"), device % ("C", "2")]
    path.write_text("site: demo\nedge: edge1\ndevices:\n" + "".join(f"  - {row}\n" for row in rows))
    with pytest.raises(ConfigError) as caught:
        load_config(path, EdgeDevices)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "less than or equal to 255; found 300" in "".join(lines)
    assert "two devices share the address h:502 unit 1" in "".join(lines)


def test_a_default_that_stands_in_for_a_wrong_field_clashes_with_nobody(tmp_path: Path) -> None:
    file = tmp_path / "edge1.yaml"
    device = (
        "  - {id: %s, label: {en: a, zh: b}, profile: p, connection: {kind: modbus, host: h, unit: %s}}\n"
    )
    rows = [("a", "1"), ("b", "300")]
    file.write_text("site: demo\nedge: edge1\ndevices:\n" + "".join(device % row for row in rows))
    with pytest.raises(ConfigError) as caught:
        load_config(file, EdgeDevices)
    assert "share the address" not in str(caught.value)


def test_a_site_tells_the_faults_of_list_and_profiles_at_once(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "acme_one.yaml").write_text(PROFILE.replace("unit: V", "unit: Volts"))
    (tmp_path / "devices" / "acme_two.yaml").write_text(PROFILE.replace("acme_one", "acme_two"))
    file = tmp_path / "edge1.yaml"
    device = (
        "  - {id: %s, label: {en: a, zh: b}, profile: %s, connection: {kind: modbus, host: h, unit: %s}}\n"
    )
    rows = [("a", "acme_one", 1), ("b", "acme_two", 300), ("c", "acme_three", 3)]
    file.write_text("site: demo\nedge: edge1\ndevices:\n" + "".join(device % row for row in rows))
    with pytest.raises(ConfigError) as caught:
        load_devices(tmp_path, file)
    text = str(caught.value)
    assert f"{file}:5: devices.1.connection.unit: " in text
    assert "acme_one.yaml:17: points.2.unit: unknown unit 'Volts'" in text
    assert f"{file}:6: found profile 'acme_three'; there is no " in text
    assert text.endswith("allowed: acme_one, acme_two")


def test_a_profile_of_another_protocol_is_named_with_the_line_of_the_device(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "acme_one.yaml").write_text(PROFILE)
    file = tmp_path / "edge1.yaml"
    connection = "{kind: bacnet, host: 127.0.0.1, device_instance: 7}"
    file.write_text(
        "site: demo\nedge: edge1\ndevices:\n  - id: a\n    label: {en: a, zh: b}\n"
        f"    profile: acme_one\n    connection: {connection}\n"
    )
    with pytest.raises(ConfigError, match=r"edge1\.yaml:7: device 'a' has a bacnet connection"):
        load_devices(tmp_path, file)
