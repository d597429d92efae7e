"""Sparkplug B: bytes of another implementation, and a live node at a real broker."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers import surroundings
from protocols.config import Text
from protocols.device import Device, Mqtt
from protocols.driver import Reading
from protocols.drivers.mqtt.driver import make_drivers
from protocols.drivers.mqtt.node import Node
from protocols.drivers.mqtt.sparkplug import TYPES, Metric, Payload, decode_payload, encode_payload, number
from protocols.drivers.mqtt.sparkplug_driver import SparkplugDriver
from protocols.errors import BadAnswerError, ConfigError, DeviceRefusedError, DeviceUnreachableError
from protocols.profile import MqttAddress, PointSpec, Profile
from protocols.quality import Quality
from runtime.children import free_port
from simulator.servers.broker import field_broker

pytestmark = pytest.mark.net
CAPTURES = Path(__file__).parents[2] / "captures" / "sparkplug"
DOUBLE, INT8, BOOLEAN = TYPES["double"], TYPES["int8"], TYPES["boolean"]


def point(name: str, metric: str, kind: str = "double") -> PointSpec:
    where = MqttAddress.model_validate({"metric": metric, "metric_type": kind})
    return PointSpec(name=name, label=Text(en=name, zh=name), unit="kW", address=where)


POWER, TEMP, SET = point("power_kw", "Power"), point("temp_kw", "Temp"), point("set_kw", "Set", "int8")


def test_bytes_of_another_implementation_are_born_told_and_dead() -> None:
    rows = json.loads((CAPTURES / "pysparkplug_0_6_1.json").read_text())["messages"]
    node, told = Node("comp1"), []
    for topic, body in rows:
        levels = topic.split("/")
        device = levels[4] if len(levels) == 5 else None
        node.take(levels[2], device, decode_payload(bytes.fromhex(body)), 0.0)
        told.append([node.judge(POWER, name)[0] for name in ("Power", "Temp", "Total", "Run")])
        assert not node.doubtful
    assert told[1] == [12.5, -7.0, 2.0**40 + 1, 1.0]
    assert told[2] == told[3] == [13.5, -8.0, 2.0**40 + 1, 1.0]
    assert all(math.isnan(value) for value in told[-1])
    assert not node.alive


def birth(kind: str = "NBIRTH", seq: int = 0, device: str | None = None) -> tuple[str, str | None, Payload]:
    metrics = (Metric("Power", 1, DOUBLE, 10.0, time_ms=5), Metric("Set", 0, INT8, 3))
    return kind, device, Payload(1, seq, (*metrics, Metric("bdSeq", datatype=TYPES["int64"], value=7)))


def data(seq: int, *metrics: Metric) -> tuple[str, None, Payload]:
    return "NDATA", None, Payload(1, seq, metrics)


def test_a_missed_message_makes_all_doubtful_until_the_rebirth() -> None:
    node = Node(None)
    node.take(*data(0, Metric("Power", value=1.0)), 0.0)
    assert node.rebirth_wanted
    assert not node.alive
    node.take(*birth(), 0.0)
    node.take(*data(1, Metric("", 1, value=11.0)), 0.0)
    assert node.judge(POWER, "Power") == (11.0, Quality.GOOD, 0)
    node.take(*data(3, Metric("", 0, value=4)), 0.0)
    assert node.judge(POWER, "Power")[:2] == (11.0, Quality.UNCERTAIN_STALE)
    assert node.rebirth_wanted
    node.take(*birth(seq=9), 0.0)
    assert node.judge(POWER, "Power") == (10.0, Quality.GOOD, 5)
    assert not node.rebirth_wanted


def test_numbers_run_round_and_the_death_of_another_session_is_not_believed() -> None:
    node = Node(None)
    node.take(*birth(seq=254), 0.0)
    for seq in (255, 0, 1):
        node.take(*data(seq), 0.0)
    assert not node.doubtful
    node.take("NDEATH", None, Payload(1, None, (Metric("bdSeq", value=6),)), 0.0)
    assert node.alive
    node.take("NDEATH", None, Payload(1, None, (Metric("bdSeq", value=7),)), 0.0)
    assert not node.alive


def test_null_bad_stale_late_and_unknown_metrics_have_their_sign() -> None:
    node = Node(None)
    node.take(*birth(), 0.0)
    seen = []
    for seq, metric in enumerate(
        (
            Metric("Power", is_null=True),
            Metric("Power", value=1.0, quality=0),
            Metric("Power", value=1.0, quality=500),
            Metric("Power", value=1.0, quality=192),
            Metric("Power", value=2.0, historical=True),
        ),
        start=1,
    ):
        node.take(*data(seq, metric), 0.0)
        seen.append(node.judge(POWER, "Power")[1])
    assert seen == [Quality.BAD_NOT_AVAILABLE, Quality.BAD_DEVICE, Quality.UNCERTAIN_STALE, 0, 0]
    assert node.judge(POWER, "Power")[0] == 1.0
    assert node.judge(POWER, "Nothing")[1] is Quality.BAD_REFUSED
    node.take(*data(6, Metric("", 99, value=1.0)), 0.0)
    assert node.rebirth_wanted


def test_the_death_of_the_device_leaves_the_node_alive() -> None:
    node = Node("comp1")
    node.take("NBIRTH", None, Payload(1, 0, ()), 0.0)
    assert not node.alive
    node.take(*birth("DBIRTH", 1, "comp1"), 0.0)
    node.take(*birth("DBIRTH", 2, "comp2"), 0.0)
    assert node.judge(POWER, "Power")[0] == 10.0
    node.take("DDEATH", "comp2", Payload(1, 3, ()), 0.0)
    assert node.alive
    node.take("DDEATH", "comp1", Payload(1, 4, ()), 0.0)
    assert node.judge(POWER, "Power")[1] is Quality.BAD_UNREACHABLE


@given(st.sampled_from(sorted(TYPES)), st.integers(-(2**63), 2**64 - 1))
def test_every_whole_number_survives_the_wire_or_is_refused(kind: str, value: int) -> None:
    try:
        body = encode_payload(Payload(1, None, (Metric("a", datatype=TYPES[kind], value=value),)))
    except ValueError:
        return
    back = number(decode_payload(body).metrics[0], TYPES[kind])
    assert back == (float(bool(value)) if kind == "boolean" else pytest.approx(float(value), rel=1e-6))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_payload_or_a_bad_answer(body: bytes) -> None:
    try:
        payload = decode_payload(body)
    except BadAnswerError:
        return
    node = Node(None)
    node.take("NBIRTH", None, payload, 0.0)
    for metric in payload.metrics:
        node.judge(POWER, metric.name)


class LiveNode:
    """An edge node of its own session: answers a rebirth, takes a command and tells the new value."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.seq = 0
        self.births = 0
        self.setpoint = 3.0
        self.commands: list[Metric] = []

    async def say(self, kind: str, metrics: Sequence[Metric]) -> None:
        body = encode_payload(Payload(1, self.seq, tuple(metrics)))
        await self.client.publish(f"spBv1.0/plant/{kind}/gw1", body, qos=1)
        self.seq = (self.seq + 1) % 256

    async def be_born(self) -> None:
        self.births, self.seq = self.births + 1, 0
        metrics = [Metric("Power", 1, DOUBLE, 10.0), Metric("Set", 2, INT8, self.setpoint)]
        await self.say("NBIRTH", [*metrics, Metric("bdSeq", datatype=TYPES["int64"], value=7)])

    async def run(self) -> None:
        await self.client.subscribe("spBv1.0/plant/NCMD/gw1", qos=1)
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            for metric in decode_payload(message.payload).metrics:
                self.commands.append(metric)
                if metric.name == "Node Control/Rebirth":
                    await self.be_born()
                elif number(metric, metric.datatype) != self.setpoint:
                    self.setpoint = number(metric, metric.datatype) or 0.0
                    await self.say("NDATA", [Metric("", 2, INT8, self.setpoint)])


def place_at(port: int) -> Mqtt:
    at = {"group": "plant", "node": "gw1"}
    return Mqtt.model_validate({"host": "127.0.0.1", "port": port, "sparkplug": at})


@asynccontextmanager
async def world(folder: Path, *, listens: bool = True) -> AsyncIterator[tuple[LiveNode, SparkplugDriver]]:
    port = free_port()
    place = place_at(port)
    assert place.sparkplug is not None
    death = encode_payload(Payload(1, None, (Metric("bdSeq", datatype=TYPES["int64"], value=7),)))
    will = aiomqtt.Will("spBv1.0/plant/NDEATH/gw1", death, qos=1)
    driver = SparkplugDriver(place, place.sparkplug, "ems_gw1", surroundings(folder))
    async with (
        field_broker("127.0.0.1", port, folder),
        aiomqtt.Client("127.0.0.1", port, will=will) as client,
    ):
        node = LiveNode(client)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(node.run() if listens else asyncio.sleep(60))
            try:
                yield node, driver
            finally:
                await driver.close()
                running.cancel()


async def first_reading(driver: SparkplugDriver) -> Reading:
    """The first one, asking for a birth until the node listens."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await driver.read([POWER, SET, TEMP])
            except DeviceUnreachableError:
                driver._asked_s = -math.inf


async def test_a_node_is_asked_for_its_birth_told_and_commanded(tmp_path: Path) -> None:
    async with world(tmp_path) as (node, driver):
        reading = await first_reading(driver)
        assert reading.values[:2].tolist() == [10.0, 3.0]
        assert reading.qualities.tolist() == [0, 0, Quality.BAD_REFUSED]
        await driver.write(SET, -5.0)
        assert await driver.read_back(SET) == -5.0
        assert node.commands[-1].datatype == INT8
        before = node.births
        await driver.write(SET, -5.0)  # tells nothing, since nothing changes
        assert await driver.read_back(SET) == -5.0
        assert node.births == before + 1
        node.seq += 3  # as if messages were lost
        await node.say("NDATA", [Metric("", 1, DOUBLE, 20.0)])
        driver._asked_s = -math.inf
        async with asyncio.timeout(10):
            while node.births == before + 1:
                await driver.read([POWER])
            while (await driver.read([POWER])).qualities.tolist() != [0]:
                pass
        with pytest.raises(DeviceRefusedError, match="does not fit int8"):
            await driver.write(SET, 1000.0)


def cut(client: aiomqtt.Client) -> None:
    """End the connection without a word, as a power cut would."""
    wire = client._client.socket()
    assert isinstance(wire, socket.socket)
    wire.shutdown(socket.SHUT_RDWR)


async def test_the_will_of_the_node_makes_its_points_bad(tmp_path: Path) -> None:
    async with world(tmp_path, listens=False) as (node, driver):
        await driver.open()
        await node.be_born()
        assert (await first_reading(driver)).values[0] == 10.0
        cut(node.client)
        with pytest.raises(DeviceUnreachableError, match="plant/gw1 is dead"):
            async with asyncio.timeout(10):
                while True:
                    await driver.read([POWER])
                    await asyncio.sleep(0.01)


async def test_metrics_and_topics_do_not_mix(tmp_path: Path) -> None:
    text = Text(en="x", zh="x")
    topic = point("a_kw", "a").model_copy(update={"address": MqttAddress(topic="a")})
    for points, at in (
        ((POWER, topic), place_at(1)),
        ((topic,), place_at(1)),
        ((POWER,), Mqtt(host="127.0.0.1")),
    ):
        profile = Profile(id="p", label=text, protocol="mqtt", equipment="meter", points=points)
        device = Device(id="d", label=text, profile="p", connection=at)
        with pytest.raises(ConfigError, match="need `sparkplug`"):
            make_drivers({"d": (device, profile)}, surroundings(tmp_path))
