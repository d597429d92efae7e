"""Finding devices: directed ranges, through a real BBMD, lists that are long, cut short or refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from bacpypes3.app import Application
from bacpypes3.basetypes import IPMode
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject

from protocols.drivers.bacnet.discover import (
    Search,
    describe,
    find_devices,
    introduce,
    object_list,
    same_instance,
)
from protocols.drivers.bacnet.packet import Peer
from protocols.drivers.bacnet.properties import Asked, decode_asked
from protocols.drivers.bacnet.tags import ObjectId
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError
from protocols.links.udp import local_address
from tests.unit.protocols.bacnet_devices import (
    INSTANCE,
    WithoutMultiple,
    client,
    framed,
    request_of,
    scripted,
    served,
    usual_objects,
)

pytestmark = pytest.mark.net
WAIT_S = 0.1


def peer(port: int) -> Peer:
    return Peer("127.0.0.1", port)


async def test_a_directed_who_is_finds_those_in_its_range() -> None:
    with served([], instance=3001) as (one, _), served([], instance=4001) as (other, _):
        targets = (peer(one), peer(other))
        async with client() as asker:
            found = await find_devices(asker, Search(targets, wait_s=WAIT_S))
            assert [(each.said.instance, each.peer) for each in found] == [
                (3001, targets[0]),
                (4001, targets[1]),
            ]
            assert found[0].said.max_apdu == 1024
            some = await find_devices(asker, Search(targets, low=4000, high=4999, wait_s=WAIT_S))
            assert [each.said.instance for each in some] == [4001]
            known = await introduce(asker, found[0])
            assert (known.name, known.vendor, known.model) == ("d", "Maker", "M1")


async def test_one_instance_at_two_addresses_is_told() -> None:
    with served([]) as (one, _), served([]) as (other, _):
        async with client() as asker:
            found = await find_devices(asker, Search((peer(one), peer(other)), wait_s=WAIT_S))
    assert set(same_instance(found)[INSTANCE]) == {peer(one), peer(other)}


def bbmd(port: int, *, accepts: bool = True) -> Application:
    network: Any = NetworkPortObject(
        f"127.0.0.1/32:{port}", objectIdentifier=("network-port", 1), objectName="p"
    )
    network.bacnetIPMode = IPMode.bbmd if accepts else IPMode.normal
    network.bbmdAcceptFDRegistrations = accepts
    network.bbmdForeignDeviceTable = []
    network.bbmdBroadcastDistributionTable = []
    return Application.from_object_list(
        [DeviceObject(objectIdentifier=("device", 77), objectName="b", vendorIdentifier=999), network]
    )


async def test_a_bbmd_takes_us_as_a_foreign_device_and_spreads_the_question() -> None:
    _, port = local_address("127.0.0.1", 1)
    app = bbmd(port)
    try:
        async with client() as asker:
            found = await find_devices(asker, Search(bbmd=peer(port), wait_s=0.4))
    finally:
        app.close()
    assert [each.said.instance for each in found] == [77]


async def test_a_device_that_is_no_bbmd_says_so_and_a_silent_one_is_unreachable() -> None:
    def refuse(_: bytes) -> list[bytes]:
        return [bytes.fromhex("810000060030")]

    async with client() as asker:
        async with scripted(refuse) as (port, _):
            with pytest.raises(DeviceRefusedError, match="takes no foreign devices"):
                await find_devices(asker, Search(bbmd=peer(port), wait_s=WAIT_S))
        async with scripted(lambda _: []) as (port, _):
            with pytest.raises(DeviceUnreachableError, match="BBMD"):
                await find_devices(asker, Search(bbmd=peer(port), wait_s=WAIT_S))


@pytest.mark.parametrize(("count", "by_index"), [(5, False), (400, True)])
async def test_an_object_list_is_complete_whether_it_fits_or_not(*, count: int, by_index: bool) -> None:
    with served(usual_objects(count)) as (port, _):
        async with client() as asker:
            listed = await object_list(asker, peer(port), INSTANCE)
    assert listed.complete
    assert listed.by_index is by_index
    assert listed.stated == len(listed.objects) == count + 5
    assert ObjectId(0, count) in listed.objects


async def test_a_list_that_is_shorter_than_stated_is_not_complete() -> None:
    def short(data: bytes) -> list[bytes]:
        invoke, service, body = request_of(data)
        value = b"\x21\x09" if len(body) > 7 else b"\xc4" + struct.pack(">I", 1) * 1
        return [framed(bytes((0x30, invoke, service)) + body + b"\x3e" + value + b"\x3f")]

    async with scripted(short) as (port, _), client() as asker:
        listed = await object_list(asker, peer(port), INSTANCE)
    assert (len(listed.objects), listed.stated, listed.complete) == (1, 9, False)


async def test_objects_are_described_with_what_they_have() -> None:
    with served(usual_objects(1)) as (port, _):
        async with client() as asker:
            value, binary, gone = await describe(
                asker, peer(port), [ObjectId(2, 1), ObjectId(3, 1), ObjectId(0, 99)]
            )
    assert (value.name, value.value, value.commandable, value.flags) == ("av", 7.0, True, 0)
    assert (binary.name, binary.value, binary.commandable) == ("bi", 1.0, False)
    assert (gone.name, gone.value) == ("", None)


async def test_a_device_that_cannot_answer_many_at_once_is_asked_one_by_one() -> None:
    with served(usual_objects(300), WithoutMultiple) as (port, app):
        async with client() as asker:
            listed = await object_list(asker, peer(port), INSTANCE)
            (told,) = await describe(asker, peer(port), [ObjectId(2, 1)])
    assert (listed.complete, listed.by_index) == (True, True)
    assert (told.name, told.value, told.commandable) == ("av", 7.0, True)
    assert app.__dict__["asked"]["ReadPropertyMultipleRequest"] == 2


def test_what_was_not_asked_is_not_taken() -> None:
    device, asked = ObjectId(8, 1), (Asked(76, 1), Asked(77))
    good = bytes.fromhex("0c02000001 1e 294c3901 4e c402000001 4f 294d 5e 91029120 5f 1f")
    assert decode_asked(good, device, asked) == [bytes.fromhex("c402000001"), None]
    bare = bytes.fromhex("0c02000001 1e 294c 5e 91029120 5f 294d 5e 91029120 5f 1f")
    assert decode_asked(bare, device, asked) == [None, None]  # a refusal without its index
    for of, wanted, body in (
        (device, asked, good.replace(b"\x39\x01", b"")),
        (ObjectId(8, 2), asked, good),
        (device, asked[::-1], good),
        (device, asked[:1], good),
        (device, (Asked(76, 2), asked[1]), good),
        (device, asked, good + b"\0"),
        (device, asked, good[:-1]),
    ):
        with pytest.raises(BadAnswerError):
            decode_asked(body, of, wanted)
