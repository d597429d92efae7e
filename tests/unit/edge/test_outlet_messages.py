"""What an outlet tells: which points, in which form, and never a number where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.outlet.newest import Newest, Told
from edge_agent.outlet.sparkplug import SparkplugTeller
from edge_agent.outlet.teller import DeviceTeller, PointTeller
from edge_agent.poll import PollGroup
from protocols.clock import Instant
from protocols.config import Text
from protocols.drivers.mqtt.node import Node
from protocols.drivers.mqtt.sparkplug import TYPES, Metric, Payload, decode_payload, encode_payload
from protocols.errors import ConfigError
from protocols.frame import Catalogue, Frame
from protocols.outlet import DeviceTopics, Outlet, PointTopics
from protocols.profile import MqttAddress, PointSpec
from protocols.quality import Quality
from runtime.clock import NS
from runtime.site import load_devices

PLACE = {"site": "demo", "edge": "edge1"}
WALL_S = 1_700_000_000
CAPTURES = Path(__file__).parents[2] / "captures" / "sparkplug"


def group(device: str, *points: str) -> PollGroup:
    count = len(points)
    catalogue = Catalogue("demo", device, points, ("kW",) * count, ("measurement",) * count)
    return PollGroup(device, "modbus", 1.0, points, catalogue, catalogue.hash())


COMP = group("comp1", "a_kw", "b_kw", "c_kw")
METER = group("meter1", "a_kw")


def frame(of: PollGroup, *values: float, at_s: int = 0, bad: int = 0, only: list[int] | None = None) -> Frame:
    numbers = np.array(values, np.float64)
    codes = np.where(np.isnan(numbers), bad or Quality.BAD_UNREACHABLE, 0).astype(np.uint8)
    indices = None if only is None else np.array(only, np.uint16)
    return Frame(of.hash, Instant("b", at_s * NS, (WALL_S + at_s) * NS), numbers, codes, indices)


def newest(*patterns: str) -> Newest:
    return Newest(Outlet(host="b", points=patterns or ("*",)), (COMP, METER))


def taken(of: Newest, one: Frame) -> Told:
    told = of.take(one)
    assert told is not None
    return told


def test_only_the_points_that_are_named_are_told() -> None:
    some = newest("*/b_kw", "meter1/*")
    assert {name: state.points for name, state in some.devices.items()} == {
        "comp1": ("b_kw",),
        "meter1": ("a_kw",),
    }
    assert taken(some, frame(COMP, 1, 2, 3)).values.tolist() == [2]
    assert taken(some, frame(COMP, 8, 9, only=[1, 2])).values.tolist() == [8]
    assert some.take(frame(COMP, 7, only=[2])) is None
    assert some.devices["comp1"].values.tolist() == [8]


def test_a_bad_sample_is_null_and_an_uncertain_one_says_so() -> None:
    teller, all_of = PointTeller(PointTopics(), PLACE, None), newest()
    one = frame(COMP, 1.5, np.nan, 3)
    one.qualities[2] = Quality.UNCERTAIN_STALE
    messages = list(teller.told(taken(all_of, one)))
    bodies = {message.topic: json.loads(message.body) for message in messages}
    assert bodies["ems/demo/comp1/a_kw"] == {
        "value": 1.5, "quality": "good", "unit": "kW", "time": "2023-11-14T22:13:20.000Z"
    }  # fmt: skip
    assert bodies["ems/demo/comp1/b_kw"]["value"] is None
    assert bodies["ems/demo/comp1/b_kw"]["quality"] == "bad_unreachable"
    assert (bodies["ems/demo/comp1/c_kw"]["value"], bodies["ems/demo/comp1/c_kw"]["quality"]) == (
        3.0,
        "uncertain_stale",
    )


def test_a_device_is_one_message_and_all_that_is_known_of_it_one_a_time() -> None:
    teller, all_of = DeviceTeller(DeviceTopics(topic="x/{edge}/{device}"), PLACE, None), newest()
    (message,) = teller.told(taken(all_of, frame(COMP, 1, np.nan, 3)))
    assert message.topic == "x/edge1/comp1"
    body = json.loads(message.body)
    assert body["values"] == {"a_kw": 1.0, "b_kw": None, "c_kw": 3.0}
    assert body["quality"] == {"b_kw": "bad_unreachable"}
    taken(all_of, frame(COMP, 9, at_s=5, only=[0]))
    parts = [json.loads(one.body) for one in teller.told(all_of.all_of(all_of.devices["comp1"]))]
    assert [part["values"] for part in parts] == [{"b_kw": None, "c_kw": 3.0}, {"a_kw": 9.0}]
    assert all_of.all_of(all_of.devices["meter1"]).at.size == 0  # never heard, nothing to tell


class Host:
    """A Sparkplug host that follows the node by the standard's rules; see `Node`."""

    def __init__(self) -> None:
        self.node = Node("comp1")
        self.kinds: list[str] = []
        self.heard: list[Payload] = []

    def hear(self, teller: SparkplugTeller, told: Told | None = None) -> None:
        for message in teller.hello() if told is None else teller.told(told):
            _, _, kind, _, *device = message.topic.split("/")
            self.kinds.append(kind)
            self.heard.append(decode_payload(message.body))
            self.node.take(kind, device[0] if device else None, self.heard[-1], 0.0)

    def sees(self, name: str) -> tuple[float, int]:
        spec = PointSpec(name=name, label=Text(en="x", zh="x"), unit="kW", address=MqttAddress(metric=name))
        value, quality, _ = self.node.judge(spec, name)
        return value, int(quality)


def sparkplug(of: Newest) -> SparkplugTeller:
    return SparkplugTeller("plant", "n1", of, lambda: WALL_S * NS)


def test_a_host_sees_births_changes_bad_values_and_the_death_of_a_device() -> None:
    all_of, host = newest("comp1/*"), Host()
    teller = sparkplug(all_of)
    teller.will(3)
    host.hear(teller)
    assert host.kinds == ["NBIRTH"]  # a device that was not heard yet is not born
    host.hear(teller, taken(all_of, frame(COMP, 1, np.nan, 3)))
    assert host.kinds == ["NBIRTH", "DBIRTH"]
    assert host.sees("a_kw") == (1.0, 0)
    assert host.sees("b_kw")[1] >= 128
    host.hear(teller, taken(all_of, frame(COMP, 2, only=[1])))
    assert (host.sees("b_kw"), host.heard[-1].metrics[0].name) == ((2.0, 0), "")
    host.hear(teller, taken(all_of, frame(COMP, np.nan, np.nan, np.nan)))
    host.hear(teller, taken(all_of, frame(COMP, np.nan, np.nan, np.nan)))
    assert host.kinds[2:] == ["DDATA", "DDEATH"]
    assert not host.node.alive
    host.hear(teller, taken(all_of, frame(COMP, 4, 5, 6)))
    assert (host.kinds[-1], host.sees("a_kw"), host.node.doubtful) == ("DBIRTH", (4.0, 0), False)


def test_another_implementation_read_in_our_bytes_what_was_meant() -> None:
    rows = json.loads((CAPTURES / "outlet_read_by_pysparkplug_0_6_1.json").read_text())["messages"]
    all_of = newest("comp1/*")
    teller = sparkplug(all_of)
    will = teller.will(7)
    assert will is not None
    messages = teller.hello()
    first = frame(COMP, 1.5, np.nan, 3)
    first.qualities[2] = Quality.UNCERTAIN_STALE
    for one in (first, frame(COMP, 2.5, at_s=1, only=[1]), frame(COMP, np.nan, np.nan, np.nan, at_s=2)):
        messages += teller.told(taken(all_of, one))
    said = [[message.topic, message.body.hex()] for message in (*messages, will)]
    assert said == [row[:2] for row in rows]  # these bytes were given to it; what it read stands behind them
    assert [row[2] for row in rows] == [0, 1, 2, 3, None]
    born, told = rows[1][3], rows[2][3]
    assert [(metric[0], metric[1], metric[3], metric[6]) for metric in born] == [
        ("a_kw", 0, 1.5, False), ("b_kw", 1, None, True), ("c_kw", 2, 3.0, False)
    ]  # fmt: skip
    assert [(metric[1], metric[3], metric[4]) for metric in told] == [(1, 2.5, 1000 * (WALL_S + 1))]


def test_what_a_birth_has_overtaken_is_historical() -> None:
    all_of, host = newest("comp1/*"), Host()
    teller = sparkplug(all_of)
    old, new = taken(all_of, frame(COMP, 1, 1, 1)), taken(all_of, frame(COMP, 2, 2, 2, at_s=1))
    host.hear(teller)
    host.hear(teller, old)
    assert host.heard[-1].metrics[0].historical
    host.hear(teller, new)
    assert (host.kinds, host.sees("a_kw")) == (["NBIRTH", "DBIRTH", "DDATA"], (2.0, 0))


def test_birth_and_death_of_a_session_have_the_same_number() -> None:
    teller = sparkplug(newest())
    will = teller.will(256 + 7)
    assert will is not None
    birth = decode_payload(teller.hello()[0].body)
    assert decode_payload(will.body).metrics[0].value == 7 == birth.metrics[0].value
    assert (will.topic, will.qos, will.retain) == ("spBv1.0/plant/NDEATH/n1", 1, False)


def test_a_command_is_a_rebirth_or_nothing() -> None:
    teller = sparkplug(newest())
    boolean, double = TYPES["boolean"], TYPES["double"]

    def said(*metrics: Metric) -> bool:
        return teller.rebirth_wanted(teller.commands[0], encode_payload(Payload(1, None, metrics)))

    assert teller.commands == ("spBv1.0/plant/NCMD/n1",)
    assert said(Metric("Node Control/Rebirth", datatype=boolean, value=True))
    assert not said(Metric("Node Control/Rebirth", datatype=boolean, value=False))
    assert not said(Metric("a_kw", datatype=double, value=4.0))
    assert not teller.rebirth_wanted(teller.commands[0], b"\xff\xff\xff")


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"shape": {"kind": "point", "topic": "a/{device}"}}, "needs {point}"),
        ({"shape": {"kind": "point", "topic": "a/{device}/{pont}"}}, r"names \{pont\}"),
        ({"shape": {"kind": "device", "topic": "a/{device"}}, "do not close"),
        ({"shape": {"kind": "device", "topic": "a/#/{device}"}}, "pattern"),
        ({"shape": {"kind": "device", "topic": "spBv1.0/{device}"}}, "shape sparkplug"),
        ({"shape": {"kind": "point", "retain": True}}, "needs `status_topic`"),
        ({"shape": {"kind": "sparkplug", "group": "g"}, "status_topic": "s"}, "not for Sparkplug B"),
        ({"status_topic": "s/{device}"}, r"names \{device\}"),
        ({"login": {"user": "u", "password": {"env": "P"}}}, "needs `tls`"),
        ({"queue": 0}, "greater than or equal to 1"),
    ],
)
def test_an_outlet_that_contradicts_itself_is_refused(said: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Outlet.model_validate({"host": "b", **said})


SITE = """\
site: demo
edge: edge1
devices:
  - {id: m1, label: {en: M, zh: M}, profile: eastron_sdm630, connection: {kind: modbus, host: 10.0.0.1}}
outlet:
  host: broker
  points:
    - "m1/*_kw"
    - "m2/*"
  queu: 5
"""


def test_faults_of_an_outlet_come_with_file_line_and_field(tmp_path: Path, configs: Path) -> None:
    file = tmp_path / "edge1.yaml"
    file.write_text(SITE)
    with pytest.raises(
        ConfigError, match=r"edge1.yaml:10: outlet.queu: unknown field; .*did you mean 'queue'"
    ):
        load_devices(configs, file)
    file.write_text(SITE.replace("  queu: 5\n", ""))
    with pytest.raises(ConfigError, match=r"edge1.yaml:9: outlet.points.1: found 'm2/\*', which fits no"):
        load_devices(configs, file)
    file.write_text(SITE.replace("  queu: 5\n", "").replace("m2/*", "m1/*"))
    assert load_devices(configs, file).edge.outlet is not None
