"""An edge: the real gate, its real store, inputs and heartbeats; the loop around them is the simulation's.

It does what `edge_agent/commands.py` and `apply.py` do: decide, commit, then carry out, one request a device
at a time, a newer one in the place of one that waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from typing_extensions import override

from edge_agent.gate import core
from edge_agent.gate.events import (
    Emit,
    Event,
    MessageReceived,
    Persist,
    ReadBackRequest,
    RenewalReceived,
    Tick,
    Write,
)  # fmt: skip
from edge_agent.gate.start import restored
from edge_agent.gate.store import ControlStore
from edge_agent.gate.view import holder
from edge_agent.gate_inputs import GateInputs
from protocols.clock import Instant
from protocols.heartbeat import Heartbeat
from protocols.holder import Holders
from protocols.quality import Quality
from protocols.receipt import Receipt, encode_receipt, kind_of
from tests.simulation.bus import Bus, Store
from tests.simulation.devices import Machine
from tests.simulation.hands import Hand
from tests.simulation.judge import Judge
from tests.simulation.plant import POLL_S, SITE, Spec, cap_hash, rules_of
from tests.simulation.timeline import NS, Process, Story, Timeline

TICK_S = 0.25
BEAT_S = 1.0
_WALL_NS = 1_700_000_000 * NS
_BOOT_NS = 5 * NS


@dataclass(frozen=True, slots=True)
class Seen:
    """A reading of the image."""

    value: float
    quality: int
    mono_s: float


_NEVER = Seen(math.nan, Quality.BAD_UNREACHABLE, -math.inf)


@dataclass
class Image:
    """Last polls; of a bad one only that it was bad."""

    readings: dict[str, Seen] = field(default_factory=dict)

    def get(self, point: str) -> Seen:
        """Last poll of `device/point`."""
        return self.readings.get(point, _NEVER)


@dataclass
class Disk:
    """What outlives the agent beside its command store: journal, its numbers, and the count of starts."""

    folder: Path
    agent_epoch: int = 0
    seq: int = 0
    rows: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Site:
    """What an edge is connected to.

    Attributes:
        dew: Input of interlocks to its value; None: it cannot be read.
        store: Where receipts end up.
    """

    timeline: Timeline
    story: Story
    bus: Bus
    store: Store
    judge: Judge
    dew: dict[str, float | None] = field(default_factory=dict)


class SimEdge(Process):
    """One box."""

    def __init__(
        self, name: str, site: Site, specs: tuple[Spec, ...], machines: dict[str, Machine], folder: Path
    ) -> None:
        seed = f"{site.bus.chance.random()}/{name}"
        super().__init__(name, site.timeline, site.story, Random(seed))  # noqa: S311  a seed replays
        self.site = site
        self.specs = {spec.point: spec for spec in specs}
        self.machines = machines
        self.disk = Disk(folder)
        self.boots = 0
        self.boot = ""
        self._boot_ns = 0
        self.wall_shift_s = 0.0
        site.bus.edges[name] = (
            lambda data: self._message(MessageReceived(data)),
            lambda data: self._message(RenewalReceived(data)),
        )

    @property
    def now(self) -> Instant:
        """Both clocks of the box."""
        mono_ns = self.timeline.now_ns - self._boot_ns + _BOOT_NS
        wall_ns = _WALL_NS + self.timeline.now_ns + round(self.wall_shift_s * NS)
        return Instant(self.boot, mono_ns, wall_ns)

    def start(self, *, new_boot: bool) -> None:
        """The agent starts, after a new boot of the box or not."""
        if new_boot or not self.boot:
            self.boots += 1
            self.boot, self._boot_ns = f"{self.name}boot{self.boots}", self.timeline.now_ns
        self.begin()
        self.disk.agent_epoch += 1
        self.story.tell(self.name, f"starts, run {self.disk.agent_epoch}, boot {self.boot}")
        self.rules = rules_of(self.name, tuple(self.specs.values()), self.disk.agent_epoch)
        self.store = ControlStore(self.disk.folder / "control.db")
        saved = self.store.load()
        self.state = restored(saved, self.now)
        self.site.judge.edge_started(self.name, self.now, self.disk.agent_epoch)
        self.image = Image()
        self.inputs = GateInputs(
            self.rules,
            {spec.device: "local" for spec in self.specs.values() if spec.hand},
            {spec.device: "safety" for spec in self.specs.values() if spec.safety},
            self.image,
        )
        self.hands = {
            name: Hand(self, machine, self.site.judge, self._wanted)
            for name, machine in self.machines.items()
        }
        self._outbox = list(self.store.outbox())
        self._sent = 0
        self.later(0.0, lambda: self.feed(saved.event()))
        for device in self.machines:
            self.every(POLL_S, lambda device=device: self._poll(device), 0.05)  # type: ignore[misc]  # bound now
        self.every(TICK_S, self._tick, 0.1)
        self.every(BEAT_S, self._beat, 0.3)
        self.every(0.5, self._uplink, 0.2)

    @override
    def end(self, why: str) -> None:
        """Killed."""
        if self.alive:
            self.store.close()
            self.site.judge.edge_died(self.name)
        super().end(why)

    def feed(self, event: Event) -> None:
        """One event: decide, keep, then begin to carry out."""
        decision = core.decide(self.rules, self.state, event, self.now)
        changes = [effect.change for effect in decision.effects if isinstance(effect, Persist)]
        emitted = [effect for effect in decision.effects if isinstance(effect, Emit)]
        receipts = [effect.receipt for effect in emitted if effect.durable]
        if changes or receipts:
            self.step("before a commit")
            numbers = self.store.commit(changes, receipts, self._sent)
            self._outbox += zip(numbers, map(encode_receipt, receipts), strict=True)
        self.site.judge.decided(self.name, self.now, event, emitted)
        self.state = decision.state
        if changes or receipts:
            self.step("after a commit")
        for emit in emitted:
            self.story.tell(self.name, told_of(emit.receipt))
            if not emit.durable:
                self._journal(encode_receipt(emit.receipt))
        for effect in decision.effects:
            if isinstance(effect, Write | ReadBackRequest):
                self.hands[self.specs[effect.point].device].put(effect)

    def leases(self) -> list[str]:
        """Ids of the live leases, as the heartbeat names them."""
        points = self.state.points.values()
        now_ns = self.now.mono_ns
        return sorted(held.id.hex() for point in points for held in point.leases if held.lives(now_ns))

    def _wanted(self, write: Write) -> bool:
        return core.wanted(self.rules, self.state, write, self.now)

    # -- the loops -----------------------------------------------------------------------------

    def _message(self, event: Event) -> None:
        if self.alive:
            self.later(0.0, lambda: self.feed(event))

    def _tick(self) -> None:
        for event in self.inputs.fresh():
            self.feed(event)
        self.feed(Tick())
        self.site.judge.look(self.name, self.now)

    def _beat(self) -> None:
        links = {
            device: "up" if self._last(device).quality == Quality.GOOD else "down" for device in self.machines
        }
        now = self.now
        beat = Heartbeat(
            self.name, SITE, self.disk.agent_epoch, now.boot, now.mono_ns // 1_000_000,
            now.wall_ns // 1_000_000, self.state.fence, self.leases(), links,
            cap_hashes={device: cap_hash(device).hex() for device in self.machines},
        )  # fmt: skip
        self.site.judge.beats(self.name, beat.fence)
        self.site.bus.beat(self.name, beat.encode())
        found = tuple(holder(self.rules, self.state, point, now) for point in self.specs)
        self.site.bus.holders(self.name, Holders(self.name, now, True, found).encode())  # noqa: FBT003  its field

    def _last(self, device: str) -> Seen:
        point = next(point for point, spec in self.specs.items() if spec.device == device)
        return self.image.get("/".join(point.split("/")[1:]))

    def _poll(self, device: str) -> None:
        self.later(self.machines[device].answer_s(), lambda: self._polled(device))

    def _polled(self, device: str) -> None:
        machine, at_s = self.machines[device], self.now.mono_ns / NS
        quality = Quality.BAD_UNREACHABLE if machine.silent else Quality.GOOD
        found = {"local": float(machine.local), "safety": float(machine.safety)}
        found |= {point.split("/")[2]: machine.shows(point) for point in machine.registers}
        for name, value in found.items():
            shown = math.nan if machine.silent else value
            self.image.readings[f"{device}/{name}"] = Seen(shown, quality, at_s)
        for name in self.rules.inputs:
            dew = self.site.dew.get(name, 0.0)
            good = Quality.GOOD if dew is not None else Quality.BAD_UNREACHABLE
            self.image.readings[name] = Seen(math.nan if dew is None else dew, good, at_s)

    # -- receipts ------------------------------------------------------------------------------

    def _journal(self, body: bytes) -> None:
        self.disk.seq += 1
        self.disk.rows[self.disk.seq] = body

    def _uplink(self) -> None:
        for number, body in self._outbox:
            self._journal(body)
            self._sent = max(self._sent, number)
        self._outbox.clear()
        self.step("between journal and bus")
        rows = dict(self.disk.rows)
        if rows:
            self.site.bus.rows(self.name, lambda: self._taken(rows))

    def _taken(self, rows: dict[int, bytes]) -> None:
        for seq, body in rows.items():
            self.site.store.take(self.name, seq, body)
        self.site.bus.rows(self.name, lambda: self._covered(rows))

    def _covered(self, rows: dict[int, bytes]) -> None:
        for seq in rows:
            self.disk.rows.pop(seq, None)


def told_of(receipt: Receipt) -> str:
    """A receipt for people."""
    parts = {name: value for name in receipt.__slots__ if (value := getattr(receipt, name)) != ""}
    said = ", ".join(
        f"{name} {value.hex()[:8] if isinstance(value, bytes) else value}" for name, value in parts.items()
    )
    return f"{kind_of(receipt)} {receipt.id.hex()[:8]} {receipt.point} {said}"
