"""The MQTT devices and the field broker, heard and told by aiomqtt."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from protocols.device import Mqtt
from protocols.errors import ConfigError
from runtime.clock import VirtualClock
from simulator.device import Fault, FieldDevice
from simulator.servers.broker import field_broker
from simulator.servers.mqtt import bodies, mqtt_device

pytestmark = pytest.mark.net
Build = Callable[[str], FieldDevice]


@asynccontextmanager
async def _running(device: FieldDevice, store: Path) -> AsyncIterator[aiomqtt.Client]:
    at = device.device.connection
    assert isinstance(at, Mqtt)
    async with field_broker(at.host, at.port, store), asyncio.TaskGroup() as group:
        task = group.create_task(mqtt_device(device))
        async with aiomqtt.Client(at.host, at.port, identifier="test") as client:
            yield client
        task.cancel()


async def _body(client: aiomqtt.Client, accept: Callable[[Any], bool]) -> Any:  # noqa: ANN401  JSON is anything
    async with asyncio.timeout(8.0):
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            body = json.loads(message.payload)
            if accept(body):
                return body
    raise AssertionError


async def test_the_inverter_publishes_generated_watts_of_the_house_kilowatts(
    field_device: Build, tmp_path: Path
) -> None:
    pv = field_device("pv1")
    pv.readings |= {"power_kw": -321.5, "energy_kwh": 1234.5}
    async with _running(pv, tmp_path) as client:
        await client.subscribe("demo/pv1/ac")
        body = await _body(client, lambda _: True)
    assert body == {"power_w": 321500.0, "energy_kwh": 1234.5}


async def test_a_limit_is_followed_told_and_falls_back(
    field_device: Build, clock: VirtualClock, tmp_path: Path
) -> None:
    pv = field_device("pv1")
    async with _running(pv, tmp_path) as client:
        await client.subscribe("demo/pv1/limit")
        await _body(client, lambda body: bool(body["value"] == 1.0))  # it listens by now
        await client.publish("demo/pv1/limit/set", b"nonsense")
        await client.publish("demo/pv1/limit/set", b"7")
        await client.publish("demo/pv1/limit/set", b"0.4")
        await _body(client, lambda body: bool(body["value"] == 0.4))
        assert pv.followed() == {"limit_set_frac": 0.4}
        clock.advance(6.0)
        await _body(client, lambda body: bool(body["value"] == 1.0))


async def test_a_silent_device_is_not_heard(
    field_device: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.servers.mqtt._PERIOD_S", 0.02)
    station = field_device("weather1")
    station.readings |= {"outdoor_c": 18.0, "wet_bulb_c": 12.0, "irradiance_w_m2": 300.0}
    async with _running(station, tmp_path) as client:
        await client.subscribe("demo/weather1/state")
        body = await _body(client, lambda _: True)
        assert body["air"] == {"temperature_c": 18.0, "wet_bulb_c": 12.0}
        station.fault = Fault.SILENT
        station.readings["outdoor_c"] = 99.0
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                async for message in client.messages:
                    assert isinstance(message.payload, bytes)
                    assert json.loads(message.payload)["air"]["temperature_c"] == 18.0


def test_a_value_without_reading_is_not_published(field_device: Build) -> None:
    assert bodies(field_device("weather1")) == {}


async def test_a_taken_broker_port_is_one_clear_sentence(field_device: Build, tmp_path: Path) -> None:
    at = field_device("pv1").device.connection
    assert isinstance(at, Mqtt)
    async with field_broker(at.host, at.port, tmp_path / "one"):
        with pytest.raises(ConfigError, match="Field broker cannot use"):
            async with field_broker(at.host, at.port, tmp_path / "two"):
                pass
