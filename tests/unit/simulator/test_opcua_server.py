"""The OPC UA server asked by asyncua's own client over a real socket."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaStatusCodeError

from protocols.device import OpcUa
from protocols.errors import ConfigError
from runtime.clock import VirtualClock
from simulator.device import Fault, FieldDevice
from simulator.servers.opcua import opcua_server

pytestmark = pytest.mark.net
Build = Callable[[str], FieldDevice]


@asynccontextmanager
async def _client(device: FieldDevice, timeout_s: float = 4.0) -> AsyncIterator[Client]:
    at = device.device.connection
    assert isinstance(at, OpcUa)
    client = Client(at.url, timeout=timeout_s)
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


async def test_variables_hold_the_readings_in_the_makers_sign(field_device: Build) -> None:
    engine = field_device("chp1")
    engine.readings |= {"power_kw": -180.5, "state_code": 2.0}
    async with opcua_server(engine) as server, _client(engine) as client:
        await server.refresh()
        assert await client.get_node("ns=2;s=Engine.Power").read_value() == 180.5
        assert await client.get_node("ns=2;s=Engine.State").read_value() == 2


async def test_a_set_point_is_followed_and_falls_back_after_six_seconds(
    field_device: Build, clock: VirtualClock
) -> None:
    battery = field_device("battery1")
    async with opcua_server(battery), _client(battery) as client:
        node = client.get_node("ns=2;s=Pcs.PowerSet")
        wanted = ua.DataValue(ua.Variant(-120.0, ua.VariantType.Double))
        await node.write_value(wanted)
        assert battery.followed() == {"power_set_kw": -120.0}
        clock.advance(4.0)
        await node.write_value(wanted)  # an equal value feeds the watchdog too
        clock.advance(4.0)
        assert await node.read_value() == -120.0
        clock.advance(2.0)
        assert await node.read_value() == 0.0


async def test_a_measured_variable_refuses_a_write(field_device: Build) -> None:
    battery = field_device("battery1")
    async with opcua_server(battery), _client(battery) as client:
        with pytest.raises(UaStatusCodeError):
            await client.get_node("ns=2;s=Pcs.Power").write_value(
                ua.DataValue(ua.Variant(1.0, ua.VariantType.Double))
            )


async def test_a_silent_device_does_not_answer(field_device: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.servers.opcua._REFRESH_S", 0.02)
    boiler = field_device("boiler1")
    async with opcua_server(boiler), _client(boiler, timeout_s=0.3) as client:
        boiler.fault = Fault.SILENT
        with pytest.raises(TimeoutError):
            await client.get_node("ns=2;s=Boiler.Heat").read_value()
        boiler.fault = Fault.NONE


async def test_a_taken_port_is_one_clear_sentence(field_device: Build) -> None:
    boiler = field_device("boiler1")
    async with opcua_server(boiler):
        with pytest.raises(ConfigError, match="OPC UA server of boiler1 cannot use"):
            async with opcua_server(boiler):
                pass
