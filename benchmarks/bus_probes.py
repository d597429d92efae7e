"""What a thief of one edge's key could try at the plant bus. Probes are judged by effect, not by a refusal.

The thief has the key of `e1`; the hub and the honest `e2` go on meanwhile. A probe succeeded when anything
moved that is not e1's own: a stream, a consumer, a command, something that the hub or e2 heard, or something
that the thief got to read. What e1 may do anyway is no probe.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from protocols import subjects
from runtime.bus import BusLogin, connect, ensure_command_consumers, ensure_streams, inbox_prefix, publish_row
from runtime.bus_layout import EDGE_CONNECTIONS, HUB
from runtime.nats_server import RunningBus

THIEF: Final = "e1"
OTHER: Final = "e2"
_SETTLE_S: Final = 0.03
_STREAMS: Final = (subjects.STREAM_TELEMETRY, subjects.STREAM_CATALOGUE, subjects.STREAM_COMMAND)
_FORGED: Final = b"forged"
_OWN: Final = ("tel.e1.", "rcpt.e1.", "cat.e1.")

PUBLISH: Final = (
    "tel.e2.j", "rcpt.e2.j", "cat.e2.ab", "hb.e2", "win.e2", "cmd.e2", "cmd.e1", "ren.e2", "ren.e1", "cov.e2",
    "cov.e1", "cfg.e2", "cfg.e1", "ask.e2", "evt.demo.values", "evt.demo.command", "tel.e1.j.deeper",
    "in.5.tel.e2.j", "$KV.leader.hub", "_INBOX_hub.x", "_INBOX_e2.x", "$JS.ACK.CMD.CMD_e2.1.1.1.1.0",
    "$JS.ACK.TEL.ingest.1.1.1.1.0", "$JS.FC.CMD.CMD_e2.x", "_R_.x", "$SYS.ACCOUNT.HUB.CLAIMS.UPDATE",
)  # fmt: skip
"""Subjects that e1 has no business to publish to."""

ASK: Final[dict[str, dict[str, Any]]] = {
    "INFO": {}, "STREAM.NAMES": {}, "STREAM.LIST": {}, "STREAM.INFO.TEL": {}, "STREAM.INFO.CMD": {},
    "STREAM.PURGE.CMD": {}, "STREAM.PURGE.TEL": {}, "STREAM.DELETE.CMD": {},
    "STREAM.UPDATE.CMD": {"name": "CMD", "subjects": ["cmd.*", "tel.e1.*"], "storage": "memory"},
    "STREAM.CREATE.MINE": {"name": "MINE", "subjects": ["mine"], "storage": "memory"},
    "STREAM.MSG.GET.CMD": {"last_by_subj": "cmd.e2"}, "STREAM.MSG.DELETE.CMD": {"seq": 1},
    "DIRECT.GET.CAT": {"last_by_subj": "cat.e2.ab"}, "DIRECT.GET.CMD.cmd.e2": {},
    "STREAM.SNAPSHOT.CMD": {"deliver_subject": "_INBOX_e1.snap"},
    "STREAM.RESTORE.MINE": {"config": {"name": "MINE", "subjects": ["cmd.e2"]}},
    "CONSUMER.CREATE.CMD": {"stream_name": "CMD", "config": {"deliver_subject": "_INBOX_e1.push"}},
    "CONSUMER.CREATE.CMD.mine": {"config": {"name": "mine", "filter_subject": "cmd.e2"}},
    "CONSUMER.DURABLE.CREATE.TEL.mine": {"stream_name": "TEL", "config": {"durable_name": "mine"}},
    "CONSUMER.NAMES.CMD": {}, "CONSUMER.INFO.CMD.CMD_e2": {}, "CONSUMER.INFO.CMD.CMD_e1": {},
    "CONSUMER.DELETE.CMD.CMD_e2": {}, "CONSUMER.PAUSE.CMD.CMD_e2": {"pause_until": "2100-01-01T00:00:00Z"},
    "CONSUMER.MSG.NEXT.CMD.CMD_e2": {"batch": 1, "no_wait": True},
    "CONSUMER.MSG.NEXT.TEL.ingest": {"batch": 1, "no_wait": True},
    "CONSUMER.UNPIN.CMD.CMD_e2": {"group": "x"}, "STREAM.LEADER.STEPDOWN.CMD": {},
}  # fmt: skip
"""Questions to JetStream, below `$JS.API.`; e1 may ask it for its own next command and for nothing else."""

LISTEN: Final = (
    ">", "*.e2", "tel.>", "tel.e2.*", "rcpt.>", "cat.>", "hb.*", "cmd.*", "cmd.e2", "cmd.e1", "ren.e2",
    "cov.e2", "cfg.e2", "ask.e2", "evt.>", "_INBOX.>", "_INBOX_hub.>", "_INBOX_e2.>", "_INBOX_*.>", "_R_.>",
    "$JS.>", "$SYS.>", "$JS.EVENT.ADVISORY.>",
)  # fmt: skip
"""Subjects on which e1 must hear nothing, alone or in a queue group."""

REPLY: Final = (
    "cmd.e2", "cmd.e1", "tel.e2.j", "cat.e2.ab", "hb.e2", "ren.e2", "cov.e2", "cfg.e2", "ask.e2",
    "evt.demo.values", "_INBOX_hub.x", "_INBOX_e2.x", "$JS.API.STREAM.PURGE.CMD",
    "$JS.API.CONSUMER.DELETE.CMD.CMD_e2", "$JS.ACK.CMD.CMD_e2.1.1.1.1.0",
)  # fmt: skip
"""Reply subjects with which the server's own answers would go where e1 may not publish."""

TRACE: Final = ("cmd.e2", "cov.e2", "hb.e2", "_INBOX_hub.x", "_INBOX_e1.trace")


@dataclass(slots=True)
class Scene:
    """Hub, honest edge and thief on one bus.

    Attributes:
        bus: The server.
        hub: The hub's connection.
        other: The honest edge's connection.
        thief: A connection with the stolen key.
        heard: What the hub and the honest edge heard that nobody of them said.
        stolen: What reached the thief.
    """

    bus: RunningBus
    hub: Client
    other: Client
    thief: Client
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    stolen: list[tuple[str, bytes]] = field(default_factory=list)

    async def state(self) -> dict[str, Any]:
        """Everything that is not e1's own, as the hub sees it."""
        js = self.hub.jetstream()
        seen: dict[str, Any] = {"heard": list(self.heard), "stolen": list(self.stolen)}
        seen["streams"] = sorted([str(info.config.name) for info in await js.streams_info()])
        for name in _STREAMS:
            info = await js.stream_info(name, subjects_filter=">")
            counts = info.state.subjects or {}
            seen[name] = {
                at: count for at, count in counts.items() if not subjects.as_sent(at).startswith(_OWN)
            }
            seen[f"{name} config"] = (info.config.subjects, info.config.max_bytes)
            seen[f"{name} consumers"] = sorted(one.name for one in await js.consumers_info(name))
        consumer = await js.consumer_info(subjects.STREAM_COMMAND, subjects.command_consumer(OTHER))
        seen["waits"] = (consumer.num_pending, consumer.num_ack_pending, consumer.paused)
        seen["command"] = (await js.get_last_msg(subjects.STREAM_COMMAND, subjects.command(OTHER))).data
        return seen

    async def settle(self) -> None:
        """Until everybody has what was under way."""
        for client in (self.thief, self.hub, self.other):
            await client.flush()
        await asyncio.sleep(_SETTLE_S)
        await self.hub.flush()

    async def take(self, message: Msg) -> None:
        """Something reached the thief; the server's refusals are no loot."""
        status = (message.headers or {}).get("Status", "")
        with contextlib.suppress(ValueError, AttributeError):
            if "error" in json.loads(message.data):
                return
        if not status:
            self.stolen.append((message.subject, message.data))

    async def trace_take(self, message: Msg) -> None:
        """A trace reached the thief: loot where it tells what happens beyond its own account."""
        if b'"acc":"HUB"' in message.data or b'"e":"js"' in message.data.lower():
            self.stolen.append((message.subject, message.data))


Probe = tuple[str, Callable[[Scene], Awaitable[None]]]


@asynccontextmanager
async def scene_on(bus: RunningBus) -> AsyncIterator[Scene]:
    """Streams with something in them, a command that waits for e2, and the thief."""
    hub = await connect(bus.login(HUB))
    js = hub.jetstream()
    await ensure_streams(js)
    await ensure_command_consumers(js, [THIEF, OTHER])
    other, thief = await connect(bus.login(OTHER)), await thief_on(bus.login(THIEF))
    scene = Scene(bus, hub, other, thief)

    async def hear(message: Msg) -> None:
        if message.subject.partition(".")[2].partition(".")[0] != THIEF or message.subject.startswith("evt."):
            scene.heard.append((message.subject, message.data))

    try:
        await publish_row(other.jetstream(), subjects.telemetry(OTHER, "j"), b"honest", "j:1")
        await publish_row(other.jetstream(), subjects.catalogue(OTHER, "ab"), b"honest", "ab")
        await publish_row(js, subjects.command(OTHER), b"command", "c:1")
        for subject in ("hb.*", "win.*", "evt.>", "tel.>", "rcpt.>", "cat.>"):
            await hub.subscribe(subject, cb=hear)
        await hub.subscribe(f"{inbox_prefix(HUB)}.x", cb=hear)
        for subject in ("ren.e2", "cov.e2", "cfg.e2", "ask.e2", f"{inbox_prefix(OTHER)}.x"):
            await other.subscribe(subject, cb=hear)
        await scene.settle()
        yield scene
    finally:
        for client in (hub, other, thief):
            await client.close()


async def thief_on(login: BusLogin) -> Client:
    """A client that goes on whatever the server refuses.

    Raises:
        NatsError: The server does not let it in.
    """

    async def silent(_error: Exception) -> None:
        return

    client = Client()
    seed = None if login.seed_file is None else str(login.seed_file)
    try:
        await client.connect(
            login.url, nkeys_seed=seed, inbox_prefix=inbox_prefix(login.name).encode(), error_cb=silent,
            allow_reconnect=False, connect_timeout=2,
        )  # fmt: skip
    except BaseException:
        await client.close()
        raise
    return client


def probes() -> list[Probe]:
    """All probes by name."""
    found: list[Probe] = [(f"publish {at}", _publish(at)) for at in PUBLISH]
    found += [(f"ask $JS.API.{at}", _ask(f"$JS.API.{at}", body)) for at, body in ASK.items()]
    found += [(f"ask {at}", _ask(at, {})) for at in ("ask.e2", "$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.INFO")]
    found += [(f"listen {at}", _listen(at, "")) for at in LISTEN]
    found += [(f"listen {at} in a queue", _listen(at, "q")) for at in ("tel.>", "cmd.e2", ">")]
    found += [(f"row with reply {at}", _publish("tel.e1.j", at)) for at in REPLY]
    found += [(f"pull with reply {at}", _pull(at)) for at in REPLY]
    found += [
        (f"heartbeat with reply {at}", _publish("hb.e1", at)) for at in ("cmd.e2", "$JS.API.STREAM.PURGE.CMD")
    ]
    found += [(f"trace to {at}", _trace(at)) for at in TRACE]
    found += [("roll the catalogues up", _publish("cat.e1.ab", headers={"Nats-Rollup": "all"}))]
    found += [
        ("one connection too many", _too_many),
        ("no key", _without_key),
        ("the key as the hub", _as_hub),
    ]
    return found


async def succeeded(scene: Scene, probe: Probe) -> bool:
    """Run one probe; whether anything that is not e1's own moved, or the thief got to read something."""
    before = await scene.state()
    with contextlib.suppress(NatsError, JetStreamError, TimeoutError, OSError):
        await probe[1](scene)
    await scene.settle()
    return await scene.state() != before


def _publish(
    subject: str, reply: str = "", headers: dict[str, str] | None = None
) -> Callable[[Scene], Awaitable[None]]:
    async def act(scene: Scene) -> None:
        await scene.thief.publish(subject, _FORGED, reply, headers)

    return act


def _ask(subject: str, body: dict[str, Any]) -> Callable[[Scene], Awaitable[None]]:
    async def act(scene: Scene) -> None:
        inbox = f"{inbox_prefix(THIEF)}.loot"
        subscription = await scene.thief.subscribe(f"{inbox_prefix(THIEF)}.>", cb=scene.take)
        await scene.thief.publish(subject, json.dumps(body).encode() if body else b"", inbox)
        await scene.settle()
        await subscription.unsubscribe()

    return act


def _listen(subject: str, queue: str) -> Callable[[Scene], Awaitable[None]]:
    """Listen while the hub and the honest edge talk; what they say to each other is known and taken off."""

    async def act(scene: Scene) -> None:
        subscription = await scene.thief.subscribe(subject, queue, cb=scene.take)
        await scene.settle()
        heard = len(scene.heard)
        for at in ("ren.e2", "cov.e2", "cfg.e2", "evt.demo.values"):
            await scene.hub.publish(at, b"private")
        await scene.other.publish(subjects.heartbeat(OTHER), b"private")
        await scene.hub.jetstream().stream_info(subjects.STREAM_COMMAND)
        await scene.settle()
        del scene.heard[heard:]
        await subscription.unsubscribe()

    return act


def _pull(reply: str) -> Callable[[Scene], Awaitable[None]]:
    """Have an own command sent to where another one is awaited."""

    async def act(scene: Scene) -> None:
        body = json.dumps({"batch": 1, "no_wait": True}).encode()
        await publish_row(scene.hub.jetstream(), subjects.command(THIEF), b"own", f"pull:{reply}")
        await scene.thief.publish("$JS.API.CONSUMER.MSG.NEXT.CMD.CMD_e1", body, reply)
        await scene.settle()
        await scene.hub.jetstream().purge_stream(subjects.STREAM_COMMAND, subject=subjects.command(THIEF))

    return act


def _trace(target: str) -> Callable[[Scene], Awaitable[None]]:
    async def act(scene: Scene) -> None:
        subscription = await scene.thief.subscribe(f"{inbox_prefix(THIEF)}.trace", cb=scene.trace_take)
        await scene.thief.publish("tel.e1.j", _FORGED, headers={"Nats-Trace-Dest": target})
        await scene.settle()
        await subscription.unsubscribe()

    return act


async def _too_many(scene: Scene) -> None:
    """The thief has one; the account has so many in all."""
    async with contextlib.AsyncExitStack() as closing:
        for _ in range(EDGE_CONNECTIONS - 1):
            closing.push_async_callback((await thief_on(scene.bus.login(THIEF))).close)
        closing.push_async_callback((await thief_on(scene.bus.login(THIEF))).close)
        scene.stolen.append(("one connection too many", b""))


async def _without_key(scene: Scene) -> None:
    client = await thief_on(BusLogin(scene.bus.url, THIEF))
    scene.stolen.append(("a connection without a key", b""))
    await client.close()


async def _as_hub(scene: Scene) -> None:
    login = scene.bus.login(THIEF)
    client = await thief_on(BusLogin(login.url, HUB, login.seed_file))
    subscription = await client.subscribe(f"{inbox_prefix(HUB)}.>", cb=scene.take)
    await client.publish("$JS.API.STREAM.INFO.TEL", b"", f"{inbox_prefix(HUB)}.loot")
    await client.flush()
    await scene.settle()
    await subscription.unsubscribe()
    await client.close()
