"""The judge: what the gate says and writes against what the reference expects of it.

Each assertion begins with the invariant it holds the gate to.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Final

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
    Started,
    Write,
    WriteDone,
    WriteFailed,
)
from protocols.clock import Instant
from protocols.command import Command, CommandKind, Level
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
    CHILLER,
    HORIZON_S,
    KINDS,
    MAX_LEASE_S,
    PUMP,
    ROLE,
    TOWER,
    TRIM,
)
from tests.unit.gate.gate_reference import S
from tests.unit.gate.gate_verdict import Verdicts
from tests.unit.gate.gate_world import HUB

NEVER: Final = Instant("", 0, 0)
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


class Judge(Verdicts):
    """A plant whose devices ask the reference before they take a write."""

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
        again = (
            bool(spot.changes) and spot.changes[-1][1] == value
        )  # a second try: the device ignored the first
        if value != before and not again:
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
                shown = self.device.values[point]
                if spot.ours and shown is not None:
                    self.polled[point] = shown  # it was read when it was given back
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
            if self.device.safety and not self.safety_told:  # seen for the first time, also after a start
                self.latches["stop", "zone:east"] = math.inf
                self.armed.pop("zone:east", None)
            self.safety_told = self.device.safety
            self.polled_ns = self.now_ns
            self.polled = {point: value for point, value in self.device.values.items() if value is not None}
        super().poll()

    # -- messages ------------------------------------------------------------------------------

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
        if not (self.disturbed and command.kind is CommandKind.LIFT):
            # what a controller lost to a foreign hand has no receipt, so whether there is a wait to lift
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

    def act_command(self, kind: CommandKind, scope: str, **changes: object) -> Command:
        base: dict[str, object] = {
            "point": scope, "kind": kind, "unit": None, "level": Level.OPERATOR, "lease_s": 0.0,
            "actor": "ann", "reason": "works",
        }  # fmt: skip
        return self.command(None, **{**base, **changes})


def code_of(answer: Receipt | None) -> Refusal | None:
    return answer.code if isinstance(answer, Refused) else None


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
