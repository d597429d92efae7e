"""A gate with its store and a device, all in virtual time: what the tests of the core are made of."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.gate import core
from edge_agent.gate.events import (
    Dropped,
    Effect,
    Emit,
    Event,
    LocalMode,
    MessageReceived,
    Persist,
    PointRead,
    ReadBack,
    ReadBackRequest,
    RenewalReceived,
    Tick,
    Write,
    WriteDone,
    WriteFailed,
)
from edge_agent.gate.rules import Issuer, PointRules, Rules
from edge_agent.gate.start import restored
from edge_agent.gate.store import ControlStore
from protocols.clock import Instant
from protocols.command import Command, CommandKind, Echo, Level, Renewal, lease_list_hash
from protocols.receipt import Receipt, decode_receipt, kind_of
from protocols.signing import key_id
from protocols.write_block import Fallback, FallbackRelease, FallbackValue, WriteLimits

HUB = Ed25519PrivateKey.from_private_bytes(b"h" * 32)
HUB_ID = key_id(HUB.public_key())
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
POINT = "demo/battery1/power_set_kw"
SLOT = "demo/chiller1/supply_set_c"
CAP = b"c" * 16
FALLBACK_KW = 0.0
LOW_KW, HIGH_KW, MAX_LEASE_S = -250.0, 250.0, 10.0
_ids = itertools.count(1)


def limits(fallback: Fallback, **changes: object) -> WriteLimits:
    base: dict[str, object] = {
        "point": "power_set_kw", "unit": "kW", "low": LOW_KW, "high": HIGH_KW, "max_lease_s": MAX_LEASE_S,
        "settle_s": 0.0, "tolerance": 0.01, "fallback": fallback,
    }  # fmt: skip
    return WriteLimits.model_validate({**base, **changes})


def rules_of(*, agent_epoch: int = 1, watchdog_s: float | None = None, **changes: object) -> Rules:
    battery = PointRules(
        "battery1", "power_set_kw", limits(FallbackValue(value=FALLBACK_KW), **changes), CAP, proven=True,
        tolerance=0.01, poll_s=1.0, watchdog_s=watchdog_s, switch_poll_s=1.0,
    )  # fmt: skip
    chiller = PointRules(
        "chiller1", "supply_set_c",
        limits(FallbackRelease(), point="supply_set_c", unit="°C", low=6.0, high=10.0), CAP,
        proven=True, tolerance=0.01, poll_s=1.0,
    )  # fmt: skip
    issuers = {
        "hub": Issuer({HUB_ID: HUB.public_key()}, frozenset({Level.OPERATOR, Level.OPTIMISER})),
        "planner": Issuer({HUB_ID: HUB.public_key()}, frozenset({Level.OPTIMISER})),
    }
    return Rules("demo", "edge1", agent_epoch, issuers, {POINT: battery, SLOT: chiller})


@dataclass
class Device:
    """Registers that do as told; tests cut the line, change values by hand or turn the local switch."""

    values: dict[str, float | None] = field(default_factory=lambda: {POINT: FALLBACK_KW, SLOT: None})
    writes: list[tuple[int, str, float | None]] = field(default_factory=list)
    cut: bool = False
    deaf: bool = False
    """Takes writes and keeps its value."""
    local: bool = False


@dataclass
class World:
    """One gate, one store, one device; `run` carries out effects at once."""

    folder: Path
    rules: Rules = field(default_factory=rules_of)
    boot: str = "boota"
    now_ns: int = 100_000_000_000
    wall_ns: int = 1_700_000_000_000_000_000
    device: Device = field(default_factory=Device)
    receipts: list[Receipt] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    epoch: int = 1
    seq: int = 0
    delivered: int = 0
    stop_after: int | None = None
    """Number of steps (commits, writes, receipts) after which the process dies."""

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.store = ControlStore(self.folder / "control.db")
        saved = self.store.load()
        self.state = restored(saved, self.now)
        self.queue: list[Write | ReadBackRequest] = []
        self.saved = saved

    def deliver(self) -> None:
        """Take what is in the outbox and was not taken before."""
        for number, body in self.store.outbox():
            if number > self.delivered:
                self.receipts.append(decode_receipt(body))
                self.delivered = number

    def start(self) -> None:
        self.deliver()
        self.feed(self.saved.event())
        self.poll()
        self.feed(Tick())

    def restart(self, *, boot: str | None = None) -> None:
        self.store.close()
        if boot is not None and boot != self.boot:
            self.boot, self.now_ns = boot, 5_000_000_000
        self.rules = replace(self.rules, agent_epoch=self.rules.agent_epoch + 1)
        self.open()
        self.start()

    @property
    def now(self) -> Instant:
        return Instant(self.boot, self.now_ns, self.wall_ns)

    def feed(self, event: Event) -> tuple[Effect, ...]:
        decision = core.decide(self.rules, self.state, event, self.now)
        changes = [e.change for e in decision.effects if isinstance(e, Persist)]
        kept = [e.receipt for e in decision.effects if isinstance(e, Emit) and e.durable]
        self.step()
        self.store.commit(changes, kept, self.delivered)
        self.step()
        self.state = decision.state
        self.deliver()
        self.receipts += [e.receipt for e in decision.effects if isinstance(e, Emit) and not e.durable]
        self.dropped += [e for e in decision.effects if isinstance(e, Dropped)]
        self.queue += [e for e in decision.effects if isinstance(e, Write | ReadBackRequest)]
        self.carry_out()
        return decision.effects

    def step(self) -> None:
        if self.stop_after is not None:
            if self.stop_after == 0:
                self.stop_after = None
                raise Died
            self.stop_after -= 1

    def carry_out(self) -> None:
        while self.queue:
            request = self.queue.pop(0)
            if isinstance(request, ReadBackRequest):
                value = self.device.values[request.point]
                self.feed(ReadBack(request.point, request.ticket, value, failed=self.device.cut))
            elif core.wanted(self.rules, self.state, request, self.now):
                self.step()
                self.feed(self.write(request))

    def write(self, request: Write) -> WriteDone | WriteFailed:
        if self.device.cut:
            return WriteFailed(request.point, request.ticket)
        assert not (self.device.local and request.point == POINT), (
            "written while the machine is in local mode"
        )
        self.device.writes.append((self.now_ns, request.point, request.value))
        if not self.device.deaf:
            self.device.values[request.point] = request.value
        self.step()
        return WriteDone(request.point, request.ticket)

    def poll(self) -> None:
        if not self.device.cut:
            self.feed(LocalMode("battery1", self.device.local, self.now_ns))
        for point, idle in ((POINT, FALLBACK_KW), (SLOT, 7.0)):
            value = self.device.values[point]
            shown = idle if value is None else value
            self.feed(PointRead(point, shown, not self.device.cut, self.now_ns))

    def wait(self, seconds: float, step_s: float = 0.25) -> None:
        """Time passes: ticks, and a poll each second."""
        for count in range(round(seconds / step_s)):
            self.now_ns += round(step_s * 1e9)
            self.wall_ns += round(step_s * 1e9)
            if count % 4 == 3:
                self.poll()
            self.feed(Tick())

    def command(self, value: object = 100.0, **changes: object) -> Command:
        self.seq += 1
        point = str(changes.get("point", POINT))
        base: dict[str, object] = {
            "v": 1, "id": next(_ids).to_bytes(16, "big"), "issuer": "hub", "key_id": HUB_ID, "site": "demo",
            "edge": "edge1", "agent_epoch": self.rules.agent_epoch, "point": point,
            "kind": CommandKind.SET, "value": value, "unit": "kW" if point == POINT else "°C",
            "level": Level.OPTIMISER, "start_in_s": 0.0,
            "lease_s": 5.0, "echo": Echo(self.boot, self.now_ns // 1_000_000), "epoch": self.epoch,
            "seq": self.seq, "revision": 1, "expect": None, "cap_hash": CAP,
            "reason": "test", "actor": "test",
        }  # fmt: skip
        return Command(**{**base, **changes})  # type: ignore[arg-type]  # a test may send any field

    def send(self, command: Command, key: Ed25519PrivateKey = HUB) -> Receipt | None:
        """Deliver a command; gives its first answer, if any."""
        before = len(self.receipts)
        self.feed(MessageReceived(command.sealed(key)))
        return next((r for r in self.receipts[before:] if r.id == command.id), None)

    def order(self, value: float | None = 100.0, **changes: object) -> Command:
        command = self.command(value, **changes)
        self.send(command)
        return command

    def release(self, **changes: object) -> Command:
        return self.order(None, kind=CommandKind.RELEASE, unit=None, lease_s=0.0, **changes)

    def renewal(self, ids: list[bytes], valid_for_s: float = 5.0, **changes: object) -> Renewal:
        self.seq += 1
        base: dict[str, object] = {
            "v": 1, "issuer": "hub", "key_id": HUB_ID, "site": "demo", "edge": "edge1",
            "agent_epoch": self.rules.agent_epoch, "list_hash": lease_list_hash(ids),
            "valid_for_s": valid_for_s, "echo": Echo(self.boot, self.now_ns // 1_000_000),
            "epoch": self.epoch, "seq": self.seq,
        }  # fmt: skip
        return Renewal(**{**base, **changes})  # type: ignore[arg-type]  # a test may send any field

    def renew(self, ids: list[bytes], valid_for_s: float = 5.0, **changes: object) -> None:
        self.feed(RenewalReceived(self.renewal(ids, valid_for_s, **changes).sealed(HUB)))

    def kinds(self, ident: bytes) -> list[str]:
        return [kind_of(receipt) for receipt in self.receipts if receipt.id == ident]

    def value(self, point: str = POINT) -> float | None:
        return self.device.values[point]


class Died(Exception):  # noqa: N818  an event of the test, not an error
    """The process was killed at this step."""
