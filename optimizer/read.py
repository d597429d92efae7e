"""From the solver's columns to the plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.billing import charges_of, metered_kw
from optimizer.build import Columns
from optimizer.components.balance import SCALARS, SERIES, SLACK_EUR
from optimizer.components.heat import line
from optimizer.matrix import Matrix
from optimizer.plan import SHORTAGE_TOLERANCE, Cost, Kind, MachinePlan, Plan, Role, Shortage
from optimizer.problem import BoolArray, Chiller, Chp, Commitment, Compressor, DispatchProblem, FloatArray
from optimizer.read_air import read_air
from optimizer.read_chilled import read_chilled
from optimizer.read_network import AUXILIARIES, auxiliaries, read_network, setpoints
from optimizer.starting import Course, course_kw


def read_plan(problem: DispatchProblem, matrix: Matrix, columns: Columns, x: FloatArray) -> Plan:
    """Turn the solution into a plan; on/off beyond the binary steps is rounded to enough capacity."""
    reader = _Reader(problem, columns, x)
    machines = reader.machines()
    # from the final powers: the solver's own exchange is only as exact as its gap
    exchange = problem.forecasts.electric_kw + np.sum([m.power_kw for m in machines.values()], axis=0)
    bought, sold = np.maximum(exchange, 0.0), np.maximum(-exchange, 0.0)
    fuel = reader.fuel_kw(machines)
    chosen = setpoints(problem, columns, x, (reader.chilled.level, reader.air.pressure_bar_g))
    kvar = chosen.get("inverter_kvar", np.zeros(problem.steps))
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
        peak_kw=max(problem.prices.month_peak_kw, float(metered_kw(problem, bought).max())),
        cost=cost,
        co2_kg=co2_kg,
        shortages=_shortages(_slacks(problem, matrix, x, (bought, sold, reader.air.slack)))
        + _ends(problem, matrix, x),
        charges=charges_of(problem, bought, fuel, kvar) | _left_off(problem, machines),
        setpoints=chosen,
    )


def _left_off(problem: DispatchProblem, machines: dict[str, MachinePlan]) -> dict[str, float]:
    """Worth of what loads leave off, by load. [money]."""
    return {
        load.name: -float(machines[load.name].power_kw @ problem.hours) * load.eur_kwh
        for load in problem.flexible.shed
    }


def price(
    problem: DispatchProblem,
    bought: FloatArray,
    sold: FloatArray,
    fuel: FloatArray,
    machines: dict[str, MachinePlan],
) -> tuple[Cost, float]:
    """Cost by tariff, fuel, starts and CO2, and the emissions in kg."""
    hours, prices = problem.hours, problem.prices
    co2_kg = float(bought @ (hours * prices.grid_kg_kwh) + fuel @ hours * prices.gas_kg_kwh)
    starts = sum(
        start_money(machine.commitment, machines[machine.name].on, problem.step_s)
        for machine in problem.switched
    )
    cost = Cost(
        energy=float((bought * hours) @ prices.import_eur_kwh - (sold * hours) @ prices.export_eur_kwh),
        fuel=float(fuel @ hours) * prices.gas_eur_kwh,
        starts=float(starts),
        co2=co2_kg / 1000.0 * prices.co2_eur_t,
    )
    return cost, co2_kg


def start_money(commitment: Commitment, on: BoolArray, step_s: float) -> float:
    """Cost of all starts and stops of one machine, warm or cold by how long it stood. [money]."""
    before = np.concatenate([[commitment.on], on[:-1]])
    begun = np.flatnonzero(on & ~before)
    ended = np.flatnonzero(before & ~on)
    stops = len(ended) * commitment.starting.stop_eur
    if commitment.cold_start_eur is None:
        return stops + len(begun) * commitment.start_eur
    first_s = -np.inf if commitment.on else -commitment.state_s
    last = np.concatenate([[first_s], ended * step_s])
    stood_s = begun * step_s - last[np.searchsorted(ended, begun)]
    warm = int(np.sum(stood_s <= commitment.cold_after_s + 1e-6))
    return stops + warm * commitment.start_eur + (len(begun) - warm) * commitment.cold_start_eur


def _slacks(
    problem: DispatchProblem,
    matrix: Matrix,
    x: FloatArray,
    final: tuple[FloatArray, FloatArray, dict[str, FloatArray]],
) -> dict[str, FloatArray]:
    """Amount of each slack per step; those of the final air and exchange are worked out anew."""
    bought, sold, air = final
    names = [name for name in matrix.columns if name in SLACK_EUR or name.startswith(SERIES)]
    slacks = {name: x[matrix.columns[name]] for name in names}
    if problem.supply.import_least_kw is not None:
        slacks["import_under"] = np.maximum(problem.supply.import_least_kw - bought + sold, 0.0)
    slacks["import_over"] = np.maximum(bought - problem.limits.import_kw, 0.0)
    slacks["export_over"] = np.maximum(sold - problem.limits.export_kw, 0.0)
    return slacks | air


def _shortages(slacks: dict[str, FloatArray]) -> tuple[Shortage, ...]:
    found: list[Shortage] = []
    for name in sorted(slacks):
        steps = np.flatnonzero(slacks[name] > SHORTAGE_TOLERANCE)
        found.extend(Shortage(name, int(step), float(slacks[name][step])) for step in steps)
    return tuple(found)


def _ends(problem: DispatchProblem, matrix: Matrix, x: FloatArray) -> tuple[Shortage, ...]:
    """What is short over the whole window, such as what stores and batteries lack at the end."""
    names = [name for name in sorted(matrix.columns) if name.startswith(SCALARS)]
    amounts = [(name, float(x[matrix.columns[name]][0])) for name in names]
    last = problem.steps - 1
    return tuple(Shortage(name, last, lacks) for name, lacks in amounts if lacks > SHORTAGE_TOLERANCE)


class _Reader:
    """Reads machine after machine out of one solution."""

    def __init__(self, problem: DispatchProblem, columns: Columns, x: FloatArray) -> None:
        self._problem = problem
        self._columns = columns
        self._x = x
        self.air = read_air(problem, columns, x)
        self.chilled = read_chilled(problem, columns, x)

    def machines(self) -> dict[str, MachinePlan]:
        """All machines in the order of the problem."""
        found = (
            self.air.machines
            | self.chilled.machines
            | self._batteries()
            | self._stores()
            | self._chps()
            | self._boilers()
            | self._pv()
            | read_network(self._problem, self._columns, self._x)
        )
        if self._problem.cooling_levels is not None:
            found[AUXILIARIES] = auxiliaries(self.chilled.extra_kw)
        plain: tuple[Compressor | Chiller | Chp, ...] = (
            *self._problem.compressors,
            *self._problem.chillers,
            *self._problem.chps,
        )
        for machine in plain:
            plan, own = found[machine.name], machine.commitment.starting
            if own.warm_up_kw > 0 or own.run_on_kw > 0:
                power = plan.power_kw + self._course(machine, plan.on).power_kw
                found[machine.name] = replace(plan, power_kw=power)
        return found

    def _course(self, machine: Compressor | Chiller | Chp, on: BoolArray) -> Course:
        own = machine.commitment
        return course_kw(on, (own.on, own.state_s), own.starting, self._problem.step_s, self._problem.gone_s)

    def fuel_kw(self, machines: dict[str, MachinePlan]) -> FloatArray:
        """Fuel of all boilers and CHPs, shape (steps,). [kW LHV]."""
        fuel = np.zeros(self._problem.steps)
        for boiler in self._problem.boilers:
            fuel += self._x[self._columns.boilers[boiler.name]] / boiler.efficiency_frac
        for chp in self._problem.chps:
            slope, fixed = line(chp, chp.gas_min_kw, chp.gas_max_kw)
            columns = self._columns.chps[chp.name]
            fuel += slope * self._x[columns.power] + fixed * self._x[columns.switch.run]
            fuel += self._course(chp, machines[chp.name].on).fuel_kw
        for plan in machines.values():
            fuel += plan.flows.get("gas", 0.0)
        return fuel

    def _batteries(self) -> dict[str, MachinePlan]:
        plans: dict[str, MachinePlan] = {}
        for name, columns in self._columns.batteries.items():
            power = self._x[columns.charge] - self._x[columns.discharge]
            plans[name] = _plain("battery", np.abs(power) > SHORTAGE_TOLERANCE, power, self._x[columns.soc])
        return plans

    def _stores(self) -> dict[str, MachinePlan]:
        nothing = np.zeros(self._problem.steps)
        return {
            name: _plain("store", np.abs(self._x[c.flow]) > SHORTAGE_TOLERANCE, nothing, self._x[c.content])
            for name, c in self._columns.stores.items()
        }

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


def _plain(kind: Kind, on: BoolArray, power_kw: FloatArray, level: FloatArray) -> MachinePlan:
    roles: tuple[Role, ...] = tuple("on" if running else "off" for running in on)
    return MachinePlan(kind=kind, on=on, role=roles, power_kw=power_kw, level=level)
