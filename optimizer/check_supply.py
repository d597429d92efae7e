"""Checks of the contracts, minute by minute from the plan's course: charges, tiers, factor, gas, carbon."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from optimizer.plan import Plan
from optimizer.problem import DispatchProblem, FloatArray
from optimizer.supply import DemandCharge, Reactive
from optimizer.violations import MONEY, POWER_KW, Violation, left_h, slack, where

_CIRCLE_FRAC = 0.002
_NS = 1_000_000_000
_SLIP_S = 60


def check_supply(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """Every contract of the site, and the money it costs."""
    supply, steps = problem.supply, problem.steps
    if supply.import_least_kw is not None:
        under = supply.import_least_kw - plan.import_kw + plan.export_kw - slack(plan, steps, "import_under")
        yield from where(under, POWER_KW, "grid", "import above its least [kW]")
    yield from _inverter(problem, plan)
    yield from _gas(problem, plan)
    if supply.co2_cap_kg is not None:
        over = plan.co2_kg - supply.co2_cap_kg - float(slack(plan, steps, "window_over.co2_kg").sum())
        yield from where(np.array([over]), MONEY, "co2", "emissions below their cap, or named [kg]")
    wanted = _money(problem, plan)
    for name in sorted(wanted.keys() | plan.charges.keys()):
        off = plan.charges.get(name, 0.0) - wanted.get(name, 0.0)
        if abs(off) > MONEY + 1e-6 * abs(wanted.get(name, 0.0)):
            yield Violation("cost", -1, off, f"charge {name} as recomputed from the contract [money]")


def _money(problem: DispatchProblem, plan: Plan) -> dict[str, float]:
    supply, each_h = problem.supply, left_h(problem)

    def energy_of(power: FloatArray) -> float:
        return math.fsum(kw * hours for kw, hours in zip(power.tolist(), each_h, strict=True))

    kvar = _kvar(problem, plan)
    money = {
        charge.name: _charge(
            problem, charge, np.sqrt(plan.import_kw**2 + kvar**2) if charge.apparent else plan.import_kw
        )
        for charge in supply.charges
    }
    for levy in supply.levies:
        money[levy.name] = energy_of(plan.import_kw * levy.eur_kwh)
    energy_kwh = energy_of(plan.import_kw)
    if supply.tiers:
        left, money["tiers"] = energy_kwh, 0.0
        for tier in supply.tiers:
            money["tiers"] += min(max(left, 0.0), tier.room_kwh) * tier.eur_kwh
            left -= tier.room_kwh
    reactive = supply.reactive
    if reactive is not None and reactive.factor_least is not None:
        money["power_factor"] = _factor(problem, reactive, (plan.import_kw, kvar))
    money |= _not_taken(problem, plan)
    for shed in problem.flexible.shed:
        money[shed.name] = -energy_of(plan.machines[shed.name].power_kw) * shed.eur_kwh
    return money


def _factor(problem: DispatchProblem, reactive: Reactive, of: tuple[FloatArray, FloatArray]) -> float:
    """Charge of each month the window has steps of, less what that month owed before."""
    (bought, kvar), each_h = of, left_h(problem)
    first = problem.steps if reactive.next_from is None else reactive.next_from
    running, nothing = (reactive.month_kwh, reactive.month_kvarh), (0.0, 0.0)
    total = 0.0
    for steps, before in ((range(first), running), (range(first, problem.steps), nothing)):
        kwh = math.fsum(float(bought[step]) * each_h[step] for step in steps)
        kvarh = math.fsum(abs(float(kvar[step])) * each_h[step] for step in steps)
        total += _over(reactive, (before[0] + kwh, before[1] + kvarh)) - _over(reactive, before)
    return total


def _over(reactive: Reactive, used: tuple[float, float]) -> float:
    """Charge of a month that ended with this much bought and counted. [kWh, kvarh]."""
    allowed = math.tan(math.acos(reactive.factor_least or 1.0)) * used[0]
    return max(used[1] - allowed, 0.0) * reactive.eur_kvarh


def _not_taken(problem: DispatchProblem, plan: Plan) -> dict[str, float]:
    """What is paid for gas that each period's part of the window leaves in its contract."""
    gas, each_h = problem.supply.gas, left_h(problem)
    if gas is None or max(gas.take_kwh, gas.next_take_kwh) <= 0:
        return {}
    first = problem.steps if gas.next_from is None else gas.next_from
    left = 0.0
    for steps, asked in ((range(first), gas.take_kwh), (range(first, problem.steps), gas.next_take_kwh)):
        taken = math.fsum(float(plan.fuel_kw[step]) * each_h[step] for step in steps)
        left += max(asked - taken, 0.0)
    return {"gas_not_taken": left * problem.prices.gas_eur_kwh}


def _kvar(problem: DispatchProblem, plan: Plan) -> FloatArray:
    if problem.supply.reactive is None:
        return np.zeros(problem.steps)
    given = plan.setpoints.get("inverter_kvar", np.zeros(problem.steps))
    return problem.supply.reactive.need_kvar - given


def _charge(problem: DispatchProblem, charge: DemandCharge, load: FloatArray) -> float:
    """Highest mean of every demand window, and its money."""
    if problem.begun is not None:
        gone = problem.begun.gone_frac
        load = np.concatenate([[gone * problem.begun.import_kw + (1.0 - gone) * load[0]], load[1:]])
    if charge.window_s is None or (charge.sliding and charge.window_s <= problem.step_s):
        counted = load if charge.counts is None else load[charge.counts]
        means = [float(value) for value in counted]
    else:
        means = _fine_means(problem, charge, load)
    peak = max(means, default=0.0)
    above, over_from = max(peak - charge.so_far_kw, 0.0), max(charge.over_from_kw, charge.so_far_kw)
    return charge.weight_frac * (above * charge.eur_kw + max(peak - over_from, 0.0) * charge.over_eur_kw)


def _fine_means(problem: DispatchProblem, charge: DemandCharge, load: FloatArray) -> list[float]:
    """Means of all windows on a grid that step, window and clock share."""
    step_s, length_s = round(problem.step_s), round(charge.window_s or problem.step_s)
    into_s = (problem.start_ns // _NS) % length_s
    fine_s = _SLIP_S if charge.sliding else math.gcd(step_s, length_s, into_s)
    per_step, width = step_s // fine_s, length_s // fine_s
    course = np.repeat(np.concatenate([np.array(charge.before_kw), load]), per_step)
    first = len(charge.before_kw) * per_step
    found: list[float] = []
    for end in range(first + 1, len(course) + (1 if charge.sliding else width)):
        on_clock = ((end - width - first) * fine_s + into_s) % length_s == 0
        last = min(end, len(course)) - 1
        counts = charge.counts is None or bool(charge.counts[(last - first) // per_step])
        if counts and (charge.sliding or on_clock):
            found.append(float(course[max(end - width, 0) : end].mean()))
    return found


def _inverter(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    reactive = problem.supply.reactive
    if reactive is None:
        return
    power = np.zeros(problem.steps) if problem.pv is None else plan.machines[problem.pv.name].level
    given = plan.setpoints["inverter_kvar"]
    apparent = np.sqrt(power**2 + given**2)
    room = max(reactive.inverter_kva, 0.0)
    alone = np.where(np.abs(given) > POWER_KW, apparent - room, 0.0)
    yield from where(alone, POWER_KW + _CIRCLE_FRAC * room, "inverter", "apparent power within its own [kVA]")


def _gas(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    gas, step_s, left = problem.supply.gas, problem.step_s, left_h(problem)
    if gas is None or not math.isfinite(gas.hourly_kwh):
        return
    over = slack(plan, problem.steps, "gas_over")
    begin_s = problem.start_ns / _NS
    taken: dict[int, float] = {int(begin_s // 3600.0): gas.this_hour_kwh}
    for step in range(problem.steps):
        at, end = begin_s + step * step_s, begin_s + (step + 1) * step_s
        left_frac = left[step] * 3600.0 / step_s
        while at < end - 1e-6:
            hour = int((at + 1e-6) // 3600.0)
            until = min(end, (hour + 1) * 3600.0)
            taken[hour] = (
                taken.get(hour, 0.0)
                + float(plan.fuel_kw[step] - over[step]) * left_frac * (until - at) / 3600.0
            )
            at = until
    first = int(begin_s // 3600.0)
    for hour, energy in taken.items():
        limit = max(gas.hourly_kwh, gas.this_hour_kwh if hour == first else 0.0)
        if energy > limit + POWER_KW:
            yield Violation(
                "gas", round((hour - first) * 3600.0 / step_s), energy - limit, "fuel of a clock hour [kWh]"
            )
