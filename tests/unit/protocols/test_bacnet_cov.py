"""Changes told by real bacpypes3 devices: subscribed, renewed, refused, silent, cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bacpypes3.apdu import APDU, RejectPDU, SimpleAckPDU
from bacpypes3.app import Application
from typing_extensions import override

from protocols.driver import GiveWay
from protocols.drivers.bacnet import cov
from protocols.drivers.bacnet.driver import BacnetDriver
from protocols.drivers.bacnet.services import Notice, subscribe_cov
from protocols.drivers.bacnet.tags import ObjectId
from protocols.errors import DeviceUnreachableError
from protocols.quality import Quality
from tests.unit.protocols.bacnet_devices import analog_input, driver_at, inputs, place, served, usual_objects

pytestmark = pytest.mark.net
POINTS = inputs(3, cov=True)


class Telling(Application):  # type: ignore[misc]  # bacpypes3 carries no types
    """Counts reads of points and keeps the subscriptions asked for."""

    @override
    async def indication(self, apdu: APDU) -> None:
        self.__dict__.setdefault("asked", []).append(apdu)
        await super().indication(apdu)

    def reads(self) -> int:
        """How many objects were read in lists."""
        return sum(len(one.listOfReadAccessSpecs) for one in self.named("ReadPropertyMultipleRequest"))

    def named(self, kind: str) -> list[APDU]:
        """Requests of one kind."""
        return [one for one in self.__dict__.get("asked", []) if type(one).__name__ == kind]


class WithoutCov(Telling):
    """Does not know SubscribeCOV."""

    async def do_SubscribeCOVRequest(self, apdu: APDU) -> None:  # noqa: N802  bacpypes3 calls it so
        await self.response(RejectPDU(reason=9, context=apdu))


class OnlyUnconfirmed(Telling):
    """Refuses confirmed notifications."""

    async def do_SubscribeCOVRequest(self, apdu: APDU) -> None:  # noqa: N802  bacpypes3 calls it so
        if apdu.issueConfirmedNotifications:
            await self.response(RejectPDU(reason=6, context=apdu))
        else:
            await super().do_SubscribeCOVRequest(apdu)


class Empty(Telling):
    """Accepts a subscription and never tells anything."""

    async def do_SubscribeCOVRequest(self, apdu: APDU) -> None:  # noqa: N802  bacpypes3 calls it so
        await self.response(SimpleAckPDU(context=apdu))


class Ignoring(Telling):
    """Leaves SubscribeCOV without an answer."""

    async def do_SubscribeCOVRequest(self, apdu: APDU) -> None:  # noqa: N802  bacpypes3 calls it so
        del apdu


async def until(driver: BacnetDriver, done: Callable[[], bool]) -> None:
    """Poll until it is so; the test's time limit ends a vain wait."""
    while not done():
        await driver.read(POINTS)
        await asyncio.sleep(0.01)


def subscribed(driver: BacnetDriver) -> int:
    assert driver._changes is not None
    return len(driver._changes.subscribed)


@pytest.mark.parametrize("kind", [Telling, OnlyUnconfirmed])
async def test_a_change_comes_without_being_read(kind: type[Telling]) -> None:
    objects = usual_objects(3)
    with served(objects, kind) as (port, app):
        async with driver_at(port, cov_lifetime_s=300) as driver:
            await until(driver, lambda: subscribed(driver) == 3)
            driver._reader._most = 1  # one object a poll is looked at, in turn
            objects[0].presentValue, objects[1].presentValue, objects[2].presentValue = 1.5, 2.5, 3.5
            await asyncio.sleep(0.05)
            before = app.reads()
            reading = await driver.read(POINTS)
            assert reading.values.tolist() == [1.5, 2.5, 3.5]
            assert not reading.qualities.any()
            assert app.reads() == before  # single reads only, of one object
    assert {bool(one.issueConfirmedNotifications) for one in app.named("SubscribeCOVRequest")} >= {
        kind is Telling
    }


async def test_points_that_are_not_marked_are_polled_beside() -> None:
    objects = usual_objects(3)
    mixed = [*inputs(2, cov=True), inputs(3)[2]]
    with served(objects, Telling) as (port, app):
        async with driver_at(port, cov_lifetime_s=300) as driver:
            while subscribed(driver) < 2:
                await driver.read(mixed)
                await asyncio.sleep(0.01)
            objects[2].presentValue = -3.0
            assert (await driver.read(mixed)).values.tolist() == [10.0, 20.0, -3.0]
    assert {tuple(map(int, one.monitoredObjectIdentifier)) for one in app.named("SubscribeCOVRequest")} == {
        (0, 1), (0, 2),
    }  # fmt: skip


async def test_subscriptions_are_renewed_at_half_their_lifetime() -> None:
    with served(usual_objects(3), Telling) as (port, app):
        async with driver_at(port, cov_lifetime_s=60) as driver:
            await until(driver, lambda: subscribed(driver) == 3)
            assert driver._changes is not None
            for sub in driver._changes._live.values():
                assert sub.renew_s - sub.made_s == pytest.approx(30.0, abs=1.0)
                sub.renew_s = sub.made_s
            await driver.read(POINTS)
            assert all(sub.renew_s > sub.made_s + 29.0 for sub in driver._changes._live.values())
            assert subscribed(driver) == 3
    lasting = [one for one in app.named("SubscribeCOVRequest") if one.lifetime is not None]
    assert len(lasting) == 6
    assert len({one.subscriberProcessIdentifier for one in lasting}) == 1


@pytest.mark.parametrize("kind", [WithoutCov, Empty, Ignoring])
async def test_a_device_that_refuses_or_says_nothing_is_polled(
    kind: type[Telling], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cov, "FIRST_NOTICE_S", 0.05)
    objects = usual_objects(3)
    with served(objects, kind) as (port, app):
        async with driver_at(port, cov_lifetime_s=300, timeout_s=0.2) as driver:
            await driver.read(POINTS)
            await asyncio.sleep(0.05)
            for at in range(3):
                objects[0].presentValue = 100.0 + at
                reading = await driver.read(POINTS)
                assert reading.values.tolist() == [100.0 + at, 20.0, 30.0]
            assert subscribed(driver) == 0
            asked = len(app.named("SubscribeCOVRequest"))
            await driver.read(POINTS)
            assert len(app.named("SubscribeCOVRequest")) == asked


async def test_a_device_that_forgot_its_subscriptions_is_found_out() -> None:
    objects = usual_objects(3)
    with served(objects, Telling) as (port, app):
        async with driver_at(port, cov_lifetime_s=300) as driver:
            await until(driver, lambda: subscribed(driver) == 3)
            for detection in list(app._cov_detections.values()):
                for one in list(detection.cov_subscriptions):
                    app.cancel_subscription(one)
            for at in range(6):
                objects[0].presentValue = 200.0 + at
                await driver.read(POINTS)
            assert (await driver.read(POINTS)).values[0] == 205.0
            assert subscribed(driver) == 2


async def test_a_device_that_dies_is_bad_although_nothing_changed() -> None:
    with served(usual_objects(3), Telling) as (port, app):
        async with driver_at(port, cov_lifetime_s=300, timeout_s=0.1) as driver:
            await until(driver, lambda: subscribed(driver) == 3)
            app.close()
            with pytest.raises(DeviceUnreachableError):
                await driver.read(POINTS)


async def test_a_fault_told_by_a_notification_is_a_quality() -> None:
    objects = [analog_input(at, 10.0 * at, reliability="noFaultDetected") for at in (1, 2, 3)]
    with served(objects, Telling) as (port, app):
        async with driver_at(port, cov_lifetime_s=300) as driver:
            await until(driver, lambda: subscribed(driver) == 3)
            driver._reader._most = 1
            assert driver._changes is not None
            driver._changes._turn = 1  # the next poll looks at the third
            before = app.reads()
            objects[1].statusFlags = [0, 1, 0, 0]
            objects[1].presentValue = 21.0  # bacpypes3 tells flags only with a value
            await asyncio.sleep(0.05)
            reading = await driver.read(POINTS)
            assert reading.qualities.tolist() == [0, Quality.BAD_DEVICE, 0]
            assert app.reads() == before


async def test_the_end_cancels_what_was_subscribed() -> None:
    with served(usual_objects(3), Telling) as (port, app):
        async with driver_at(port, cov_lifetime_s=300) as driver:
            await until(driver, lambda: subscribed(driver) == 3)
            made = len(app.named("SubscribeCOVRequest"))
        await asyncio.sleep(0.05)
        gone = app.named("SubscribeCOVRequest")[made:]
        assert [one.lifetime for one in gone] == [None] * 3
        assert not app._cov_detections


async def test_a_notification_of_somebody_else_changes_nothing() -> None:
    with served(usual_objects(3), Telling) as (port, _):
        async with driver_at(port, cov_lifetime_s=300) as driver:
            await until(driver, lambda: subscribed(driver) == 3)
            changes: Any = driver._changes
            foreign = Notice(changes._process, 99, ObjectId(0, 1), 60, 666.0, 0)
            assert not changes._notified(changes._peer, foreign)
            assert not changes._notified(changes._peer._replace(port=1), foreign._replace(device=3001))
            assert not changes._notified(changes._peer, foreign._replace(device=3001, process=0))
            assert (await driver.read(POINTS)).values[0] == 10.0


def test_the_configuration_bounds_the_lifetime() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 60"):
        place(1, cov_lifetime_s=5)
    assert subscribe_cov(1, ObjectId(0, 1), 60, confirmed=True).endswith(b"\x29\x01\x39\x3c")


class Forgetful(GiveWay):
    """A line on which a write goes between that finds the device away."""

    def __init__(self, driver: BacnetDriver) -> None:
        self._driver = driver

    @override
    def wanted(self) -> bool:
        return True

    @override
    async def give_way(self) -> None:
        assert self._driver._changes is not None
        self._driver._changes.forget()


async def test_a_read_that_is_overtaken_by_a_loss_of_the_device_still_ends() -> None:
    with served(usual_objects(3), Telling) as (port, _):
        async with driver_at(port, cov_lifetime_s=300) as driver:
            await until(driver, lambda: subscribed(driver) == 3)
            driver._reader._most = 1
            driver.share(Forgetful(driver))
            reading = await driver.read(POINTS)
            assert reading.values.tolist() == [10.0, 20.0, 30.0]
            assert subscribed(driver) == 0
