"""Refusals of converters, polygons and carriers, in plant words."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np

from optimizer.components.balance import SCALARS, SERIES
from optimizer.components.region import convex_parts
from optimizer.network import KNOWN, Cogen, Converter
from optimizer.problem import DispatchProblem, FloatArray
from protocols.errors import SolveError

_RESERVED: Final = frozenset(
    {"grid", "station", "cooling", "inverter", "gas", "co2", "fuel", "tiers", "cooling_auxiliaries"}
    | {begin.rstrip(".") for begin in (*SCALARS, *SERIES)}
)
"""Words of the plan; what a machine called by the begin of a shortage does would be read as one."""
_ENDS: Final = 2
_ROUNDING: Final = 1e-6
_BY_LHV: Final = 1.1
"""Most that can be had of fuel by its lower heating value, with the heat of condensing. [-]"""


def capacity_of(problem: DispatchProblem, carrier: str) -> FloatArray:
    """Most that converters and polygons could give of a carrier in each step."""
    flows = [flow for one in problem.converters for flow in one.flows if flow.carrier == carrier]
    most = sum((np.maximum(-flow.at.min(axis=1), 0.0) for flow in flows), np.zeros(problem.steps))
    for cogen in problem.cogens:
        if cogen.heat_carrier == carrier:
            most = most + max(heat for _, heat in cogen.corners)
    return most


def refuse_network(problem: DispatchProblem) -> None:
    """Refuse carriers, converters and polygons that cannot be planned.

    Raises:
        SolveError: The message names the machine or carrier and what to give instead.
    """
    _refuse_carriers(problem)
    names = [one.name for one in (*problem.switched, *problem.batteries, *problem.stores, *problem.boilers)]
    names += [one.name for one in problem.converters]
    names += [] if problem.pv is None else [problem.pv.name]
    for name in (*names, *(load.name for load in problem.flexible.all)):
        if name in _RESERVED:
            raise SolveError(
                f"no machine may be called {name}; the plan needs that word",
                zh=f"设备不得命名为 {name}；该词为计划所用",
                machine=name,
            )
    carriers = {*KNOWN, *(one.name for one in problem.carriers)}
    for machine in problem.compressors:
        if not 0 <= machine.heat_recovery_frac < 1:
            raise SolveError(
                f"{machine.name} recovers {machine.heat_recovery_frac} of its power; give 0 to below 1",
                zh=f"{machine.name} 回收其功率的 {machine.heat_recovery_frac}；须为 0 至小于 1",
                machine=machine.name,
            )
        _refuse_unknown(machine.name, machine.heat_carrier, carriers)
    for store in problem.stores:
        _refuse_unknown(store.name, store.carrier, carriers - {"electric", "gas"})
    for one in problem.converters:
        _refuse_converter(problem, one, carriers)
    for cogen in problem.cogens:
        _refuse_cogen(cogen, carriers)


def _refuse_carriers(problem: DispatchProblem) -> None:
    for one in problem.carriers:
        if one.name in KNOWN or [other.name for other in problem.carriers].count(one.name) > 1:
            raise SolveError(
                f"the carrier {one.name} exists already; give it another name",
                zh=f"介质 {one.name} 已存在；请另取名称",
                series=one.name,
            )
        if one.need.shape != (problem.steps,):
            raise SolveError(
                f"the need for {one.name} has {one.need.size} values, the window has {problem.steps} steps; "
                "both must agree",
                zh=f"{one.name} 的需求有 {one.need.size} 个值，计划时段有 {problem.steps} 步；两者须一致",
                series=one.name,
            )
        bad = np.flatnonzero(~(np.isfinite(one.need) & (one.need >= 0)))
        if len(bad):
            step, clock = int(bad[0]), problem.clock(int(bad[0]))
            raise SolveError(
                f"the need for {one.name} is {one.need[step]:g} in step {step} at {clock}; it must be a "
                "number not below zero",
                zh=f"{one.name} 的需求在第 {step} 步（{clock}）为 {one.need[step]:g}；须为不小于零的数",
                series=one.name,
            )
        if not (0 <= one.short_eur < np.inf and 0 <= one.surplus_eur < np.inf):
            raise SolveError(
                f"the prices of {one.name} missing or left over must be numbers not below zero",
                zh=f"{one.name} 短缺或剩余的价格须为不小于零的数",
                series=one.name,
            )


def _refuse_unknown(name: str, carrier: str, known: set[str]) -> None:
    if carrier not in known:
        known_names = ", ".join(sorted(known))
        raise SolveError(
            f"{name} names the carrier {carrier}; known here are {known_names}",
            zh=f"{name} 所列介质 {carrier} 未知；已知的有 {known_names}",
            machine=name,
        )


def _refuse_converter(problem: DispatchProblem, one: Converter, carriers: set[str]) -> None:
    shape = one.level.shape
    if len(shape) != _ENDS or shape[0] != problem.steps or shape[1] < _ENDS:
        raise SolveError(
            f"{one.name} needs two or more corners of its level in each step",
            zh=f"{one.name} 每步需要两个或更多的负荷点",
            machine=one.name,
        )
    if not np.isfinite(one.level).all() or one.level.min() < 0 or np.diff(one.level, axis=1).min() <= 0:
        raise SolveError(
            f"the level of {one.name} must rise from corner to corner and not be negative",
            zh=f"{one.name} 的负荷点须递增且不为负",
            machine=one.name,
        )
    named = [flow.carrier for flow in one.flows]
    if not named or len(set(named)) < len(named):
        raise SolveError(
            f"{one.name} needs flows, each of another carrier",
            zh=f"{one.name} 需要流量，且各为不同介质",
            machine=one.name,
        )
    for flow in one.flows:
        _refuse_unknown(one.name, flow.carrier, carriers)
        if flow.at.shape != shape or not np.isfinite(flow.at).all():
            raise SolveError(
                f"the {flow.carrier} of {one.name} needs a number at each corner of its level",
                zh=f"{one.name} 的 {flow.carrier} 在每个负荷点都须有数值",
                machine=one.name,
            )
        if flow.carrier == "gas" and flow.at.min() < 0:
            raise SolveError(
                f"{one.name} gives gas; gas can only be taken",
                zh=f"{one.name} 输出燃气；燃气只能被消耗",
                machine=one.name,
            )


def _refuse_cogen(one: Cogen, carriers: set[str]) -> None:
    numbers = np.array([*(value for corner in one.corners for value in corner), *np.ravel(one.fuel_planes)])
    if not np.isfinite(numbers).all() or not one.fuel_planes:
        raise SolveError(
            f"polygon and fuel of {one.name} must be numbers",
            zh=f"{one.name} 的多边形和燃料须为数值",
            machine=one.name,
        )
    if min(min(corner) for corner in one.corners) < 0:
        raise SolveError(
            f"the polygon of {one.name} has a negative power or heat",
            zh=f"{one.name} 的多边形含有负的功率或热量",
            machine=one.name,
        )
    if _crosses_itself(one.corners):
        raise SolveError(
            f"the polygon of {one.name} crosses itself; give its corners in order around it",
            zh=f"{one.name} 的多边形自相交；请按顺序给出各顶点",
            machine=one.name,
        )
    try:
        convex_parts(one.corners)
    except ValueError as error:
        raise SolveError(
            f"the polygon of {one.name} is none: {error}",
            zh=f"{one.name} 的多边形无效：{error}",
            machine=one.name,
        ) from error
    for corner in one.corners:
        _refuse_corner(one, corner)
    _refuse_unknown(one.name, one.heat_carrier, carriers - {"electric", "gas"})
    if one.low_carrier is not None:
        _refuse_unknown(one.name, one.low_carrier, carriers - {"electric", "gas", one.heat_carrier})


def _refuse_corner(one: Cogen, corner: tuple[float, float]) -> None:
    power, heat = corner
    low = one.low_heat[0] + one.low_heat[1] * power + one.low_heat[2] * heat
    if not -_ROUNDING <= low < np.inf:
        raise SolveError(
            f"the lower heat of {one.name} is {low:g} kW at {power:g} kW and {heat:g} kW of heat; it must "
            "not be negative at any corner",
            zh=f"{one.name} 在 {power:g} kW 和供热 {heat:g} kW 时的低温热为 {low:g} kW；任一顶点不得为负",
            machine=one.name,
        )
    fuel = max(a + b * power + c * heat for a, b, c in one.fuel_planes)
    if fuel < power + heat - _ROUNDING or _BY_LHV * fuel < power + heat + low - _ROUNDING:
        raise SolveError(
            f"{one.name} gives more than its fuel at {power:g} kW and {heat:g} kW of heat",
            zh=f"{one.name} 在 {power:g} kW 和供热 {heat:g} kW 时的输出超过其燃料",
            machine=one.name,
        )


def _crosses_itself(corners: tuple[tuple[float, float], ...]) -> bool:
    """Whether two sides that are no neighbours have a point in common inside both."""
    sides = list(zip(corners, (*corners[1:], corners[0]), strict=True))
    for (a, b), (c, d) in combinations(sides, 2):
        turns = [_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)]
        if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
            return True
    return False


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
