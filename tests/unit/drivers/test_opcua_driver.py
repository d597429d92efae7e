"""The OPC UA driver against a real asyncua server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes

from protocols.config import Text
from protocols.device import OpcUa
from protocols.drivers.opcua.driver import OpcuaDriver, encode_variant
from protocols.errors import DeviceRefusedError, DeviceUnreachableError, PointUnreadableError
from protocols.profile import OpcuaAddress, PointSpec
from protocols.quality import Quality
from runtime.children import free_port

pytestmark = pytest.mark.net


def point(name: str, kind: str = "double", **more: object) -> PointSpec:
    where = OpcuaAddress.model_validate({"node": f"ns=2;s={name}", "type": kind})
    return PointSpec.model_validate(
        {"name": name, "label": Text(en=name, zh=name), "unit": "kW", "address": where, **more}
    )


POWER, SET, LOCKED, GONE = (point(name) for name in ("power_kw", "set_kw", "locked_kw", "gone_kw"))
STATE = point("state_kw", "int32", scale=0.5)


@asynccontextmanager
async def server(port: int) -> AsyncIterator[Server]:
    made = Server()
    await made.init()
    made.set_endpoint(f"opc.tcp://127.0.0.1:{port}/test")
    made.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await made.register_namespace("urn:test")
    values = {POWER: (12.5, ua.VariantType.Double), SET: (0.0, ua.VariantType.Double),
              LOCKED: (1.0, ua.VariantType.Double), STATE: (6, ua.VariantType.Int32)}  # fmt: skip
    for spec, (value, kind) in values.items():
        node = await made.nodes.objects.add_variable(
            ua.NodeId.from_string(f"ns={index};s={spec.name}"), spec.name, value, kind
        )
        if spec in {SET, STATE}:
            await node.set_writable()
    async with made:
        yield made


@asynccontextmanager
async def driver_at(port: int) -> AsyncIterator[OpcuaDriver]:
    driver = OpcuaDriver(OpcUa(url=f"opc.tcp://127.0.0.1:{port}/test", timeout_s=1.0))
    try:
        yield driver
    finally:
        await driver.close()


async def test_one_request_reads_all_and_a_bad_node_is_bad_alone() -> None:
    port = free_port()
    async with server(port), driver_at(port) as driver:
        reading = await driver.read([POWER, GONE, STATE])
    assert np.array_equal(reading.values, [12.5, np.nan, 3.0], equal_nan=True)
    assert reading.qualities.tolist() == [0, Quality.BAD_REFUSED, 0]


async def test_the_status_of_the_server_becomes_the_quality() -> None:
    port = free_port()
    async with server(port) as served, driver_at(port) as driver:
        for code, quality in (
            (StatusCodes.BadSensorFailure, Quality.BAD_DEVICE),
            (StatusCodes.BadWaitingForInitialData, Quality.BAD_NOT_AVAILABLE),
            (StatusCodes.UncertainLastUsableValue, Quality.UNCERTAIN_DEVICE),
        ):
            value = ua.DataValue(ua.Variant(1.0, ua.VariantType.Double), ua.StatusCode(ua.UInt32(code)))
            await served.get_node("ns=2;s=power_kw").write_value(value)
            assert (await driver.read([POWER])).qualities.tolist() == [quality]


async def test_what_is_written_is_read_back_with_the_server_s_type() -> None:
    port = free_port()
    async with server(port), driver_at(port) as driver:
        await driver.write(SET, -50.0)
        await driver.write(STATE, 4.0)
        assert await driver.read_back(SET) == -50.0
        assert await driver.read_back(STATE) == 4.0


async def test_what_cannot_be_written_is_refused_and_the_session_stays() -> None:
    port = free_port()
    async with server(port), driver_at(port) as driver:
        for spec in (LOCKED, GONE):
            with pytest.raises(DeviceRefusedError):
                await driver.write(spec, 1.0)
        with pytest.raises(PointUnreadableError):
            await driver.read_back(GONE)
        assert (await driver.read([POWER])).values.tolist() == [12.5]


async def test_a_server_that_was_restarted_is_read_again() -> None:
    port = free_port()
    async with driver_at(port) as driver:
        async with server(port):
            await driver.read([POWER])
        with pytest.raises(DeviceUnreachableError):
            await driver.read([POWER])
        async with server(port):
            assert (await driver.read([POWER])).values.tolist() == [12.5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2.0**40])
def test_a_value_that_does_not_fit_the_type_is_never_written(value: float) -> None:
    with pytest.raises(DeviceRefusedError):
        encode_variant(STATE, value)
