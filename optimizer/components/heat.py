"""Heat and own power: CHP linear above its minimum load, boilers of constant efficiency, PV."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import Balances
from optimizer.components.starting import Switched, add_ramp
from optimizer.components.switched import add_switched
from optimizer.matrix import MatrixBuilder
from optimizer.problem import OFF, Chp, DispatchProblem, IntArray


@dataclass(frozen=True, slots=True)
class ChpColumns:
    """Column indices of one CHP."""

    switch: Switched
    power: IntArray


def line(chp: Chp, low: float, high: float) -> tuple[float, float]:
    """Slope per kW electric and constant of the line through (power_min, low) and (power_max, high)."""
    span_kw = chp.power_max_kw - chp.power_min_kw
    slope = (high - low) / span_kw if span_kw > 0 else 0.0
    return slope, low - slope * chp.power_min_kw


def add_chps(builder: MatrixBuilder, problem: DispatchProblem, rows: Balances) -> dict[str, ChpColumns]:
    """Add all CHPs with fuel, heat and minimum load."""
    count, fuel_eur = problem.steps, problem.gas_marginal_eur_kwh * problem.hours
    columns: dict[str, ChpColumns] = {}
    for chp in problem.chps:
        switch = add_switched(builder, problem, (chp.name, chp.commitment), rows)
        gas_slope, gas_fixed = line(chp, chp.gas_min_kw, chp.gas_max_kw)
        heat_slope, heat_fixed = line(chp, chp.heat_min_kw, chp.heat_max_kw)
        power = builder.columns(f"{chp.name}.power", count, (0.0, chp.power_max_kw))
        gas = builder.columns(f"{chp.name}.gas", count, cost=fuel_eur)
        burn = builder.rows(f"{chp.name}.burn", count, 0.0, 0.0)
        builder.add(burn, gas, 1.0)
        builder.add(burn, power, -gas_slope)
        builder.add(burn, switch.run, -gas_fixed)
        least = builder.rows(f"{chp.name}.least", count, 0.0, np.inf)
        builder.add(least, power, 1.0)
        builder.add(least, switch.run, -chp.power_min_kw)
        most = builder.rows(f"{chp.name}.most", count, -np.inf, 0.0)
        builder.add(most, power, 1.0)
        builder.add(most, switch.run, -chp.power_max_kw)
        builder.add(rows.electric, power, 1.0)
        builder.add(rows.heat, power, heat_slope)
        builder.add(rows.heat, switch.run, heat_fixed)
        rows.add_fuel(builder, gas, 1.0)
        ends = (np.full(count, chp.power_min_kw), np.full(count, chp.power_max_kw))
        add_ramp(builder, problem, (chp.name, chp.commitment, switch), power, ends)
        columns[chp.name] = ChpColumns(switch, power)
    return columns


def add_boilers(builder: MatrixBuilder, problem: DispatchProblem, rows: Balances) -> dict[str, IntArray]:
    """Add all boilers; a column is the heat given, shape (steps,)."""
    columns: dict[str, IntArray] = {}
    for boiler in problem.boilers:
        most = np.full(problem.steps, boiler.capacity_kw)
        if boiler.lock is not None:
            most[boiler.lock == OFF] = 0.0
        cost = problem.gas_marginal_eur_kwh * problem.hours / boiler.efficiency_frac
        columns[boiler.name] = builder.columns(f"{boiler.name}.heat", problem.steps, (0.0, most), cost=cost)
        builder.add(rows.heat, columns[boiler.name], 1.0)
        rows.add_fuel(builder, columns[boiler.name], 1.0 / boiler.efficiency_frac)
    return columns


def add_pv(builder: MatrixBuilder, problem: DispatchProblem, rows: Balances) -> IntArray | None:
    """Add PV power, between zero and what the sky gives where it may be curtailed, else exactly that."""
    if problem.pv is None:
        return None
    available = problem.forecasts.pv_kw
    least = np.minimum(available, problem.pv.least_kw) if problem.pv.can_curtail else available
    power = builder.columns(f"{problem.pv.name}.power", problem.steps, (least, available))
    builder.add(rows.electric, power, 1.0)
    return power
