"""The whole matrix from its components, and the way back: columns to plan, plan to hint."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.components.balance import SLACK_EUR, add_balances
from optimizer.components.battery import BatteryColumns, add_batteries
from optimizer.components.chillers import ChillerColumns, add_chillers
from optimizer.components.compressors import CompressorColumns, add_compressors
from optimizer.components.grid import GridColumns, add_grid
from optimizer.components.heat import ChpColumns, add_boilers, add_chps, add_pv, line
from optimizer.matrix import Matrix, MatrixBuilder
from optimizer.plan import SHORTAGE_TOLERANCE, Cost, Kind, MachinePlan, Plan, Role, Shortage
from optimizer.problem import BoolArray, DispatchProblem, FloatArray, IntArray
from optimizer.rounding import rounded_on, rounded_roles


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each component's decisions stand in the matrix."""

    grid: GridColumns
    compressors: dict[str, CompressorColumns]
    chillers: dict[str, ChillerColumns]
    batteries: dict[str, BatteryColumns]
    chps: dict[str, ChpColumns]
    boilers: dict[str, IntArray]
    pv: IntArray | None


def build(problem: DispatchProblem) -> tuple[Matrix, Columns]:
    """Build the matrix of a problem that `inputs.refuse` let pass."""
    builder = MatrixBuilder()
    rows = add_balances(builder, problem)
    columns = Columns(
        grid=add_grid(builder, problem, rows),
        compressors=add_compressors(builder, problem, rows),
        chillers=add_chillers(builder, problem, rows),
        batteries=add_batteries(builder, problem, rows),
        chps=add_chps(builder, problem, rows),
        boilers=add_boilers(builder, problem, rows),
        pv=add_pv(builder, problem, rows),
    )
    return builder.build(), columns


def read_plan(problem: DispatchProblem, matrix: Matrix, columns: Columns, x: FloatArray) -> Plan:
    """Turn the solution into a plan; on/off beyond the binary steps is rounded to enough capacity."""
    reader = _Reader(problem, columns, x)
    machines = reader.machines()
    bought, sold = _netted(x[columns.grid.bought], x[columns.grid.sold])
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
        shortages=_shortages(matrix, x),
    )


def hint_from(problem: DispatchProblem, columns: Columns, plan: Plan) -> dict[int, float]:
    """On, trim and charging of an older plan, shifted to this window's start, for its binary steps only."""
    shift = round((problem.start_ns - plan.start_ns) / (problem.step_s * 1e9))
    count = min(problem.binary_steps, plan.binary_steps - shift, problem.steps)
    hint: dict[int, float] = {}
    if shift < 0 or count <= 0 or abs(plan.step_s - problem.step_s) > 0:
        return hint
    window = slice(shift, shift + count)
    switches = {
        name: c.switch.on for group in (columns.compressors, columns.chillers) for name, c in group.items()
    }
    switches |= {name: c.switch.on for name, c in columns.chps.items()}
    for name, on in switches.items():
        if name in plan.machines:
            hint.update(zip(on[:count].tolist(), plan.machines[name].on[window].astype(float), strict=True))
    for name, machine in columns.compressors.items():
        if name in plan.machines:
            trims = (float(role == "trim") for role in plan.machines[name].role[window])
            hint.update(zip(machine.trim[:count].tolist(), trims, strict=True))
    return hint


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


def _netted(bought: FloatArray, sold: FloatArray) -> tuple[FloatArray, FloatArray]:
    both = np.minimum(bought, sold)
    return np.maximum(bought - both, 0.0), np.maximum(sold - both, 0.0)


def _shortages(matrix: Matrix, x: FloatArray) -> tuple[Shortage, ...]:
    found: list[Shortage] = []
    for name in sorted(SLACK_EUR):
        amounts = x[matrix.columns[name]]
        steps = np.flatnonzero(amounts > SHORTAGE_TOLERANCE)
        found.extend(Shortage(name, int(step), float(amounts[step])) for step in steps)
    return tuple(found)


class _Reader:
    """Reads machine after machine out of one solution."""

    def __init__(self, problem: DispatchProblem, columns: Columns, x: FloatArray) -> None:
        self._problem = problem
        self._columns = columns
        self._x = x

    def machines(self) -> dict[str, MachinePlan]:
        """All machines in the order of the problem."""
        return (
            self._compressors()
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

    def _compressors(self) -> dict[str, MachinePlan]:
        problem, x = self._problem, self._x
        if not problem.compressors:
            return {}
        found = [self._columns.compressors[machine.name] for machine in problem.compressors]
        share = np.array([x[c.switch.on] for c in found])
        trim = np.array([x[c.trim] for c in found])
        flow = np.array(
            [[max(m.full_flow_m3_min, m.flow_m3_min[-1])] * problem.steps for m in problem.compressors]
        )
        need = problem.forecasts.air_m3_min + problem.limits.air_reserve_m3_min
        on = rounded_on(share, flow, need, problem.binary_steps)
        roles = rounded_roles(on, trim, problem.binary_steps)
        plans: dict[str, MachinePlan] = {}
        for index, machine in enumerate(problem.compressors):
            base, curve = share[index] - trim[index], found[index].curve
            plans[machine.name] = MachinePlan(
                kind="compressor",
                on=on[index],
                role=roles[index],
                power_kw=base * machine.full_power_kw + x[curve.power],
                level=base * machine.full_flow_m3_min + x[curve.load],
            )
        return plans

    def _chillers(self) -> dict[str, MachinePlan]:
        problem, x = self._problem, self._x
        if not problem.chillers:
            return {}
        found = [self._columns.chillers[machine.name] for machine in problem.chillers]
        share = np.array([x[c.switch.on] for c in found])
        capacity = np.array([machine.load_kw[:, -1] for machine in problem.chillers])
        need = problem.forecasts.cooling_kw + problem.limits.cooling_reserve_kw
        on = rounded_on(share, capacity, need, problem.binary_steps)
        plans: dict[str, MachinePlan] = {}
        for index, machine in enumerate(problem.chillers):
            curve = found[index].curve
            plan = _plain("chiller", on[index], x[curve.power], x[curve.load])
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


def _plain(kind: Kind, on: BoolArray, power_kw: FloatArray, level: FloatArray) -> MachinePlan:
    roles: tuple[Role, ...] = tuple("on" if running else "off" for running in on)
    return MachinePlan(kind=kind, on=on, role=roles, power_kw=power_kw, level=level)
