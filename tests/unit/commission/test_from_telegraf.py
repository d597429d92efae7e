"""A Telegraf configuration becomes profiles and device entries; what is not certain is named by its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commission.checking import check_profile
from edge_agent.commission.csv_profile import Head
from edge_agent.commission.telegraf_profile import Made, Wishes, convert, told, unit_wish
from edge_agent.commission.toml_lines import Loc, load_toml
from protocols.device import EdgeDevices
from protocols.errors import ConfigError
from protocols.profile import DataType, ModbusAddress, Profile
from runtime.site import load_devices

HEAD = Head("acme_m1", "Acme", "Acme", "meter")

ODD = '''\
title = "a = [1] # no comment"  # one
b.c = 'x'
[agent]
  interval = "10s"  # [[not.a.table]]

[[inputs.modbus]]
  name = """two
lines ] } , #"""
  slave_id = 1
  holding_registers = [
    { name = "v", address = [0], deep = { "quo.ted" = 1 } }, # hi ]
    # { name = "off" }
    { name = "w", address = [
        1,
        2 ] },
  ]
  [inputs.modbus.tags]
    m = "k"
[[inputs.modbus]]
  when = 1979-05-27 07:32:00
  [[inputs.modbus.request]]
    fields = [ {address=0}, {address=1} ]
'''


def test_the_line_of_each_key_is_known(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text(ODD)
    toml = load_toml(file)
    first, second = ("inputs", "modbus", 0), ("inputs", "modbus", 1)  # type: Loc, Loc
    where: dict[Loc, int] = {
        ("b", "c"): 2, ("agent", "interval"): 4, first: 6, (*first, "slave_id"): 9,
        (*first, "holding_registers", 0, "deep", "quo.ted"): 11, (*first, "holding_registers", 1, "name"): 13,
        (*first, "holding_registers", 1, "address", 1): 15, (*first, "tags", "m"): 18, second: 19,
        (*second, "when"): 20, (*second, "request", 0, "fields", 1, "address"): 22,
        (*second, "nothing", "of", "this"): 19,
    }  # fmt: skip
    assert {loc: toml.line(loc) for loc in where} == where
    assert toml.data["inputs"]["modbus"][1]["when"].year == 1979


def places(node: object, loc: Loc = ()) -> Iterator[Loc]:
    if loc:
        yield loc
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in parts:
        yield from places(part, (*loc, key))


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
VALUES = st.recursive(
    st.integers(-9, 9) | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def as_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(key)} = {as_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(as_toml(part) for part in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value).lower()


@given(st.dictionaries(st.sampled_from("abcdef"), VALUES, min_size=1, max_size=5))
def test_any_text_that_is_toml_has_a_line_for_each_of_its_places(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
) -> None:
    file = tmp_path_factory.mktemp("toml") / "any.toml"
    file.write_text("".join(f"{key} = {as_toml(value)}\n" for key, value in document.items()))
    toml = load_toml(file)
    assert toml.data == document
    assert set(toml._lines) == set(places(document))


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.conf"
    file.write_text("a = 1\nport = ${PORT}\n")
    with pytest.raises(ConfigError, match=r"bad\.conf:2: not valid TOML"):
        load_toml(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_toml(tmp_path / "none.conf")


def converted(folder: Path, text: str, *units: str, counters: tuple[str, ...] = ()) -> tuple[Made, list[str]]:
    file = folder / "t.conf"
    file.write_text(text)
    toml = load_toml(file)
    made = convert(toml, Wishes(HEAD, tuple(unit_wish(unit) for unit in units), counters))
    return made, [line.removeprefix(f"{folder}/") for line in told(toml, made.book.left_out)]


SAME = {
    "register": """
slave_id = 3
input_registers = [
  {name="power_kw", byte_order="CDAB", data_type="FLOAT32-IEEE", scale=0.001, address=[4, 5]},
  {name="energy_kwh", byte_order="ABCDEFGH", data_type="UINT64", scale=1.0, address=[8, 9, 10, 11]},
]
coils = [{name="run", address=[7]}]
""",
    "request": """
[[inputs.modbus.request]]
slave_id = 3
byte_order = "CDAB"
register = "input"
fields = [{address=4, name="power_kw", type="FLOAT32", scale=0.001}, {address=6, name="x", omit=true}]
[[inputs.modbus.request]]
slave_id = 3
register = "input"
fields = [{address=8, name="energy_kwh", type="UINT64"}]
[[inputs.modbus.request]]
slave_id = 3
register = "coil"
fields = [{address=7, name="run"}]
""",
    "metric": """
[[inputs.modbus.metric]]
slave_id = 3
byte_order = "CDAB"
fields = [{register="input", address=4, name="power_kw", type="FLOAT32", scale=0.001}]
[[inputs.modbus.metric]]
slave_id = 3
fields = [
  {register="input", address=8, name="energy_kwh", type="UINT64"},
  {register="coil", address=7, name="run"},
]
""",
}


def plugin(style: str, body: str, controller: str = "tcp://10.0.0.9:1502") -> str:
    head = f'[[inputs.modbus]]\nname = "M 1"\ncontroller = "{controller}"\nconfiguration_type = "{style}"\n'
    return f'{head}interval = "1m30s"\n{body}'


@pytest.mark.parametrize("style", SAME)
def test_the_three_styles_give_the_same_profile(tmp_path: Path, style: str) -> None:
    made, left_out = converted(tmp_path, plugin(style, SAME[style]), counters=("*_kwh",))
    assert left_out == []
    ((profile, open_ones),) = made.profiles
    assert open_ones == []
    assert {spec.name: spec.address for spec in profile.points} == {
        "power_kw": ModbusAddress.model_validate(
            {"table": "input", "address": 4, "type": "f32", "order": "cdab"}
        ),
        "energy_kwh": ModbusAddress.model_validate({"table": "input", "address": 8, "type": "u64"}),
        "run_code": ModbusAddress.model_validate({"table": "coil", "address": 7, "type": "bool"}),
    }
    assert {spec.name: (spec.scale, str(spec.kind), spec.every_s) for spec in profile.points} == {
        "power_kw": (0.001, "measurement", 90.0),
        "energy_kwh": (1.0, "counter", 90.0),
        "run_code": (1.0, "state", 90.0),
    }
    connection = made.devices[0].connection.model_dump(exclude_defaults=True)
    assert (made.devices[0].id, connection) == ("m_1", {"host": "10.0.0.9", "port": 1502, "unit": 3})


LEFT = """\
[[inputs.modbus]]
  name = "M"
  controller = "tcp://${HOST}:502"
  retain = 3
  holding_registers = [
    {name="a_kw", byte_order="AB", data_type="UINT16", scale=1.0, address=[0]},
    {name="b_kw", byte_order="ABC", data_type="UINT16", scale=1.0, address=[1]},
    {name="c_kw", byte_order="ABCD", data_type="FLOAT32", scale=1.0, address=[2, 3]},
    {name="d_kw", byte_order="ABCD", data_type="INT32", scale=1.0, address=[2, 4]},
    {name="e_kw", byte_order="AB", data_type="INT32", scale=1.0, address=[5]},
    {name="volts", byte_order="AB", data_type="FIXED", scale=0.1, address=[6]},
    {name="f_kw", byte_order="AB", data_type="INT8L", scale=1.0, address=[7]},
    {name="g_kw", byte_order="AB", data_type="INT16", scale=1.0, address=[0]},
    {byte_order="AB", data_type="INT16", scale=1.0, address=[9]},
    {name="h_kw", byte_order="AB", data_type="INT16", scale=1.0, address=["x"]},
    {name="i_kw", byte_order="ABCD", data_type="INT32", scale=1.0, address=[65535, 65536]},
  ]
[[inputs.snmp]]
"""


def test_everything_that_is_not_certain_is_named_by_its_line(tmp_path: Path) -> None:
    made, left_out = converted(tmp_path, LEFT)
    assert [spec.name for spec in made.profiles[0][0].points] == ["a_kw"]
    assert made.devices == []
    found = [(int(line.split(":")[1]), line.split(": ", 1)[1]) for line in left_out]
    for line, text in [
        (1, "its connection cannot be told"), (3, "write the value out"), (4, "retain: has no counterpart"),
        (7, "byte_order: found 'ABC'"), (8, "say UFIXED or FLOAT32-IEEE"), (9, "follow one another"),
        (10, "INT32 takes 2"), (11, "'volts' has no unit; say --unit"), (12, "signed numbers of 8 bits"),
        (13, "share the address holding 0"), (14, "name: is missing"), (15, "found ['x']"),
        (16, "65535"), (18, "[[inputs.snmp]]"),
    ]:  # fmt: skip
        assert any(at == line and text in said for at, said in found), (line, text, found)
    (remark,) = [text for text in made.profiles[0][1] if "volts" in text]
    assert remark.startswith("#")


def test_an_open_value_is_a_point_once_name_and_unit_are_filled_in(tmp_path: Path) -> None:
    made, _ = converted(tmp_path, LEFT)
    profile, open_ones = made.profiles[0]
    text = "\n".join(line.removeprefix("#") for line in open_ones)
    text = text.replace("name: …", "name: volts_v").replace("unit: …", "unit: V")
    point = yaml.safe_load(text)[0]
    whole = profile.model_dump() | {"points": [*profile.model_dump()["points"], point]}
    spec = Profile.model_validate(whole).point("volts_v")
    assert (spec.scale, spec.address) == (0.1, ModbusAddress(address=6, type=DataType.I16))


def test_two_units_of_the_same_kind_share_a_profile_and_one_of_another_has_its_own(tmp_path: Path) -> None:
    def request(unit: int, field: str) -> str:
        fields = f'fields=[{{address=0, name="{field}", type="INT16"}}]'
        return f"[[inputs.modbus.request]]\nslave_id={unit}\n{fields}\n"

    body = request(1, "a_kw") + request(2, "a_kw") + request(7, "b_kw")
    serial = 'baud_rate = 19200\nparity = "E"\nstop_bits = 1\n'
    made, left_out = converted(tmp_path, plugin("request", serial + body, "file:///dev/ttyUSB0"))
    assert left_out == []
    assert [profile.id for profile, _ in made.profiles] == ["acme_m1", "acme_m1_2"]
    assert [(one.id, one.profile) for one in made.devices] == [
        ("m_1_1", "acme_m1"), ("m_1_2", "acme_m1"), ("m_1_7", "acme_m1_2")
    ]  # fmt: skip
    EdgeDevices(site="s", edge="e", devices=tuple(made.devices))
    bare, left_out = converted(tmp_path, plugin("request", body, "file:///dev/ttyUSB0"))
    assert bare.devices == []
    assert any("baud_rate: is missing" in line for line in left_out)


OPCUA = """\
[[inputs.opcua]]
  name = "plc"
  endpoint = "opc.tcp://10.0.0.5:4840"
  security_policy = "Basic256Sha256"
  security_mode = "SignAndEncrypt"
  auth_method = "UserName"
  username = "ems"
  password = "not to be seen"
  nodes = [
    {name="power_kw", namespace="2", identifier_type="s", identifier="Plc.Power"},
    {name="broken_kw", identifier="Plc.Power"},
  ]
  [[inputs.opcua.group]]
    namespace = "3"
    identifier_type = "i"
    nodes = [{name="total_kwh", identifier="1001"}]
[[inputs.opcua]]
  nodes = [{name="power_kw", namespace="2", identifier_type="s", identifier="Plc.Power"}]
"""


def test_nodes_of_opc_ua_are_points_and_a_password_is_never_copied(tmp_path: Path) -> None:
    made, left_out = converted(tmp_path, OPCUA)
    nodes = [spec.address.model_dump()["node"] for spec in made.profiles[0][0].points]
    assert nodes == ["ns=2;s=Plc.Power", "ns=3;i=1001"]
    (device,) = made.devices
    connection = device.connection.model_dump(exclude_defaults=True)
    assert connection["login"] == {"user": "ems", "password": {"file": "secrets/plc"}}
    assert connection["url"] == "opc.tcp://10.0.0.5:4840"
    assert "not to be seen" not in repr(made)
    assert [line.split(":")[1] for line in left_out] == ["11", "17", "17"]
    assert "found 'auto' with mode 'auto'" in "".join(left_out)


def test_a_listener_is_a_subscription(tmp_path: Path) -> None:
    head = '[[inputs.opcua_listener]]\nsubscription_interval = "500ms"\nsecurity_policy = "None"\n'
    nodes = 'nodes = [{name="power_kw", namespace="2", identifier_type="s", identifier="Plc.Power"}]\n'
    made, left_out = converted(tmp_path, f'{head}security_mode = "None"\n{nodes}')
    assert left_out == []
    url = "opc.tcp://localhost:4840"
    assert made.devices[0].connection.model_dump(exclude_defaults=True) == {"url": url, "publish_s": 0.5}


MQTT = """\
[[inputs.mqtt_consumer]]
  servers = ["ssl://broker:8884"]
  topics = ["plant/pv1", "plant/+/x"]
  qos = 1
  data_format = "json_v2"
  [[inputs.mqtt_consumer.json_v2]]
    [[inputs.mqtt_consumer.json_v2.field]]
      path = "ac.power_kw"
      type = "float"
    [[inputs.mqtt_consumer.json_v2.field]]
      path = "list.#.x"
[[inputs.mqtt_consumer]]
  servers = ["tcp://broker:1883"]
  topics = ["meter/power_kw"]
  data_format = "value"
  data_type = "float"
[[inputs.mqtt_consumer]]
  servers = ["tcp://broker:1883"]
  topics = ["a"]
"""


def test_topics_of_mqtt_are_points_where_the_parser_says_which_values_there_are(tmp_path: Path) -> None:
    made, left_out = converted(tmp_path, MQTT)
    addresses = [profile.points[0].address.model_dump(exclude_defaults=True) for profile, _ in made.profiles]
    assert addresses == [
        {"topic": "pv1", "path": "ac.power_kw", "qos": 1}, {"topic": "power_kw"}
    ]  # fmt: skip
    places = [one.connection.model_dump(exclude_defaults=True) for one in made.devices]
    assert places[0] == {"host": "broker", "port": 8884, "prefix": "plant", "tls": {}}
    EdgeDevices(site="s", edge="e", devices=tuple(made.devices))  # one broker, told apart by their prefix
    assert [line.split(":")[1] for line in left_out] == ["3", "11", "17", "17"]


def test_the_command_writes_profiles_that_pass_their_check_and_entries_that_load(tmp_path: Path) -> None:
    file = tmp_path / "t.conf"
    file.write_text(plugin("register", SAME["register"]) + LEFT.replace("${HOST}", "10.0.0.8"))
    asked = ["profile", "from-telegraf", str(file), "--id", "acme_m1", "--unit", "volts=V"]
    asked += ["--out", str(tmp_path / "devices"), "--entries", str(tmp_path / "entries.yaml")]
    strict = CliRunner().invoke(app, [*asked, "--strict"])
    assert "nothing was written" in str(strict.exception)
    assert not (tmp_path / "devices").exists()
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.exception
    assert f"left out: {file}:19: byte_order: found 'ABC'" in done.output
    for name in ("acme_m1", "acme_m1_2"):
        assert check_profile(tmp_path / "devices" / f"{name}.yaml").errors == []
    site = tmp_path / "sites" / "demo" / "edge1.yaml"
    site.parent.mkdir(parents=True)
    site.write_text("site: demo\nedge: edge1\n" + (tmp_path / "entries.yaml").read_text())
    assert [one.id for one in load_devices(tmp_path, site).edge.devices] == ["m_1", "m"]
    assert "there already" in str(CliRunner().invoke(app, asked).exception)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[inputs.cpu]]\n", r"has none of \[\[inputs.modbus\]\]"),
        ('[[inputs.modbus]]\nname="x"\nconfiguration_type="odd"\n', "found 'odd'; allowed: register"),
        (
            plugin("metric", SAME["metric"].replace("_kw", "").replace("coil", "holding")),
            "say --unit PATTERN",
        ),
    ],
)
def test_a_file_without_anything_to_take_says_why(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        converted(tmp_path, text)


def test_a_unit_that_is_unknown_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"not PATTERN=UNIT; units are: .*kW"):
        unit_wish("volts=Volt")


@pytest.mark.parametrize("page", ["from-telegraf.md", "from-telegraf.zh.md"])
def test_the_example_of_the_page_does_what_the_page_says(tmp_path: Path, page: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / page).read_text(encoding="utf-8")
    example, told_there = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)[::2]
    made, left_out = converted(tmp_path, example, "volt*=V", counters=("energy*",))
    assert [spec.name for spec in made.profiles[0][0].points] == ["power_kw", "voltage_v"]
    said = [line.replace("t.conf", "left out: telegraf.conf", 1) for line in left_out]
    shown = [line.removesuffix("…") for line in told_there.splitlines()]
    assert all(one.startswith(other) for one, other in zip(said, shown, strict=True))
