"""True machines at 1 s steps under their own control, with or without the hub's dispatch above them.

The same core decides here as in the hub (`hub.dispatch.core`); it sees sensors with bias and noise, 15-min
means of the past, and forecasts made from them, never the scenario's future. A plan comes into force
`PLAN_DELAY_S` after it was asked for, as in the hub, where a child process solves it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from hub.dispatch import core
from hub.dispatch.site import DispatchSite, load_site
from hub.dispatch.snapshot import Reading, Snapshot
from hub.dispatch.solving import Accepted, Task, solve_task
from hub.forecast.quarters import QUARTER_NS, Quarters, collect, sources
from plant.average import average_step
from plant.control.baseline import decide, initial_memory
from plant.control.setpoints import ChillerSetpoint, CompressorSetpoint, Setpoints, no_setpoints
from plant.readings import by_point, readings
from plant.scenario import Scenario
from plant.state import Plant, PlantInputs, PlantOutputs, PlantState, compile_plant, initial_state
from plant.step import step
from plant.truth import sensor_bias, true_flowsheet
from protocols.errors import SolveError

CONFIG: Final = Path(__file__).parents[1] / "configs"
HISTORY_DAYS: Final = 28
PLAN_DELAY_S: Final = 10
DECIDE_S: Final = 10
QUARTER_S: Final = 900
_HISTORY_STEP_S: Final = 60.0
_NS: Final = 1_000_000_000
_NOISE_FRAC: Final = 0.003


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
        past: Means of the points over the 28 days before, "device/point" to shape (quarters,).
        bias: Constant error of each sensor.
        seed: Of the machines and of the noise.
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


@dataclass(slots=True)
class Course:
    """What a run left behind, by quarter and by second.

    Attributes:
        import_kw: Mean import of each quarter.
        export_kw: Mean export of each quarter.
        fuel_kw: Mean fuel (LHV) of each quarter.
        outside_s: Seconds in which any supply was outside its limit, the first 600 s left out.
        midnights: State at the end of each day.
        end: State at the end.
        plans: Plans that came into force.
        refused: Plans that could not be had, by reason.
    """

    import_kw: list[float] = field(default_factory=list)
    export_kw: list[float] = field(default_factory=list)
    fuel_kw: list[float] = field(default_factory=list)
    outside_s: int = 0
    midnights: list[PlantState] = field(default_factory=list)
    end: PlantState = field(default_factory=PlantState)
    plans: int = 0
    refused: list[str] = field(default_factory=list)


def make_world(scenario: Scenario, monday_ns: int, start_s: int, seed: int) -> World:
    """Live through the past under the plant's own control, at 60 s mean steps."""
    site = load_site(CONFIG, "demo")
    flowsheet = site.plant.flowsheet
    plant, bias = compile_plant(true_flowsheet(flowsheet, seed)), sensor_bias(flowsheet, seed)
    state, told = initial_state(plant), no_setpoints(plant)
    begin_s = start_s - HISTORY_DAYS * 86400
    per_quarter = round(QUARTER_S / _HISTORY_STEP_S)
    rows: list[list[float]] = []
    names: list[str] = []
    for number in range(HISTORY_DAYS * 1440):
        outside = scenario.at(begin_s + (number + 0.5) * _HISTORY_STEP_S)
        state, outputs = average_step(plant, state, outside, told, _HISTORY_STEP_S)
        seen = by_point(plant, readings(plant, state, outputs, (outside[0], told)))
        names = names or list(seen)
        rows.append(list(seen.values()))
    table = np.asarray(rows).reshape(-1, per_quarter, len(names)).mean(axis=1)
    past = {name: table[:, at] + bias.get(name, 0.0) for at, name in enumerate(names)}
    return World(site, plant, scenario, monday_ns, start_s, state, past, bias, seed)


class Run:
    """One course of the plant; `ems` None is the plant's own control."""

    def __init__(
        self, world: World, days: int, *, ems: bool, solver: Callable[[Task], Accepted] = solve_task
    ) -> None:
        self._world = world
        self._seconds = days * 86400
        self._ems = Ems(world, solver) if ems else None
        self._state = world.begin
        self._memory = initial_memory(world.plant)
        self.course = Course()

    def go(self, tell: Callable[[float], None] = lambda _: None) -> Course:
        """Run to the end; `tell` hears the fraction done after each quarter."""
        world, course = self._world, self.course
        told = no_setpoints(world.plant)
        sums = np.zeros(3)
        for second in range(self._seconds):
            weather, loads = world.scenario.at(world.start_s + second)
            orders, self._memory = decide(world.plant, self._memory, self._state, (loads, told), 1.0)
            self._state, out = step(world.plant, self._state, PlantInputs(weather, loads, orders), 1.0)
            sums += (out.grid_import_kw, out.grid_export_kw, out.fuel_kw)
            if second >= 600:  # noqa: PLR2004  both begin with a transition that is nobody's doing
                course.outside_s += outside_limits(world.plant, self._state, out)
            if self._ems is not None:
                seen = by_point(world.plant, readings(world.plant, self._state, out, (weather, told)))
                told = self._ems.second(second + 1, seen)
            if (second + 1) % QUARTER_S == 0:
                self._close_quarter(sums / QUARTER_S)
                sums = np.zeros(3)
                tell((second + 1) / self._seconds)
            if (second + 1) % 86400 == 0:
                course.midnights.append(self._state)
        course.end = self._state
        if self._ems is not None:
            course.plans, course.refused = self._ems.plans, self._ems.refused
        return course

    def _close_quarter(self, means: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        course = self.course
        course.import_kw.append(float(means[0]))
        course.export_kw.append(float(means[1]))
        course.fuel_kw.append(float(means[2]))


class Ems:
    """The hub's dispatch between sensors and set-points, in virtual time."""

    def __init__(self, world: World, solver: Callable[[Task], Accepted]) -> None:
        self._world = world
        self._solver = solver
        self._terms = sources(world.site.plant.flowsheet)
        self._points = sorted({point for parts in self._terms.values() for point, _ in parts})
        self._means: dict[str, list[float]] = {name: values.tolist() for name, values in world.past.items()}
        self._sums: dict[str, float] = dict.fromkeys(self._points, 0.0)
        self._peak_kw = float(max(np.max(world.past["meter_main/power_kw"]), 0.0))
        self._import_kw = 0.0
        self._random = np.random.default_rng([world.seed, 3])
        self._memory = core.Memory()
        self._coming: tuple[int, Accepted | None] | None = None
        self._told = no_setpoints(world.plant)
        self.plans = 0
        self.refused: list[str] = []

    def second(self, second: int, seen: dict[str, float]) -> Setpoints:
        """Take one second of sensors in, decide when it is time, and give what the machines are told."""
        for point in self._points:
            self._sums[point] += seen[point] + self._world.bias.get(point, 0.0)
        self._import_kw += seen["meter_main/power_kw"]
        if second % QUARTER_S == 0:
            self._close_quarter()
        if second % DECIDE_S == 0:
            self._decide(second, seen)
        return self._told

    def _close_quarter(self) -> None:
        for point in self._points:
            self._means[point].append(self._sums[point] / QUARTER_S)
            self._sums[point] = 0.0
        self._peak_kw = max(self._peak_kw, self._import_kw / QUARTER_S)
        self._import_kw = 0.0

    def _decide(self, second: int, seen: dict[str, float]) -> None:
        if self._coming is not None and second >= self._coming[0]:
            self._memory = core.planned(self._memory, self._coming[1])
            self.plans += self._coming[1] is not None
            self._coming = None
        snapshot = self._snapshot(second, seen)
        self._memory, decision = core.step(self._world.site, self._memory, snapshot, snapshot.now_ns)
        self._told = setpoints_of(self._world.site, decision.set_points)
        if decision.replan is not None:
            self._coming = (second + PLAN_DELAY_S, self._solve(decision, snapshot))

    def _solve(self, decision: core.Decision, snapshot: Snapshot) -> Accepted | None:
        try:
            return self._solver(core.task_of(self._world.site, self._memory, decision, snapshot))
        except SolveError as error:
            self.refused.append(str(error))
            return None

    def _snapshot(self, second: int, seen: dict[str, float]) -> Snapshot:
        world = self._world
        now_ns = world.monday_ns + (world.start_s + second) * _NS
        noise = self._random.standard_normal(len(seen)) * _NOISE_FRAC
        shown = {
            point: Reading(self._shown(point, value, float(error)), 0, now_ns)
            for (point, value), error in zip(seen.items(), noise, strict=True)
        }
        shown |= {f"{device}/local_mode_code": Reading(0.0, 0, now_ns) for device in self._world.site.edges}
        links = dict.fromkeys(world.site.edges, "up")
        return Snapshot(now_ns, shown, links, self._past(), self._peak_kw)

    def _shown(self, point: str, value: float, error: float) -> float:
        exact = point.endswith(("_code", "_count", "_frac"))
        return value if exact else value * (1.0 + error) + self._world.bias.get(point, 0.0)

    def _past(self) -> Quarters:
        count = len(self._means[self._points[0]])
        start_ns = self._world.monday_ns + (self._world.start_s - HISTORY_DAYS * 86400) * _NS
        assert start_ns % QUARTER_NS == 0  # noqa: S101  the past stands on the grid
        return collect(self._terms, lambda point: np.asarray(self._means[point]), start_ns, count)


def setpoints_of(site: DispatchSite, wanted: tuple[core.SetPoint, ...]) -> Setpoints:
    """What the machines are told, read back from points as the simulator's devices do."""
    of = {(point.point): point.value for point in wanted}
    sheet, plant = site.plant.flowsheet, site.plant

    def told(unit: str, role: str) -> float | None:
        return of.get(sheet.binding(unit, role) or "")

    def permit(unit: str) -> bool | None:
        code = told(unit, "permit_set_code")
        return None if code is None else code > 0

    def name_of(unit: object) -> str:
        return next((name for name, found in sheet.units.items() if found is unit), "")

    roles = {name: told(name, "role_set_code") for name in plant.compressor_ids}
    chp = name_of(plant.chp)
    return Setpoints(
        tuple(
            CompressorSetpoint(None if role is None else int(role), permit(name))
            for name, role in roles.items()
        ),
        tuple(ChillerSetpoint(permit(name), told(name, "supply_set_c")) for name in plant.chiller_ids),
        battery_kw=told(name_of(plant.battery), "power_set_kw"),
        chp_permit=permit(chp),
        chp_kw=told(chp, "power_set_kw"),
        pv_limit_frac=told(name_of(plant.pv), "limit_set_frac"),
    )


def outside_limits(plant: Plant, state: PlantState, out: PlantOutputs) -> bool:
    """Whether any supply is outside its limit: header pressure, chilled water, heat."""
    air, loop = plant.receiver, plant.loop
    low_air = air is not None and not air.min_bar_g <= state.header_bar_g <= air.max_bar_g
    warm = loop is not None and state.loop_c > loop.supply_max_c
    return low_air or warm or out.heat.unmet_kw > 1.0
