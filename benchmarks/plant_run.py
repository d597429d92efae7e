"""True machines at 1 s steps under their own control, with or without something above them.

What stands above is told the plant once a second and tells the machines: the hub's dispatch
(`benchmarks.ems_above`) or good rules (`benchmarks.good_rules`). A run can be put away and go on later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np

from hub.dispatch.site import DispatchSite, load_site
from optimizer.problem import FloatArray
from plant.average import average_step
from plant.control.baseline import decide, initial_memory
from plant.control.setpoints import Setpoints, no_setpoints
from plant.readings import by_point, readings
from plant.scenario import Scenario
from plant.state import Plant, PlantInputs, PlantOutputs, PlantState, Weather, compile_plant, initial_state
from plant.step import step
from plant.truth import sensor_bias, true_flowsheet

CONFIG: Final = Path(__file__).parents[1] / "configs"
HISTORY_DAYS: Final = 28
QUARTER_S: Final = 900
DAY_S: Final = 86_400
_HISTORY_STEP_S: Final = 60.0
_TRANSITION_S: Final = 600
"""Every run begins with a transition that is nobody's doing. [s]"""
_KEEP_S: Final = 3 * 3600


@dataclass(frozen=True, slots=True)
class World:
    """What both runs share: true plant, scenario, the past and the state they begin with.

    Attributes:
        site: As the hub loads it, with nominal machines.
        plant: True machines.
        scenario: Weather and loads; time 0 is `monday_ns`.
        monday_ns: Wall clock of the scenario's time 0.
        start_s: Begin of the run, seconds of the scenario.
        begin: State at the begin.
        past: Means of the points over the days before, "device/point" to shape (quarters,).
        bias: Constant error of each sensor.
        seed: Of the machines and of the noise.
        history_days: How many days before.
    """

    site: DispatchSite
    plant: Plant
    scenario: Scenario
    monday_ns: int
    start_s: int
    begin: PlantState
    past: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]
    bias: dict[str, float]
    seed: int
    history_days: int = HISTORY_DAYS


@dataclass(slots=True)
class Course:
    """What a run left behind, by quarter and by second.

    Attributes:
        import_kw: Mean import of each quarter.
        export_kw: Mean export of each quarter.
        fuel_kw: Mean fuel (LHV) of each quarter.
        unit_kwh: Electricity of each of `Plant.electric_ids`, taken from the bus positive.
        discharged_kwh: What the battery gave.
        dumped_kwh: Heat of the engine nobody took.
        outside_s: Seconds in which any supply was outside its limit, the first 600 s left out.
        midnights: State at the end of each day.
        end: State at the end.
        plans: Plans that came into force.
        refused: Plans that could not be had, by reason.
    """

    import_kw: list[float] = field(default_factory=list)
    export_kw: list[float] = field(default_factory=list)
    fuel_kw: list[float] = field(default_factory=list)
    unit_kwh: FloatArray = field(default_factory=lambda: np.zeros(0))
    discharged_kwh: float = 0.0
    dumped_kwh: float = 0.0
    outside_s: int = 0
    midnights: list[PlantState] = field(default_factory=list)
    end: PlantState = field(default_factory=PlantState)
    plans: int = 0
    refused: list[str] = field(default_factory=list)


class Moment(NamedTuple):
    """One second of a run, as it was."""

    at_s: int
    """Seconds since the run began, at the end of this one."""
    state: PlantState
    """At the end."""
    out: PlantOutputs
    """What happened in it."""
    weather: Weather
    """Outside."""
    told: Setpoints
    """What the machines were told."""


class Above(Protocol):
    """What stands above the machines."""

    plans: int
    """Plans that came into force."""
    refused: list[str]
    """Why others did not."""

    def second(self, now: Moment) -> Setpoints:
        """Hear one second, and give what the machines are told from now on."""
        ...


def make_world(
    scenario: Scenario, monday_ns: int, start_s: int, seed: int, history_days: int = HISTORY_DAYS
) -> World:
    """The demo site with its past behind it."""
    return world_of(load_site(CONFIG, "demo"), scenario, (monday_ns, start_s), seed, history_days)


def world_of(
    site: DispatchSite,
    scenario: Scenario,
    begin: tuple[int, int],
    seed: int,
    history_days: int = HISTORY_DAYS,
) -> World:
    """Live through the past of a site under the plant's own control, at 60 s mean steps.

    Args:
        site: As the hub knows it; its true machines are others.
        scenario: Weather and loads.
        begin: Wall clock of the scenario's time 0 [ns] and seconds of it at which the run begins.
        seed: Of the machines and of the noise.
        history_days: How many days before.
    """
    monday_ns, start_s = begin
    flowsheet = site.plant.flowsheet
    plant, bias = compile_plant(true_flowsheet(flowsheet, seed)), sensor_bias(flowsheet, seed)
    state, told = initial_state(plant), no_setpoints(plant)
    begin_s = start_s - history_days * DAY_S
    per_quarter = round(QUARTER_S / _HISTORY_STEP_S)
    rows: list[list[float]] = []
    names: list[str] = []
    for number in range(history_days * 1440):
        outside = scenario.at(begin_s + (number + 0.5) * _HISTORY_STEP_S)
        state, outputs = average_step(plant, state, outside, told, _HISTORY_STEP_S)
        seen = by_point(plant, readings(plant, state, outputs, (outside[0], told)))
        names = names or list(seen)
        rows.append(list(seen.values()))
    table = np.asarray(rows).reshape(-1, per_quarter, len(names)).mean(axis=1)
    past = {name: table[:, at] + bias.get(name, 0.0) for at, name in enumerate(names)}
    return World(site, plant, scenario, monday_ns, start_s, state, past, bias, seed, history_days)


class Run:
    """One course of the plant under its own control, and under what stands above it, if anything does."""

    def __init__(self, world: World, seconds: int, above: Above | None = None) -> None:
        self._world = world
        self._seconds = seconds
        self._above = above
        self._at_s = 0
        self._state = world.begin
        self._memory = initial_memory(world.plant)
        self._told = no_setpoints(world.plant)
        self._sums = np.zeros(3)
        self._battery_at = next(
            (
                world.plant.electric_ids.index(name)
                for name, unit in world.plant.flowsheet.units.items()
                if unit is world.plant.battery
            ),
            None,
        )
        self.course = Course(unit_kwh=np.zeros(len(world.plant.electric_ids)))

    @property
    def world(self) -> World:
        """What it lives in."""
        return self._world

    def go(
        self, tell: Callable[[float], None] = lambda _: None, keep: Callable[[Run], None] = lambda _: None
    ) -> Course:
        """Run to the end.

        Args:
            tell: Hears the fraction done after each quarter.
            keep: Is given the run each three hours, to put it away; one that was put away goes on from there.
        """
        while self._at_s < self._seconds:
            self._second()
            if self._at_s % QUARTER_S == 0:
                self._close_quarter()
                tell(self._at_s / self._seconds)
            if self._at_s % DAY_S == 0:
                self.course.midnights.append(self._state)
            if self._at_s % _KEEP_S == 0:
                keep(self)
        self.course.end = self._state
        if self._above is not None:
            self.course.plans, self.course.refused = self._above.plans, self._above.refused
        return self.course

    def _second(self) -> None:
        world, told = self._world, self._told
        weather, loads = world.scenario.at(world.start_s + self._at_s)
        orders, self._memory = decide(world.plant, self._memory, self._state, (loads, told), 1.0)
        self._state, out = step(world.plant, self._state, PlantInputs(weather, loads, orders), 1.0)
        self._sums += (out.grid_import_kw, out.grid_export_kw, out.fuel_kw)
        self._count(out)
        if self._at_s >= _TRANSITION_S:
            self.course.outside_s += outside_limits(world.plant, self._state, out)
        self._at_s += 1
        if self._above is not None:
            self._told = self._above.second(Moment(self._at_s, self._state, out, weather, told))

    def _count(self, out: PlantOutputs) -> None:
        course, battery = self.course, self._world.plant.battery
        course.unit_kwh += np.asarray(out.unit_kw) / 3600.0
        course.dumped_kwh += out.heat.dumped_kw / 3600.0
        if self._battery_at is not None and battery is not None:
            given_kw = battery.standby_kw - out.unit_kw[self._battery_at]
            course.discharged_kwh += max(given_kw, 0.0) / 3600.0

    def _close_quarter(self) -> None:
        means = self._sums / QUARTER_S
        self.course.import_kw.append(float(means[0]))
        self.course.export_kw.append(float(means[1]))
        self.course.fuel_kw.append(float(means[2]))
        self._sums = np.zeros(3)


def outside_limits(plant: Plant, state: PlantState, out: PlantOutputs) -> bool:
    """Whether any supply is outside its limit: header pressure, chilled water, heat."""
    air, loop = plant.receiver, plant.loop
    low_air = air is not None and not air.min_bar_g <= state.header_bar_g <= air.max_bar_g
    warm = loop is not None and state.loop_c > loop.supply_max_c
    return low_air or warm or out.heat.unmet_kw > 1.0
