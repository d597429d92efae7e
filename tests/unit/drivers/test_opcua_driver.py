"""The OPC UA driver against a real asyncua server on loopback."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.callback import CallbackType, ServerItemCallback
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import BadTooManyOperations
from pydantic import ValidationError

from protocols.config import Text
from protocols.device import Device, EdgeDevices, OpcUa
from protocols.driver import Surroundings
from protocols.drivers.opcua.codec import encode_variant, quality_of_status
from protocols.drivers.opcua.driver import OpcuaDriver
from protocols.errors import DeviceRefusedError, DeviceUnreachableError, PointUnreadableError
from protocols.profile import OpcuaAddress, PointSpec
from protocols.quality import Quality
from protocols.source_time import LATEST_NS
from runtime.children import free_port
from runtime.clock import SystemClock
from tests.unit.drivers.listening import listening

pytestmark = pytest.mark.net
CAPTURES = Path(__file__).parents[2] / "captures" / "opcua"


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


def now_ns() -> int:
    return SystemClock().now().wall_ns


@asynccontextmanager
async def driver_at(port: int, publish_s: float | None = None) -> AsyncIterator[OpcuaDriver]:
    place = OpcUa(url=f"opc.tcp://127.0.0.1:{port}/test", timeout_s=1.0, publish_s=publish_s)
    driver = OpcuaDriver(place, Surroundings(Path("no_such_folder"), now_ns, str))
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


async def test_bytes_of_the_wire_grow_with_each_read_and_over_sessions() -> None:
    port = free_port()
    async with server(port), driver_at(port) as driver:
        seen = []
        for _ in range(2):
            await driver.read([POWER, STATE])
            seen.append((driver.traffic().sent_bytes, driver.traffic().heard_bytes))
        await driver.close()
        await driver.read([POWER])
        seen.append((driver.traffic().sent_bytes, driver.traffic().heard_bytes))
    sent, heard = zip(*seen, strict=True)
    assert 0 < sent[0] < sent[1] < sent[2]
    assert 0 < heard[0] < heard[1] < heard[2]


async def test_the_status_of_the_server_becomes_the_quality() -> None:
    port = free_port()
    async with server(port) as served, driver_at(port) as driver:
        for code, quality in (
            (StatusCodes.BadSensorFailure, Quality.BAD_DEVICE),
            (StatusCodes.BadWaitingForInitialData, Quality.BAD_NOT_AVAILABLE),
            (StatusCodes.UncertainLastUsableValue, Quality.UNCERTAIN_STALE),
            (StatusCodes.UncertainSensorNotAccurate, Quality.UNCERTAIN_DEVICE),
            (StatusCodes.BadNoCommunication, Quality.BAD_UNREACHABLE),
            (StatusCodes.GoodLocalOverride, Quality.UNCERTAIN_DEVICE),
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


async def test_a_write_without_an_answer_is_sent_once() -> None:
    port, heard, go_on = free_port(), [], asyncio.Event()

    async def hold(event: ServerItemCallback, _service: object) -> None:
        if event.is_external:
            heard.append(event)
            await go_on.wait()

    async with server(port) as served, driver_at(port) as driver:
        await driver.read([SET])
        served.subscribe_server_callback(CallbackType.PreWrite, hold)
        with pytest.raises(DeviceUnreachableError):
            await driver.write(SET, 5.0)
        go_on.set()
        assert (await driver.read([POWER])).values.tolist() == [12.5]
        assert len(heard) == 1


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


def test_the_information_bits_of_a_status_do_not_hide_its_meaning() -> None:
    assert quality_of_status(StatusCodes.BadNodeIdUnknown | 0x0480) is Quality.BAD_REFUSED
    assert quality_of_status(0x00000680) is Quality.GOOD


async def test_the_source_time_is_kept_as_the_server_tells_it() -> None:
    port = free_port()
    async with server(port) as served, driver_at(port) as driver:
        node = served.get_node("ns=2;s=power_kw")
        at = dt.datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=dt.UTC)
        far = at.replace(year=2200)
        seen = []
        for stamp in (at, far, at.replace(year=1999), at.replace(year=1601)):
            one = ua.DataValue(ua.Variant(1.0, ua.VariantType.Double), SourceTimestamp=stamp)  # type: ignore[arg-type]  # the library takes a plain datetime
            await served.iserver.aspace.write_attribute_value(node.nodeid, AttributeIds.Value, one)
            reading = await driver.read([POWER, GONE])
            assert reading.source_ns is not None
            seen.append(reading.source_ns.tolist())
    assert seen == [[1_772_366_400_250_000_000, 0], [LATEST_NS, 0], [920_289_600_250_000_000, 0], [0, 0]]


async def test_no_batch_is_larger_than_the_server_takes() -> None:
    port = free_port()
    sizes: list[int] = []

    async def refuse_more_than_two(event: ServerItemCallback, _service: object) -> None:
        if event.is_external:
            sizes.append(len(event.request_params.NodesToRead))
            if sizes[-1] > 2:
                raise BadTooManyOperations

    async with server(port) as served, driver_at(port) as driver:
        limit = served.get_node(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead)
        await limit.write_value(ua.Variant(3, ua.VariantType.UInt32))
        await driver.read([POWER])
        served.subscribe_server_callback(CallbackType.PreRead, refuse_more_than_two)
        reading = await driver.read([POWER, GONE, STATE, SET, LOCKED])
        assert reading.qualities.tolist() == [0, Quality.BAD_REFUSED, 0, 0, 0]
        assert np.array_equal(reading.values, [12.5, np.nan, 3.0, 0.0, 1.0], equal_nan=True)
        assert max(sizes) == 3  # the limit it names; then it finds even that too many
        assert (await driver.read([POWER, STATE])).values.tolist() == [12.5, 3.0]


async def test_one_profile_serves_several_machines_behind_one_server() -> None:
    port = free_port()
    of_each = point("value_kw").model_copy(update={"address": OpcuaAddress(node="ns=2;s={base}_kw")})
    async with server(port):
        for base, value in (("power", 12.5), ("locked", 1.0)):
            place = OpcUa(url=f"opc.tcp://127.0.0.1:{port}/test", base=base)
            driver = OpcuaDriver(place, Surroundings(Path("no_such_folder"), now_ns, str))
            assert (await driver.read([of_each])).values.tolist() == [value]
            await driver.close()


def test_two_devices_of_one_server_differ_in_base_or_profile() -> None:
    def device(name: str, profile: str, base: str) -> Device:
        at = OpcUa(url="opc.tcp://plc:4840", base=base)
        return Device(id=name, label=Text(en="x", zh="x"), profile=profile, connection=at)

    several = (device("a", "p", "1"), device("b", "p", "2"), device("c", "q", "1"))
    assert len(EdgeDevices(site="demo", edge="edge1", devices=several).devices) == 3
    with pytest.raises(ValidationError, match="share the address"):
        EdgeDevices(site="demo", edge="edge1", devices=(*several, device("d", "q", "1")))


async def test_a_name_space_is_found_by_its_name() -> None:
    port = free_port()
    async with server(port), driver_at(port) as driver:
        named = point("power_kw").model_copy(
            update={"address": OpcuaAddress(node="nsu=urn:test;s=power_kw")},
        )
        others = [
            point(f"gone{number}_kw").model_copy(update={"address": OpcuaAddress(node=node)})
            for number, node in enumerate(("nsu=urn:other;s=power_kw", f"ns=2;g={'-' * 36}"))
        ]
        reading = await driver.read([*others, named])
    assert reading.qualities.tolist() == [Quality.BAD_REFUSED, Quality.BAD_REFUSED, 0]
    assert reading.values[2] == 12.5


async def test_changes_are_told_and_a_refused_item_is_read() -> None:
    port = free_port()
    reads: list[int] = []
    async with server(port) as served, driver_at(port, publish_s=0.05) as driver:
        await driver.read([POWER, GONE, STATE])

        async def count(event: ServerItemCallback, _service: object) -> None:
            if event.is_external:
                reads.append(len(event.request_params.NodesToRead))

        served.subscribe_server_callback(CallbackType.PreRead, count)
        node = served.get_node("ns=2;s=power_kw")
        async with asyncio.timeout(5):
            for value in (20.0, 21.0):
                await node.write_value(value)
                while (await driver.read([POWER])).values.tolist() != [value]:
                    await asyncio.sleep(0.01)
        reads.clear()
        reading = await driver.read([POWER, GONE, STATE])
    assert reading.values[[0, 2]].tolist() == [21.0, 3.0]
    assert reading.qualities.tolist() == [0, Quality.BAD_REFUSED, 0]
    assert reads == [1]  # the item that the server refused, alone


async def test_a_subscription_the_server_forgot_is_made_anew() -> None:
    port = free_port()
    async with server(port) as served, driver_at(port, publish_s=0.05) as driver:
        await driver.read([POWER])
        first = driver._subscription
        assert first is not None
        manager = served.iserver.subscription_service
        await manager.delete_subscriptions(list(manager.subscriptions))
        async with asyncio.timeout(15):
            while driver._subscription is first:
                assert (await driver.read([POWER])).values.tolist() == [12.5]
                await asyncio.sleep(0.02)
            await served.get_node("ns=2;s=power_kw").write_value(30.0)
            while (await driver.read([POWER])).values.tolist() != [30.0]:
                await asyncio.sleep(0.01)


async def test_after_a_restart_of_the_server_its_changes_are_told_again() -> None:
    port = free_port()
    async with driver_at(port, publish_s=0.05) as driver:
        async with server(port):
            await driver.read([POWER])
        with pytest.raises(DeviceUnreachableError):
            async with asyncio.timeout(10):
                while True:  # what was told stands no longer than the server is heard
                    await driver.read([POWER])
        async with server(port) as served:
            await driver.read([POWER])
            await served.get_node("ns=2;s=power_kw").write_value(40.0)
            async with asyncio.timeout(5):
                while (await driver.read([POWER])).values.tolist() != [40.0]:
                    await asyncio.sleep(0.01)
            assert driver._subscription is not None


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"ACKF" + bytes(24), b"\xff" * 200]
)
async def test_what_is_no_opc_ua_server_is_unreachable_and_nothing_worse(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.write(answer)

    async with listening(reply) as port, driver_at(port) as driver:
        for _ in range(2):
            with pytest.raises(DeviceUnreachableError):
                await driver.read([POWER])


@pytest.mark.parametrize(
    ("file", "qualities"),
    [("node_opcua_2_182_2", [0] * 8 + [134, 130]), ("open62541_o6_2_2_0", [0] * 6 + [130])],
)
async def test_bytes_of_another_implementation_are_read_as_they_were_meant(
    file: str, qualities: list[int]
) -> None:
    capture = json.loads((CAPTURES / f"{file}.json").read_text())
    answers = iter(bytes.fromhex(message) for message in capture["messages"])

    async def replay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One recorded message for each one that comes."""
        for answer in answers:
            head = await reader.readexactly(8)
            await reader.readexactly(int.from_bytes(head[4:], "little") - len(head))
            writer.write(answer)
        await reader.read()

    points = [
        point(f"{name.lower()}_kw").model_copy(
            update={"address": OpcuaAddress(node=f"ns={capture['space']};s={name}")}
        )
        for name in capture["names"]
    ]
    async with listening(replay) as port:
        place = OpcUa(url=f"opc.tcp://127.0.0.1:{port}/x")
        latest_ns = max(capture["source_ns"])
        driver = OpcuaDriver(place, Surroundings(Path("no_such_folder"), lambda: latest_ns, str))
        reading = await driver.read(points)
        await driver.close()
    told = [math.nan if value is None else value for value in capture["values"]]
    assert np.array_equal(reading.values, told, equal_nan=True)
    assert reading.qualities.tolist() == capture["qualities"] == qualities
    assert reading.source_ns is not None
    assert reading.source_ns.tolist() == capture["source_ns"]


async def test_a_subscription_that_breaks_again_and_again_is_left_alone() -> None:
    port = free_port()
    async with server(port), driver_at(port, publish_s=0.05) as driver:
        for _ in range(3):
            await driver.read([POWER])
            assert driver._subscription is not None
            driver._subscription._broken = True
        assert (await driver.read([POWER])).values.tolist() == [12.5]
        assert driver._subscription is None
