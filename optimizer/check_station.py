"""Checks of compressors and chillers: curves at the chosen set-points, one trim machine, reserve, N-1."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimizer.plan import Plan
from optimizer.problem import Chiller, Compressor, DispatchProblem, FloatArray
from optimizer.violations import CURVE_FRAC, FLOW, POWER_KW, Violation, on_rate, phases, slack, where

_SAME = 1e-6


def check_station(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """Both stations, machine by machine and together."""
    for compressor in problem.compressors:
        yield from _compressor(problem, plan, compressor)
    for chiller in problem.chillers:
        yield from _chiller(problem, plan, chiller)
    yield from _one_trim(plan)
    yield from _pressure(problem, plan)
    yield from _auxiliaries(problem, plan)
    most = {
        c.name: np.full(problem.steps, max(c.full_flow_m3_min, c.flow_m3_min[-1]))
        for c in problem.compressors
    }
    need, limits = problem.forecasts, problem.limits
    yield from _in_hand(problem, plan, ("air", need.air_m3_min, limits.air_reserve_frac), most)
    yield from _at_least(problem, plan, ("air", limits.air_least_m3_min), most)
    most = {c.name: c.load_kw[:, -1] for c in problem.chillers}
    yield from _in_hand(problem, plan, ("cooling", need.cooling_kw, limits.cooling_reserve_frac), most)
    yield from _at_least(problem, plan, ("cooling", limits.cooling_least_kw), most)


def extra_air_m3_min(problem: DispatchProblem, plan: Plan) -> FloatArray:
    """Need and leaks at the chosen pressure on top of the forecast."""
    levels = problem.air_levels
    if levels is None:
        return np.zeros(problem.steps)
    place = [_place(levels.pressure_bar_g, float(value)) for value in plan.setpoints["air_bar_g"]]
    extra = np.array([levels.need_m3_min[at, step] for step, at in enumerate(place)])
    above: FloatArray = np.maximum(extra, -problem.forecasts.air_m3_min)
    return above


def _place(values: tuple[float, ...], wanted: float) -> int:
    return int(np.argmin(np.abs(np.array(values) - wanted)))


def _compressor(problem: DispatchProblem, plan: Plan, compressor: Compressor) -> Iterator[Violation]:
    name, machine = compressor.name, plan.machines[compressor.name]
    most = max(compressor.full_flow_m3_min, float(compressor.flow_m3_min[-1]))
    yield from where(machine.level - most, FLOW, name, "flow within capacity [m³/min]")
    yield from where(-machine.level, FLOW, name, "flow is not negative [m³/min]")
    exact = min(problem.steps, problem.binary_steps)
    own_kw = (
        machine.power_kw - phases(compressor.commitment, machine, problem.step_s, problem.gone_s).power_kw
    )
    heat = -machine.flows.get(compressor.heat_carrier, np.zeros(problem.steps))
    over = np.maximum(heat - compressor.heat_recovery_frac * own_kw, -heat)[:exact]
    yield from where(over, POWER_KW, name, "heat within the share of its power [kW]")
    own_kw = own_kw / _power_frac(problem, plan)
    for step in range(exact):
        flow, power, role = machine.level[step], own_kw[step], machine.role[step]
        if role == "base":
            wanted = (compressor.full_flow_m3_min, compressor.full_power_kw)
        elif role in {"trim", "on"}:
            wanted = (flow, float(np.interp(flow, compressor.flow_m3_min, compressor.power_kw)))
            if flow < compressor.flow_m3_min[0] - FLOW:
                yield Violation(name, step, float(flow), "trim flow above its minimum [m³/min]")
        else:
            wanted = (0.0, 0.0)
        if abs(flow - wanted[0]) > FLOW:
            yield Violation(name, step, float(flow - wanted[0]), f"flow of the role {role} [m³/min]")
        if abs(power - wanted[1]) > POWER_KW + CURVE_FRAC * compressor.full_power_kw:
            yield Violation(name, step, float(power - wanted[1]), f"power of the role {role} [kW]")


def _power_frac(problem: DispatchProblem, plan: Plan) -> FloatArray:
    """Power over that of the curves at the chosen pressure."""
    levels = problem.air_levels
    if levels is None:
        return np.ones(problem.steps)
    bars = plan.setpoints["air_bar_g"]
    return np.array([levels.power_frac[_place(levels.pressure_bar_g, float(bar))] for bar in bars])


def _pressure(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    levels = problem.air_levels
    if levels is not None:
        lacks = levels.least_bar_g - plan.setpoints["air_bar_g"]
        yield from where(lacks, _SAME, "air", "pressure the users need [bar g]")
        if levels.most_bar_g is not None:
            above = plan.setpoints["air_bar_g"] - levels.most_bar_g
            yield from where(above, _SAME, "air", "pressure that is held [bar g]")
        for name in (one.name for one in problem.compressors):
            for step, role in enumerate(plan.machines[name].role):
                bar_g = float(plan.setpoints["air_bar_g"][step])
                own = levels.own_bar_g is not None and abs(bar_g - levels.own_bar_g) < _SAME
                if role == "trim" and not own and levels.set_by is not None and name not in levels.set_by:
                    yield Violation(name, step, bar_g, "pressure that the trimming machine can hold [bar g]")


def _level_of(problem: DispatchProblem, plan: Plan, step: int) -> int:
    """Place of the water temperatures of a step among those to choose from; -1 where it is none of them."""
    levels = problem.cooling_levels
    if levels is None:
        return -1
    told = (plan.setpoints["chilled_water_c"][step], plan.setpoints["condenser_water_c"][step])
    pairs = zip(levels.supply_c, levels.condenser_c, strict=True)
    same = [abs(a - told[0]) + abs(b - told[1]) < _SAME for a, b in pairs]
    return same.index(True) if any(same) else -1


def _corners(
    problem: DispatchProblem, plan: Plan, chiller: Chiller, step: int
) -> tuple[FloatArray, FloatArray]:
    levels = problem.cooling_levels
    if levels is None:
        return chiller.load_kw[step], chiller.power_kw[step]
    at = _level_of(problem, plan, step)
    return levels.load_kw[chiller.name][at, step], levels.power_kw[chiller.name][at, step]


def _chiller(problem: DispatchProblem, plan: Plan, chiller: Chiller) -> Iterator[Violation]:
    name, machine = chiller.name, plan.machines[chiller.name]
    levels = problem.cooling_levels
    most = chiller.load_kw[:, -1] if levels is None else levels.load_kw[name][:, :, -1].max(axis=0)
    yield from where(machine.level - most, POWER_KW, name, "load within capacity [kW]")
    yield from where(-machine.level, POWER_KW, name, "load is not negative [kW]")
    phase = phases(chiller.commitment, machine, problem.step_s, problem.gone_s)
    rate = on_rate(machine.level, phase.giving_frac)
    own_kw = machine.power_kw - phase.power_kw
    for step in range(min(problem.steps, problem.binary_steps)):
        share, load, power = phase.giving_frac[step], rate[step], own_kw[step]
        if share <= 0:
            if max(abs(machine.level[step]), abs(power)) > POWER_KW:
                yield Violation(name, step, float(machine.level[step]), "no load while off [kW]")
            continue
        loads, powers = _corners(problem, plan, chiller, step)
        if load < loads[0] - POWER_KW / share:
            yield Violation(name, step, float(load), "load above its minimum [kW]")
        if load > loads[-1] + POWER_KW / share:
            yield Violation(name, step, float(load), "load within capacity at its temperatures [kW]")
        off = power - share * np.interp(load, loads, powers)
        if abs(off) > POWER_KW + CURVE_FRAC * powers[-1]:
            yield Violation(name, step, float(off), "power on the curve [kW]")


def _auxiliaries(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """Pumps and fans as the chosen temperatures and the cooling supplied say."""
    levels = problem.cooling_levels
    if levels is None:
        return
    stated = plan.machines["cooling_auxiliaries"].power_kw
    chillers = [(plan.machines[one.name], one.commitment) for one in problem.chillers]
    giving = np.max(
        [phases(own, m, problem.step_s, problem.gone_s).giving_frac for m, own in chillers], axis=0
    )
    supplied = np.sum([machine.level for machine, _ in chillers], axis=0)
    for step in range(min(problem.steps, problem.binary_steps)):
        at = _level_of(problem, plan, step)
        if at < 0 or not levels.allowed[at, step]:
            yield Violation("cooling", step, float(at), "water temperatures permitted in the step")
            continue
        wanted = levels.extra_kw[at, step] * giving[step] + levels.extra_frac[at, step] * supplied[step]
        if abs(stated[step] - wanted) > POWER_KW + CURVE_FRAC * wanted:
            yield Violation("cooling", step, float(stated[step] - wanted), "power of pumps and fans [kW]")


def _in_hand(
    problem: DispatchProblem, plan: Plan, of: tuple[str, FloatArray, float], most: dict[str, FloatArray]
) -> Iterator[Violation]:
    """Capacity of the running machines against need and reserve, and without the largest of them."""
    carrier, need, reserve_frac = of
    exact = min(problem.steps, problem.binary_steps)
    running = np.zeros((max(len(most), 1), problem.steps))
    for place, (name, capacity) in enumerate(most.items()):
        running[place] = np.where(plan.machines[name].on, capacity, 0.0)
    total = running.sum(axis=0)
    if reserve_frac > 0:
        lacks = need * (1.0 + reserve_frac) - total - slack(plan, problem.steps, f"reserve_{carrier}")
        yield from where(lacks[:exact], POWER_KW, carrier, "reserve of the running machines, or named")
    if carrier in problem.limits.without_largest and most:
        lacks = need - (total - running.max(axis=0)) - slack(plan, problem.steps, f"spare_{carrier}")
        yield from where(
            lacks[:exact], POWER_KW, carrier, "need without the largest running machine, or named"
        )


def _at_least(
    problem: DispatchProblem, plan: Plan, of: tuple[str, FloatArray | None], most: dict[str, FloatArray]
) -> Iterator[Violation]:
    """Capacity of the running machines against what is asked for besides the need."""
    carrier, least = of
    if least is None:
        return
    exact = min(problem.steps, problem.binary_steps)
    kept = sum((np.where(plan.machines[name].on, one, 0.0) for name, one in most.items()), np.zeros(1))
    lacks = least - kept - slack(plan, problem.steps, f"reserve_{carrier}")
    yield from where(lacks[:exact], POWER_KW, carrier, "capacity kept for a high need, or named")


def _one_trim(plan: Plan) -> Iterator[Violation]:
    compressors = [machine for machine in plan.machines.values() if machine.kind == "compressor"]
    for step in range(plan.steps):
        trims = sum(machine.role[step] == "trim" for machine in compressors)
        if trims > 1:
            yield Violation("air", step, float(trims), "at most one compressor trims")
