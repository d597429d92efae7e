"""Chiller staging: who runs, when one more comes or goes, pumps and tower with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plant.control.baseline import decide as own_control
from plant.control.baseline import initial_memory as own_memory
from plant.control.setpoints import ChillerSetpoint, no_setpoints
from plant.control.staging import decide, initial_memory
from plant.control.staging_types import (
    ChillerSeen,
    ChillerWanted,
    Staged,
    StagedChiller,
    StagingMemory,
    StagingNow,
    StagingReason,
    StagingSettings,
)
from plant.state import Loads, Plant, PlantInputs, Weather, initial_state
from plant.step import step
from plant.units.cooling import FAULT, RUNNING

MACHINES = (
    StagedChiller(id="chiller1", cooling_kw=600.0),
    StagedChiller(id="chiller2", cooling_kw=600.0, pumps=True),
)
SETTINGS = StagingSettings(supply_set_c=7.0)
WARM = Weather(outdoor_c=28.0, wet_bulb_c=21.0)


@dataclass
class Hall:
    """The chilled-water side of the demo at 2 s, told by the staging."""

    plant: Plant
    dead: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    memory: StagingMemory = field(default_factory=lambda: initial_memory(MACHINES))
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.state = initial_state(self.plant)
        self.own = own_memory(self.plant)
        self.cooling_kw = [0.0, 0.0]

    def go(self, cooling_kw: float, seconds: int) -> list[Staged]:
        said = []
        for _ in range(seconds // 2):
            staged = decide(SETTINGS, MACHINES, self.memory, self.seen())
            self.memory = staged.memory
            said.append(staged)
            told = no_setpoints(self.plant)._replace(
                chillers=tuple(ChillerSetpoint(one.permit, one.supply_set_c) for one in staged.wanted)
            )
            loads = Loads(cooling_kw=cooling_kw)
            orders, self.own = own_control(self.plant, self.own, self.state, (loads, told), 2.0)
            self.state, out = step(self.plant, self.state, PlantInputs(WARM, loads, orders), 2.0)
            machines = tuple(
                machine._replace(mode=FAULT) if at in self.dead else machine
                for at, machine in enumerate(self.state.chillers)
            )
            self.state = self.state._replace(chillers=machines)
            self.cooling_kw = [flow.cooling_kw for flow in out.chillers]
            self.now_s += 2.0
        return said

    def seen(self) -> StagingNow:
        return StagingNow(
            self.now_s,
            self.state.loop_c,
            tuple(
                ChillerSeen(
                    available=machine.mode != FAULT and at not in self.lost,
                    running=machine.mode == RUNNING,
                    cooling_kw=cooling_kw,
                    run_h=machine.run_h,
                )
                for at, (machine, cooling_kw) in enumerate(
                    zip(self.state.chillers, self.cooling_kw, strict=True)
                )
            ),
        )

    @property
    def running(self) -> list[bool]:
        return [machine.mode == RUNNING for machine in self.state.chillers]


@pytest.fixture
def hall(plant: Plant) -> Hall:
    return Hall(plant)


def test_one_chiller_carries_a_small_load_and_two_a_large_one(hall: Hall) -> None:
    hall.go(300.0, 3600)
    assert sum(hall.running) == 1
    hall.go(850.0, 3600)
    assert hall.running == [True, True]
    assert hall.state.loop_c < 9.0
    hall.go(300.0, 3600)
    assert sum(hall.running) == 1
    assert hall.memory.reason is StagingReason.LOAD_LOW


def test_a_short_peak_of_the_load_brings_no_chiller(hall: Hall) -> None:
    hall.go(300.0, 3600)
    hall.go(600.0, 120)
    hall.go(300.0, 600)
    assert sum(machine.starts_count for machine in hall.state.chillers) == 1


def test_a_chiller_that_fails_is_replaced_at_once(hall: Hall) -> None:
    hall.go(300.0, 3600)
    first = hall.running.index(True)
    hall.dead.add(first)
    said = hall.go(300.0, 1200)
    assert hall.running[1 - first]
    assert said[1].wanted[first] == ChillerWanted(), "a machine with a fault is told nothing"
    assert hall.state.loop_c < SETTINGS.supply_set_c + 3.0


def test_pumps_start_before_their_chiller_and_run_on_after_it() -> None:
    pair = tuple(StagedChiller(id=name, cooling_kw=600.0, pumps=True) for name in ("one", "two"))
    memory, orders = initial_memory(pair), {}
    for second in range(0, 4000, 5):
        runs = 100 <= second < 1300  # the second machine stops some time after its permit has gone
        seen = tuple(
            ChillerSeen(available=True, running=one, cooling_kw=200.0 * one, run_h=hours)
            for one, hours in ((second >= 65, 0.0), (runs, 500.0))
        )
        now = StagingNow(float(second), 9.0 if second < 200 else 7.0, seen)
        staged = decide(SETTINGS, pair, memory, now)
        memory, orders[second] = staged.memory, staged.wanted
    assert orders[55][0] == ChillerWanted(permit=False, supply_set_c=7.0, pumps=True)
    assert orders[60][0].permit is True
    assert orders[200][1].permit is False
    assert orders[200][1].pumps is True, "it runs, whoever started it"
    assert orders[1470][1].pumps is True
    assert orders[1480][1] == ChillerWanted(permit=False, supply_set_c=None, pumps=False)


def test_without_a_temperature_every_chiller_is_left_to_itself() -> None:
    seen = ChillerSeen(available=True, running=True, cooling_kw=300.0)
    said = decide(SETTINGS, MACHINES, initial_memory(MACHINES), StagingNow(0.0, math.nan, (seen, seen)))
    assert said.wanted == (ChillerWanted(), ChillerWanted())
    assert said.reason is StagingReason.NO_TEMPERATURE


def test_machines_take_turns_by_their_hours() -> None:
    tired = ChillerSeen(available=True, running=False, cooling_kw=0.0, run_h=900.0)
    now = StagingNow(0.0, 9.0, (tired, tired._replace(run_h=10.0)))
    said = decide(SETTINGS, MACHINES, initial_memory(MACHINES), now)
    assert [kept.on for kept in said.memory.machines] == [False, True]


def test_thresholds_without_hysteresis_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be below up_plr_frac"):
        StagingSettings(supply_set_c=7.0, up_plr_frac=0.8, down_plr_frac=0.8)


SEEN = st.builds(
    ChillerSeen,
    available=st.booleans(),
    running=st.booleans(),
    cooling_kw=st.one_of(st.floats(0.0, 700.0), st.just(math.nan)),
    run_h=st.floats(0.0, 5000.0),
)


@given(
    st.lists(
        st.tuples(
            st.floats(1.0, 900.0), st.one_of(st.floats(3.0, 20.0), st.just(math.nan)), st.tuples(SEEN, SEEN)
        ),
        max_size=40,
    )
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_seen_a_healthy_machine_keeps_its_least_times(
    looks: list[tuple[float, float, tuple[ChillerSeen, ...]]],
) -> None:
    memory, now_s, times = initial_memory(MACHINES), 0.0, SETTINGS.times
    for dt_s, supply_c, seen in looks:
        now_s += dt_s
        before = memory
        said = decide(SETTINGS, MACHINES, memory, StagingNow(now_s, supply_c, seen))
        memory = said.memory
        if math.isnan(supply_c) or not any(one.available for one in seen):
            assert said.wanted == (ChillerWanted(), ChillerWanted())
            continue
        for was, kept, one, wanted in zip(before.machines, memory.machines, seen, said.wanted, strict=True):
            assert one.available or wanted == ChillerWanted()
            if was.on and not kept.on and said.reason is StagingReason.LOAD_LOW:
                assert now_s - was.since_s >= times.min_run_s
            if kept.on and not was.on and not math.isnan(before.at_s):
                assert now_s - was.since_s >= times.min_stop_s
