from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from hub.command.drafting import Drafter
from hub.command.issuer import CommandIssuer
from hub.command.leader import Company, Leader
from hub.command.wishes import Errand, Issuer, Wish
from hub.database import Sessions
from hub.ledger import book, orders
from protocols import subjects
from protocols.command import (
    PURPOSE_COMMAND,
    PURPOSE_RENEWAL,
    Command,
    CommandKind,
    decode_command,
    decode_renewal,
    lease_list_hash,
)
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.receipt import Received, encode_receipt
from protocols.signing import key_id, open_envelope, verify
from runtime.bus import connect, ensure_streams
from runtime.clock import SystemClock
from runtime.nats_server import running_bus

pytestmark = pytest.mark.net
POINT = "demo/comp1/role_set_code"


@dataclass
class Buses:
    """The hub's connection, and the renewals an edge hears."""

    hub: Client
    renewals: Subscription


def beat(*leases: bytes, fence: int = 0) -> bytes:
    return Heartbeat(
        edge="edge1", site="demo", agent_epoch=1, boot="boot", reading_ms=1, wall_ms=0, fence=fence,
        leases=[ident.hex() for ident in leases], links={"comp1": "up"}, cap_hashes={"comp1": "11" * 16},
    ).encode()  # fmt: skip


def wish(value: float = 2.0) -> dict[str, list[Wish]]:
    return {"edge1": [Wish(POINT, value, "code", "because", 1, "plan")]}


@pytest.fixture
async def buses(tmp_path: Path) -> AsyncIterator[Buses]:
    with running_bus(tmp_path) as server:
        client = await connect(server.login("hub"))
        edge = await connect(server.login("edge1"))
        await ensure_streams(client.jetstream())
        yield Buses(client, await edge.subscribe(subjects.renewal("edge1")))
        await client.close()
        await edge.close()


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


SHORT_S = 0.5


async def issuer_of(
    sessions: Sessions, hub: Client, key: Ed25519PrivateKey, *, fence: int = 0, lease_s: float = 30.0
) -> CommandIssuer:
    """An issuer in office; the one before it on the same bus has to be silent for its lease."""
    clock = SystemClock()
    made = CommandIssuer("demo", ["edge1"], sessions, clock, 10.0)
    leader = Leader(Company("demo", hub, sessions), clock, made.fence, lease_s)
    made.arm(key, hub, leader)
    made.heard(beat(fence=fence))
    async with asyncio.timeout(5.0):
        while not leader.epoch:
            await leader.step()
            await asyncio.sleep(0.02)
    return made


async def streamed(bus: Client) -> int:
    return int((await bus.jetstream().stream_info(subjects.STREAM_COMMAND)).state.messages)


async def sent(bus: Client) -> list[Command]:
    found = []
    js = bus.jetstream()
    for seq in range(1, await streamed(bus) + 1):
        message = await js.get_msg(subjects.STREAM_COMMAND, seq)
        found.append(decode_command(open_envelope(message.data or b"")[0]))
    return found


async def test_nothing_is_published_before_its_row_is_committed(
    sessions: Sessions, buses: Buses, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = await issuer_of(sessions, buses.hub, key)
    issuer.heard(beat())
    issuer.want(wish())

    async def crash(*_: object, **_more: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(book, "enter", crash)
    with pytest.raises(ConnectionError):
        await issuer.act()
    assert await streamed(buses.hub) == 0
    monkeypatch.undo()
    async with asyncio.timeout(10.0):
        while not await streamed(buses.hub):  # sent again like any order, now with its row
            issuer.heard(beat())
            await issuer.act()
            await asyncio.sleep(0.05)
    (command,) = await sent(buses.hub)
    (row,) = await book.open_commands(sessions, "demo")
    assert (row.id, row.body) == (command.id, command.body())


async def test_a_row_whose_order_has_ended_since_is_not_sent_by_the_next_term(
    sessions: Sessions, buses: Buses, key: Ed25519PrivateKey
) -> None:
    clock = SystemClock()
    now_ns = clock.now().wall_ns
    asked = orders.Order("demo", CommandKind.LIFT, "demo/comp1", None, None, None, "works", "ann", id="one")
    await orders.place(sessions, asked, orders.Origin("operator", "loopback"), now_ns)
    errand = Errand(CommandKind.LIFT, "demo/comp1", "works", "ann", "one")
    drafted = Drafter(Issuer("hub", "00", "demo", 10.0), "edge1").errand(errand, decode_heartbeat(beat()))
    await book.enter(sessions, [drafted], now_ns, None, "one")
    (row,) = await orders.open_orders(sessions, "demo")
    await orders.move(sessions, row, orders.ENDED, "no_answer", now_ns)
    issuer = await issuer_of(sessions, buses.hub, key)
    issuer.heard(beat())
    await issuer.act()
    assert await streamed(buses.hub) == 0


async def test_a_crash_between_row_and_publish_ends_in_the_same_id_sent_by_the_next_term(
    sessions: Sessions, buses: Buses, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await issuer_of(sessions, buses.hub, key, lease_s=SHORT_S)
    first.heard(beat())
    first.want(wish())

    async def crash(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(CommandIssuer, "_send", crash)
        with pytest.raises(ConnectionError):
            await first.act()
    (row,) = await book.open_commands(sessions, "demo")
    assert await streamed(buses.hub) == 0
    second = await issuer_of(sessions, buses.hub, key)
    second.heard(beat())
    second.want(wish())
    await second.act()
    (command,) = await sent(buses.hub)
    assert command.id == row.id
    assert command.epoch == row.epoch + 1
    assert len(await book.open_commands(sessions, "demo")) == 1


async def test_the_term_begins_above_every_fence_and_ends_when_a_higher_one_is_heard(
    sessions: Sessions, buses: Buses, key: Ed25519PrivateKey
) -> None:
    issuer = await issuer_of(sessions, buses.hub, key, fence=17)
    await issuer.act()
    assert issuer.epoch == 18
    issuer.want(wish())
    issuer.heard(beat(fence=30))
    await issuer.act()
    assert issuer.epoch == 0
    assert await streamed(buses.hub) == 0


async def test_a_heartbeat_that_lay_in_a_server_that_stood_still_is_left_out(
    sessions: Sessions, buses: Buses, key: Ed25519PrivateKey
) -> None:
    issuer = await issuer_of(sessions, buses.hub, key)
    first = decode_heartbeat(beat())
    newest, late = replace(first, reading_ms=first.reading_ms + 9000), replace(first, fence=99)
    issuer.heard(newest.encode())
    issuer.heard(late.encode())
    assert issuer.beats == {"edge1": newest}
    again = replace(late, boot="another")
    issuer.heard(again.encode())
    assert issuer.beats == {"edge1": again}, "a boot has a clock of its own"


async def test_a_hub_whose_lease_may_be_over_sends_nothing_though_it_has_an_order(
    sessions: Sessions, buses: Buses, key: Ed25519PrivateKey
) -> None:
    issuer = await issuer_of(sessions, buses.hub, key, lease_s=SHORT_S)
    issuer.want(wish())
    began_s = SystemClock().mono_s()
    while SystemClock().mono_s() - began_s < SHORT_S:  # nobody renews
        await asyncio.sleep(0.02)
    await issuer.act()
    assert await streamed(buses.hub) == 0


async def test_an_order_is_signed_renewed_and_at_the_end_released(
    sessions: Sessions, buses: Buses, key: Ed25519PrivateKey
) -> None:
    issuer = await issuer_of(sessions, buses.hub, key)
    keys = {key_id(key.public_key()): key.public_key()}
    issuer.heard(beat())
    issuer.want(wish())
    await issuer.act()
    message = await buses.hub.jetstream().get_msg(subjects.STREAM_COMMAND, 1)
    body, signature = open_envelope(message.data or b"")
    command = decode_command(body)
    verify(PURPOSE_COMMAND, body, signature, keys, command.key_id)
    issuer.heard(beat(command.id))
    await issuer.act()
    renewal, signature = open_envelope((await buses.renewals.next_msg(timeout=5)).data)
    assert decode_renewal(renewal).list_hash == lease_list_hash([command.id])
    verify(PURPOSE_RENEWAL, renewal, signature, keys, command.key_id)
    (row,) = await book.open_commands(sessions, "demo")
    assert row.lease_until_ns is not None
    assert 8e9 < row.lease_until_ns - SystemClock().now().wall_ns <= 10e9
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(issuer.farewell())
        while await streamed(buses.hub) < 2:
            await asyncio.sleep(0.02)
        issuer.heard(beat())
        await asyncio.sleep(0.04)
        released = (await sent(buses.hub))[1]
        receipt = encode_receipt(Received(released.id, "edge1", POINT, SystemClock().now(), 0.0))
        issuer.answered(await book.take_receipts(sessions, "demo", [(1, receipt)]))
    assert ending.result()
    assert released.kind == "release"


async def test_a_live_lease_of_the_term_before_is_renewed_not_ordered_anew(
    sessions: Sessions, buses: Buses, key: Ed25519PrivateKey
) -> None:
    first = await issuer_of(sessions, buses.hub, key, lease_s=SHORT_S)
    first.heard(beat())
    first.want(wish())
    await first.act()
    (command,) = await sent(buses.hub)
    receipt = encode_receipt(Received(command.id, "edge1", POINT, SystemClock().now(), 10.0))
    await book.take_receipts(sessions, "demo", [(1, receipt)])
    second = await issuer_of(sessions, buses.hub, key)
    second.heard(beat(command.id))
    second.want(wish())
    for _ in range(3):
        await second.act()
        second.heard(beat(command.id))
    assert len(await sent(buses.hub)) == 1
    assert second.live == {POINT: 2.0}
