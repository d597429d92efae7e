"""Reading from real bacpypes3 devices of many tempers: large, small, without the service, with faults."""

from __future__ import annotations

import asyncio
import logging
import random
import struct
from collections import Counter

import numpy as np
import pytest
from bacpypes3.apdu import APDU, AbortPDU, RejectPDU
from bacpypes3.app import Application

from edge_agent.lines import line_key
from edge_agent.turns import Turns
from protocols.config import Text
from protocols.device import Device, EdgeDevices
from protocols.drivers.bacnet import polls
from protocols.drivers.bacnet.client import BacnetClient
from protocols.drivers.bacnet.driver import BacnetDriver, connection_of
from protocols.drivers.bacnet.packet import Service
from protocols.errors import BadAnswerError, ConfigError, DeviceUnreachableError, PointUnreadableError
from protocols.quality import Quality
from tests.unit.protocols.bacnet_devices import (
    Counting,
    WithoutMultiple,
    analog_input,
    driver_at,
    framed,
    inputs,
    place,
    point,
    request_of,
    scripted,
    served,
    usual_objects,
)

pytestmark = pytest.mark.net
MULTIPLE = "ReadPropertyMultipleRequest"
SINGLE = "ReadPropertyRequest"


class SmallAnswers(Counting):
    """A device that aborts what asks for more than 5 objects: its answer would not fit."""

    async def do_ReadPropertyMultipleRequest(self, apdu: APDU) -> None:  # noqa: N802  bacpypes3 calls it so
        if len(apdu.listOfReadAccessSpecs) > 5:
            await self.response(AbortPDU(srv=True, reason=4, context=apdu))
        else:
            await super().do_ReadPropertyMultipleRequest(apdu)


class AllOrNothing(Counting):
    """A device that refuses the whole request when one object is unknown."""

    async def do_ReadPropertyMultipleRequest(self, apdu: APDU) -> None:  # noqa: N802  bacpypes3 calls it so
        if any(self.get_object_id(spec.objectIdentifier) is None for spec in apdu.listOfReadAccessSpecs):
            await self.response(RejectPDU(reason=2, context=apdu))
        else:
            await super().do_ReadPropertyMultipleRequest(apdu)


def asked(app: Application) -> Counter[str]:
    counted: Counter[str] = app.__dict__["asked"]
    return counted


async def test_a_thousand_octets_hold_forty_two_points_with_their_flags() -> None:
    with served(usual_objects(100), Counting) as (port, app):
        async with driver_at(port) as driver:
            for _ in range(2):
                reading = await driver.read(inputs(100))
                assert reading.values.tolist() == [10.0 * at for at in range(1, 101)]
                assert not reading.qualities.any()
    assert asked(app)[MULTIPLE] == 2 * 3  # bacpypes3 says 1,024 octets: 42 + 42 + 16


async def test_a_changed_value_is_seen_by_the_fast_way() -> None:
    objects = usual_objects(3)
    with served(objects) as (port, _):
        async with driver_at(port) as driver:
            await driver.read(inputs(3))
            objects[1].presentValue = -77.25
            objects[2].presentValue = float("nan")
            reading = await driver.read(inputs(3))
    assert np.array_equal(reading.values, [10.0, -77.25, np.nan], equal_nan=True)
    assert reading.qualities.tolist() == [0, 0, Quality.BAD_NOT_AVAILABLE]


async def test_a_device_without_the_service_is_read_point_by_point_and_asked_no_more() -> None:
    points = [*inputs(3), point("gone_kw", "analog-input", 99)]
    with served(usual_objects(3), WithoutMultiple) as (port, app):
        async with driver_at(port) as driver:
            for _ in range(2):
                reading = await driver.read(points)
                assert reading.values.tolist()[:3] == [10.0, 20.0, 30.0]
                assert reading.qualities.tolist() == [0, 0, 0, Quality.BAD_REFUSED]
    assert asked(app)[MULTIPLE] == 1


async def test_answers_that_do_not_fit_make_the_requests_smaller_for_good() -> None:
    with served(usual_objects(20), SmallAnswers) as (port, app):
        async with driver_at(port) as driver:
            for _ in range(3):
                reading = await driver.read(inputs(20))
                assert reading.values.tolist() == [10.0 * at for at in range(1, 21)]
            before = asked(app)[MULTIPLE]
            await driver.read(inputs(20))
            assert asked(app)[MULTIPLE] - before == 4


async def test_an_object_that_spoils_its_request_stands_apart_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polls, "ASKED_AGAIN_EACH", 3)
    points = [*inputs(6), point("gone_kw", "analog-input", 99)]
    with served(usual_objects(6), AllOrNothing) as (port, app):
        async with driver_at(port) as driver:
            reading = await driver.read(points)
            assert reading.qualities.tolist() == [0] * 6 + [Quality.BAD_REFUSED]
            before = asked(app)[MULTIPLE]
            reading = await driver.read(points)
            assert asked(app)[MULTIPLE] - before == 1
            assert reading.values.tolist()[:6] == [10.0 * at for at in range(1, 7)]
            app.add_object(analog_input(99, 990.0))
            values = [(await driver.read(points)).values[6] for _ in range(3)]
            assert values[-1] == 990.0
            before = asked(app)[MULTIPLE]
            await driver.read(points)
            assert asked(app)[MULTIPLE] - before == 1


async def test_requests_grow_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "GROWS_EACH", 4)
    with served(usual_objects(20), SmallAnswers) as (port, app):
        async with driver_at(port) as driver:
            await driver.read(inputs(20))
            assert driver._reader.most <= 10
            app.__class__ = Counting
            for _ in range(8):
                assert (await driver.read(inputs(20))).values[19] == 200.0
            assert driver._reader.most > 10


async def test_faults_are_bad_with_their_reason_told_once(caplog: pytest.LogCaptureFixture) -> None:
    objects = [
        analog_input(1, 1.0),
        analog_input(2, 2.0, statusFlags=[0, 1, 0, 0], reliability="openLoop"),
        analog_input(3, 3.0, statusFlags=[0, 1, 0, 0], reliability="communicationFailure"),
        analog_input(4, 4.0, statusFlags=[0, 0, 0, 1], outOfService=True),
        analog_input(5, 5.0, statusFlags=[1, 0, 0, 0]),
    ]
    with caplog.at_level(logging.WARNING), served(objects) as (port, _):
        async with driver_at(port) as driver:
            for _ in range(3):
                await driver.read(inputs(5))
            reading = await driver.read(inputs(5))
            objects[1].reliability, objects[1].statusFlags = "noFaultDetected", [0, 0, 0, 0]
            good = await driver.read(inputs(5))
    told = [Quality.BAD_DEVICE, Quality.BAD_UNREACHABLE, Quality.UNCERTAIN_DEVICE]
    assert reading.qualities.tolist() == [0, *told, 0]
    assert reading.values[4] == 5.0
    assert good.qualities.tolist() == [0, 0, *told[1:], 0]
    assert [record.message for record in caplog.records if "fault" in record.message] == [
        "device 3001/p2_kw has a fault: open loop",
        "device 3001/p3_kw has a fault: communication failure",
    ]


def identity(data: bytes) -> bytes | None:
    """Answer to what the driver asks first; None for anything else."""
    invoke, service, body = request_of(data)
    if service != Service.READ_PROPERTY or body[6] != 75:
        return None
    return framed(bytes((0x30, invoke, service)) + body + b"\x3e\xc4" + body[1:5] + b"\x3f")


async def test_an_answer_for_other_objects_is_bad_and_nothing_of_it_is_used() -> None:
    def shifted(data: bytes) -> list[bytes]:
        invoke, service, _ = request_of(data)
        if service != Service.READ_PROPERTY_MULTIPLE:
            return [identity(data) or framed(bytes((0x50, invoke, service)) + b"\x91\x02\x91\x20")]
        rows = b"".join(
            b"\x0c" + struct.pack(">I", at) + b"\x1e\x29\x55\x4e\x44\x3f\x80\x00\x00\x4f"
            b"\x29\x6f\x4e\x82\x04\x00\x4f\x1f"
            for at in (2, 1)
        )
        return [framed(bytes((0x30, invoke, service)) + rows)]

    async with scripted(shifted) as (port, _), driver_at(port) as driver:
        with pytest.raises(BadAnswerError, match="another object"):
            await driver.read(inputs(2))


async def test_a_device_that_falls_silent_is_identified_again() -> None:
    silent = False

    def moody(data: bytes) -> list[bytes]:
        invoke, service, _ = request_of(data)
        return [] if silent else [identity(data) or framed(bytes((0x60, invoke, 9)) if service else b"")]

    async with scripted(moody) as (port, device), driver_at(port, timeout_s=0.1) as driver:
        first = len(device.got)
        await driver.open()
        assert len(device.got) == first
        silent = True
        with pytest.raises(DeviceUnreachableError):
            await driver.read(inputs(2))
        silent = False
        await driver.open()
        assert len(device.got) > first + 2


async def test_a_write_without_an_answer_is_sent_once_and_told() -> None:
    def mute(data: bytes) -> list[bytes]:
        told = identity(data)
        return [told] if told else []

    async with scripted(mute) as (port, device):
        driver = BacnetDriver(BacnetClient(), place(port, timeout_s=0.1, resends=3))
        with pytest.raises(DeviceUnreachableError):
            await driver.write(point("set_kw", "analog-value", 1, commandable=True), 5.0)
        await driver.close()
    assert [request_of(data)[1] for data in device.got] == [Service.WRITE_PROPERTY]


async def test_a_slot_of_nan_is_not_taken_for_an_empty_one() -> None:
    def nan(data: bytes) -> list[bytes]:
        invoke, service, body = request_of(data)
        return [framed(bytes((0x30, invoke, service)) + body + b"\x3e\x44\x7f\xc0\x00\x00\x3f")]

    async with scripted(nan) as (port, _):
        driver = BacnetDriver(BacnetClient(), place(port))
        with pytest.raises(PointUnreadableError, match="no set-point"):
            await driver.read_back(point("set_kw", "analog-value", 1, commandable=True))
        await driver.close()


def test_devices_behind_one_router_share_their_line_and_need_both_parts_of_their_address() -> None:
    def device(name: str, **more: object) -> Device:
        return Device(id=name, label=Text(en=name, zh=name), profile="x", connection=place(47808, **more))

    near, one, two = device("a"), device("b", network=5, mac="0a"), device("c", network=5, mac="0b")
    assert line_key(one) == line_key(two) != line_key(near)
    EdgeDevices(site="demo", edge="edge1", devices=(near, one, two))
    with pytest.raises(ValueError, match="share the address"):
        EdgeDevices(site="demo", edge="edge1", devices=(one, device("d", network=5, mac="0a")))
    with pytest.raises(ValueError, match="needs both"):
        place(47808, network=5)


def test_a_host_name_is_refused_with_the_devices_name() -> None:
    at = place(47808).model_copy(update={"host": "ahu.local"})
    with pytest.raises(ConfigError, match=r"'ahu': host 'ahu\.local' must be an IPv4 address"):
        connection_of(Device(id="ahu", label=Text(en="a", zh="a"), profile="x", connection=at))


class Hostile:
    """Holds 100 times the poll plus the instance; answers late, twice, shuffled, cut, to other ids."""

    def __init__(self, seed: int) -> None:
        self.poll = 0
        self.late: list[bytes] = []
        self.dice = random.Random(seed)  # noqa: S311  the same mischief each time

    def __call__(self, data: bytes) -> list[bytes]:
        invoke, service, body = request_of(data)
        if service != Service.READ_PROPERTY_MULTIPLE:
            return [identity(data) or framed(bytes((0x50, invoke, service)) + b"\x91\x02\x91\x20")]
        names = [body[at : at + 5] for at in range(0, len(body), 11)]
        true = self.answer(invoke, names)
        kept, self.late = self.late, []
        mischief = {
            1: [true, true],
            2: [self.answer(invoke, names[::-1])],
            3: [true[: self.dice.randrange(len(true))], true],
            4: [self.answer((invoke + 1) % 256, names), true],
            5: [self.answer(invoke, names[:-1])],
        }
        kind = self.dice.randrange(8)
        if kind == 0:
            self.late.append(true)
            return kept
        return [*kept, *mischief.get(kind, [true])]

    def answer(self, invoke: int, names: list[bytes]) -> bytes:
        rows = b"".join(
            name + b"\x1e\x29\x55\x4e\x44" + struct.pack(">f", 100 * self.poll + name[4])
            + b"\x4f\x29\x6f\x4e\x82\x04\x00\x4f\x1f"
            for name in names
        )  # fmt: skip
        return framed(bytes((0x30, invoke, Service.READ_PROPERTY_MULTIPLE)) + rows)


async def test_no_mischief_of_a_device_puts_a_value_at_another_point_or_time() -> None:
    device, points, good = Hostile(7), inputs(30), 0
    async with scripted(device) as (port, _), driver_at(port, timeout_s=0.02, resends=0) as driver:
        for poll in range(300):
            device.poll = poll
            try:
                await driver.open()
                reading = await driver.read(points)
            except (BadAnswerError, DeviceUnreachableError):
                continue
            assert not reading.qualities.any()
            assert reading.values.tolist() == [100 * poll + at for at in range(1, 31)]
            good += 1
    assert 100 < good < 250


async def test_a_write_goes_between_the_requests_of_a_long_read() -> None:
    ended = []
    with served(usual_objects(60), SmallAnswers) as (port, app):
        async with driver_at(port) as driver:
            line = Turns()
            driver.share(line)
            await driver.read(inputs(60))
            before = asked(app)[MULTIPLE]

            async def read() -> None:
                await line.take("read", urgent=False)
                assert (await driver.read(inputs(60))).values[59] == 600.0
                line.let_go("read")
                ended.append(("read", asked(app)[MULTIPLE] - before))

            async def write() -> None:
                while asked(app)[MULTIPLE] < before + 2:
                    await asyncio.sleep(0)
                await line.take("write", urgent=True)
                await driver.write(point("set_kw", "analog-value", 1, commandable=True), 5.0)
                line.let_go("write")
                ended.append(("write", asked(app)[MULTIPLE] - before))

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(read())
                tasks.create_task(write())
    assert [name for name, _ in ended] == ["write", "read"]
    assert ended[0][1] < ended[1][1]
