"""Why a set-point is where it is: what the same machines would take at another level, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from optimizer.chilled_sets import at_levels
from optimizer.decided import Decided
from optimizer.levels import AirLevels, CoolingLevels
from optimizer.problem import BoolArray, DispatchProblem, FloatArray
from optimizer.words import said
from protocols.config import Text

LABELS: Final = {
    "chilled_water_c": (Text(en="chilled water", zh="冷冻水"), "°C"),
    "condenser_water_c": (Text(en="condenser water", zh="冷却水"), "°C"),
    "air_bar_g": (Text(en="network pressure", zh="管网压力"), "bar(g)"),
}
"""Name of a set-point to what it is called and its unit."""
_MORE: Final = (
    "{what} is at {value} {unit}: at {other} {unit} the same machines would take {kw} kW more",
    "{what}取 {value} {unit}：若为 {other} {unit}，同样设备多用 {kw} kW",
)
_LESS: Final = (
    "{what} stays at {value} {unit}: {other} {unit} would take {kw} kW less now, not worth the change",
    "{what}保持 {value} {unit}：本时段 {other} {unit} 虽少用 {kw} kW，但不值得调整",
)
_ONLY: Final = (
    "{what} is at {value} {unit}, no other level is permitted now",
    "{what}为 {value} {unit}，此刻不允许其他取值",
)
_STAYS: Final = (
    "{what} stays at {value} {unit}: a level that was chosen holds for an hour",
    "{what}保持 {value} {unit}：选定的档位保持一小时",
)
_SAME: Final = 1e-6
_DIGITS: Final = {"°C": 1, "bar(g)": 2}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A set-point that was chosen for a step.

    Attributes:
        name: Which.
        value: Where it is.
        other: The level that would have cost least instead; None where no other one is permitted.
        extra_kw: What the same machines would take more there. [kW]
        stays: Whether it was chosen by a plan before and still holds.
    """

    name: str
    value: float
    other: float | None
    extra_kw: float
    stays: bool = False

    @property
    def clause(self) -> Text:
        """The reason in words."""
        label, unit = LABELS[self.name]
        parts: dict[str, Any] = {"what": label, "unit": unit, "value": f"{self.value:.{_DIGITS[unit]}f}"}
        if self.other is None:
            return said(*(_STAYS if self.stays else _ONLY), **parts)
        sentence = _MORE if self.extra_kw >= 0.0 else _LESS
        return said(
            *sentence, other=f"{self.other:.{_DIGITS[unit]}f}", kw=f"{abs(self.extra_kw):.1f}", **parts
        )


def chosen_for(decided: Decided, unit: str, step: int) -> tuple[Chosen, ...]:
    """Set-points that bear on a running machine in a step, where there was a choice at all."""
    problem, plan = decided.problem, decided.plan
    if not plan.machines[unit].on[step]:
        return ()
    if problem.air_levels is not None and unit in {one.name for one in problem.compressors}:
        return tuple(_pressure(decided, problem.air_levels, step))
    if problem.cooling_levels is not None and unit in {one.name for one in problem.chillers}:
        return tuple(_water(decided, problem.cooling_levels, step))
    return ()


def _pressure(decided: Decided, levels: AirLevels, step: int) -> Iterator[Chosen]:
    problem, plan = decided.problem, decided.plan
    if len(levels.pressure_bar_g) <= 1:
        return
    here = float(plan.setpoints["air_bar_g"][step])
    trims = [m for m in problem.compressors if plan.machines[m.name].role[step] == "trim"]
    allowed = levels.allowed[:, step].copy()
    for place in range(len(allowed)):
        allowed[place] &= all(levels.may_trim(one.name, place) for one in trims)
    power = np.array([_air_kw(decided, levels, step, place) for place in range(len(allowed))])
    yield _beside("air_bar_g", here, np.array(levels.pressure_bar_g), (allowed, power))


def _air_kw(decided: Decided, levels: AirLevels, step: int, place: int) -> float:
    """Power of the machines that run, at a pressure; the trimming one follows the need there."""
    problem, plan = decided.problem, decided.plan
    need = max(float(problem.forecasts.air_m3_min[step] + levels.need_m3_min[place, step]), 0.0)
    power = 0.0
    for machine in problem.compressors:
        if plan.machines[machine.name].role[step] == "base":
            power, need = power + machine.full_power_kw, need - machine.full_flow_m3_min
    for machine in problem.compressors:
        if plan.machines[machine.name].role[step] == "trim":
            power += float(np.interp(need, machine.flow_m3_min, machine.power_kw))
    return power * levels.power_frac[place]


def _water(decided: Decided, levels: CoolingLevels, step: int) -> Iterator[Chosen]:
    problem, plan = decided.problem, decided.plan
    pairs = np.array([levels.supply_c, levels.condenser_c])
    here = np.array([plan.setpoints[name][step] for name in ("chilled_water_c", "condenser_water_c")])
    power = _water_kw(problem, decided, levels, step)
    for row, name in enumerate(("chilled_water_c", "condenser_water_c")):
        if len(np.unique(pairs[row])) > 1:
            same = np.abs(pairs[1 - row] - here[1 - row]) < _SAME
            allowed = levels.allowed[:, step] & same
            chosen = _beside(name, float(here[row]), pairs[row], (allowed, power))
            yield replace(chosen, stays=levels.stays is not None and bool(levels.stays[step]))


def _water_kw(problem: DispatchProblem, decided: Decided, levels: CoolingLevels, step: int) -> FloatArray:
    """Power of the chillers that run, with pumps and fans, at each level; what they give stays."""
    plan = decided.plan
    running = np.array([bool(plan.machines[one.name].on[step]) for one in problem.chillers])
    given = np.full(
        problem.steps, sum(float(plan.machines[one.name].level[step]) for one in problem.chillers)
    )
    _, power, extra = at_levels(problem, levels, running, given)
    total: FloatArray = power.sum(axis=0)[:, step] + extra[:, step]
    return total


def _beside(name: str, here: float, values: FloatArray, of: tuple[BoolArray, FloatArray]) -> Chosen:
    """The level in force against the best of the others that are permitted."""
    allowed, power = of
    at = np.abs(values - here) < _SAME
    others = np.flatnonzero(allowed & ~at)
    if not len(others):
        return Chosen(name, here, None, 0.0)
    best = int(others[np.argmin(power[others])])
    return Chosen(
        name, here, float(values[best]), float(power[best] - power[at & allowed].min(initial=np.inf))
    )
