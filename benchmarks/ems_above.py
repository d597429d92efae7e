"""The hub's dispatch above a simulated plant, in virtual time.

The same core decides here as in the hub (`hub.dispatch.core`); it sees sensors with bias and noise, 15-min
means of the past, and forecasts made from them, never the scenario's future. A plan comes into force
`PLAN_DELAY_S` after it was asked for, as in the hub, where a child process solves it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.plant_run import DAY_S, QUARTER_S, Moment, World
from hub.dispatch import core
from hub.dispatch.events import NEEDS, RECENT_S
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Reading, Snapshot
from hub.dispatch.solving import Accepted, Task, solve_task
from hub.dispatch.tasks import task_of
from hub.dispatch.wanted import SetPoint
from hub.forecast.issue import Issue
from hub.forecast.quarters import QUARTER_NS, Quarters, collect, floor_quarter_ns, sources
from plant.control.setpoints import ChillerSetpoint, CompressorSetpoint, Setpoints, no_setpoints
from plant.readings import by_point, readings
from protocols.errors import SolveError

PLAN_DELAY_S: Final = 10
DECIDE_S: Final = 10
_RECENT_EVERY_S: Final = 30
"""As often as `hub.dispatch.view` works out the needs of the last minutes. [s]"""
_NS: Final = 1_000_000_000
_NOISE_FRAC: Final = 0.003


@dataclass(frozen=True, slots=True)
class Means:
    """How a dispatch differs from the hub's.

    Attributes:
        solver: Makes the plans; the hub does it in a child process.
        foretold: Instant to a forecast that takes the place of similar days.
        peak_kw: Highest quarter of the billing period at the begin; None: that of the past. [kW]
    """

    solver: Callable[[Task], Accepted] = solve_task
    foretold: Callable[[int], Issue] | None = None
    peak_kw: float | None = None


class Ems:
    """The hub's dispatch between sensors and set-points, in virtual time."""

    def __init__(self, world: World, means: Means | None = None) -> None:
        self._world = world
        self._by = means or Means()
        self._terms = sources(world.site.plant.flowsheet)
        self._points = sorted({point for parts in self._terms.values() for point, _ in parts})
        self._means: dict[str, list[float]] = {name: values.tolist() for name, values in world.past.items()}
        self._sums: dict[str, float] = dict.fromkeys(self._points, 0.0)
        self._totals: dict[str, float] = dict.fromkeys(self._points, 0.0)
        self._marks: deque[dict[str, float]] = deque(maxlen=round(RECENT_S) // _RECENT_EVERY_S + 1)
        past_kw = float(max(np.max(world.past["meter_main/power_kw"]), 0.0))
        self._peak_kw = past_kw if self._by.peak_kw is None else self._by.peak_kw
        self._import_kw = 0.0
        self._random = np.random.default_rng([world.seed, 3])
        self._memory = core.Memory()
        self._coming: tuple[int, Accepted | None] | None = None
        self._told = no_setpoints(world.plant)
        self._known = self._past()
        self.plans = 0
        self.refused: list[str] = []

    def second(self, now: Moment) -> Setpoints:
        """Take one second of sensors in, decide when it is time, and give what the machines are told."""
        second, plant = now.at_s, self._world.plant
        seen = by_point(plant, readings(plant, now.state, now.out, (now.weather, now.told)))
        for point in self._points:
            shown = seen[point] + self._world.bias.get(point, 0.0)
            self._sums[point] += shown
            self._totals[point] += shown
        self._import_kw += seen["meter_main/power_kw"]
        if second % _RECENT_EVERY_S == 0:
            self._marks.append(dict(self._totals))
        if second % QUARTER_S == 0:
            self._close_quarter()
        if second % DECIDE_S == 0:
            self._decide(second, seen)
        return self._told

    def _close_quarter(self) -> None:
        for point in self._points:
            self._means[point].append(self._sums[point] / QUARTER_S)
            self._sums[point] = 0.0
        self._known = self._past()
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
            return self._by.solver(task_of(self._world.site, self._memory, decision, snapshot))
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
        issue = None if self._by.foretold is None else self._by.foretold(floor_quarter_ns(now_ns))
        gone_s = second % QUARTER_S
        return Snapshot(
            now_ns,
            shown,
            links,
            self._known,
            self._peak_kw,
            issue,
            recent=self._recent(),
            quarter_kw=max(self._import_kw / gone_s, 0.0) if gone_s else None,
        )

    def _recent(self) -> dict[str, float]:
        """Means of the needs over the last minutes; nothing before these have passed."""
        if len(self._marks) != self._marks.maxlen:
            return {}
        first, last = self._marks[0], self._marks[-1]
        flows = {point: (last[point] - first[point]) / RECENT_S for point in self._points}
        return {
            name: max(sum(sign * flows[point] for point, sign in self._terms[name]), 0.0) for name in NEEDS
        }

    def _shown(self, point: str, value: float, error: float) -> float:
        exact = point.endswith(("_code", "_count", "_frac"))
        return value if exact else value * (1.0 + error) + self._world.bias.get(point, 0.0)

    def _past(self) -> Quarters:
        count = len(self._means[self._points[0]])
        begin_s = self._world.start_s - self._world.history_days * DAY_S
        start_ns = self._world.monday_ns + begin_s * _NS
        assert start_ns % QUARTER_NS == 0  # noqa: S101  the past stands on the grid
        return collect(self._terms, lambda point: np.asarray(self._means[point]), start_ns, count)


def setpoints_of(site: DispatchSite, wanted: tuple[SetPoint, ...]) -> Setpoints:
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
            CompressorSetpoint(
                None if role is None else int(role), permit(name), told(name, "pressure_set_bar_g")
            )
            for name, role in roles.items()
        ),
        tuple(ChillerSetpoint(permit(name), told(name, "supply_set_c")) for name in plant.chiller_ids),
        battery_kw=told(name_of(plant.battery), "power_set_kw"),
        chp_permit=permit(chp),
        chp_kw=told(chp, "power_set_kw"),
        pv_limit_frac=told(name_of(plant.pv), "limit_set_frac"),
        tower_set_c=told(name_of(plant.tower), "condenser_set_c"),
    )
