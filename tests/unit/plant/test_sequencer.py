"""The compressor sequencer: who trims, who carries base load, what happens when a machine is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plant.control import cascade
from plant.control.sequencer import control_gap_m3_min, decide, initial_memory
from plant.control.sequencer_types import (
    HOUR_S,
    AirMachine,
    AirNow,
    AirSeen,
    AirWanted,
    Reason,
    Sequenced,
    SequencerMemory,
    SequencerSettings,
)
from plant.control.setpoints import CompressorSetpoint
from plant.state import Plant
from plant.units import compressor as units
from plant.units.air import balance
from plant.units.compressor import (
    FAULT,
    LOADED,
    ROLE_BASE,
    ROLE_STANDBY,
    ROLE_TRIM,
    UNLOADED,
    CompressorState,
)

SETTINGS = SequencerSettings(target_bar_g=6.7, volume_m3=10.0)
MACHINES = (
    AirMachine(id="comp1", flow_max_m3_min=20.0),
    AirMachine(id="comp2", flow_max_m3_min=20.5),
    AirMachine(id="comp3", flow_max_m3_min=19.0),
    AirMachine(id="comp4", flow_max_m3_min=25.0, flow_min_m3_min=8.0),
)
GOOD = AirSeen(available=True, running=False, flow_m3_min=0.0, run_h=100.0)


@dataclass
class Station:
    """The demo's air station at 1 s, told by the sequencer; machines may be broken by hand."""

    plant: Plant
    settings: SequencerSettings = SETTINGS
    header_bar_g: float = 6.9
    now_s: float = 0.0
    lost: set[int] = field(default_factory=set)
    dead: set[int] = field(default_factory=set)
    memory: SequencerMemory = field(default_factory=lambda: initial_memory(MACHINES))

    def __post_init__(self) -> None:
        self.machines = tuple(CompressorState() for _ in self.plant.compressors)
        self.calling = (False,) * len(self.machines)
        self.said: Sequenced | None = None

    def step(self, demand_m3_min: float) -> Sequenced:
        """One second."""
        self.said = decide(self.settings, MACHINES, self.memory, self.seen())
        self.memory = self.said.memory
        told = tuple(CompressorSetpoint(*wanted) for wanted in self.said.wanted)
        receiver = self.plant.receiver
        assert receiver is not None
        self.calling, orders = cascade.calls(
            self.plant.compressors, receiver, told, self.calling, self.header_bar_g
        )
        moved = [
            units.advance(unit, machine, order, 1.0)
            for unit, machine, order in zip(self.plant.compressors, self.machines, orders, strict=True)
        ]
        self.machines = tuple(
            CompressorState(mode=FAULT) if at in self.dead else machine for at, machine in enumerate(moved)
        )
        inflow = sum(machine.flow_m3_min for machine in self.machines)
        self.header_bar_g = balance(receiver, self.header_bar_g, inflow, demand_m3_min, 1.0).header_bar_g
        self.now_s += 1.0
        return self.said

    def seen(self) -> AirNow:
        return AirNow(
            self.now_s,
            self.header_bar_g,
            tuple(
                AirSeen(
                    available=at not in self.lost and machine.mode != FAULT,
                    running=machine.mode in {UNLOADED, LOADED},
                    flow_m3_min=machine.flow_m3_min,
                    run_h=machine.run_h,
                )
                for at, machine in enumerate(self.machines)
            ),
        )

    def go(self, demand_m3_min: float, seconds: int) -> list[float]:
        """Pressures of some seconds."""
        pressures = []
        for _ in range(seconds):
            self.step(demand_m3_min)
            pressures.append(self.header_bar_g)
        return pressures

    @property
    def roles(self) -> list[int | None]:
        assert self.said is not None
        return [wanted.role for wanted in self.said.wanted]


@pytest.fixture
def station(plant: Plant) -> Station:
    return Station(plant)


def test_the_variable_machine_trims_alone_as_long_as_it_can(station: Station) -> None:
    station.go(15.0, 1200)
    assert station.roles[3] == ROLE_TRIM
    assert ROLE_BASE not in station.roles
    assert all(abs(p - 6.7) < 0.15 for p in station.go(15.0, 600))


def test_base_machines_come_and_go_with_the_need_and_the_pressure_stays_in_the_band(station: Station) -> None:
    station.go(15.0, 900)
    rising = station.go(32.0, 1800)
    assert station.roles.count(ROLE_BASE) == 1
    more = station.go(50.0, 1800)
    assert station.roles.count(ROLE_BASE) == 2
    falling = station.go(15.0, 3600)
    assert ROLE_BASE not in station.roles
    assert min([*rising, *more]) > 6.2, "a step of 17 m³/min at once is caught by the standby band"
    assert max(falling) < 7.45
    assert station.memory.reason is Reason.SURPLUS


def test_a_machine_that_is_lost_is_replaced_without_delay(station: Station) -> None:
    station.go(32.0, 1800)
    base = station.roles.index(ROLE_BASE)
    station.dead.add(base)
    pressures = station.go(32.0, 600)
    assert station.roles[base] is None
    assert station.roles.count(ROLE_BASE) == 1
    assert min(pressures) > 6.1


def test_another_machine_trims_when_the_variable_one_goes_to_local_mode(station: Station) -> None:
    station.go(15.0, 600)
    station.lost.add(3)
    station.go(15.0, 60)
    assert station.roles[3] is None, "a machine in local mode is told nothing"
    assert station.roles.count(ROLE_TRIM) == 1


def test_a_machine_that_does_not_start_is_left_alone_and_another_one_comes() -> None:
    memory = initial_memory(MACHINES)
    said: list[Sequenced] = []
    for second in range(400):
        trim = AirSeen(available=True, running=True, flow_m3_min=25.0)
        now = AirNow(float(second), 6.45, (GOOD, GOOD, GOOD, trim))
        said.append(decide(SETTINGS, MACHINES, memory, now))
        memory = said[-1].memory
    brought = {at for one in said for at, wanted in enumerate(one.wanted) if wanted.role == ROLE_BASE}
    assert brought == {0, 1, 2}, "each was tried, none answered"
    assert any(one.reason is Reason.NOT_STARTED for one in said)
    assert memory.machines[0].failed_until_s > 400.0


def test_without_a_pressure_every_machine_is_given_back_to_its_own_band(station: Station) -> None:
    station.go(32.0, 900)
    now = station.seen()._replace(header_bar_g=math.nan)
    said = decide(SETTINGS, MACHINES, station.memory, now)
    assert said.reason is Reason.NO_PRESSURE
    assert said.wanted == (AirWanted(),) * 4
    gone = now._replace(
        header_bar_g=6.5, machines=tuple(one._replace(available=False) for one in now.machines)
    )
    assert decide(SETTINGS, MACHINES, station.memory, gone).reason is Reason.NOBODY


def test_machines_take_turns_by_their_hours() -> None:
    tired = GOOD._replace(run_h=900.0)
    now = AirNow(0.0, 6.3, (tired, tired, GOOD, GOOD._replace(running=True, flow_m3_min=25.0)))
    said = decide(SETTINGS, MACHINES, initial_memory(MACHINES), now)
    memory = said.memory
    for second in range(1, 10):
        said = decide(SETTINGS, MACHINES, memory, now._replace(now_s=float(second)))
        memory = said.memory
    assert [wanted.role for wanted in said.wanted] == [ROLE_STANDBY, ROLE_STANDBY, ROLE_BASE, ROLE_TRIM]


def test_one_idle_machine_stays_armed_and_the_others_have_no_permit(station: Station) -> None:
    said = station.step(15.0)
    assert [wanted.permit for wanted in said.wanted] == [True, False, False, True]


def test_a_leased_target_reaches_the_trim_machine(station: Station) -> None:
    now = station.seen()._replace(target_bar_g=6.4)
    said = decide(SETTINGS, MACHINES, initial_memory(MACHINES), now)
    assert said.wanted[3].target_bar_g == 6.4


def test_the_control_gap_is_told_and_a_hysteresis_the_wrong_way_round_is_refused() -> None:
    assert control_gap_m3_min(MACHINES) == pytest.approx(20.5 - 17.0)
    assert control_gap_m3_min(MACHINES[:3]) == 0.0
    with pytest.raises(ValidationError, match="must be below full_frac"):
        SequencerSettings(target_bar_g=6.7, volume_m3=10.0, drop_frac=0.99)
    with pytest.raises(ValidationError, match="must be below flow_max_m3_min"):
        AirMachine(id="x", flow_max_m3_min=5.0, flow_min_m3_min=5.0)


SEEN = st.builds(
    AirSeen,
    available=st.booleans(),
    running=st.booleans(),
    flow_m3_min=st.one_of(st.floats(0.0, 30.0), st.just(math.nan)),
    run_h=st.one_of(st.floats(0.0, 50_000.0), st.just(math.nan)),
)


@given(
    st.lists(
        st.tuples(
            st.floats(0.5, 600.0),
            st.one_of(st.floats(0.0, 9.0), st.just(math.nan)),
            st.tuples(SEEN, SEEN, SEEN, SEEN),
        ),
        max_size=40,
    )
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_seen_there_is_one_trim_machine_and_no_machine_starts_too_often(
    looks: list[tuple[float, float, tuple[AirSeen, ...]]],
) -> None:
    memory, now_s = initial_memory(MACHINES), 0.0
    ordered: dict[int, list[float]] = {at: [] for at in range(4)}
    for dt_s, header_bar_g, seen in looks:
        now_s += dt_s
        before = memory
        said = decide(SETTINGS, MACHINES, memory, AirNow(now_s, header_bar_g, seen))
        memory = said.memory
        roles = [wanted.role for wanted in said.wanted]
        free = math.isnan(header_bar_g) or not any(one.available for one in seen)
        assert roles.count(ROLE_TRIM) == (0 if free else 1)
        for at, (wanted, one) in enumerate(zip(said.wanted, seen, strict=True)):
            assert one.available or wanted == AirWanted()
            came = wanted.role == ROLE_BASE and not before.machines[at].base
            took_over = before.trim is None  # who runs already is no start
            if came and not took_over and not one.running:
                assert len(before.machines[at].starts_s) <= SETTINGS.starts_per_hour
                ordered[at].append(now_s)
            assert all(now_s - start < HOUR_S for start in memory.machines[at].starts_s) or free


@given(st.floats(12.0, 55.0))
@settings(max_examples=8, deadline=None)
def test_a_steady_need_ends_with_few_starts_and_the_pressure_in_the_band(
    plant: Plant, demand_m3_min: float
) -> None:
    station = Station(plant)
    station.go(demand_m3_min, 1500)
    before = sum(machine.starts_count for machine in station.machines)
    pressures = station.go(demand_m3_min, 1500)
    assert sum(machine.starts_count for machine in station.machines) - before <= 3
    assert min(pressures) > 6.35
    assert max(pressures) < 7.3


def test_the_need_is_what_the_network_draws(station: Station, plant: Plant) -> None:
    station.go(30.0, 1200)
    assert station.said is not None
    receiver = plant.receiver
    assert receiver is not None
    drawn = 30.0 + receiver.leak_m3_min
    assert station.said.need_m3_min == pytest.approx(drawn, rel=0.05)
