"""From the solver's columns to the plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.build import Columns
from optimizer.components.balance import SLACK_EUR
from optimizer.components.heat import line
from optimizer.matrix import Matrix
from optimizer.plan import SHORTAGE_TOLERANCE, Cost, Kind, MachinePlan, Plan, Role, Shortage
from optimizer.problem import BoolArray, Chiller, DispatchProblem, FloatArray
from optimizer.read_air import read_air
from optimizer.rounding import rounded_on


def read_plan(problem: DispatchProblem, matrix: Matrix, columns: Columns, x: FloatArray) -> Plan:
    """Turn the solution into a plan; on/off beyond the binary steps is rounded to enough capacity."""
    reader = _Reader(problem, columns, x)
    machines = reader.machines()
    # from the final powers: the solver's own exchange is only as exact as its gap
    exchange = problem.forecasts.electric_kw + np.sum([m.power_kw for m in machines.values()], axis=0)
    bought, sold = np.maximum(exchange, 0.0), np.maximum(-exchange, 0.0)
    fuel = reader.fuel_kw()
    cost, co2_kg = price(problem, bought, sold, fuel, machines)
    return Plan(
        start_ns=problem.start_ns,
        step_s=problem.step_s,
        binary_steps=min(problem.binary_steps, problem.steps),
        currency=problem.prices.currency,
        machines=machines,
        import_kw=bought,
        export_kw=sold,
        fuel_kw=fuel,
        peak_kw=max(problem.prices.month_peak_kw, float(bought.max())),
        cost=cost,
        co2_kg=co2_kg,
        shortages=_shortages(_slacks(problem, matrix, x, (bought, sold, reader.air.slack))),
    )


def price(
    problem: DispatchProblem,
    bought: FloatArray,
    sold: FloatArray,
    fuel: FloatArray,
    machines: dict[str, MachinePlan],
) -> tuple[Cost, float]:
    """Cost by tariff, fuel, starts and CO2, and the emissions in kg."""
    hours, prices = problem.step_h, problem.prices
    co2_kg = hours * float(bought @ prices.grid_kg_kwh + fuel.sum() * prices.gas_kg_kwh)
    starts = sum(
        _starts(machine.commitment.on, machines[machine.name].on) * machine.commitment.start_eur
        for machine in problem.switched
    )
    cost = Cost(
        energy=hours * float(bought @ prices.import_eur_kwh - sold @ prices.export_eur_kwh),
        fuel=hours * float(fuel.sum()) * prices.gas_eur_kwh,
        starts=float(starts),
        co2=co2_kg / 1000.0 * prices.co2_eur_t,
    )
    return cost, co2_kg


def _starts(before: bool, on: BoolArray) -> int:  # noqa: FBT001  the state before the first step
    return int(np.sum(on & ~np.concatenate([[before], on[:-1]])))


def _slacks(
    problem: DispatchProblem,
    matrix: Matrix,
    x: FloatArray,
    final: tuple[FloatArray, FloatArray, dict[str, FloatArray]],
) -> dict[str, FloatArray]:
    """Amount of each slack per step; those of the final air and exchange are worked out anew."""
    bought, sold, air = final
    slacks = {name: x[matrix.columns[name]] for name in SLACK_EUR}
    slacks["import_over"] = np.maximum(bought - problem.limits.import_kw, 0.0)
    slacks["export_over"] = np.maximum(sold - problem.limits.export_kw, 0.0)
    return slacks | air


def _shortages(slacks: dict[str, FloatArray]) -> tuple[Shortage, ...]:
    found: list[Shortage] = []
    for name in sorted(slacks):
        steps = np.flatnonzero(slacks[name] > SHORTAGE_TOLERANCE)
        found.extend(Shortage(name, int(step), float(slacks[name][step])) for step in steps)
    return tuple(found)


class _Reader:
    """Reads machine after machine out of one solution."""

    def __init__(self, problem: DispatchProblem, columns: Columns, x: FloatArray) -> None:
        self._problem = problem
        self._columns = columns
        self._x = x
        self.air = read_air(problem, columns, x)

    def machines(self) -> dict[str, MachinePlan]:
        """All machines in the order of the problem."""
        return (
            self.air.machines
            | self._chillers()
            | self._batteries()
            | self._chps()
            | self._boilers()
            | self._pv()
        )

    def fuel_kw(self) -> FloatArray:
        """Fuel of all boilers and CHPs, shape (steps,). [kW LHV]."""
        fuel = np.zeros(self._problem.steps)
        for boiler in self._problem.boilers:
            fuel += self._x[self._columns.boilers[boiler.name]] / boiler.efficiency_frac
        for chp in self._problem.chps:
            slope, fixed = line(chp, chp.gas_min_kw, chp.gas_max_kw)
            columns = self._columns.chps[chp.name]
            fuel += slope * self._x[columns.power] + fixed * self._x[columns.switch.on]
        return fuel

    def _chillers(self) -> dict[str, MachinePlan]:
        problem, x = self._problem, self._x
        if not problem.chillers:
            return {}
        found = [self._columns.chillers[machine.name] for machine in problem.chillers]
        share = np.array([x[c.switch.on] for c in found])
        capacity = np.array([machine.load_kw[:, -1] for machine in problem.chillers])
        need = problem.forecasts.cooling_kw * (1.0 + problem.limits.cooling_reserve_frac)
        on = rounded_on(share, capacity, need, problem.binary_steps)
        plans: dict[str, MachinePlan] = {}
        for index, machine in enumerate(problem.chillers):
            curve = found[index].curve
            power = _on_curve(machine, x[curve.load], on[index])
            power[problem.binary_steps :] = x[curve.power][problem.binary_steps :]
            plan = _plain("chiller", on[index], power, x[curve.load])
            plans[machine.name] = replace(plan, supply_c=machine.supply_c)
        return plans

    def _batteries(self) -> dict[str, MachinePlan]:
        plans: dict[str, MachinePlan] = {}
        for name, columns in self._columns.batteries.items():
            power = self._x[columns.charge] - self._x[columns.discharge]
            plans[name] = _plain("battery", np.abs(power) > SHORTAGE_TOLERANCE, power, self._x[columns.soc])
        return plans

    def _chps(self) -> dict[str, MachinePlan]:
        x = self._x
        return {
            name: _plain("chp", x[c.switch.on] >= 0.5, -x[c.power], x[c.power])  # noqa: PLR2004  to the nearer whole
            for name, c in self._columns.chps.items()
        }

    def _boilers(self) -> dict[str, MachinePlan]:
        nothing = np.zeros(self._problem.steps)
        return {
            name: _plain("boiler", self._x[heat] > SHORTAGE_TOLERANCE, nothing, self._x[heat])
            for name, heat in self._columns.boilers.items()
        }

    def _pv(self) -> dict[str, MachinePlan]:
        if self._columns.pv is None or self._problem.pv is None:
            return {}
        power = self._x[self._columns.pv]
        return {self._problem.pv.name: _plain("pv", power > SHORTAGE_TOLERANCE, -power, power)}


def _on_curve(chiller: Chiller, load_kw: FloatArray, on: BoolArray) -> FloatArray:
    """Power on the curve of each step: within its gap the solver may stop above it, the machine does not."""
    rows = zip(load_kw, chiller.load_kw, chiller.power_kw, strict=True)
    power = np.array([np.interp(load, x, y) for load, x, y in rows])
    return np.where(on, power, 0.0)


def _plain(kind: Kind, on: BoolArray, power_kw: FloatArray, level: FloatArray) -> MachinePlan:
    roles: tuple[Role, ...] = tuple("on" if running else "off" for running in on)
    return MachinePlan(kind=kind, on=on, role=roles, power_kw=power_kw, level=level)
