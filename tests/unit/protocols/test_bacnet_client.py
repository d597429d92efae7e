"""Who gets which answer: against a device that answers late, wrong, twice, in pieces or with rubbish."""

from __future__ import annotations

import asyncio
import itertools
import socket

import pytest

from protocols.drivers.bacnet.packet import Peer, Service
from protocols.drivers.bacnet.services import read_property
from protocols.drivers.bacnet.tags import ObjectId
from protocols.errors import DeviceRefusedError, DeviceUnreachableError
from tests.unit.protocols.bacnet_devices import client, framed, request_of, scripted

pytestmark = pytest.mark.net
ASK = read_property(ObjectId(0, 1), 85)
VALUE = bytes.fromhex("0c0000000119553e44412000003f")
READ = Service.READ_PROPERTY


def ack(data: bytes, body: bytes = VALUE, service: int | None = None, invoke: int | None = None) -> bytes:
    own_invoke, own_service, _ = request_of(data)
    head = (0x30, own_invoke if invoke is None else invoke, own_service if service is None else service)
    return framed(bytes(head) + body)


def peer(port: int) -> Peer:
    return Peer("127.0.0.1", port)


async def test_an_answer_of_another_invoke_id_or_service_is_nobodys() -> None:
    async with (
        scripted(lambda data: [ack(data, invoke=99), ack(data, service=14), ack(data)]) as (port, _),
        client() as one,
    ):
        assert await one.ask(peer(port), READ, ASK, 1.0) == VALUE
        assert one.counts.stray == 2


async def test_an_answer_from_another_address_is_nobodys() -> None:
    async with client() as one:

        def by_another(data: bytes) -> list[bytes]:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(ack(data), ("127.0.0.1", own[1]))
            return []

        own = (await one.opened()).address
        async with scripted(by_another) as (port, _):
            with pytest.raises(DeviceUnreachableError):
                await one.ask(peer(port), READ, ASK, 0.1)
        assert one.counts.stray == 1


async def test_a_late_answer_is_not_taken_by_the_next_request() -> None:
    kept: list[bytes] = []

    def late(data: bytes) -> list[bytes]:
        kept.append(data)
        if len(kept) == 1:
            return []
        return [ack(kept[0], bytes.fromhex("0c0000000119553e44c2c800003f")), ack(data)]

    async with scripted(late) as (port, _), client() as one:
        with pytest.raises(DeviceUnreachableError):
            await one.ask(peer(port), READ, ASK, 0.05)
        assert await one.ask(peer(port), READ, ASK, 1.0) == VALUE
        assert one.counts.stray == 1


async def test_an_id_that_timed_out_rests_while_the_others_go_round() -> None:
    count = itertools.count()
    async with (
        scripted(lambda data: [] if next(count) == 0 else [ack(data)]) as (port, device),
        client() as one,
    ):
        with pytest.raises(DeviceUnreachableError):
            await one.ask(peer(port), READ, ASK, 0.02)
        for _ in range(300):
            await one.ask(peer(port), READ, ASK, 1.0)
    used = [request_of(data)[0] for data in device.got]
    assert used[0] not in used[1:]


async def test_a_read_is_sent_again_with_its_own_id_and_a_write_never() -> None:
    count = itertools.count()
    async with (
        scripted(lambda data: [] if next(count) == 0 else [ack(data)]) as (port, device),
        client() as one,
    ):
        assert await one.ask(peer(port), READ, ASK, 0.2, sends=2) == VALUE
        assert len(device.got) == 2
        assert device.got[0] == device.got[1]
    async with scripted(lambda _: []) as (port, silent), client() as one:
        with pytest.raises(DeviceUnreachableError):
            await one.ask(peer(port), Service.WRITE_PROPERTY, b"", 0.1)
        assert len(silent.got) == 1


@pytest.mark.parametrize(
    ("apdu", "words"),
    [
        (bytes.fromhex("50000c91019120"), "error 1/32"),
        (bytes.fromhex("500c"), "no answer"),
        (bytes.fromhex("600009"), "reject 9"),
        (bytes.fromhex("710004"), "abort 4"),
        (bytes.fromhex("3800000a0c") + VALUE, "in segments"),
        (bytes.fromhex("50000c"), "error -1"),
    ],
)
async def test_a_refusal_says_which(apdu: bytes, words: str) -> None:
    async with scripted(lambda _: [framed(apdu)]) as (port, _), client() as one:
        with pytest.raises((DeviceRefusedError, DeviceUnreachableError), match=words):
            await one.ask(peer(port), READ, ASK, 0.1)


async def test_rubbish_is_counted_and_harms_nobody() -> None:
    rubbish = [b"\x81", b"\x81\x0a\x00\x04", b"\x82" + bytes(20), framed(b""), framed(b"\xf0\x00\x00")]
    async with scripted(lambda data: [*rubbish, ack(data)]) as (port, _), client() as one:
        assert await one.ask(peer(port), READ, ASK, 1.0) == VALUE
        assert one.counts.malformed == len(rubbish)


async def test_a_request_that_is_cancelled_leaves_nothing_behind() -> None:
    async with scripted(lambda _: []) as (port, _), client() as one:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await one.ask(peer(port), READ, ASK, 5.0)
        assert not one._waiting


async def test_a_device_behind_a_router_is_asked_and_heard_by_its_network_and_address() -> None:
    def routed(data: bytes) -> list[bytes]:
        assert data[4:11] == bytes.fromhex("0124 07d1 01 05 ff")
        head = bytes.fromhex("0108 07d1 01")
        wrong, right = (head + bytes((mac,)) + bytes((0x30, data[13], data[14])) + VALUE for mac in (6, 5))
        return [b"\x81\x0a" + (len(one) + 4).to_bytes(2, "big") + one for one in (wrong, right)]

    async with scripted(routed) as (port, _), client() as one:
        assert await one.ask(Peer("127.0.0.1", port, 2001, b"\x05"), READ, ASK, 1.0) == VALUE
        assert one.counts.stray == 1


async def test_two_hundred_and_fifty_six_silent_requests_are_the_most() -> None:
    async with scripted(lambda _: []) as (port, _), client() as one:
        await one.opened()
        for _ in range(256):
            one._resting[peer(port), one._invoke_id(peer(port))] = float("inf")
        with pytest.raises(DeviceUnreachableError, match="256"):
            await one.ask(peer(port), READ, ASK, 0.1)
