"""Chillers: on or off, load between minimum and capacity of the step, power along the step's curve."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.components.balance import Balances
from optimizer.components.commitment import OnColumns, add_on
from optimizer.components.curve import CurveColumns, add_curve
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem


@dataclass(frozen=True, slots=True)
class ChillerColumns:
    """Column indices of one chiller."""

    switch: OnColumns
    curve: CurveColumns


def add_chillers(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> dict[str, ChillerColumns]:
    """Add all chillers; surplus cooling cannot be thrown away, it is a priced slack of the balance."""
    columns: dict[str, ChillerColumns] = {}
    for chiller in problem.chillers:
        switch = add_on(builder, problem, chiller.name, chiller.commitment)
        curve = add_curve(builder, problem, chiller.name, switch.on, (chiller.load_kw, chiller.power_kw))
        builder.add(rows.cooling, curve.load, 1.0)
        builder.add(rows.electric, curve.power, -1.0)
        builder.add(rows.cooling_reserve, switch.on, chiller.load_kw[:, -1])
        columns[chiller.name] = ChillerColumns(switch, curve)
    return columns
