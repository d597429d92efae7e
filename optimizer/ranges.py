"""Least and most of what a unit can do in a step, and which of both it is at, in plant words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from optimizer.decided import Decided
from optimizer.doing_flows import IDLE_KW
from optimizer.flexible import Batch, EvGroup, ShiftLoad
from optimizer.problem import DispatchProblem
from optimizer.words import Speech, said
from optimizer.worth_words import may_take_in
from protocols.config import Text

NEAR_FRAC: Final = 1e-3
"""So near is at it."""
_MOST: Final = ("it gives all it can ({value} {unit})", "已达最大出力（{value} {unit}）")
_LEAST: Final = (
    "it gives the least it can while it runs ({value} {unit})",
    "已在最低出力运行（{value} {unit}）",
)
_FULLY: Final = ("it runs at its full output", "已满出力运行")
_LOWEST: Final = ("it runs at its lowest output", "已在最低出力运行")
_FULL: Final = ("it is full ({value} {unit})", "已充满（{value} {unit}）")
_EMPTY: Final = ("it is at its least content ({value} {unit})", "已降至最低储量（{value} {unit}）")
_TAKES_MOST: Final = ("it takes all it may ({value} {unit})", "已达最大用电功率（{value} {unit}）")
_TAKES_LEAST: Final = ("it takes the least it can ({value} {unit})", "已在最低用电功率（{value} {unit}）")
_CONNECTION: Final = ("its connection gives no more ({value} {unit})", "已达充电总功率上限（{value} {unit}）")
_WINDOW: Final = ("it may take power from {first} to {until}", "可用电时段为 {first} 至 {until}")
_NO_CAR: Final = Text(en="no car stands there", zh="无车辆接入")
_NO_BREAK: Final = Text(en="a run that has begun goes on to its end", zh="已启动的运行不可中断")


def at_ends(decided: Decided, unit: str, step: int) -> Iterator[tuple[Text, str, bool]]:
    """What end of its range a unit is at, with the unit of it and whether it is the lower end."""
    machine = decided.plan.machines[unit]
    ends = range_of(decided.problem, unit, step)
    holds = machine.kind in {"battery", "store"}
    if ends is None or not (holds or machine.on[step]):
        return
    low, high, name = ends
    level, room = float(machine.level[step]), NEAR_FRAC * max(high, 1e-9)
    most, least = _words(decided.problem, unit, name, holds=holds)
    if level >= high - room:
        yield said(*most, value=f"{high:.1f}", unit=name), name, False
    elif level <= low + room and (holds or low > 0):
        yield said(*least, value=f"{low:.1f}", unit=name), name, True


def waiting(decided: Decided, unit: str, step: int, speech: Speech) -> Iterator[Text]:
    """When a load may take power, where that is what holds it, and what a begun run must."""
    load = next((one for one in decided.problem.flexible.all if one.name == unit), None)
    if not isinstance(load, ShiftLoad | Batch | EvGroup):
        return
    takes = float(decided.plan.machines[unit].power_kw[step]) > IDLE_KW
    if takes:
        if isinstance(load, Batch):
            yield _NO_BREAK
        return
    steps = may_take_in(load, decided.problem.steps)
    if step in steps or not steps:
        return
    if isinstance(load, EvGroup):
        yield _NO_CAR
        return
    start_ns, step_ns = decided.problem.start_ns, round(decided.problem.step_s * 1e9)
    first, until = (speech.clock(start_ns + k * step_ns) for k in (steps[0], steps[-1] + 1))
    yield said(*_WINDOW, first=first, until=until)


def range_of(problem: DispatchProblem, unit: str, step: int) -> tuple[float, float, str] | None:
    """Least and most of a machine's level with its unit, "" for a level without one; None for other kinds."""
    found: dict[str, tuple[float, float, str]] = {}
    for air in problem.compressors:
        found[air.name] = (0.0, max(air.full_flow_m3_min, float(air.flow_m3_min[-1])), "m³/min")
    for cold in problem.chillers:
        found[cold.name] = (float(cold.load_kw[step, 0]), float(cold.load_kw[step, -1]), "kW")
    found |= {one.name: (one.power_min_kw, one.power_max_kw, "kW") for one in problem.chps}
    found |= {one.name: (0.0, one.capacity_kw, "kW") for one in problem.boilers}
    found |= {one.name: (one.soc_min_kwh, one.soc_max_kwh, "kWh") for one in problem.batteries}
    for store in problem.stores:
        found[store.name] = (store.least, store.most, "m³" if store.carrier == "air" else "kWh")
    for turned in problem.converters:
        found[turned.name] = (float(turned.level[step, 0]), float(turned.level[step, -1]), "")
    for cogen in problem.cogens:
        powers = [power for power, _ in cogen.corners]
        found[cogen.name] = (min(powers), max(powers), "kW")
    found |= {one.name: (one.least_kw, one.most_kw, "kW") for one in problem.flexible.shift}
    found |= {one.name: (0.0, one.most_kw, "kW") for one in problem.flexible.ev}
    return found.get(unit)


def _words(
    problem: DispatchProblem, unit: str, name: str, *, holds: bool
) -> tuple[tuple[str, str], tuple[str, str]]:
    """What is said at the upper and at the lower end."""
    if holds:
        return _FULL, _EMPTY
    if unit in {one.name for one in problem.flexible.ev}:
        return _CONNECTION, _TAKES_LEAST
    if unit in {one.name for one in problem.flexible.shift}:
        return _TAKES_MOST, _TAKES_LEAST
    return (_MOST, _LEAST) if name else (_FULLY, _LOWEST)
