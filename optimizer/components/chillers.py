"""Chillers: on or off, load between minimum and capacity of the step, power along the step's curve."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.components.balance import Balances
from optimizer.components.cooling_levels import LevelColumns, add_chiller_levels, add_levels
from optimizer.components.curve import Choice, CurveColumns, add_curve
from optimizer.components.starting import Switched, add_ramp
from optimizer.components.switched import add_switched
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem


@dataclass(frozen=True, slots=True)
class ChillerColumns:
    """Column indices of one chiller."""

    switch: Switched
    curve: CurveColumns


def add_chillers(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> tuple[dict[str, ChillerColumns], LevelColumns | None]:
    """Add all chillers and the choice of their water temperatures, where there is one.

    Surplus cooling cannot be thrown away, it is a priced slack of the balance.
    """
    columns: dict[str, ChillerColumns] = {}
    levels = problem.cooling_levels
    chosen = add_levels(builder, problem, rows, levels) if levels is not None and problem.chillers else None
    for chiller in problem.chillers:
        own = chiller.commitment
        switch = add_switched(builder, problem, (chiller.name, own), rows)
        warms = own.starting.warm_up_s > 0
        if levels is not None and chosen is not None:
            of = (chiller.name, switch, warms)
            curve = add_chiller_levels(builder, problem, of, (levels, chosen))
        else:
            corners = (chiller.load_kw, chiller.power_kw)
            choice = Choice(switch.run, fractional=warms)
            curve = add_curve(builder, problem, chiller.name, choice, corners)
        ends = (chiller.load_kw[:, 0], chiller.load_kw[:, -1])
        add_ramp(builder, problem, (chiller.name, own, switch), curve.load, ends)
        builder.add(rows.cooling, curve.load, 1.0)
        builder.add(rows.electric, curve.power, -1.0)
        builder.add(rows.cooling_reserve, switch.on, chiller.load_kw[:, -1])
        columns[chiller.name] = ChillerColumns(switch, curve)
    return columns, chosen
