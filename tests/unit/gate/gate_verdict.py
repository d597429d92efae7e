"""The verdict: the code that a command must get, worked out a second time and in the order of the checks."""

from __future__ import annotations

import math

from protocols.command import ACTS, Command, CommandKind, Level
from protocols.refusal import Refusal
from tests.unit.gate.gate_plant import BATTERY, HORIZON_S, KINDS, MAX_LEASE_S, ROLE, TRIM
from tests.unit.gate.gate_reference import Held, Reference, S, held_of
from tests.unit.gate.gate_world import CAP


class Verdicts(Reference):
    """What the reference says of a command; nothing of the gate's own code is asked."""

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
