"""CHPs inside an operating polygon: power and heat within it while they give, fuel above its planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import Balances
from optimizer.components.region import RegionColumns, add_planes, add_region, convex_parts
from optimizer.components.starting import Switched, add_ramp
from optimizer.components.switched import add_switched
from optimizer.matrix import MatrixBuilder
from optimizer.network import Cogen
from optimizer.problem import DispatchProblem, IntArray
from optimizer.window import whole_steps


@dataclass(frozen=True, slots=True)
class CogenColumns:
    """Column indices of one CHP: first output is power, second heat."""

    switch: Switched
    outputs: RegionColumns
    fuel: IntArray


def add_cogens(builder: MatrixBuilder, problem: DispatchProblem, rows: Balances) -> dict[str, CogenColumns]:
    """Add all CHPs with a polygon."""
    return {one.name: _add_cogen(builder, problem, rows, one) for one in problem.cogens}


def _add_cogen(builder: MatrixBuilder, problem: DispatchProblem, rows: Balances, one: Cogen) -> CogenColumns:
    name, count, own = one.name, problem.steps, one.commitment
    switch = add_switched(builder, problem, (name, own), rows)
    parts = convex_parts(one.corners)
    outputs = add_region(builder, name, switch.run, parts, whole_steps(problem))
    fuel = builder.columns(f"{name}.gas", count, cost=problem.gas_marginal_eur_kwh * problem.hours)
    add_planes(builder, name, switch.run, (outputs, fuel), np.array(one.fuel_planes))
    rows.add_fuel(builder, fuel, 1.0)
    builder.add(rows.electric, outputs.first, 1.0)
    builder.add(rows.of(one.heat_carrier), outputs.second, 1.0)
    if one.low_carrier is not None:
        constant, by_power, by_heat = one.low_heat
        low = rows.of(one.low_carrier)
        builder.add(low, switch.run, constant)
        builder.add(low, outputs.first, by_power)
        builder.add(low, outputs.second, by_heat)
    powers = [power for power, _ in one.corners]
    ends = (np.full(count, min(powers)), np.full(count, max(powers)))
    add_ramp(builder, problem, (name, own, switch), outputs.first, ends)
    return CogenColumns(switch, outputs, fuel)
