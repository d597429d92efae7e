"""Checks a returned plan against every declared limit, sharing no code with the builder.

A constraint dropped silently is the worst fault a planner can have; so the balances, limits, minimum times,
stored energy and the cost are worked out anew from problem and plan, step by step. Machine curves and
on/off are exact only in the binary steps; beyond them the balances, capacities and limits are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from optimizer.plan import MachinePlan, Plan
from optimizer.problem import Battery, Chiller, Chp, Commitment, Compressor, DispatchProblem, FloatArray

_POWER_KW = 1e-2
_FLOW = 1e-3
_ENERGY_KWH = 1e-2
_CURVE_FRAC = 0.005
"""Power may lie off the curve by this share of the machine's full power."""
_MONEY = 1e-2


@dataclass(frozen=True, slots=True)
class Violation:
    """One limit not kept."""

    machine: str
    """Machine, balance or limit."""
    step: int
    """-1 when it concerns the whole window."""
    amount: float
    limit: str
    """What should hold, in plant words with the unit of `amount`."""


def check(problem: DispatchProblem, plan: Plan) -> list[Violation]:
    """Every limit the plan does not keep, empty when it keeps all; declared shortages count as kept."""
    found = list(_shape(problem, plan))
    if found:
        return found
    found.extend(_balances(problem, plan))
    found.extend(_grid(problem, plan))
    for compressor in problem.compressors:
        found.extend(_compressor(problem, plan, compressor))
    for chiller in problem.chillers:
        found.extend(_chiller(problem, plan, chiller))
    for chp in problem.chps:
        found.extend(_chp(problem, plan, chp))
    for machine in problem.switched:
        found.extend(_switching(problem, plan.machines[machine.name], machine.name, machine.commitment))
    for battery in problem.batteries:
        found.extend(_battery(problem, plan, battery))
    found.extend(_heaters(problem, plan))
    found.extend(_one_trim(plan))
    found.extend(_cost(problem, plan))
    return found


def _shape(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    series = {"grid.import": plan.import_kw, "grid.export": plan.export_kw, "fuel": plan.fuel_kw}
    for name, machine in plan.machines.items():
        series[name] = machine.power_kw
        series[f"{name}.level"] = machine.level
    for name, values in series.items():
        if values.shape != (problem.steps,) or not np.isfinite(values).all():
            yield Violation(name, -1, float(values.size), "one finite value per step")


def _slack(plan: Plan, steps: int, name: str) -> FloatArray:
    amounts = np.zeros(steps)
    for shortage in plan.shortages:
        if shortage.name == name:
            amounts[shortage.step] = shortage.amount
    return amounts


def _sum(plan: Plan, steps: int, *kinds: str) -> FloatArray:
    total = np.zeros(steps)
    for machine in plan.machines.values():
        if machine.kind in kinds:
            total += machine.level
    return total


def _where(off: FloatArray, tolerance: float, machine: str, limit: str) -> Iterator[Violation]:
    for step in np.flatnonzero(off > tolerance):
        yield Violation(machine, int(step), float(off[step]), limit)


def _balances(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    steps, need = problem.steps, problem.forecasts
    power = np.sum([machine.power_kw for machine in plan.machines.values()], axis=0)
    electric = plan.import_kw - plan.export_kw - need.electric_kw - power
    yield from _where(np.abs(electric), _POWER_KW, "electric", "supply equals need [kW]")
    heat_of_chps = np.zeros(steps)
    for chp in problem.chps:
        heat_of_chps += _along(plan, chp, (chp.heat_min_kw, chp.heat_max_kw))
    for carrier, given, asked, tolerance in (
        ("air", _sum(plan, steps, "compressor"), need.air_m3_min, _FLOW),
        ("cooling", _sum(plan, steps, "chiller"), need.cooling_kw, _POWER_KW),
        ("heat", _sum(plan, steps, "boiler") + heat_of_chps, need.heat_kw, _POWER_KW),
    ):
        slack = _slack(plan, steps, f"{carrier}_short") - _slack(plan, steps, f"{carrier}_surplus")
        relaxed = carrier == "heat" and bool(problem.chps)
        checked = min(steps, problem.binary_steps) if relaxed else steps
        off = np.abs(given + slack - asked)[:checked]
        yield from _where(off, tolerance, carrier, "supply and named shortage equal need")


def _along(plan: Plan, chp: Chp, ends: tuple[float, float]) -> FloatArray:
    machine = plan.machines[chp.name]
    line = np.interp(machine.level, (chp.power_min_kw, chp.power_max_kw), ends)
    return np.where(machine.on, line, 0.0)


def _grid(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    yield from _where(-plan.import_kw, _POWER_KW, "grid", "import is not negative [kW]")
    yield from _where(-plan.export_kw, _POWER_KW, "grid", "export is not negative [kW]")
    both = np.minimum(plan.import_kw, plan.export_kw)
    yield from _where(both, _POWER_KW, "grid", "import and export exclude each other [kW]")
    over = plan.import_kw - problem.limits.import_kw - _slack(plan, problem.steps, "import_over")
    yield from _where(over, _POWER_KW, "grid", "import within the contract [kW]")
    over = plan.export_kw - problem.limits.export_kw - _slack(plan, problem.steps, "export_over")
    yield from _where(over, _POWER_KW, "grid", "export within the permit [kW]")


def _compressor(problem: DispatchProblem, plan: Plan, compressor: Compressor) -> Iterator[Violation]:
    name, machine = compressor.name, plan.machines[compressor.name]
    most = max(compressor.full_flow_m3_min, float(compressor.flow_m3_min[-1]))
    yield from _where(machine.level - most, _FLOW, name, "flow within capacity [m³/min]")
    yield from _where(-machine.level, _FLOW, name, "flow is not negative [m³/min]")
    for step in range(min(problem.steps, problem.binary_steps)):
        flow, power, role = machine.level[step], machine.power_kw[step], machine.role[step]
        if role == "base":
            wanted = (compressor.full_flow_m3_min, compressor.full_power_kw)
        elif role == "trim":
            wanted = (flow, float(np.interp(flow, compressor.flow_m3_min, compressor.power_kw)))
            if flow < compressor.flow_m3_min[0] - _FLOW:
                yield Violation(name, step, float(flow), "trim flow above its minimum [m³/min]")
        else:
            wanted = (0.0, 0.0)
        if abs(flow - wanted[0]) > _FLOW:
            yield Violation(name, step, float(flow - wanted[0]), f"flow of the role {role} [m³/min]")
        if abs(power - wanted[1]) > _POWER_KW + _CURVE_FRAC * compressor.full_power_kw:
            yield Violation(name, step, float(power - wanted[1]), f"power of the role {role} [kW]")


def _chiller(problem: DispatchProblem, plan: Plan, chiller: Chiller) -> Iterator[Violation]:
    name, machine = chiller.name, plan.machines[chiller.name]
    yield from _where(machine.level - chiller.load_kw[:, -1], _POWER_KW, name, "load within capacity [kW]")
    yield from _where(-machine.level, _POWER_KW, name, "load is not negative [kW]")
    for step in range(min(problem.steps, problem.binary_steps)):
        load, power = machine.level[step], machine.power_kw[step]
        if not machine.on[step]:
            if max(abs(load), abs(power)) > _POWER_KW:
                yield Violation(name, step, float(load), "no load while off [kW]")
            continue
        if load < chiller.load_kw[step, 0] - _POWER_KW:
            yield Violation(name, step, float(load), "load above its minimum [kW]")
        off = power - np.interp(load, chiller.load_kw[step], chiller.power_kw[step])
        if abs(off) > _POWER_KW + _CURVE_FRAC * chiller.power_kw[step, -1]:
            yield Violation(name, step, float(off), "power on the curve [kW]")


def _chp(problem: DispatchProblem, plan: Plan, chp: Chp) -> Iterator[Violation]:
    machine, exact = plan.machines[chp.name], min(problem.steps, problem.binary_steps)
    yield from _where(machine.level - chp.power_max_kw, _POWER_KW, chp.name, "power below full load [kW]")
    low = np.where(machine.on, chp.power_min_kw - machine.level, machine.level)[:exact]
    yield from _where(low, _POWER_KW, chp.name, "power above minimum load, none while off [kW]")


def _switching(
    problem: DispatchProblem, machine: MachinePlan, name: str, commitment: Commitment
) -> Iterator[Violation]:
    exact = min(problem.steps, problem.binary_steps)
    on = [bool(value) for value in machine.on[:exact]]
    given = [-1] * exact if commitment.lock is None else [int(value) for value in commitment.lock[:exact]]
    for step, (runs, held) in enumerate(zip(on, given, strict=True)):
        if held >= 0 and runs != bool(held):
            yield Violation(name, step, float(runs), f"held {'on' if held else 'off'} from outside")
    begin, state, before_s = 0, commitment.on, commitment.state_s
    for step in range(exact):
        if on[step] == state:
            continue
        lasted_s = before_s + (step - begin) * problem.step_s
        least_s = commitment.min_up_s if state else commitment.min_down_s
        touched = any(held >= 0 for held in given[begin : step + 1])
        if lasted_s < least_s - 1.0 and not touched:
            yield Violation(name, step, least_s - lasted_s, f"minimum {'run' if state else 'stop'} [s]")
        begin, state, before_s = step, on[step], 0.0


def _battery(problem: DispatchProblem, plan: Plan, battery: Battery) -> Iterator[Violation]:
    name, machine, hours = battery.name, plan.machines[battery.name], problem.step_s / 3600.0
    yield from _where(
        machine.power_kw - battery.charge_max_kw, _POWER_KW, name, "charging within its limit [kW]"
    )
    yield from _where(-machine.power_kw - battery.discharge_max_kw, _POWER_KW, name, "discharging limit [kW]")
    yield from _where(
        machine.level - battery.soc_max_kwh, _ENERGY_KWH, name, "content below its maximum [kWh]"
    )
    yield from _where(
        battery.soc_min_kwh - machine.level, _ENERGY_KWH, name, "content above its minimum [kWh]"
    )
    if battery.taper_from_kwh is not None and battery.fixed_kw is None:
        room = (battery.soc_max_kwh - machine.level) / (battery.soc_max_kwh - battery.taper_from_kwh)
        most = battery.charge_max_kw * np.minimum(0.1 + 0.9 * room, 1.0)
        yield from _where(machine.power_kw - most, _POWER_KW, name, "charging within its taper [kW]")
    content = min(max(battery.soc_kwh, battery.soc_min_kwh), battery.soc_max_kwh)
    for step in range(problem.steps):
        power = float(machine.power_kw[step])
        gain = power * battery.charge_eff_frac if power > 0 else power / battery.discharge_eff_frac
        off = float(machine.level[step]) - content - gain * hours
        # beyond the binary steps losses may be overstated, content may never be
        if off > _ENERGY_KWH or (step < problem.binary_steps and off < -_ENERGY_KWH):
            yield Violation(name, step, off, "content follows from the power [kWh]")
        content = float(machine.level[step])


def _heaters(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    for boiler in problem.boilers:
        most = np.full(problem.steps, boiler.capacity_kw)
        if boiler.lock is not None:
            most[boiler.lock == 0] = 0.0
        over = plan.machines[boiler.name].level - most
        yield from _where(over, _POWER_KW, boiler.name, "heat within capacity [kW]")
    if problem.pv is not None:
        given, available = plan.machines[problem.pv.name].level, problem.forecasts.pv_kw
        off = given - available if problem.pv.can_curtail else np.abs(given - available)
        yield from _where(off, _POWER_KW, problem.pv.name, "power within what the sky gives [kW]")


def _one_trim(plan: Plan) -> Iterator[Violation]:
    compressors = [machine for machine in plan.machines.values() if machine.kind == "compressor"]
    for step in range(plan.steps):
        trims = sum(machine.role[step] == "trim" for machine in compressors)
        if trims > 1:
            yield Violation("air", step, float(trims), "at most one compressor trims")


def _cost(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    prices, hours = problem.prices, problem.step_s / 3600.0
    energy = co2_kg = 0.0
    for step in range(problem.steps):
        bought, sold, fuel = plan.import_kw[step], plan.export_kw[step], plan.fuel_kw[step]
        energy += hours * float(bought * prices.import_eur_kwh[step] - sold * prices.export_eur_kwh[step])
        co2_kg += hours * float(bought * prices.grid_kg_kwh[step] + fuel * prices.gas_kg_kwh)
    fuel_eur = float(plan.fuel_kw.sum()) * hours * prices.gas_eur_kwh
    starts = 0.0
    for machine in problem.switched:
        before = machine.commitment.on
        for now in plan.machines[machine.name].on:
            starts += machine.commitment.start_eur if now and not before else 0.0
            before = bool(now)
    for name, stated, worked_out in (
        ("energy", plan.cost.energy, energy),
        ("fuel", plan.cost.fuel, fuel_eur),
        ("starts", plan.cost.starts, starts),
        ("co2", plan.cost.co2, co2_kg * prices.co2_eur_t / 1000.0),
    ):
        if abs(stated - worked_out) > _MONEY:
            yield Violation("cost", -1, stated - worked_out, f"{name} as recomputed from the tariff [money]")
