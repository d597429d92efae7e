"""The invariants of the protocol, under any order of messages, faults, restarts and time.

A small reference model holds the leases that must live; the device itself judges each write by it.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from edge_agent.gate import core
from edge_agent.gate.events import MessageReceived, RenewalReceived, SavedLease, Write, WriteDone, WriteFailed
from edge_agent.gate.rules import Rules
from protocols.command import Command, CommandKind, Echo, Level
from protocols.receipt import TERMINAL, FallbackDone, Overridden, Received, Refused
from protocols.refusal import Refusal
from tests.unit.gate.gate_world import (
    FALLBACK_KW,
    HIGH_KW,
    HUB,
    LOW_KW,
    MAX_LEASE_S,
    POINT,
    STRANGER,
    Died,
    World,
    rules_of,
)

RUNGS = (Level.OPERATOR, Level.OPTIMISER)
FOREIGN_KW = 42.125
LEASES_S = st.sampled_from([0.5, 1.0, 3.0, 5.0, 10.0, 10.0, 10.000001, 0.0, -1.0, math.inf, math.nan])
VALUES_KW = st.one_of(
    st.floats(LOW_KW, HIGH_KW).map(lambda value: round(value, 1)),
    st.sampled_from([LOW_KW, HIGH_KW, 251.0, -251.0, math.nan, math.inf]),
)


@dataclass
class Known:
    """A lease that must live, as the reference holds it."""

    id: bytes
    value: float
    until_ns: int


class Judged(World):
    """A world whose device asks the reference before it takes a write."""

    leases: dict[Level, Known]
    listen: Callable[[], None]

    @override
    def write(self, request: Write) -> WriteDone | WriteFailed:
        value = request.value
        self.listen()
        assert value is not None, "I1: a register has no null"
        assert math.isfinite(value), "I1: not finite"
        assert LOW_KW <= value <= HIGH_KW, "I1: outside the limits"
        if request.why != "fallback":
            won = self.winner()
            assert won is not None, "I2: a write without a live lease"
            assert value == won.value, "I8: not the value of the lowest live rung"
        else:
            assert value == FALLBACK_KW, "I2: not the fallback"
        return super().write(request)

    def winner(self) -> Known | None:
        live = [self.leases[rung] for rung in RUNGS if rung in self.leases]
        return next((known for known in live if known.until_ns > self.now_ns), None)


class Protocol(RuleBasedStateMachine):
    """Everybody who may act on a gate, honest or not."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.renewals: list[bytes] = []
        self.held_back: list[Command] = []
        self.read = 0
        self.disturbed = False
        self.foreign = False

    @initialize(watchdog_s=st.sampled_from([None, 6.0]))
    def begin(self, watchdog_s: float | None) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.world = Judged(Path(self.folder.name), _rules(watchdog_s))
        self.world.leases = {}
        self.world.listen = self.learn
        self.world.start()
        self.fence = (-1, -1)

    @override
    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.stop_after = None
        self.foreign = self.foreign and world.value() == FOREIGN_KW
        world.device.cut = world.device.deaf = world.device.local = False
        world.wait(0.75)
        self.learn()
        won = world.winner()
        if not self.disturbed:
            assert world.value() == (FALLBACK_KW if won is None else won.value), "I14: not there"
        world.wait(14.0)
        self.learn()
        assert core.settled(world.state), "I14: something never ends"
        assert world.value() in (FALLBACK_KW, FOREIGN_KW), "I3: a lease's value stayed behind"
        assert world.value() == FALLBACK_KW or self.foreign, "I3: not on the fallback"
        self.last_receipts()
        world.store.close()
        self.folder.cleanup()

    def last_receipts(self) -> None:
        receipts = self.world.receipts
        accepted = {r.id for r in receipts if isinstance(r, Received)}
        ends = Counter(r.id for r in receipts if isinstance(r, TERMINAL) and not isinstance(r, Refused))
        assert {ident: ends[ident] for ident in accepted} == dict.fromkeys(accepted, 1), "I11: one end"
        for ident in accepted:
            mine = [r for r in receipts if r.id == ident and not isinstance(r, Received)]
            last = next(i for i, r in enumerate(mine) if isinstance(r, TERMINAL))
            assert all(isinstance(r, FallbackDone) for r in mine[last + 1 :]), "I11: receipts after the last"

    def learn(self) -> None:
        """Let the reference follow what the receipts say; an end without a cause is a failure."""
        world = self.world
        for receipt in world.receipts[self.read :]:
            for rung, known in list(world.leases.items()):
                if receipt.id == known.id and isinstance(receipt, TERMINAL):
                    if isinstance(receipt, Overridden):
                        assert self.disturbed, "a lease was dropped without a cause"
                    del world.leases[rung]
        self.read = len(world.receipts)

    # -- messages ------------------------------------------------------------------------------

    def deliver(self, command: Command) -> None:
        """Send a signed command, and compare with what the reference expects of it."""
        world = self.world
        self.learn()
        known = world.state.answers.get(command.id)
        expected = None if known is not None else self.verdict(command)
        before, writes = world.state, len(world.device.writes)
        if expected is None and known is None:
            until_ns = _until_ns(command)
            assert command.value is not None
            granted = Known(command.id, command.value, until_ns)
            old = world.leases.get(command.level)
            world.leases[command.level] = granted
            if old is not None and old.until_ns > world.now_ns:
                assert until_ns <= world.now_ns + MAX_LEASE_S * 1e9
        data = command.sealed(HUB)
        count = len(world.receipts)
        world.feed(MessageReceived(data))
        self.sent.append(data)
        answer = next(r for r in world.receipts[count:] if r.id == command.id)
        if known is not None:
            assert answer == known, "same_answer: a repeat got another receipt"
            assert world.state is before, "I6: a repeat changed something"
            assert len(world.device.writes) == writes, "I6: a repeat wrote"
            return
        code = answer.code if isinstance(answer, Refused) else None
        assert code is expected, f"expected {expected}, got {code}"
        if expected in EARLY:
            assert world.state is before, "I5: refused before check 8, and something changed"
        else:
            self.fence = (command.epoch, command.seq)
        self.learn()

    def verdict(self, command: Command) -> Refusal | None:
        world, epoch, seq = self.world, *self.fence
        age_ms = world.now_ns / 1e6 - command.echo.reading_ms
        value = math.nan if command.value is None else command.value
        seen = world.state.points[POINT].seen if POINT in world.state.points else None
        fresh = seen is not None and seen.good and world.now_ns - seen.at_ns <= 3_000_000_000
        switch = world.state.switches.get("battery1")
        remote = switch is not None and not switch.local
        switched = switch is not None and world.now_ns - switch.at_ns <= 3_000_000_000
        cool = POINT in world.state.points and world.state.points[POINT].cool_until_ns > world.now_ns
        faults = {
            Refusal.ADDRESSEE: command.agent_epoch != world.rules.agent_epoch,
            Refusal.FENCED: command.epoch < epoch,
            Refusal.STALE_ECHO: command.echo.boot != world.boot or not 0 <= age_ms <= 10_000,
            Refusal.OUT_OF_ORDER: command.epoch == epoch and command.seq <= seq,
            Refusal.VALUE: not math.isfinite(value),
            Refusal.LEASE: not 0 < command.lease_s <= MAX_LEASE_S or _until_ns(command) <= world.now_ns,
            Refusal.LIMITS: not LOW_KW <= value <= HIGH_KW,
            Refusal.LOCAL_MODE: not remote or cool,
            Refusal.BAD_INPUT: not (fresh and switched),
        }
        return next((code for code, present in faults.items() if present), None)

    @rule(value=VALUES_KW, lease_s=LEASES_S, level=st.sampled_from(RUNGS))
    def order(self, value: float, lease_s: float, level: Level) -> None:
        self.deliver(self.world.command(value, lease_s=lease_s, level=level))

    @rule(value=VALUES_KW, level=st.sampled_from(RUNGS), back=st.integers(1, 3))
    def order_of_an_old_leader(self, value: float, level: Level, back: int) -> None:
        self.deliver(self.world.command(value, level=level, epoch=max(0, self.world.epoch - back)))

    @rule()
    def a_new_leader(self) -> None:
        self.world.epoch += 1

    @rule(
        value=VALUES_KW,
        age_ms=st.sampled_from([-60_000, 0, 9_999, 10_000, 10_001, 10**9]),
        high=st.booleans(),
    )
    def order_with_an_old_echo(self, value: float, age_ms: int, high: bool) -> None:  # noqa: FBT001  a drawn argument
        reading_ms = self.world.now_ns // 1_000_000 - age_ms
        epoch = self.world.epoch + (5 if high and not 0 <= age_ms <= 10_000 else 0)
        self.deliver(self.world.command(value, echo=Echo(self.world.boot, reading_ms), epoch=epoch))

    @rule(value=VALUES_KW)
    def order_echoing_another_boot(self, value: float) -> None:
        echo = Echo("another", self.world.now_ns // 1_000_000)
        self.deliver(self.world.command(value, echo=echo))

    @rule(value=VALUES_KW, level=st.sampled_from(RUNGS))
    def an_order_is_held_back_on_its_way(self, value: float, level: Level) -> None:
        self.held_back.append(self.world.command(value, level=level))

    @precondition(lambda self: self.held_back)
    @rule()
    def what_was_held_back_arrives(self) -> None:
        self.deliver(self.held_back.pop(0))

    @precondition(lambda self: self.sent)
    @rule(pick=st.integers(0, 10_000))
    def a_message_is_replayed(self, pick: int) -> None:
        world = self.world
        ends = {k.id: k.until_ns for k in world.leases.values()}
        known = set(world.state.answers)
        before = world.state
        world.feed(MessageReceived(self.sent[pick % len(self.sent)]))
        if set(world.state.answers) == known:
            assert world.state is before, "I6: a replay changed something"
        self.learn()
        assert all(k.until_ns <= ends[k.id] for k in world.leases.values()), "I6: a replay prolonged a lease"

    @precondition(lambda self: self.renewals)
    @rule(pick=st.integers(0, 10_000))
    def a_renewal_is_replayed(self, pick: int) -> None:
        before = self.world.state
        self.world.feed(RenewalReceived(self.renewals[pick % len(self.renewals)]))
        assert self.world.state is before, "I6: a replayed renewal changed something"

    @rule(value=VALUES_KW, mangle=st.booleans(), pick=st.integers(0, 10_000))
    def a_forger(self, value: float, mangle: bool, pick: int) -> None:  # noqa: FBT001  a drawn argument
        command = self.world.command(value, epoch=self.world.epoch + 100)
        data = bytearray(command.sealed(STRANGER))
        if mangle:
            data = bytearray(command.sealed(HUB))
            data[pick % len(data)] ^= 1
        before = self.world.state
        count = len(self.world.receipts)
        self.world.feed(MessageReceived(bytes(data)))
        assert self.world.state is before, "I5: a forged message changed something"
        assert len(self.world.receipts) == count, "I5: a forged message was answered"

    @rule(change=st.sampled_from([{"edge": "edge2"}, {"site": "other"}, {"agent_epoch": 999}]))
    def a_message_gone_astray(self, change: dict[str, object]) -> None:
        before = self.world.state
        self.world.feed(MessageReceived(self.world.command(1.0, **change).sealed(HUB)))
        assert self.world.state is before, "I5: a misaddressed message changed something"

    @rule(valid_for_s=LEASES_S, honest=st.booleans())
    def renew(self, valid_for_s: float, honest: bool) -> None:  # noqa: FBT001  a drawn argument
        world = self.world
        self.learn()
        live = [known for known in world.leases.values() if known.until_ns > world.now_ns]
        ids = [known.id for known in live] + ([] if honest else [b"z" * 16])
        renewal = world.renewal(ids, valid_for_s)
        good = honest and 0 < valid_for_s <= MAX_LEASE_S
        if renewal.epoch < self.fence[0] or (renewal.epoch == self.fence[0] and renewal.seq <= self.fence[1]):
            good = False
        else:
            self.fence = (renewal.epoch, renewal.seq)
        if good:
            for known in live:
                known.until_ns = world.now_ns + int(valid_for_s * 1e9)
        self.renewals.append(renewal.sealed(HUB))
        world.feed(RenewalReceived(self.renewals[-1]))

    @rule(level=st.sampled_from(RUNGS))
    def release(self, level: Level) -> None:
        command = self.world.command(None, kind=CommandKind.RELEASE, unit=None, level=level, lease_s=0.0)
        self.learn()
        held = self.world.leases.get(level)
        fenced = command.epoch < self.fence[0]
        if not fenced and command.seq > 0:
            self.world.leases.pop(level, None)
            self.fence = (command.epoch, command.seq)
        self.world.feed(MessageReceived(command.sealed(HUB)))
        if held is not None and not fenced:
            assert any(r.id == held.id and isinstance(r, TERMINAL) for r in self.world.receipts)
        self.learn()

    # -- time and faults -----------------------------------------------------------------------

    @rule(quarters=st.integers(1, 24))
    def time_passes(self, quarters: int) -> None:
        for _ in range(quarters):
            self.world.wait(0.25)
            self.learn()
            self.on_time()
        self.world.poll()
        self.learn()

    def on_time(self) -> None:
        world = self.world
        if self.disturbed:
            return
        won = world.winner()
        assert world.value() == (FALLBACK_KW if won is None else won.value), "I3/I8: another value"

    @rule(seconds=st.sampled_from([-3600.0, 3600.0, -31_536_000.0]))
    def the_wall_clock_jumps(self, seconds: float) -> None:
        self.world.wall_ns += round(seconds * 1e9)

    @rule(cut=st.booleans())
    def the_line(self, cut: bool) -> None:  # noqa: FBT001  a drawn argument
        self.world.device.cut = cut
        self.disturbed = True
        self.world.poll()

    @rule(local=st.booleans())
    def the_local_switch(self, local: bool) -> None:  # noqa: FBT001  a drawn argument
        self.disturbed = True
        self.world.device.local = local
        self.world.poll()  # the edge hears of it before it is judged by it
        self.learn()
        if local and not self.world.device.cut:
            assert not self.world.state.points[POINT].leases, "I7: a lease lives in local mode"

    @rule()
    def somebody_sets_the_point(self) -> None:
        self.disturbed = self.foreign = True
        self.world.device.values[POINT] = FOREIGN_KW

    @rule(deaf=st.booleans())
    def the_device_ignores_writes(self, deaf: bool) -> None:  # noqa: FBT001  a drawn argument
        self.disturbed = True
        self.world.device.deaf = deaf

    @rule()
    def all_is_well_again(self) -> None:
        world = self.world
        world.device.cut = world.device.deaf = world.device.local = False
        world.poll()
        world.wait(16.0)
        self.learn()
        assert core.settled(world.state), "I14: something never ends"
        assert world.value() == FALLBACK_KW or self.foreign, "I3: a lease's value stayed behind"
        world.device.values[POINT] = FALLBACK_KW
        world.wait(2.0)
        self.disturbed = self.foreign = False

    # -- restarts ------------------------------------------------------------------------------

    @rule(new_boot=st.booleans())
    def the_agent_starts_again(self, new_boot: bool) -> None:  # noqa: FBT001  a drawn argument
        world = self.world
        fences = dict(world.state.fences)
        saved = {saved.lease.id: saved.lease.until_ns for saved in world.store.load().leases}
        if new_boot:
            world.leases.clear()
        for known in world.leases.values():
            known.until_ns = saved.get(known.id, 0)  # after a crash the grant's own end counts
        boot = f"boot{chr(ord(world.boot[-1]) + 1)}" if new_boot else None
        if new_boot:
            self.held_back.clear()
        world.restart(boot=boot)
        self.learn()
        after = world.state.fences
        assert all(after[name].epoch >= fence.epoch for name, fence in fences.items()), "I4: it went back"
        self.fence = (after["hub"].epoch, after["hub"].seq) if "hub" in after else (-1, -1)

    @rule(steps=st.integers(0, 6), value=st.floats(-200, 200).map(round), quarters=st.integers(0, 8))
    def the_agent_is_killed(self, steps: int, value: float, quarters: int) -> None:
        world = self.world
        self.learn()
        self.disturbed = True
        command = world.command(float(value))
        verdict = self.verdict(command)
        if verdict is None:
            world.leases[command.level] = Known(command.id, float(value), _until_ns(command))
        world.stop_after = steps
        try:
            world.feed(MessageReceived(command.sealed(HUB)))
            world.wait(0.25 * quarters)
        except Died:
            pass
        world.stop_after = None
        kept = {saved.lease.id: saved.lease for saved in world.store.load().leases if self.may_go_on(saved)}
        world.leases = {lease.level: Known(lease.id, lease.value, lease.until_ns) for lease in kept.values()}
        self.read = len(world.receipts)
        fence = world.store.load().fences.get("hub")
        self.fence = (-1, -1) if fence is None else (fence.epoch, fence.seq)
        world.restart()
        self.learn()

    def may_go_on(self, saved: SavedLease) -> bool:
        """Others only wait in the store for what the device says."""
        return saved.boot == self.world.boot and saved.lease.lives(self.world.now_ns)

    @invariant()
    def no_lease_is_longer_than_allowed(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        for point in world.state.points.values():
            for lease in point.leases:
                assert lease.until_ns <= world.now_ns + MAX_LEASE_S * 1e9, "I9: longer than the longest lease"
                assert LOW_KW <= lease.value <= HIGH_KW, "I1"
        fence = world.state.fences.get("hub")
        if fence is not None:
            assert (fence.epoch, fence.seq) == self.fence, "I4: the fence is not where it was moved to"


def _until_ns(command: Command) -> int:
    return command.echo.reading_ms * 1_000_000 + int(command.lease_s * 1e9)


def _rules(watchdog_s: float | None) -> Rules:
    return replace(rules_of(watchdog_s=watchdog_s), cool_down_s=6.0)


EARLY = (Refusal.ADDRESSEE, Refusal.FENCED, Refusal.STALE_ECHO, Refusal.OUT_OF_ORDER)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_invariants_hold_under_any_order_of_events() -> None:
    _search(examples=150, steps=50, same_run_everywhere=True)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_the_invariants_hold_in_a_long_search() -> None:
    _search(examples=2000, steps=100, same_run_everywhere=False)


def _search(examples: int, steps: int, *, same_run_everywhere: bool) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),  # shrinking would outlast the time limit
        derandomize=same_run_everywhere,
        print_blob=True,
    )
    run_state_machine_as_test(Protocol, settings=chosen)
