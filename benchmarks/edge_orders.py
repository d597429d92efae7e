"""The hub's side of set-points for a rig: the hub's own desk and signature, without its database.

`write_set_points` adds a device with set-points, limits and fallback to a rig's configuration, `prove` signs
and proves them by `ems edge prove`, and `Orders` sends what the desk decides and hears receipts on the bus.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.edge_rig import Rig, until
from hub.command.desk import Desk
from hub.command.wishes import Fresh, Issuer, Out, Wish
from protocols import subjects
from protocols.command import Renewal
from protocols.errors import BusError, ContractError
from protocols.heartbeat import decode_heartbeat
from protocols.receipt import Receipt, Refused, Verified, decode_receipt
from protocols.signing import key_id
from runtime.bus import ensure_command_consumers, publish_row
from runtime.clock import SystemClock
from runtime.keys import load_signing_key

DEVICE: Final = "setter"
LOW: Final = 0.0
HIGH: Final = 100.0
FALLBACK: Final = 20.0
_TEXT: Final = {"en": "x", "zh": "x"}
_LEASE_S: Final = 300.0
_PUBLISH_S: Final = 2.0
_TURN_S: Final = 0.25
_BEAT_S: Final = 15.0


def point(number: int) -> str:
    """Name of a set-point on the bus."""
    return f"demo/{DEVICE}/s{number}_c"


def write_set_points(
    config: Path, port: int, points: int, *, max_lease_s: float = _LEASE_S, dwell_s: float = 0.0
) -> None:
    """Add the device to the site file that is there, with a profile and unsigned limits.

    `dwell_s` is that of the last point alone. [s]
    """
    specs = [
        {"name": f"s{at}_c", "label": _TEXT, "unit": "°C", "kind": "setpoint", "every_s": 1.0,
         "address": {"kind": "modbus", "address": 2 * at, "type": "f32"}}
        for at in range(points)
    ]  # fmt: skip
    profile = {"id": DEVICE, "label": _TEXT, "protocol": "modbus", "equipment": "hvac", "points": specs}
    limits = [
        {"point": f"s{at}_c", "unit": "°C", "low": LOW, "high": HIGH, "max_lease_s": max_lease_s,
         "settle_s": 0, "tolerance": 0.01, "readback": "echo",
         "fallback": {"kind": "value", "value": FALLBACK},
         **({"duty": {"dwell_s": dwell_s}} if dwell_s and at == points - 1 else {})}
        for at in range(points)
    ]  # fmt: skip
    block = {"site": "demo", "edge": "edge1", "device": DEVICE, "revision": 1, "points": limits}
    path = config / "sites" / "demo" / "edge1.yaml"
    site: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    connection = {"kind": "modbus", "host": "127.0.0.1", "port": port}
    site["devices"].append({"id": DEVICE, "label": _TEXT, "profile": DEVICE, "connection": connection})
    path.write_text(json.dumps(site), encoding="utf-8")
    (config / "devices" / f"{DEVICE}.yaml").write_text(json.dumps(profile), encoding="utf-8")
    unsigned = config / "sites" / "demo" / "write" / f"{DEVICE}.yaml"
    unsigned.parent.mkdir(exist_ok=True)
    unsigned.write_text(json.dumps(block), encoding="utf-8")


async def prove(made: Rig, shown_c: float = FALLBACK) -> None:
    """Compare each set-point with what the device was made with, sign the limits and prove the fallbacks.

    Args:
        made: Where.
        shown_c: What the device holds before anybody writes, as its display would show it. [°C]

    Raises:
        BusError: It was refused; the sentence says why.
    """
    block = json.loads((made.folder / "config/sites/demo/write" / f"{DEVICE}.yaml").read_text("utf-8"))
    shown = [f"--shown={limits['point']}={shown_c}" for limits in block["points"]]
    await _edge(made, "commission", DEVICE, "--person=bench", *shown)
    await _edge(made, "prove", "--person=bench", "--sign", f"--keys={made.folder / 'keys'}")


async def _edge(made: Rig, *arguments: str) -> None:
    where = (f"--config={made.folder / 'config'}", f"--state={made.folder / 'edge'}")
    command = [sys.executable, "-m", "ems.main", "edge", *arguments, *where]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BusError(f"the set-points could not be proven: {done.stdout}{done.stderr}")


@dataclass(slots=True)
class Orders:
    """Sends and renews; remembers receipts by the id of their command.

    Attributes:
        client: Connection of the hub.
        key: Signs.
        desk: Decides what is sent.
        receipts: All receipts in the order in which the bus gave them.
        ordered: Point and value of each order that was sent, by the id of its command.
        speaking: Whether `keep` renews and orders; without it leases end.
        renewed_s: Boot clock of the newest renewal. [s]
    """

    client: Client
    key: Ed25519PrivateKey
    desk: Desk
    receipts: list[Receipt] = field(default_factory=list)
    ordered: dict[bytes, tuple[str, float]] = field(default_factory=dict)
    speaking: bool = True
    renewed_s: float = 0.0
    _wishes: dict[str, Wish] = field(default_factory=dict)
    _verified: dict[bytes, asyncio.Future[float]] = field(default_factory=dict)
    _clock: SystemClock = field(default_factory=SystemClock)

    async def set(self, name: str, value: float) -> float:
        """Order a value when it is its turn; seconds from its publication to its `verified` on the bus.

        Raises:
            ContractError: It was refused, or the desk may not order now.
        """
        await until(lambda: self.desk.may_set(self._clock.mono_s()), _BEAT_S, "a turn below the quota")
        self.want(name, value)
        for out in self.desk.next(self._clock.mono_s()):
            if isinstance(out, Fresh) and out.command.point == name:
                verified = asyncio.get_running_loop().create_future()
                self._verified[out.command.id] = verified
                begin_s = time.perf_counter()
                await self._send(out)
                async with asyncio.timeout(_BEAT_S):
                    return float(await verified) - begin_s
            await self._send(out)
        raise ContractError(f"{name} cannot be ordered now")

    def want(self, name: str, value: float) -> None:
        """Wish for a value; the next turn of `keep` orders it, and again until the edge has it."""
        self._wishes[name] = Wish(name, value, "°C", "bench", 1, None)
        self.desk.want(self._wishes.values())

    async def keep(self) -> None:
        """Renew and send again until cancelled."""
        while True:
            await asyncio.sleep(_TURN_S)
            for out in self.desk.next(self._clock.mono_s()) if self.speaking else ():
                await self._send(out)

    async def _send(self, out: Out) -> None:
        if isinstance(out, Renewal):
            self.renewed_s = self._clock.mono_s()
            await self.client.publish(subjects.renewal(self.desk.edge), out.sealed(self.key))
            return
        command = out.command
        if command.value is not None:
            self.ordered[command.id] = (command.point, command.value)
        ident = f"{command.id.hex()}:{command.epoch}:{command.seq}"
        body = command.sealed(self.key)
        await publish_row(self.client.jetstream(), subjects.command(self.desk.edge), body, ident, _PUBLISH_S)

    async def on_beat(self, message: Msg) -> None:
        """Take a heartbeat in."""
        self.desk.heard(decode_heartbeat(message.data), self._clock.mono_s())

    async def on_receipt(self, message: Msg) -> None:
        """Take a receipt in; a gap record or an event is none."""
        now_s = time.perf_counter()
        try:
            receipt = decode_receipt(message.data)
        except ContractError:
            return
        self.receipts.append(receipt)
        self.desk.answered(receipt, self._clock.mono_s())
        waiting = self._verified.get(receipt.id)
        if waiting is None or waiting.done():
            return
        if isinstance(receipt, Verified):
            waiting.set_result(now_s)
        elif isinstance(receipt, Refused):
            waiting.set_exception(ContractError(f"{receipt.point}: {receipt.code.value}: {receipt.detail}"))


@asynccontextmanager
async def orders(made: Rig, *, lease_s: float = _LEASE_S) -> AsyncIterator[Orders]:
    """The hub's side, in office; the agent must have been started before.

    Raises:
        BusError: The edge does not say within 15 s that its set-points are proven.
    """
    key, client = load_signing_key(made.folder / "keys" / "hub_sign.key"), await made.connect()
    desk = Desk(Issuer("hub", key_id(key.public_key()), "demo", lease_s), "edge1")
    desk.begin_term(1)
    issued = Orders(client, key, desk)
    try:
        await ensure_command_consumers(client.jetstream(), ["edge1"])
        await client.subscribe("hb.edge1", cb=issued.on_beat)
        await client.subscribe("rcpt.edge1.*", cb=issued.on_receipt)
        await until(lambda: _ready(desk), _BEAT_S, "a heartbeat with proven set-points")
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(issued.keep())
            yield issued
            keeping.cancel()
    finally:
        await client.close()


def _ready(desk: Desk) -> bool:
    return desk.beat is not None and desk.beat.links.get(DEVICE) == "up" and DEVICE in desk.beat.cap_hashes
