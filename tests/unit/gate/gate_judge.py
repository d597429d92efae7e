"""The reference: what must live, who must win and what may be written, worked out apart from the gate.

It knows the protocol's text and the plant of `gate_plant.py`, and of the gate's state only what a crash left.
Each assertion begins with the invariant it holds the gate to.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgpack
from typing_extensions import override

from edge_agent.gate import audit, core
from edge_agent.gate.events import (
    Effect,
    Emit,
    Event,
    MessageReceived,
    Persist,
    SaveAnswer,
    SavedLease,
    Started,
    Write,
    WriteDone,
    WriteFailed,
)
from protocols.clock import Instant
from protocols.command import ACTS, BOUNDS, Command, CommandKind, Level
from protocols.receipt import (
    TERMINAL,
    FallbackDone,
    Overridden,
    Receipt,
    Received,
    Refused,
    Scheduled,
    Verified,
    Written,
)
from protocols.refusal import Refusal
from tests.unit.gate.gate_plant import (
    BATTERY,
    CHILLER,
    HORIZON_S,
    KINDS,
    MAX_LEASE_S,
    PUMP,
    ROLE,
    TOWER,
    TRIM,
    ZONES,
    Plant,
    device_of,
)
from tests.unit.gate.gate_world import CAP, HUB

S: Final = 1_000_000_000
NEVER: Final = Instant("", 0, 0)
LADDER: Final = (Level.OPERATOR, Level.GRID_LIMIT, Level.SCHEDULE, Level.OPTIMISER, Level.CONTROLLER)
EARLY: Final = (
    Refusal.ADDRESSEE, Refusal.NOT_ALLOWED, Refusal.UNSUPPORTED, Refusal.PERSON, Refusal.SELECTION,
    Refusal.FENCED, Refusal.STALE_ECHO, Refusal.OUT_OF_ORDER,
)  # fmt: skip
PROPERTY: Final = {
    Refusal.ADDRESSEE: "I5", Refusal.NOT_ALLOWED: "I5", Refusal.UNSUPPORTED: "I5", Refusal.PERSON: "I5",
    Refusal.SELECTION: "I15", Refusal.FENCED: "I16", Refusal.STALE_ECHO: "I6", Refusal.OUT_OF_ORDER: "I6",
    Refusal.CAP_HASH: "I2", Refusal.UNIT: "I1", Refusal.VALUE: "I1", Refusal.LEASE: "I9",
    Refusal.LIMITS: "I1",
    Refusal.LOCAL_MODE: "I7", Refusal.LOCKED_OUT: "I7", Refusal.STOPPED: "I7", Refusal.OPTED_OUT: "I8",
    Refusal.INTERLOCK: "I7", Refusal.BAD_INPUT: "I7", Refusal.EXPECT: "I2", Refusal.RATE: "I13",
    Refusal.QUOTA: "I13",
}  # fmt: skip
"""The invariant that a message would break if it were not refused with the code."""


@dataclass
class Held:
    """A lease that must live."""

    id: bytes
    level: Level
    steps: list[tuple[int, float]]
    until_ns: int
    bound: CommandKind | None = None
    table: bool = False

    def value(self, at_ns: int) -> float:
        return [value for start_ns, value in self.steps if start_ns <= at_ns or start_ns == self.steps[0][0]][
            -1
        ]


@dataclass
class Spot:
    """What the reference knows of one point."""

    leases: dict[tuple[Level, CommandKind | None], Held] = field(default_factory=dict)
    chosen: Held | None = None
    chosen_until_ns: int = 0
    chosen_by: str = ""
    group: bytes | None = None
    size: int = 0
    before: float | None = None
    ours: bool = False
    changes: list[tuple[int, float | None]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    cool_until_ns: int = 0


class Judge(Plant):
    """A plant whose devices ask the reference before they take a write."""

    @override
    def __post_init__(self) -> None:
        self.spots = {point: Spot() for point in KINDS}
        self.latches: dict[tuple[str, str], float] = {}
        self.accepted: list[int] = []
        self.polled_ns = self.now_ns
        self.read_well = True
        self.fence_seen = (-1, -1)
        self.disturbed = False
        self.heard = 0
        self.first: dict[bytes, Receipt] = {}
        self.polled: dict[str, float] = {}
        self.crashed = False
        self.undecided: dict[str, dict[tuple[Level, CommandKind | None], Held]] = {}
        super().__post_init__()

    # -- what stands above ---------------------------------------------------------------------

    def scopes(self, point: str) -> list[str]:
        zone = [f"zone:{ZONES[point]}"] if point in ZONES else []
        return ["all", "site:demo", *zone, f"demo/{device_of(point)}", point]

    def latched(self, kind: str, point: str) -> bool:
        ends = [self.latches.get((kind, scope)) for scope in self.scopes(point)]
        return any(end is not None and self.now_ns < end for end in ends)

    def hands_off(self, point: str) -> bool:
        local = point == BATTERY and self.device.local
        safety = point == ROLE and self.device.safety
        return local or safety or self.latched("lock_out", point)

    def interlocked(self, point: str) -> bool:
        fresh = self.read_well and self.now_ns - self.polled_ns <= 3 * S
        return point == BATTERY and not (fresh and self.device.dew_good and -40 <= self.device.dew_c <= 5)

    def above(self, point: str) -> bool:
        return self.hands_off(point) or self.latched("stop", point) or self.interlocked(point)

    # -- who wins ------------------------------------------------------------------------------

    def live(self, point: str) -> list[Held]:
        return [held for held in self.spots[point].leases.values() if held.until_ns > self.now_ns]

    def winner(self, point: str) -> tuple[Held, float] | None:
        acting = [held for held in self.live(point) if held.steps[0][0] <= self.now_ns]
        lows = [h.value(self.now_ns) for h in acting if h.bound is CommandKind.AT_LEAST]
        highs = [h.value(self.now_ns) for h in acting if h.bound is CommandKind.AT_MOST]
        for level in LADDER:
            for held in acting:
                if held.level is not level or held.bound is not None:
                    continue
                value = held.value(self.now_ns)
                if level is Level.OPERATOR:
                    return held, value
                low, high = max(lows, default=-math.inf), min(highs, default=math.inf)
                return (held, max(low, min(high, value))) if low <= high else None
        return None

    def home(self, point: str) -> float | None:
        fallback: Any = KINDS[point]["fallback"]
        return self.spots[point].before if fallback["kind"] == "restore" else fallback.get("value")

    def hindered(self, point: str, value: float | None) -> bool:
        """Whether dwell, starts, step or budget forbid a write now, by what the device itself has seen."""
        spot, duty = self.spots[point], self.duty(point)
        here = self.device.values[point]
        if value == here or (spot.changes and value == spot.changes[-1][1]):
            return False  # nothing changes: a refresh, or a second try of the same value
        last_ns = spot.changes[-1][0] if spot.changes else -(10**18)
        starts = [at_ns for at_ns in spot.starts if self.now_ns - at_ns < 3600 * S]
        soon = self.now_ns - last_ns < duty.get("dwell_s", 0) * S
        if self.disturbed:
            return soon
        often = here == 0 and value != 0 and len(starts) >= duty.get("starts_per_h", math.inf)
        far = value is not None and here is not None and abs(value - here) > duty.get("step", math.inf) + 0.01
        day = [at_ns for at_ns, _ in spot.changes if self.now_ns - at_ns < 86400 * S]
        spent = len(day) >= duty.get("writes_per_day", math.inf)
        return soon or often or far or spent

    @staticmethod
    def duty(point: str) -> Mapping[str, float]:
        duty: Any = KINDS[point].get("duty", {})
        return {name: value for name, value in duty.items() if name != "interlock"}

    # -- the device's own judgement ------------------------------------------------------------

    @override
    def write(self, request: Write) -> WriteDone | WriteFailed:
        self.hear()
        point, value, spot = request.point, request.value, self.spots[request.point]
        if self.device.cut:
            return super().write(request)
        assert value is not None or point == CHILLER, "I1: a register has no null"
        if value is not None:
            low, high = KINDS[point]["low"], KINDS[point]["high"]
            assert math.isfinite(value), "I1: not finite"
            assert low <= value <= high, "I1: outside the limits"  # type: ignore[operator]  # numbers of KINDS
        assert not self.hands_off(point), "I7: written under a local hand, a safety or a lock-out"
        if spot.before is None:
            spot.before = self.polled.get(point)
        if request.why == "fallback":
            assert value == self.home(point), "I2: not the commissioned fallback"
        else:
            self.judge_lease_write(request)
        if request.why != "refresh":
            self.judge_trace(request)
        before = self.device.values[point]
        if value != before:
            spot.changes.append((self.now_ns, value))
            if before == 0 and value != 0:
                spot.starts.append(self.now_ns)
        spot.ours = True
        return super().write(request)

    def judge_lease_write(self, request: Write) -> None:
        point, value = request.point, request.value
        assert not self.latched("stop", point), "I7: a lease's value was written after a stop"
        assert not self.interlocked(point), "I7: a lease's value was written against the interlock"
        won = self.winner(point)
        assert won is not None, "I2: a write without a live lease"
        if request.why != "refresh":
            assert not self.hindered(point, value), "I13: sooner, oftener or farther than commissioned"
        assert value == won[1], "I8: not the value of the lowest live rung within its bounds"

    def judge_trace(self, request: Write) -> None:
        db = self.store._db
        last = [audit.Entry(*msgpack.unpackb(row[0])) for row in
                db.execute("SELECT body FROM audit ORDER BY n DESC LIMIT 12")]  # fmt: skip
        mine = next((entry for entry in last if entry.point == request.point), None)
        assert mine is not None, "I17: a write without an entry before it"
        assert (mine.value, mine.why) == (request.value, request.why), "I17: the entry tells of another write"
        if request.why != "fallback":
            kept = db.execute("SELECT vals FROM intent WHERE point = ?", (request.point,)).fetchone()
            assert kept is not None, "I10: written before the intent was durable"
            assert request.value in msgpack.unpackb(kept[0]), "I10: the durable intent has another value"

    # -- every decision ------------------------------------------------------------------------

    @override
    def feed(self, event: Event) -> tuple[Effect, ...]:
        now = self.now
        real = core.decide(self.rules, self.state, event, now)
        other = core.decide(
            self.rules, self.state, event, Instant(now.boot, now.mono_ns, now.wall_ns + 10**18)
        )
        assert plain(real.effects) == plain(other.effects), "I12: the wall clock changed what is done"
        same = dict(real.state.points) == dict(other.state.points)
        assert same, "I12: the wall clock changed what is known"
        fences = dict(self.state.fences)
        for issuer, fence in real.state.fences.items():
            old = fences.get(issuer)
            assert old is None or (fence.epoch, fence.seq) >= (old.epoch, old.seq), "I4: a fence went back"
        for point, spot in self.spots.items():
            known = self.state.points.get(point)
            if (known is None or known.intent is None) and not isinstance(event, Started):
                spot.ours, spot.before = (
                    False,
                    None,
                )  # a new first write: what is read before it is given back
        return super().feed(event)

    @override
    def poll(self) -> None:
        self.now_ns += 1_000  # a poll is always later than the one before
        self.read_well = not self.device.cut
        if self.read_well:
            self.polled_ns = self.now_ns
            self.polled = {point: value for point, value in self.device.values.items() if value is not None}
        super().poll()

    # -- messages ------------------------------------------------------------------------------

    def verdict(self, command: Command) -> Refusal | None:
        """The code a command must get, in the order of the checks; None: it is accepted."""
        early = self.early(command)
        if early is not None or command.kind in (CommandKind.RELEASE, CommandKind.CANCEL):
            return early
        if command.kind in ACTS:
            return self.act_verdict(command)
        return self.form(command) or self.now_verdict(command)

    def early(self, command: Command) -> Refusal | None:
        epoch, seq = self.fence_seen
        age_ms = self.now_ns / 1e6 - command.echo.reading_ms
        plan = command.level in (Level.SCHEDULE, Level.OPTIMISER)
        person = command.level is Level.OPERATOR and command.kind not in (
            CommandKind.RELEASE,
            CommandKind.CANCEL,
        )
        closed = command.issuer == "planner" and (
            command.level is not Level.OPTIMISER or command.kind in ACTS
        )
        faults = {
            Refusal.ADDRESSEE: command.agent_epoch != self.rules.agent_epoch,
            Refusal.NOT_ALLOWED: closed
            or command.level is Level.CONTROLLER
            or (plan and command.point == TRIM),
            Refusal.PERSON: person and not (command.actor.strip() and command.reason.strip()),
            Refusal.SELECTION: command.kind is CommandKind.SET and command.point == ROLE,
            Refusal.FENCED: command.issuer == "hub" and command.epoch < epoch,
            Refusal.STALE_ECHO: command.echo.boot != self.boot or not 0 <= age_ms <= 10_000,
            Refusal.OUT_OF_ORDER: command.issuer == "hub" and (command.epoch, command.seq) <= (epoch, seq),
        }
        return next((code for code, present in faults.items() if present), None)

    def form(self, command: Command) -> Refusal | None:
        values = [step.value for step in command.steps] or [
            math.nan if command.value is None else command.value
        ]
        low, high = KINDS[command.point]["low"], KINDS[command.point]["high"]
        most_s = (HORIZON_S if command.point == BATTERY else 0.0) if command.steps else MAX_LEASE_S
        until_ns = command.echo.reading_ms * 1_000_000 + (
            int(command.lease_s * S) if math.isfinite(command.lease_s) else 0
        )
        rising = [step.start_in_s for step in command.steps]
        ordered = rising == sorted(set(rising)) and (not rising or rising[-1] < command.lease_s)
        faults = {
            Refusal.CAP_HASH: command.cap_hash != CAP,
            Refusal.UNIT: command.unit != KINDS[command.point]["unit"],
            Refusal.VALUE: not all(math.isfinite(value) for value in values),
            Refusal.LEASE: not 0 < command.lease_s <= most_s
            or not 0 <= command.start_in_s < command.lease_s or not ordered or until_ns <= self.now_ns,
            Refusal.LIMITS: not all(low <= value <= high for value in values),  # type: ignore[operator]  # numbers
        }  # fmt: skip
        return next((code for code, present in faults.items() if present), None)

    def now_verdict(self, command: Command) -> Refusal | None:
        if command.kind is CommandKind.OPERATE:
            return self.operate_verdict(command)
        asked = held_of(command, self.now_ns)
        return self.plant_says(command.point, asked, command.expect) or self.quota_says()

    def plant_says(self, point: str, asked: Held, expect: float | None) -> Refusal | None:
        old = not self.read_well or self.now_ns - self.polled_ns > 3 * S
        plan = asked.level in (Level.SCHEDULE, Level.OPTIMISER)
        faults = {
            Refusal.STOPPED: point == ROLE and self.device.safety,
            Refusal.LOCAL_MODE: point == BATTERY and self.device.local,
            Refusal.LOCKED_OUT: self.latched("lock_out", point),
        }
        late = {
            Refusal.STOPPED: self.latched("stop", point),
            Refusal.LOCAL_MODE: self.spots[point].cool_until_ns > self.now_ns,
            Refusal.OPTED_OUT: plan and self.latched("opt_out", point),
        }
        last = {
            Refusal.INTERLOCK: self.interlocked(point),
            Refusal.BAD_INPUT: old,
            Refusal.EXPECT: expect is not None and expect != self.shown(point),
            Refusal.RATE: self.would_hinder(point, asked),
        }
        return next((code for part in (faults, late, last) for code, is_so in part.items() if is_so), None)

    def would_hinder(self, point: str, asked: Held) -> bool:
        spot = self.spots[point]
        kept = dict(spot.leases)
        spot.leases[asked.level, asked.bound] = asked
        won = self.winner(point)
        spot.leases = kept
        return won is not None and won[0] is asked and self.hindered(point, won[1])

    def quota_says(self) -> Refusal | None:
        lately = [at_ns for at_ns in self.accepted if self.now_ns - at_ns < S]
        return Refusal.QUOTA if len(lately) >= self.rules.quota_per_s else None

    def operate_verdict(self, command: Command) -> Refusal | None:
        spot = self.spots[command.point]
        members = self.members(command.point)
        fits = (
            spot.chosen is not None and spot.chosen.level is command.level
            and spot.chosen.steps[0][1] == command.value
            and (spot.group, spot.size) == (command.group, command.group_size)
            and len(members) == max(1, spot.size)
        )  # fmt: skip
        if not fits:
            return Refusal.SELECTION
        if command.point == ROLE and (command.confirm or "") in ("", spot.chosen_by):
            return Refusal.PERSON
        for name in members:
            chosen = self.spots[name].chosen
            assert chosen is not None
            no = self.plant_says(name, chosen, None)
            if no is not None:
                return no
        return None

    def act_verdict(self, command: Command) -> Refusal | None:
        key = {CommandKind.RESUME: "stop", CommandKind.LIFT: "lock_out", CommandKind.OPT_IN: "opt_out"}
        if command.kind not in key:
            return None
        there = (key[command.kind], command.point) in self.latches
        if command.kind is CommandKind.LIFT:
            cool = [
                p
                for p in KINDS
                if command.point in self.scopes(p) and self.spots[p].cool_until_ns > self.now_ns
            ]
            there = there or bool(cool)
        armed = self.armed.get(command.point, -(10**18))
        if there and command.kind is CommandKind.RESUME and command.confirm is not None:
            there = self.now_ns - armed < 5 * S
        return None if there else Refusal.SELECTION

    @property
    def armed(self) -> dict[str, int]:
        return self.__dict__.setdefault("_armed", {})  # type: ignore[no-any-return]  # a plain dict

    def shown(self, point: str) -> float:
        value = self.device.values[point]
        return 7.0 if value is None else value

    def members(self, point: str) -> list[str]:
        group = self.spots[point].group
        if group is None:
            return [point]
        return [name for name, spot in self.spots.items() if spot.group == group and spot.chosen is not None]

    def tell(self, command: Command) -> Receipt | None:
        """Send a signed command; what the gate says to it must be what the reference expects."""
        self.hear()
        known = self.first.get(command.id)
        early = self.early(command)
        expected = self.verdict(command)
        before, writes, event = self.state, len(self.device.writes), MessageReceived(command.sealed(HUB))
        said = core.decide(self.rules, before, event, self.now)
        answer = next(
            (e.receipt for e in said.effects if isinstance(e, Emit) and e.receipt.id == command.id), None
        )
        if known is not None and early is None:
            assert answer == known, "I6: same_answer: a repeat got another receipt"
        if known is not None or early is not None:
            assert known is not None or code_of(answer) is early, (
                f"{PROPERTY[early or Refusal.SCHEMA]}: {early}, got {answer}"
            )
            assert said.state is before, (
                "I5: refused before check 8, and something changed" if early else "I6: changed"
            )
            assert len(self.device.writes) == writes, "I6: a repeat wrote"
            return answer
        self.compare(expected, code_of(answer), answer)
        self.fence_seen = (command.epoch, command.seq) if command.issuer == "hub" else self.fence_seen
        if answer is not None:
            self.first[command.id] = answer
        self.undecided = {point: dict(spot.leases) for point, spot in self.spots.items()}
        if isinstance(answer, Received):
            self.grant(command)
        self.feed(event)
        self.undecided = {}  # it is carried out; a death before this line may have been before its commit
        self.hear()
        return answer

    def compare(self, expected: Refusal | None, got: Refusal | None, answer: Receipt | None) -> None:
        loose = {
            Refusal.RATE,
            Refusal.EXPECT,
            Refusal.LOCAL_MODE,
            Refusal.BAD_INPUT,
            Refusal.INTERLOCK,
            Refusal.QUOTA,
        }
        if self.disturbed and ({expected, got} <= {None, *loose} or None not in (expected, got)):
            return  # with a line cut or a foreign hand the reference does not know what the gate has read
        if expected is not None:
            assert got is expected, (
                f"{PROPERTY[expected]}: must be refused with {expected}, got {got or answer}"
            )
            return
        assert got is None, f"I14: refused with {got} without a cause: {answer}"

    # -- what an accepted command changes -------------------------------------------------------

    def grant(self, command: Command) -> None:
        if command.kind in ACTS:
            self.grant_act(command)
            return
        spot = self.spots[command.point]
        if command.kind is CommandKind.SELECT:
            self.choose(command)
        elif command.kind is CommandKind.OPERATE:
            for name in self.members(command.point):
                self.operate(self.spots[name])
        elif command.kind in (CommandKind.RELEASE, CommandKind.CANCEL):
            self.let_go_of(command, spot)
        elif command.kind is not CommandKind.TEST:
            asked = held_of(command, self.now_ns)
            self.accepted.append(self.now_ns)
            spot.leases[asked.level, asked.bound] = asked

    def let_go_of(self, command: Command, spot: Spot) -> None:
        cancel = command.kind is CommandKind.CANCEL
        if cancel and spot.chosen is not None and spot.chosen.level is command.level:
            self.unchoose(command.point)
        for key, held in list(spot.leases.items()):
            if held.level is command.level and not (cancel and held.steps[0][0] <= self.now_ns):
                self.drop(spot, key)

    def choose(self, command: Command) -> None:
        self.unchoose(command.point)
        spot, asked = self.spots[command.point], held_of(command, self.now_ns)
        self.accepted.append(self.now_ns)
        select_s = 3.0 if command.point == ROLE else 30.0
        spot.chosen, spot.chosen_by, spot.group, spot.size = (
            asked,
            command.actor,
            command.group,
            command.group_size,
        )
        spot.chosen_until_ns = min(self.now_ns + int(select_s * S), asked.until_ns)

    def operate(self, spot: Spot) -> None:
        chosen = spot.chosen
        assert chosen is not None
        start_ns = max(self.now_ns, chosen.steps[0][0])
        spot.leases[chosen.level, None] = replace(chosen, steps=[(start_ns, chosen.steps[0][1])])
        spot.chosen, spot.group, spot.size = None, None, 0

    def unchoose(self, point: str) -> None:
        for name in self.members(point):
            self.spots[name].chosen, self.spots[name].group, self.spots[name].size = None, None, 0

    def drop(self, spot: Spot, key: tuple[Level, CommandKind | None]) -> None:
        held = spot.leases.pop(key)
        spot.ended += [value for _, value in held.steps]

    def forget_all_but(self, stored: Mapping[bytes, SavedLease], *, new_boot: bool) -> None:
        """A crash came: only what the store kept goes on, to the end that is written there.

        A command that died before its commit was never accepted, so the lease it was to take the place of is
        still the one that lives.
        """
        for point, spot in self.spots.items():
            spot.chosen, spot.group, spot.size = None, None, 0
            for key in list(spot.leases):
                if spot.leases[key].id not in stored:
                    self.drop(spot, key)
            for key, held in self.undecided.get(point, {}).items():
                if held.id in stored:
                    spot.leases.setdefault(key, held)
            for key, held in list(spot.leases.items()):
                saved = stored[held.id]
                if new_boot or saved.boot != self.boot:
                    self.drop(spot, key)
                else:
                    held.until_ns = min(held.until_ns, saved.lease.until_ns)
        self.undecided = {}

    def grant_act(self, command: Command) -> None:
        inside = [point for point in KINDS if command.point in self.scopes(point)]
        if command.kind is CommandKind.RESUME and command.confirm is None:
            self.armed[command.point] = self.now_ns
        elif command.kind is CommandKind.RESUME:
            del self.latches["stop", command.point]
        elif command.kind is CommandKind.LIFT:
            self.latches.pop(("lock_out", command.point), None)
            for point in inside:
                self.spots[point].cool_until_ns = self.now_ns
        elif command.kind is CommandKind.OPT_IN:
            del self.latches["opt_out", command.point]
        else:
            self.latch(command, inside)

    def latch(self, command: Command, inside: list[str]) -> None:
        until_ns = self.now_ns + command.lease_s * S if command.lease_s > 0 else math.inf
        self.latches[command.kind.value, command.point] = until_ns
        if command.kind is CommandKind.STOP:
            self.armed.pop(command.point, None)
        for point in inside if command.kind is CommandKind.OPT_OUT else ():
            for key in [k for k in self.spots[point].leases if k[0] in (Level.SCHEDULE, Level.OPTIMISER)]:
                self.drop(self.spots[point], key)

    # -- what the receipts say ------------------------------------------------------------------

    def hear(self) -> None:
        """Follow the receipts; what ends without a cause is a failure."""
        for point, spot in self.spots.items():
            if spot.chosen is not None and (self.now_ns >= spot.chosen_until_ns or self.above(point)):
                self.unchoose(point)
            for key, held in list(spot.leases.items()):
                if held.until_ns <= self.now_ns or self.above(point):
                    self.drop(spot, key)
        for receipt in self.receipts[self.heard :]:
            if isinstance(receipt, Overridden):
                self.overridden(receipt)
        self.heard = len(self.receipts)

    def overridden(self, receipt: Overridden) -> None:
        if receipt.point not in self.spots:
            return
        spot = self.spots[receipt.point]
        if "value" in receipt.by:
            spot.cool_until_ns = receipt.at.mono_ns + 6 * S
        for key, held in list(spot.leases.items()):
            if held.id == receipt.id:
                grouped = receipt.by.startswith("its group") and receipt.point in (TOWER, PUMP)
                assert self.disturbed or grouped, (
                    f"I8: a live lease was dropped without a cause: {receipt.by}"
                )
                self.drop(spot, key)

    # -- what the plant must show ---------------------------------------------------------------

    def check_plant(self) -> None:
        """Every point shows its winner or its fallback; and the gate holds what the reference holds."""
        self.hear()
        for point, state in self.state.points.items():
            if self.above(point) and self.read_well:
                assert not [h for h in state.leases if h.lives(self.now_ns)], (
                    "I7: a lease lives under what stands above"
                )
            for lease in state.leases:
                most_s = HORIZON_S if lease.steps else MAX_LEASE_S
                assert lease.until_ns <= self.now_ns + most_s * S, "I9: longer than the longest lease"
        if not self.disturbed and not self.lag:
            for point in KINDS:
                self.check_point(point)

    def check_point(self, point: str) -> None:
        shown, won = self.device.values[point], self.winner(point)
        spot = self.spots[point]
        if self.hands_off(point):
            return
        if won is None:
            assert shown == self.home(point) or not spot.ours or (point == ROLE and spot.before is None), (
                f"{'I3' if shown in spot.ended else 'I14'}: {point} shows {shown} and not its fallback"
            )
            return
        held_up = {held.value(self.now_ns) for held in self.live(point) if held.bound is None}
        at_rest = shown in {*held_up, self.home(point)} or not spot.ours
        if shown == won[1] or (self.hindered(point, won[1]) and at_rest):
            return
        assert shown not in spot.ended or shown == self.home(point), (
            f"I3: {point} shows {shown} of a lease that has ended"
        )
        raise AssertionError(f"I8: {point} shows {shown}, its winner is {won}")

    def check_receipts(self) -> None:
        """Each accepted command has one end, and its receipts stand in order."""
        accepted = {r.id for r in self.receipts if isinstance(r, Received)}
        ends = Counter(r.id for r in self.receipts if isinstance(r, TERMINAL) and not isinstance(r, Refused))
        assert {ident: ends[ident] for ident in accepted} == dict.fromkeys(accepted, 1), (
            "I11: not one end each"
        )
        for ident in accepted:
            mine = [r for r in self.receipts if r.id == ident]
            mine = [r for at, r in enumerate(mine) if not isinstance(r, Received) or at == 0]
            assert isinstance(mine[0], Received), "I11: something came before it was received"
            last = next(at for at, r in enumerate(mine) if isinstance(r, TERMINAL))
            assert all(isinstance(r, FallbackDone) for r in mine[last + 1 :]), "I11: receipts after the last"
            step: Receipt | None = None
            for receipt in mine[1:last]:
                assert not isinstance(receipt, Scheduled) or step is None, (
                    "I11: scheduled after it was written"
                )
                if isinstance(receipt, Verified) and not self.crashed and receipt.point not in (ROLE, TRIM):
                    assert isinstance(step, Written), "I11: verified before it was written"
                step = receipt

    def check_chain(self) -> None:
        assert audit.broken_at(self.store._db) is None, "I17: the chain of entries does not verify"

    def end(self) -> None:
        """All faults heal and every latch is lifted: then nothing of ours may stay behind."""
        self.stop_after, self.lag = None, False
        foreign = self.disturbed
        self.heal()
        self.wait(0.75)
        if not foreign:
            self.check_plant()
        self.wait(24.0, 0.5)
        self.hear()
        assert core.settled(self.state), "I14: something never ends"
        for point in KINDS:
            at_home = self.device.values[point] == self.home(point) or not self.spots[point].ours
            assert at_home or foreign, f"I3: {point} shows {self.device.values[point]} and no lease lives"
        assert not self.store.load().intents or foreign, "I14: an intent stays behind"
        self.check_receipts()
        self.check_chain()

    def heal(self) -> None:
        """The line, the devices and the inputs are well, and persons lift what they have set."""
        device = self.device
        device.cut = device.deaf = device.local = device.safety = False
        device.dew_c, device.dew_good = 0.0, True
        self.poll()
        for kind, scope in list(self.latches):
            undo = {"stop": CommandKind.RESUME, "lock_out": CommandKind.LIFT, "opt_out": CommandKind.OPT_IN}[
                kind
            ]
            if undo is CommandKind.RESUME:
                self.tell(self.act_command(undo, scope))
                self.tell(self.act_command(undo, scope, confirm="bob"))
            else:
                self.tell(self.act_command(undo, scope))

    def reboot(self) -> None:
        """A new boot: the clock begins anew, and what was counted in the old one counts as if it were now."""
        begin_ns = 5 * S
        for spot in self.spots.values():
            spot.cool_until_ns = 0
            spot.changes = [(begin_ns, value) for _, value in spot.changes]
            spot.starts = [begin_ns for _ in spot.starts]
        self.polled_ns = begin_ns
        self.armed.clear()
        self.latches = {
            key: math.inf if key[0] == "opt_out" else until_ns for key, until_ns in self.latches.items()
        }

    def act_command(self, kind: CommandKind, scope: str, **changes: object) -> Command:
        base: dict[str, object] = {
            "point": scope, "kind": kind, "unit": None, "level": Level.OPERATOR, "lease_s": 0.0,
            "actor": "ann", "reason": "works",
        }  # fmt: skip
        return self.command(None, **{**base, **changes})


def code_of(answer: Receipt | None) -> Refusal | None:
    return answer.code if isinstance(answer, Refused) else None


def held_of(command: Command, now_ns: int) -> Held:
    """The lease a command asks for, by the text of the protocol: all times count from the echo."""
    made_ns = command.echo.reading_ms * 1_000_000
    steps = [(made_ns + int(step.start_in_s * S), step.value) for step in command.steps]
    if not steps:
        value = math.nan if command.value is None else command.value
        steps = [(max(now_ns, made_ns + int(command.start_in_s * S)), value)]
    bound = command.kind if command.kind in BOUNDS else None
    until_ns = made_ns + int(command.lease_s * S)
    return Held(command.id, command.level, steps, until_ns, bound, bool(command.steps))


def plain(effects: tuple[Effect, ...]) -> list[object]:
    """Effects without the wall clock's label."""
    bare: list[object] = []
    for effect in effects:
        if isinstance(effect, Emit):
            bare.append(replace(effect.receipt, at=NEVER))
        elif isinstance(effect, Persist) and isinstance(effect.change, SaveAnswer):
            bare.append((effect.change.id, replace(effect.change.receipt, at=NEVER)))
        else:
            bare.append(effect)
    return bare
