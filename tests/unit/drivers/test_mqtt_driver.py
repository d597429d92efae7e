"""The MQTT driver against a real broker (the MQTT listener of nats-server) and a publishing client."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiomqtt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.config import Text
from protocols.device import Mqtt
from protocols.drivers.mqtt.codec import decode_number, encode_setpoint
from protocols.drivers.mqtt.driver import MqttDriver
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError
from protocols.profile import MqttAddress, PointSpec
from protocols.quality import Quality
from runtime.children import free_port
from runtime.nats_server import server_binary, wait_listening

pytestmark = pytest.mark.net


def point(name: str, topic: str, path: str = "", write_topic: str | None = None, **more: object) -> PointSpec:
    where = MqttAddress(topic=topic, path=path, write_topic=write_topic)
    return PointSpec.model_validate(
        {"name": name, "label": Text(en=name, zh=name), "unit": "kW", "address": where, **more}
    )


POWER = point("power_kw", "ac", "power_w", scale=0.001)
SET = point("set_kw", "limit", "value", "limit/set")
OTHER = point("other_kw", "other")
POINTS = (POWER, SET, OTHER)


@contextmanager
def broker(folder: Path, port: int) -> Iterator[None]:
    config = folder / "broker.conf"
    config.write_text(
        f'server_name: f\nlisten: "127.0.0.1:-1"\njetstream {{ store_dir: "{folder}/js" }}\n'
        f"mqtt {{ host: 127.0.0.1, port: {port} }}\n"
    )
    process = subprocess.Popen([server_binary(), "-c", config, "-l", folder / "log"])
    try:
        wait_listening("127.0.0.1", port, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def driver_at(port: int, stale_after_s: float = 5.0) -> AsyncIterator[MqttDriver]:
    place = Mqtt(host="127.0.0.1", port=port, prefix="demo/pv1", stale_after_s=stale_after_s)
    driver = MqttDriver(place, "ems_pv1", POINTS)
    try:
        yield driver
    finally:
        await driver.close()


async def test_the_last_message_of_each_topic_is_read(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port) as driver:
            await driver.open()
            await device.publish("demo/pv1/ac", b'{"power_w": 1}', qos=1)
            await device.publish("demo/pv1/ac", b'{"power_w": 2500}', qos=1)
            await device.publish("demo/pv1/limit", b"this is no JSON", qos=1)
            reading = await driver.read(POINTS)
            while reading.qualities[1] == Quality.BAD_UNREACHABLE:
                reading = await driver.read(POINTS)
    assert np.array_equal(reading.values, [2.5, np.nan, np.nan], equal_nan=True)
    assert reading.qualities.tolist() == [0, Quality.BAD_ANSWER, Quality.BAD_UNREACHABLE]


async def test_a_message_that_grew_old_is_bad(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port, stale_after_s=0.05) as driver:
            await driver.open()
            await device.publish("demo/pv1/ac", b'{"power_w": 1}', qos=1)
            assert (await driver.read([POWER])).qualities.tolist() == [0]
            await asyncio.sleep(0.05)
            with pytest.raises(DeviceUnreachableError, match="publishes nothing"):
                await driver.read([POWER])


async def test_a_write_is_read_back_from_a_message_newer_than_itself(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port) as driver:
            await driver.open()
            await device.subscribe("demo/pv1/limit/set", qos=1)
            await driver.write(SET, 0.5)
            asked = await anext(device.messages)
            await device.publish("demo/pv1/limit", b'{"value": 1.0}', qos=1)  # was under way
            await device.publish("demo/pv1/limit", asked.payload, qos=1)
            assert await driver.read_back(SET) == 0.5
            await device.publish("demo/pv1/limit", b'{"value": 1.0}', qos=1)
            while await driver.read_back(SET) != 1.0:
                pass


async def test_a_device_that_keeps_its_own_value_is_seen(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port) as driver:
            await driver.write(SET, 0.5)
            for _ in range(2):
                await device.publish("demo/pv1/limit", b'{"value": 1.0}', qos=1)
            assert await driver.read_back(SET) == 1.0


async def test_a_broker_that_was_restarted_is_used_again(tmp_path: Path) -> None:
    port = free_port()
    async with driver_at(port) as driver:
        with pytest.raises(DeviceUnreachableError):
            await driver.open()
        with broker(tmp_path, port):
            await driver.open()
        with pytest.raises(DeviceUnreachableError):
            await driver.read([POWER])
        with broker(tmp_path, port):
            await driver.open()
            async with aiomqtt.Client("127.0.0.1", port) as device:
                await device.publish("demo/pv1/ac", b'{"power_w": 1000}', qos=1)
                assert (await driver.read([POWER])).values.tolist() == [1.0]


async def test_what_cannot_be_written_is_refused() -> None:
    async with driver_at(free_port()) as driver:
        with pytest.raises(DeviceRefusedError, match="null"):
            await driver.write(SET, None)
        with pytest.raises(DeviceRefusedError, match="write topic"):
            await driver.write(POWER, 1.0)
        with pytest.raises(DeviceRefusedError):
            await driver.write(SET, float("nan"))


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["", "value", "a.b.c"]))
def test_every_set_point_survives_the_wire(value: float, path: str) -> None:
    assert decode_number(encode_setpoint(point("a_kw", "t", path), value), path) == value


@given(st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5,
).map(lambda body: json.dumps(body).encode())))  # fmt: skip
def test_any_body_is_a_number_nothing_or_a_bad_answer(body: bytes) -> None:
    try:
        found = decode_number(body, "a")
    except BadAnswerError:
        return
    assert found is None or isinstance(found, float)
