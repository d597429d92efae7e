"""Checks of converters, polygons, loads and the plant's own carriers, from problem and plan alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimizer.flexible import Batch, EvGroup, ShiftLoad
from optimizer.network import Cogen, Converter
from optimizer.plan import MachinePlan, Plan
from optimizer.problem import DispatchProblem, FloatArray
from optimizer.violations import (
    CURVE_FRAC,
    ENERGY_KWH,
    POWER_KW,
    Violation,
    left_h,
    on_rate,
    phases,
    slack,
    where,
)


def check_network(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """Every flow follows from its level, every polygon and load keeps its bounds."""
    for one in problem.converters:
        yield from _converter(problem, plan.machines[one.name], one)
    for cogen in problem.cogens:
        yield from _cogen(problem, plan.machines[cogen.name], cogen)
    for load in problem.flexible.shift:
        yield from _shift(problem, plan, load)
    for batch in problem.flexible.batches:
        yield from _batch(problem, plan, batch)
    for group in problem.flexible.ev:
        yield from _ev(problem, plan, group)
    for shed in problem.flexible.shed:
        left_off = -plan.machines[shed.name].power_kw
        most = np.minimum(shed.most_kw, problem.forecasts.electric_kw)
        yield from where(left_off - most, POWER_KW, shed.name, "leaves off no more than may be [kW]")
        yield from where(-left_off, POWER_KW, shed.name, "leaves off no less than nothing [kW]")
        over = float(left_off @ np.array(left_h(problem))) - shed.most_kwh
        yield from where(np.array([over]), ENERGY_KWH, shed.name, "energy left off in the window [kWh]")


def given(plan: Plan, carrier: str) -> FloatArray:
    """What machines with flows give of a carrier, less what they take, shape (steps,)."""
    total = np.zeros(plan.steps)
    for machine in plan.machines.values():
        if machine.kind != "load" and carrier in machine.flows:
            total -= machine.flows[carrier]
    return total


def _converter(problem: DispatchProblem, machine: MachinePlan, one: Converter) -> Iterator[Violation]:
    exact = min(problem.steps, problem.binary_steps)
    phase = phases(one.commitment, machine, problem.step_s, problem.gone_s)
    giving = phase.giving_frac if one.switches else np.ones(problem.steps)
    rate = on_rate(machine.level, giving)
    low = np.where(giving > 0, one.level[:, 0] * giving - machine.level, np.abs(machine.level))
    yield from where(low[:exact], POWER_KW, one.name, "level above its least, none while off")
    yield from where(machine.level - one.level[:, -1], POWER_KW, one.name, "level within capacity")
    wanted: dict[str, FloatArray] = {"electric": phase.power_kw, "gas": phase.fuel_kw}
    size: dict[str, float] = {}
    for flow in one.flows:
        rows = zip(rate, one.level, flow.at, strict=True)
        along = giving * np.array([np.interp(here, x, y) for here, x, y in rows])
        wanted[flow.carrier] = wanted.get(flow.carrier, np.zeros(problem.steps)) + along
        size[flow.carrier] = float(np.abs(flow.at).max())
    for carrier, values in wanted.items():
        stated = (
            machine.power_kw
            if carrier == "electric"
            else machine.flows.get(carrier, np.zeros(plan_steps(machine)))
        )
        off = np.abs(stated - values)[:exact]
        tolerance = POWER_KW + CURVE_FRAC * size.get(carrier, 0.0)
        yield from where(off, tolerance, one.name, f"{carrier} as its level says")


def plan_steps(machine: MachinePlan) -> int:
    """Number of steps of a machine's plan."""
    return len(machine.level)


def _cogen(problem: DispatchProblem, machine: MachinePlan, one: Cogen) -> Iterator[Violation]:
    exact = min(problem.steps, problem.binary_steps)
    phase = phases(one.commitment, machine, problem.step_s, problem.gone_s)
    giving = phase.giving_frac
    power, heat = machine.level, -machine.flows[one.heat_carrier]
    off = np.abs(machine.power_kw + power - phase.power_kw)[:exact]
    yield from where(off, POWER_KW, one.name, "power on the bus is what it gives, less its own [kW]")
    for step in range(exact):
        at = (float(power[step]), float(heat[step]))
        share = float(giving[step])
        if share <= 0:
            if max(abs(at[0]), abs(at[1])) > POWER_KW:
                yield Violation(one.name, step, at[0], "neither power nor heat while it gives nothing [kW]")
        elif not _inside(one.corners, (at[0] / share, at[1] / share)):
            yield Violation(one.name, step, at[0], "power and heat inside its polygon [kW]")
    burnt = [a * giving + b * power + c * heat for a, b, c in one.fuel_planes]
    fuel = np.maximum(np.max(burnt, axis=0), 0.0) + phase.fuel_kw
    over = np.abs(machine.flows["gas"] - fuel)[:exact]
    yield from where(over, POWER_KW + CURVE_FRAC * float(fuel.max()), one.name, "fuel on its planes [kW]")
    if one.low_carrier is not None:
        a, b, c = one.low_heat
        off = np.abs(machine.flows[one.low_carrier] + a * giving + b * power + c * heat)[:exact]
        yield from where(off, POWER_KW, one.name, "heat at the lower temperature as power and heat say [kW]")


def _inside(corners: tuple[tuple[float, float], ...], at: tuple[float, float]) -> bool:
    """Whether a point is inside a simple polygon or within the tolerance of its border (crossing number)."""
    crossings = 0
    nearest = np.inf
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (y0 > at[1]) != (y1 > at[1]) and at[0] < x0 + (at[1] - y0) * (x1 - x0) / (y1 - y0):
            crossings += 1
        length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2
        share = 0.0 if length2 == 0 else ((at[0] - x0) * (x1 - x0) + (at[1] - y0) * (y1 - y0)) / length2
        share = min(max(share, 0.0), 1.0)
        nearest = min(
            nearest, float(np.hypot(at[0] - x0 - share * (x1 - x0), at[1] - y0 - share * (y1 - y0)))
        )
    return crossings % 2 == 1 or nearest <= 10 * POWER_KW


def _energy(
    problem: DispatchProblem, plan: Plan, of: tuple[str, FloatArray], wanted_kwh: float
) -> Iterator[Violation]:
    """Energy taken and what is named as missed make up what is wanted."""
    name, power = of
    missed = float(slack(plan, problem.steps, f"missed.{name}").sum())
    off = abs(float(power @ np.array(left_h(problem))) + missed - wanted_kwh)
    if off > ENERGY_KWH:
        yield Violation(name, -1, off, "energy wanted, or its named shortage [kWh]")


def _within(of: tuple[str, FloatArray], first: int, until: int, most_kw: float) -> Iterator[Violation]:
    name, power = of
    place = np.arange(len(power))
    outside = np.where((place >= first) & (place < until), 0.0, np.abs(power))
    yield from where(outside, POWER_KW, name, "runs only between its first and last step [kW]")
    yield from where(power - most_kw, POWER_KW, name, "power within its limit [kW]")
    yield from where(-power, POWER_KW, name, "takes no less than nothing [kW]")


def _shift(problem: DispatchProblem, plan: Plan, load: ShiftLoad) -> Iterator[Violation]:
    power = plan.machines[load.name].power_kw
    yield from _within((load.name, power), load.first, load.until, load.most_kw)
    yield from _energy(problem, plan, (load.name, power), load.energy_kwh)
    exact = min(problem.steps, problem.binary_steps)
    low = np.where(power > POWER_KW, load.least_kw - power, 0.0)[:exact]
    yield from where(low, POWER_KW, load.name, "power above its least while it runs [kW]")


def _batch(problem: DispatchProblem, plan: Plan, batch: Batch) -> Iterator[Violation]:
    power, length = plan.machines[batch.name].power_kw, len(batch.course_kw)
    wanted_kwh = sum(batch.course_kw) * problem.step_s / 3600.0
    yield from _within((batch.name, power), batch.first, batch.until, max(batch.course_kw))
    yield from _energy(problem, plan, (batch.name, power), wanted_kwh)
    if batch.until > min(problem.steps, problem.binary_steps):
        return
    ways = [np.zeros(problem.steps)]
    for begin in range(batch.first, batch.until - length + 1):
        course = np.zeros(problem.steps)
        course[begin : begin + length] = batch.course_kw
        ways.append(course)
    if min(float(np.abs(power - course).max()) for course in ways) > POWER_KW:
        yield Violation(batch.name, -1, float(power.max()), "one run without a break, or none [kW]")


def _ev(problem: DispatchProblem, plan: Plan, group: EvGroup) -> Iterator[Violation]:
    machine = plan.machines[group.name]
    total = np.zeros(problem.steps)
    for car in group.cars:
        power, name = machine.flows[car.name], f"{group.name}.{car.name}"
        total += power
        yield from _within((name, power), car.arrives, car.leaves, car.most_kw)
        yield from _energy(problem, plan, (name, power), car.energy_kwh)
    yield from where(
        np.abs(total - machine.power_kw), POWER_KW, group.name, "the cars make up the group [kW]"
    )
    yield from where(total - group.most_kw, POWER_KW, group.name, "power within the connection [kW]")
