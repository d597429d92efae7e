"""A storm of set-points: at the hub's API, and signed with the hub's key straight onto the bus.

What is counted is what reached the device, and how far apart the edge's heartbeats were meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.msg import Msg

from benchmarks.edge_orders import FALLBACK, point
from benchmarks.edge_rig import until
from benchmarks.hub_rig import SITE, HubRig
from benchmarks.order_client import OrderClient, order_body
from benchmarks.registry import Figures
from protocols import subjects
from protocols.command import VERSION, Command, CommandKind, Echo, Level
from protocols.receipt import decode_receipt
from protocols.signing import key_id
from runtime.keys import load_signing_key
from runtime.supervise import guarded_decode

_BATCH_S: Final = 0.02
_WORKERS: Final = 32
_LOW: Final = 30.0
_ANSWER_S: Final = 120.0


@dataclass(slots=True)
class Watch:
    """What is seen while a storm lasts."""

    writes: int = 0
    seconds: float = 0.0
    beat_gap_s: float = 0.0
    edge_cpu_pct: float = 0.0
    answer_s: float = 0.0
    answers: Counter[int] = field(default_factory=Counter)

    def figures(self, where: str, sent: int, dwell_s: float) -> Figures:
        """As figures of a case, `storm_<where>_…`."""
        figures = {
            "sent_per_s": sent / self.seconds,
            "writes": float(self.writes),
            "writes_per_dwell": self.writes / (self.seconds / dwell_s),
            "beat_gap_max_s": self.beat_gap_s,
            "edge_cpu_pct": self.edge_cpu_pct,
            **({"answer_after_s": self.answer_s} if self.answer_s else {}),
        }
        return {f"storm_{where}_{name}": value for name, value in figures.items()}


async def at_the_api(hub: OrderClient, number: int, rate_per_s: float, for_s: float) -> tuple[Watch, int]:
    """Post orders as fast as `rate_per_s` allows, or the API answers; over the quota it says so."""
    sent = 0
    async with _watched(hub.rig, number) as watch, asyncio.TaskGroup() as tasks:
        clock, begun_s = hub.rig.clock, hub.rig.clock.mono_s()
        turns: asyncio.Queue[int | None] = asyncio.Queue(_WORKERS)
        for _ in range(_WORKERS):
            tasks.create_task(_posting(hub, number, turns, watch))
        while (past_s := clock.mono_s() - begun_s) < for_s:
            if sent < rate_per_s * past_s:
                await turns.put(sent)
                sent += 1
            else:
                await asyncio.sleep(_BATCH_S)
        for _ in range(_WORKERS):
            await turns.put(None)
    return watch, sent


async def on_the_bus(hub: HubRig, number: int, rate_per_s: float, for_s: float) -> tuple[Watch, int]:
    """Publish signed commands of an epoch above the hub's, as a hub run wild would; it stands by then."""
    key = load_signing_key(hub.edge.folder / "keys" / "hub_sign.key")
    claim = await hub.claim()
    epoch = (claim.epoch if claim is not None else 0) + 1
    first, sent = _command(hub, key, number, epoch), 0
    async with _watched(hub, number) as watch:
        begun_s = hub.clock.mono_s()
        while (past_s := hub.clock.mono_s() - begun_s) < for_s:
            while sent < rate_per_s * past_s:
                sent += 1
                one = replace(
                    first, id=secrets.token_bytes(16), seq=sent, echo=_echo(hub), value=_LOW + sent % 50
                )
                await hub.bus.publish(subjects.command("edge1"), one.sealed(key))
            await asyncio.sleep(_BATCH_S)
    watch.answer_s = await _answered(hub, replace(first, kind=CommandKind.TEST, seq=sent + 1), key)
    return watch, sent


async def _answered(hub: HubRig, asked: Command, key: Ed25519PrivateKey) -> float:
    """How long the edge needs for one question more: behind what the storm left. [s].

    Raises:
        BusError: It does not answer within two minutes.
    """
    answers: list[float] = []

    async def hear(message: Msg) -> None:
        receipt = guarded_decode(decode_receipt, message.data, "receipt")
        if receipt is not None and receipt.id == one.id:
            answers.append(hub.clock.mono_s())

    one, begun_s = replace(asked, id=secrets.token_bytes(16), echo=_echo(hub)), hub.clock.mono_s()
    heard = await hub.bus.subscribe("rcpt.edge1.*", cb=hear)
    await hub.bus.publish(subjects.command("edge1"), one.sealed(key))
    await until(lambda: bool(answers), _ANSWER_S, "an answer after the storm")
    await heard.unsubscribe()
    return answers[0] - begun_s


async def _posting(hub: OrderClient, number: int, turns: asyncio.Queue[int | None], watch: Watch) -> None:
    """One connection by hand: an HTTP client would use up the machine that the API has to answer on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.rig.options.port)
    try:
        while (turn := await turns.get()) is not None:
            writer.write(_request(hub, number, _LOW + turn % 50, turn))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            await reader.readexactly(int(length or b"0"))
            watch.answers[int(head.split(b" ", 2)[1])] += 1
    finally:
        writer.close()


def _request(hub: OrderClient, number: int, value: float, turn: int) -> bytes:
    body = json.dumps(order_body(number, value)).encode()
    return (
        f"POST /api/v1/sites/{SITE}/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {hub.tokens[turn % len(hub.tokens)]}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@asynccontextmanager
async def _watched(hub: HubRig, number: int) -> AsyncIterator[Watch]:
    """Fill a watch with what happens while the block runs."""
    agent = psutil.Process(hub.edge.agent.pid if hub.edge.agent is not None else -1)
    watch, begun_s, cpu_s = Watch(), hub.clock.mono_s(), _cpu_s(agent)
    beats = len(hub.beats)
    yield watch
    watch.seconds = hub.clock.mono_s() - begun_s
    watch.edge_cpu_pct = 100.0 * (_cpu_s(agent) - cpu_s) / watch.seconds
    watch.beat_gap_s = _longest_gap_s([at_s for at_s, _ in hub.beats[beats:]], begun_s, hub.clock.mono_s())
    watch.writes = sum(
        one.number == number and one.at_s >= begun_s and one.value != FALLBACK for one in hub.device.written
    )


def _longest_gap_s(times_s: Sequence[float], begun_s: float, ended_s: float) -> float:
    return max(later - sooner for sooner, later in pairwise([begun_s, *times_s, ended_s]))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _echo(hub: HubRig) -> Echo:
    beat = hub.beats[-1][1]
    return Echo(beat.boot, beat.reading_ms)


def _command(hub: HubRig, key: Ed25519PrivateKey, number: int, epoch: int) -> Command:
    beat = hub.beats[-1][1]
    return Command(
        v=VERSION, id=secrets.token_bytes(16), issuer="hub", key_id=key_id(key.public_key()), site=SITE,
        edge="edge1", agent_epoch=beat.agent_epoch, point=point(number), kind=CommandKind.SET, value=_LOW,
        unit="°C", level=Level.OPTIMISER, start_in_s=0.0, lease_s=10.0, echo=_echo(hub), epoch=epoch, seq=0,
        revision=1, expect=None, cap_hash=bytes.fromhex(beat.cap_hashes["setter"]), reason="storm",
        actor="bench",
    )  # fmt: skip
