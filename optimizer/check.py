"""Checks a returned plan against every declared limit, sharing no code with the builder.

A constraint dropped silently is the worst fault a planner can have; so the balances, limits, minimum times,
stored energy and the cost are worked out anew from problem and plan, step by step. Machine curves and
on/off are exact only in the binary steps; beyond them the balances, capacities and limits are checked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimizer.check_network import check_network, given
from optimizer.check_station import check_station, extra_air_m3_min
from optimizer.check_supply import check_supply
from optimizer.check_switching import check_ramp, check_switching
from optimizer.plan import MachinePlan, Plan
from optimizer.problem import Battery, Chp, Commitment, DispatchProblem, FloatArray, Store
from optimizer.violations import (
    ENERGY_KWH,
    FLOW,
    MONEY,
    POWER_KW,
    Violation,
    left_h,
    on_rate,
    phases,
    slack,
    where,
)


def check(problem: DispatchProblem, plan: Plan) -> list[Violation]:
    """Every limit the plan does not keep, empty when it keeps all; declared shortages count as kept."""
    found = list(_shape(problem, plan))
    if found:
        return found
    found.extend(_balances(problem, plan))
    found.extend(_grid(problem, plan))
    found.extend(check_station(problem, plan))
    for chp in problem.chps:
        found.extend(_chp(problem, plan, chp))
    for machine in problem.switched:
        own = (problem, plan.machines[machine.name], machine.name, machine.commitment)
        found.extend(check_switching(*own))
        found.extend(check_ramp(*own))
    for battery in problem.batteries:
        found.extend(_battery(problem, plan, battery))
    for store in problem.stores:
        found.extend(_store(problem, plan, store))
    found.extend(_ends(problem, plan))
    found.extend(_heaters(problem, plan))
    found.extend(check_network(problem, plan))
    found.extend(check_supply(problem, plan))
    found.extend(_fuel(problem, plan))
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


def _sum(plan: Plan, steps: int, *kinds: str) -> FloatArray:
    total = np.zeros(steps)
    for machine in plan.machines.values():
        if machine.kind in kinds:
            total += machine.level
    return total


def _balances(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    steps, need = problem.steps, problem.forecasts
    power = np.sum([machine.power_kw for machine in plan.machines.values()], axis=0)
    electric = plan.import_kw - plan.export_kw - need.electric_kw - power
    yield from where(np.abs(electric), POWER_KW, "electric", "supply equals need [kW]")
    heat_of_chps = np.zeros(steps)
    for chp in problem.chps:
        heat_of_chps += _along(problem, plan, chp, (chp.heat_min_kw, chp.heat_max_kw))
    air = need.air_m3_min + extra_air_m3_min(problem, plan)
    for carrier, made, asked, tolerance in (
        ("air", _sum(plan, steps, "compressor"), air, FLOW),
        ("cooling", _sum(plan, steps, "chiller"), need.cooling_kw, POWER_KW),
        ("heat", _sum(plan, steps, "boiler") + heat_of_chps, need.heat_kw, POWER_KW),
    ):
        named = slack(plan, steps, f"{carrier}_short") - slack(plan, steps, f"{carrier}_surplus")
        relaxed = carrier == "heat" and bool(problem.chps)
        checked = min(steps, problem.binary_steps) if relaxed else steps
        off = np.abs(made + _around(problem, plan, carrier) + named - asked)[:checked]
        yield from where(off, tolerance, carrier, "supply and named shortage equal need")
    for own in problem.carriers:
        named = slack(plan, steps, f"short.{own.name}") - slack(plan, steps, f"surplus.{own.name}")
        off = np.abs(_around(problem, plan, own.name) + named - own.need)
        yield from where(off, POWER_KW, own.name, "supply and named shortage equal need")


def _around(problem: DispatchProblem, plan: Plan, carrier: str) -> FloatArray:
    """What stores, converters and recovered heat give of a carrier, less what they take."""
    total = given(plan, carrier)
    for store in problem.stores:
        if store.carrier == carrier:
            total += _flow(plan, store, left_h(problem))
    return total


def _along(problem: DispatchProblem, plan: Plan, chp: Chp, ends: tuple[float, float]) -> FloatArray:
    machine = plan.machines[chp.name]
    giving = phases(chp.commitment, machine, problem.step_s, problem.gone_s).giving_frac
    line: FloatArray = giving * np.interp(
        on_rate(machine.level, giving), (chp.power_min_kw, chp.power_max_kw), ends
    )
    return line


def _grid(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    yield from where(-plan.import_kw, POWER_KW, "grid", "import is not negative [kW]")
    yield from where(-plan.export_kw, POWER_KW, "grid", "export is not negative [kW]")
    both = np.minimum(plan.import_kw, plan.export_kw)
    yield from where(both, POWER_KW, "grid", "import and export exclude each other [kW]")
    over = plan.import_kw - problem.limits.import_kw - slack(plan, problem.steps, "import_over")
    yield from where(over, POWER_KW, "grid", "import within the contract [kW]")
    over = plan.export_kw - problem.limits.export_kw - slack(plan, problem.steps, "export_over")
    yield from where(over, POWER_KW, "grid", "export within the permit [kW]")


def _chp(problem: DispatchProblem, plan: Plan, chp: Chp) -> Iterator[Violation]:
    machine, exact = plan.machines[chp.name], min(problem.steps, problem.binary_steps)
    yield from where(machine.level - chp.power_max_kw, POWER_KW, chp.name, "power below full load [kW]")
    phase = phases(chp.commitment, machine, problem.step_s, problem.gone_s)
    giving = phase.giving_frac
    low = np.where(giving > 0, giving * chp.power_min_kw - machine.level, np.abs(machine.level))[:exact]
    yield from where(low, POWER_KW, chp.name, "power above minimum load, none while off [kW]")
    high = (machine.level - giving * chp.power_max_kw)[:exact]
    yield from where(high, POWER_KW, chp.name, "power below full load of the time it gives [kW]")
    off = np.abs(machine.power_kw + machine.level - phase.power_kw)[:exact]
    yield from where(off, POWER_KW, chp.name, "power on the bus is what it gives, less its own [kW]")


def _held(
    battery: Battery, machine: MachinePlan, held_kw: FloatArray, hours: list[float]
) -> Iterator[Violation]:
    """Power held from outside is planned as held, as far as the content of the step before allows."""
    before = np.clip(battery.soc_kwh, battery.soc_min_kwh, battery.soc_max_kwh)
    for step in np.flatnonzero(~np.isnan(held_kw)).tolist():
        content = float(before if not step else machine.level[step - 1])
        room_kw = (battery.soc_max_kwh - content) / battery.charge_eff_frac / hours[step]
        given_kw = (content - battery.soc_min_kwh) * battery.discharge_eff_frac / hours[step]
        most = min(battery.charge_max_kw, room_kw)
        least = -min(battery.discharge_max_kw, given_kw)
        off = float(machine.power_kw[step]) - min(max(float(held_kw[step]), least), most)
        if abs(off) > POWER_KW:
            yield Violation(battery.name, step, off, "power held from outside [kW]")


def _battery(problem: DispatchProblem, plan: Plan, battery: Battery) -> Iterator[Violation]:
    name, machine, hours = battery.name, plan.machines[battery.name], left_h(problem)
    yield from where(
        machine.power_kw - battery.charge_max_kw, POWER_KW, name, "charging within its limit [kW]"
    )
    yield from where(-machine.power_kw - battery.discharge_max_kw, POWER_KW, name, "discharging limit [kW]")
    yield from where(machine.level - battery.soc_max_kwh, ENERGY_KWH, name, "content below its maximum [kWh]")
    yield from where(battery.soc_min_kwh - machine.level, ENERGY_KWH, name, "content above its minimum [kWh]")
    held_kw = np.full(problem.steps, np.nan) if battery.fixed_kw is None else battery.fixed_kw
    if battery.taper_from_kwh is not None:
        room = (battery.soc_max_kwh - machine.level) / (battery.soc_max_kwh - battery.taper_from_kwh)
        most = battery.charge_max_kw * np.minimum(0.1 + 0.9 * room, 1.0)
        over = np.where(np.isnan(held_kw), machine.power_kw - most, 0.0)
        yield from where(over, POWER_KW, name, "charging within its taper [kW]")
    yield from _held(battery, machine, held_kw, hours)
    content = min(max(battery.soc_kwh, battery.soc_min_kwh), battery.soc_max_kwh)
    for step in range(problem.steps):
        power = float(machine.power_kw[step])
        gain = power * battery.charge_eff_frac if power > 0 else power / battery.discharge_eff_frac
        off = float(machine.level[step]) - content - gain * hours[step]
        # beyond the binary steps losses may be overstated, content may never be
        if off > ENERGY_KWH or (step < problem.binary_steps and off < -ENERGY_KWH):
            yield Violation(name, step, off, "content follows from the power [kWh]")
        content = float(machine.level[step])


def _flow(plan: Plan, store: Store, hours: list[float]) -> FloatArray:
    """What a store gives, by its contents alone; negative while it charges. [m³/min or kW]."""
    content = plan.machines[store.name].level
    start = min(max(store.content, store.least), store.most)
    before = np.concatenate([[start], content[:-1]])
    lost = before * store.loss_per_h_frac * np.array(hours)
    per_flow = np.array(hours) * (60.0 if store.carrier == "air" else 1.0)
    flow: FloatArray = (before - lost - content) / per_flow
    return flow


def _store(problem: DispatchProblem, plan: Plan, store: Store) -> Iterator[Violation]:
    content, flow = plan.machines[store.name].level, _flow(plan, store, left_h(problem))
    yield from where(content - store.most, ENERGY_KWH, store.name, "content below its maximum")
    yield from where(store.least - content, ENERGY_KWH, store.name, "content above its minimum")
    yield from where(flow - store.discharge_max, POWER_KW, store.name, "discharging within its limit")
    yield from where(-flow - store.charge_max, POWER_KW, store.name, "charging within its limit")


def _ends(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    wanted = [(b.name, b.end_least_kwh) for b in problem.batteries]
    wanted += [(s.name, s.end_least) for s in problem.stores]
    for name, least in wanted:
        if least is None:
            continue
        named = slack(plan, problem.steps, f"end_short.{name}")[-1]
        lacks = least - float(plan.machines[name].level[-1]) - float(named)
        if lacks > ENERGY_KWH:
            yield Violation(
                name, problem.steps - 1, lacks, "content wanted at the end, or its named shortage"
            )


def _heaters(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    for boiler in problem.boilers:
        most = np.full(problem.steps, boiler.capacity_kw)
        if boiler.lock is not None:
            most[boiler.lock == 0] = 0.0
        over = plan.machines[boiler.name].level - most
        yield from where(over, POWER_KW, boiler.name, "heat within capacity [kW]")
    if problem.pv is not None:
        power, available = plan.machines[problem.pv.name].level, problem.forecasts.pv_kw
        least = np.minimum(available, problem.pv.least_kw)
        bent = np.maximum(power - available, least - power)
        off = bent if problem.pv.can_curtail else np.abs(power - available)
        yield from where(off, POWER_KW, problem.pv.name, "power within what the sky gives [kW]")


def _fuel(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """Fuel as outputs, polygons and levels say, in the exact steps."""
    fuel = np.zeros(problem.steps)
    for boiler in problem.boilers:
        fuel += plan.machines[boiler.name].level / boiler.efficiency_frac
    for chp in problem.chps:
        machine = plan.machines[chp.name]
        fuel += _along(problem, plan, chp, (chp.gas_min_kw, chp.gas_max_kw))
        fuel += phases(chp.commitment, machine, problem.step_s, problem.gone_s).fuel_kw
    fuel -= given(plan, "gas")
    off = np.abs(fuel - plan.fuel_kw)[: min(problem.steps, problem.binary_steps)]
    yield from where(
        off, POWER_KW + 1e-4 * float(fuel.max(initial=0.0)), "fuel", "fuel as the outputs say [kW]"
    )


def _cost(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    prices, left = problem.prices, left_h(problem)
    energy = co2_kg = fuel_kwh = 0.0
    for step in range(problem.steps):
        bought, sold, fuel = plan.import_kw[step], plan.export_kw[step], plan.fuel_kw[step]
        hours = left[step]
        fuel_kwh += hours * float(fuel)
        energy += hours * float(bought * prices.import_eur_kwh[step] - sold * prices.export_eur_kwh[step])
        co2_kg += hours * float(bought * prices.grid_kg_kwh[step] + fuel * prices.gas_kg_kwh)
    fuel_eur = fuel_kwh * prices.gas_eur_kwh
    starts = 0.0
    for machine in problem.switched:
        starts += _paid_for_starts(machine.commitment, plan.machines[machine.name], problem.step_s)
    for name, stated, worked_out in (
        ("energy", plan.cost.energy, energy),
        ("fuel", plan.cost.fuel, fuel_eur),
        ("starts", plan.cost.starts, starts),
        ("co2", plan.cost.co2, co2_kg * prices.co2_eur_t / 1000.0),
    ):
        if abs(stated - worked_out) > MONEY:
            yield Violation("cost", -1, stated - worked_out, f"{name} as recomputed from the tariff [money]")


def _paid_for_starts(commitment: Commitment, machine: MachinePlan, step_s: float) -> float:
    paid, runs, stood_s = 0.0, commitment.on, commitment.state_s
    for now in machine.on:
        if now and not runs:
            cold = commitment.cold_start_eur is not None and stood_s > commitment.cold_after_s + 1e-6
            paid += commitment.dearest_start_eur if cold else commitment.start_eur
        paid += commitment.starting.stop_eur * (runs and not now)
        stood_s = step_s if runs and not now else stood_s + step_s
        runs = bool(now)
    return paid
