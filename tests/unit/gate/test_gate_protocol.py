"""The 18 invariants of the protocol under any order of messages, acts, faults, restarts and time.

`gate_judge.py` is the reference; each of its assertions begins with the invariant it holds the gate to.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from edge_agent.gate import core
from edge_agent.gate.events import ControllerOutput, MessageReceived, RenewalReceived, Write
from protocols.command import Command, CommandKind, Echo, Level
from tests.unit.gate.gate_judge import Judge
from tests.unit.gate.gate_plant import (
    BATTERY,
    CHILLER,
    CONTROLLER,
    IDLE,
    KINDS,
    MAX_LEASE_S,
    PUMP,
    ROLE,
    TOWER,
    TRIM,
    PlantDevice,
    folder,
    plant_rules,
)
from tests.unit.gate.gate_reference import Held, S
from tests.unit.gate.gate_world import HUB, STRANGER, Died

ONE_STEP = (BATTERY, BATTERY, CHILLER, PUMP, TOWER, TRIM)
VALUES = {
    BATTERY: (-250.0, -20.0, 30.0, 100.0, 250.0, 251.0, math.nan, math.inf),
    CHILLER: (6.0, 8.0, 12.0, 12.5), PUMP: (0.0, 60.0, 100.0), TOWER: (10.0, 90.0),
    TRIM: (5.5, 6.5, 7.0, 8.5), ROLE: (0.0, 1.0, 2.0),
}  # fmt: skip
LEASES_S = st.sampled_from([1.0, 3.0, 5.0, 10.0, 10.0, 10.000001, 0.0, -1.0, math.inf, math.nan])
PLANS = st.sampled_from([Level.OPERATOR, Level.SCHEDULE, Level.OPTIMISER, Level.OPTIMISER])
SCOPES = st.sampled_from(["all", "zone:east", "demo/chiller1", BATTERY, ROLE])


class Protocol(RuleBasedStateMachine):
    """Everybody who may act on a gate, honest or not."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.renewals: list[bytes] = []
        self.held_back: list[Command] = []

    @initialize(watchdog_s=st.sampled_from([None, 6.0]))
    def begin(self, watchdog_s: float | None) -> None:
        self.folder = folder()
        self.world = Judge(Path(self.folder.name), plant_rules(watchdog_s=watchdog_s), device=PlantDevice())
        self.world.start()

    @override
    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                if sys.exc_info()[0] is None:  # what has failed already needs no end
                    self.world.end()
            finally:
                self.world.store.close()
                self.folder.cleanup()

    def deliver(self, command: Command) -> None:
        self.world.tell(command)
        self.sent.append(command.sealed(HUB))
        self.world.check_plant()

    # -- commands ------------------------------------------------------------------------------

    @rule(point=st.sampled_from(ONE_STEP), pick=st.integers(0, 20), lease_s=LEASES_S, level=PLANS)
    def order(self, point: str, pick: int, lease_s: float, level: Level) -> None:
        value = VALUES[point][pick % len(VALUES[point])]
        self.deliver(self.world.ask(point, value, lease_s=lease_s, level=level))

    @rule(point=st.sampled_from((BATTERY, CHILLER)), start_in_s=st.sampled_from([0.5, 2.0, 4.0]), level=PLANS)
    def order_for_later(self, point: str, start_in_s: float, level: Level) -> None:
        self.deliver(self.world.ask(point, VALUES[point][1], start_in_s=start_in_s, lease_s=6.0, level=level))

    @rule(
        kind=st.sampled_from([CommandKind.AT_MOST, CommandKind.AT_LEAST]),
        value=st.sampled_from([-30.0, 0.0, 50.0]),
    )
    def grid_limit(self, kind: CommandKind, value: float) -> None:
        self.deliver(self.world.ask(BATTERY, value, kind=kind, level=Level.GRID_LIMIT, lease_s=8.0))

    @rule(
        values=st.lists(st.sampled_from([-50.0, 0.0, 80.0, 300.0]), min_size=1, max_size=4),
        every_s=st.sampled_from([0.0, 1.0, 3.0]),
        horizon_s=st.sampled_from([4.0, 15.0, 20.0, 20.1]),
    )
    def timetable(self, values: list[float], every_s: float, horizon_s: float) -> None:
        self.deliver(self.world.table(values, every_s, horizon_s, level=Level.SCHEDULE))

    @rule(
        value=st.sampled_from(VALUES[ROLE]),
        confirm=st.sampled_from(["bob", "test", None]),
        wait=st.integers(0, 14),
    )
    def a_discrete_act(self, value: float, confirm: str | None, wait: int) -> None:
        world = self.world
        self.deliver(world.ask(ROLE, value, kind=CommandKind.SELECT))
        self.time_passes(wait)
        self.deliver(world.ask(ROLE, value, kind=CommandKind.OPERATE, confirm=confirm))

    @rule(value=st.sampled_from(VALUES[ROLE]), kind=st.sampled_from([CommandKind.SET, CommandKind.OPERATE]))
    def half_of_a_discrete_act(self, value: float, kind: CommandKind) -> None:
        confirm = "bob" if kind is CommandKind.OPERATE else None
        self.deliver(self.world.ask(ROLE, value, kind=kind, confirm=confirm))

    @rule(members=st.sampled_from([(PUMP, TOWER), (PUMP, TOWER, CHILLER), (PUMP,)]), cut=st.booleans())
    def a_group(self, members: tuple[str, ...], cut: bool) -> None:  # noqa: FBT001  a drawn argument
        world = self.world
        size = len(members) + (1 if cut or len(members) == 1 else 0)
        group = len(self.sent).to_bytes(16, "big")
        common = {"group": group, "group_size": size}
        for point in members:
            self.deliver(world.ask(point, VALUES[point][1], kind=CommandKind.SELECT, **common))
        self.deliver(world.ask(members[0], VALUES[members[0]][1], kind=CommandKind.OPERATE, **common))

    @rule(
        point=st.sampled_from(tuple(KINDS)),
        kind=st.sampled_from([CommandKind.RELEASE, CommandKind.CANCEL]),
        level=PLANS,
    )
    def release(self, point: str, kind: CommandKind, level: Level) -> None:
        self.deliver(self.world.command(None, point=point, kind=kind, unit=None, level=level, lease_s=0.0))

    @rule(point=st.sampled_from(ONE_STEP), pick=st.integers(0, 20))
    def test_only(self, point: str, pick: int) -> None:
        world, writes = self.world, len(self.world.device.writes)
        value = VALUES[point][pick % len(VALUES[point])]
        self.deliver(world.ask(point, value, kind=CommandKind.TEST))
        assert len(world.device.writes) == writes, "I2: a test wrote"

    @rule(expect=st.sampled_from([0.0, 30.0, 100.0]))
    def compare_and_set(self, expect: float) -> None:
        self.deliver(self.world.ask(BATTERY, 30.0, expect=expect))

    @rule(value=st.sampled_from([5.2, 6.0, 6.4, 7.0, 7.9, 8.5, math.nan, None]))
    def the_controller(self, value: float | None) -> None:
        world, asked = self.world, value
        world.hear()
        spot = world.spots[TRIM]
        old = spot.leases.get((Level.CONTROLLER, None))
        if value is None:
            spot.leases.pop((Level.CONTROLLER, None), None)
        elif (
            5.0 <= value <= 8.0
            and not world.above(TRIM)
            and world.read_well
            and spot.cool_until_ns <= world.now_ns
        ):
            if old is not None and old.until_ns > world.now_ns and self.keeps_its_old_output(old, value):
                value = old.steps[0][1]
            start_ns = old.steps[0][0] if old is not None and old.steps[0][1] == value else world.now_ns
            spot.leases[Level.CONTROLLER, None] = Held(
                b"", Level.CONTROLLER, [(start_ns, value)], world.now_ns + 3 * S
            )
        world.output(asked)
        world.output(7.5, "somebody")
        world.check_plant()

    def keeps_its_old_output(self, old: Held, value: float) -> bool:
        """While rate or wear hold a change up; with faults about, what the gate knows decides."""
        world = self.world
        if not world.disturbed:
            return value != old.steps[0][1] and world.hindered(TRIM, value)
        said = core.decide(world.rules, world.state, ControllerOutput(CONTROLLER, TRIM, value), world.now)
        return all(held.value != value for held in said.state.points[TRIM].leases if held.quiet)

    # -- persons -------------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from([CommandKind.STOP, CommandKind.LOCK_OUT, CommandKind.OPT_OUT]),
        scope=SCOPES,
        timed=st.booleans(),
    )
    def a_person_stops(self, kind: CommandKind, scope: str, timed: bool) -> None:  # noqa: FBT001  a drawn argument
        until_s = 3.0 if timed and kind is CommandKind.OPT_OUT else 0.0
        self.deliver(self.world.act_command(kind, scope, lease_s=until_s))

    @rule(
        kind=st.sampled_from([CommandKind.RESUME, CommandKind.LIFT, CommandKind.OPT_IN]),
        scope=SCOPES,
        wait=st.integers(0, 24),
    )
    def a_person_releases(self, kind: CommandKind, scope: str, wait: int) -> None:
        self.deliver(self.world.act_command(kind, scope))
        if kind is CommandKind.RESUME:
            self.time_passes(wait)
            self.deliver(self.world.act_command(kind, scope, confirm="bob"))

    @rule(scope=SCOPES)
    def a_release_in_one_step(self, scope: str) -> None:
        self.deliver(self.world.act_command(CommandKind.RESUME, scope, confirm="bob"))

    @rule(change=st.sampled_from([{"actor": " "}, {"reason": ""}, {"issuer": "planner"}]))
    def a_nameless_act(self, change: dict[str, object]) -> None:
        self.deliver(self.world.act_command(CommandKind.STOP, "all", **change))

    # -- the dishonest -------------------------------------------------------------------------

    @rule(back=st.integers(1, 3))
    def order_of_an_old_leader(self, back: int) -> None:
        self.deliver(self.world.ask(BATTERY, 30.0, epoch=max(0, self.world.epoch - back)))

    @rule()
    def a_new_leader(self) -> None:
        self.world.epoch += 1

    @rule(
        age_ms=st.sampled_from([-60_000, 0, 9_999, 10_000, 10_001, 10**9]),
        high=st.booleans(),
        other=st.booleans(),
    )
    def order_with_an_old_echo(self, age_ms: int, high: bool, other: bool) -> None:  # noqa: FBT001  drawn arguments
        world = self.world
        reading_ms = world.now_ns // 1_000_000 - age_ms
        stale = other or not 0 <= age_ms <= 10_000
        epoch = world.epoch + (5 if high and stale else 0)
        self.deliver(
            world.ask(BATTERY, 30.0, echo=Echo("other" if other else world.boot, reading_ms), epoch=epoch)
        )

    @rule(
        change=st.sampled_from(
            [
                {"cap_hash": b"d" * 16},
                {"unit": "W"},
                {"level": Level.CONTROLLER},
                {"issuer": "planner"},
                {"seq": 0},
            ]
        )
    )
    def a_wrong_field(self, change: dict[str, object]) -> None:
        self.deliver(self.world.command(30.0, **{"point": BATTERY, "level": Level.OPERATOR, **change}))

    @rule(point=st.sampled_from((BATTERY, PUMP)), level=PLANS)
    def an_order_is_held_back_on_its_way(self, point: str, level: Level) -> None:
        self.held_back.append(self.world.ask(point, VALUES[point][1], level=level))

    @precondition(lambda self: self.held_back)
    @rule()
    def what_was_held_back_arrives(self) -> None:
        self.deliver(self.held_back.pop(0))

    @precondition(lambda self: self.sent)
    @rule(pick=st.integers(0, 10_000))
    def a_message_is_replayed(self, pick: int) -> None:
        world = self.world
        event = MessageReceived(self.sent[pick % len(self.sent)])
        said = core.decide(world.rules, world.state, event, world.now)
        assert said.state is world.state, "I6: a replay changed something"
        assert not [e for e in said.effects if isinstance(e, Write)], "I6: a replay wrote"

    @precondition(lambda self: self.renewals)
    @rule(pick=st.integers(0, 10_000))
    def a_renewal_is_replayed(self, pick: int) -> None:
        before = self.world.state
        self.world.feed(RenewalReceived(self.renewals[pick % len(self.renewals)]))
        assert self.world.state is before, "I6: a replayed renewal changed something"

    @rule(mangle=st.booleans(), pick=st.integers(0, 10_000))
    def a_forger(self, mangle: bool, pick: int) -> None:  # noqa: FBT001  a drawn argument
        world = self.world
        command = world.ask(BATTERY, 30.0, epoch=world.epoch + 100)
        data = bytearray(command.sealed(HUB if mangle else STRANGER))
        if mangle:
            data[pick % len(data)] ^= 1
        before, count = world.state, len(world.receipts)
        world.feed(MessageReceived(bytes(data)))
        assert world.state is before, "I5: a forged message changed something"
        assert len(world.receipts) == count, "I5: a forged message was answered"

    @rule(change=st.sampled_from([{"edge": "edge2"}, {"site": "other"}, {"agent_epoch": 999}]))
    def a_message_gone_astray(self, change: dict[str, object]) -> None:
        world = self.world
        event = MessageReceived(world.ask(BATTERY, 1.0, **change).sealed(HUB))
        said = core.decide(world.rules, world.state, event, world.now)
        assert said.state is world.state, "I5: a misaddressed message changed something"

    @rule(valid_for_s=LEASES_S, honest=st.booleans(), old=st.booleans())
    def renew(self, valid_for_s: float, honest: bool, old: bool) -> None:  # noqa: FBT001  drawn arguments
        world = self.world
        world.hear()
        mine = [h for p in KINDS for h in world.live(p) if h.level is not Level.CONTROLLER]
        ids = [held.id for held in mine] + ([] if honest else [b"z" * 16])
        epoch = max(0, world.epoch - 1) if old else world.epoch
        renewal = world.renewal(ids, valid_for_s, epoch=epoch)
        if (renewal.epoch, renewal.seq) > world.fence_seen:
            world.fence_seen = (renewal.epoch, renewal.seq)
            if honest and 0 < valid_for_s <= MAX_LEASE_S:
                for held in mine:
                    if not held.table:
                        held.until_ns = max(held.until_ns, world.now_ns + int(valid_for_s * 1e9))
        self.renewals.append(renewal.sealed(HUB))
        world.feed(RenewalReceived(self.renewals[-1]))
        for state in world.state.points.values():
            for lease in state.leases:
                known = next((h for p in KINDS for h in world.live(p) if h.id == lease.id), None)
                assert known is None or lease.until_ns <= known.until_ns, (
                    "I9: a renewal gave more than it may"
                )
        world.check_plant()

    # -- time and faults -----------------------------------------------------------------------

    @rule(quarters=st.integers(1, 24))
    def time_passes(self, quarters: int) -> None:
        for quarter in range(quarters):
            self.world.wait(0.25)
            self.world.check_plant()
            if quarter % 4 == 3:
                self.world.poll()
        self.world.poll()
        self.world.check_plant()

    @rule(seconds=st.sampled_from([-3600.0, 3600.0, -31_536_000.0]))
    def the_wall_clock_jumps(self, seconds: float) -> None:
        self.world.wall_ns += round(seconds * 1e9)

    @precondition(lambda self: not self.world.device.cut)
    @rule(what=st.sampled_from(["local", "safety", "dew", "dew_good"]), value=st.booleans())
    def an_input(self, what: str, value: bool) -> None:  # noqa: FBT001  a drawn argument
        world, device = self.world, self.world.device
        if what == "dew":
            device.dew_c = 20.0 if value else 0.0
        else:
            setattr(device, what, value if what != "dew_good" else not value)
        world.poll()
        world.check_plant()

    @rule(cut=st.booleans())
    def the_line(self, cut: bool) -> None:  # noqa: FBT001  a drawn argument
        self.world.device.cut, self.world.disturbed = cut, True
        self.world.poll()
        self.world.check_plant()

    @rule(point=st.sampled_from((BATTERY, CHILLER, ROLE, PUMP)))
    def somebody_sets_the_point(self, point: str) -> None:
        self.world.disturbed = True
        self.world.device.values[point] = {BATTERY: 42.125, CHILLER: 6.25, ROLE: 1.5, PUMP: 77.0}[point]

    @rule(deaf=st.booleans())
    def the_device_ignores_writes(self, deaf: bool) -> None:  # noqa: FBT001  a drawn argument
        self.world.device.deaf, self.world.disturbed = deaf, True

    @rule(quarters=st.integers(1, 30))
    def requests_wait_in_the_queue(self, quarters: int) -> None:
        world = self.world
        world.lag = world.disturbed = True
        self.order(BATTERY, 3, 3.0, Level.OPTIMISER)
        world.now_ns += quarters * 250_000_000
        world.lag = False
        world.carry_out()
        world.wait(0.25)
        world.check_plant()

    @precondition(lambda self: self.world.disturbed)
    @rule()
    def all_is_well_again(self) -> None:
        world = self.world
        world.heal()
        world.wait(24.0, 0.5)
        world.hear()
        for point, value in IDLE.items():
            if not world.spots[point].ours:
                world.device.values[point] = value
        world.wait(8.0, 0.5)
        world.hear()
        world.disturbed = any(spot.cool_until_ns > world.now_ns for spot in world.spots.values())

    # -- restarts ------------------------------------------------------------------------------

    @rule(new_boot=st.booleans())
    def the_agent_starts_again(self, new_boot: bool) -> None:  # noqa: FBT001  a drawn argument
        self.again(new_boot=new_boot)

    @rule(steps=st.integers(0, 8), quarters=st.integers(0, 8), new_boot=st.booleans(), pick=st.integers(0, 9))
    def the_agent_is_killed(self, steps: int, quarters: int, new_boot: bool, pick: int) -> None:  # noqa: FBT001  a drawn argument
        world = self.world
        world.hear()
        world.disturbed = True
        point = ONE_STEP[pick % len(ONE_STEP)]
        world.stop_after = steps
        try:
            self.order(point, pick, 5.0, Level.OPERATOR)
            world.wait(0.25 * quarters)
        except Died:
            pass
        world.stop_after, world.crashed = None, True
        self.again(new_boot=new_boot)

    def again(self, *, new_boot: bool) -> None:
        """A start finds what the store kept; the reference goes on with that, and with nothing else."""
        world = self.world
        before = {point: dict(spot.leases) for point, spot in world.spots.items()}
        world.hear()
        for point, leases in before.items():  # what ended just now was not committed as ended: it may go on
            world.undecided[point] = {**leases, **world.undecided.get(point, {})}
        kept = world.store.load()
        boot = f"boot{chr(ord(world.boot[-1]) + 1)}" if new_boot and world.boot < "bootz" else None
        stored = {saved.lease.id: saved for saved in kept.leases}
        world.forget_all_but(stored, new_boot=boot is not None)
        fence = kept.fences.get("hub")
        if not world.crashed:
            durable = -1 if fence is None else fence.epoch
            assert durable >= world.fence_seen[0], "I4: an epoch was accepted and not kept"
        world.fence_seen = (-1, -1) if fence is None else (fence.epoch, fence.seq)
        world.first = dict(kept.answers)
        world.accepted.clear()
        if boot is not None:
            world.reboot()
            self.held_back.clear()
        world.lag = world.safety_told = False
        world.restart(boot=boot)
        after = world.state.fences.get("hub")
        now = (-1, -1) if after is None else (after.epoch, after.seq)
        assert now >= world.fence_seen, "I4: the fence went back over a restart"
        for name in world.state.points:
            for lease in world.state.points[name].leases:
                assert lease.id in stored, "I10: a lease the store did not keep"
        world.check_plant()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_protocol_holds_under_any_order_of_events() -> None:
    search(examples=300, steps=25, same_run_everywhere=True)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_the_protocol_holds_in_a_long_search() -> None:
    search(examples=2000, steps=100, same_run_everywhere=False)


def search(examples: int, steps: int, *, same_run_everywhere: bool) -> None:
    """Look for an order of events that breaks an invariant."""
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
