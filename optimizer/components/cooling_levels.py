"""Chillers with water temperatures to choose: one level holds for all in a step, each has a curve at it.

The level and the on-variables are whole; that a machine runs at a level is their product and becomes whole
through them (run at a level ≤ level, summed over the levels = run), so no binary stands for a pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import Balances
from optimizer.components.curve import Choice, CurveColumns, add_curve
from optimizer.components.starting import Switched
from optimizer.levels import CoolingLevels
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, IntArray
from optimizer.window import whole_steps


@dataclass(frozen=True, slots=True)
class LevelColumns:
    """Column indices of the choice.

    Attributes:
        level: Shape (levels, steps).
        runs: Whether any chiller runs at a level, shape (levels, steps).
        extra: Power of pumps and fans, shape (steps,).
        extra_row: Rows that power is worked out in, shape (steps,).
    """

    level: IntArray
    runs: IntArray
    extra: IntArray
    extra_row: IntArray


def add_levels(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances, levels: CoolingLevels
) -> LevelColumns:
    """Add the choice of the level and the power of pumps and fans."""
    count, number = problem.steps, len(levels.supply_c)
    choice = np.array(
        [
            builder.columns(
                f"cooling.level{k}", count, (0.0, levels.allowed[k]), integer=whole_steps(problem)
            )
            for k in range(number)
        ]
    )
    one = builder.rows("cooling.one_level", count, 1.0, 1.0)
    builder.add(one[None, :], choice, 1.0)
    extra = builder.columns("cooling.extra", count)
    row = builder.rows("cooling.extra", count, 0.0, 0.0)
    builder.add(row, extra, 1.0)
    builder.add(rows.electric, extra, -1.0)
    runs = builder.columns("cooling.runs", (number, count), (0.0, levels.allowed))
    builder.add(row[None, :], runs, -levels.extra_kw)
    return LevelColumns(choice, runs, extra, row)


def add_chiller_levels(
    builder: MatrixBuilder,
    problem: DispatchProblem,
    of: tuple[str, Switched, bool],
    at: tuple[CoolingLevels, LevelColumns],
) -> CurveColumns:
    """Add load and power of one chiller; `of` is its name, its switch and whether it warms up."""
    (name, switch, warms), (levels, columns) = of, at
    count = problem.steps
    most = levels.load_kw[name].max(axis=(0, 2))
    load = builder.columns(f"{name}.load", count, (0.0, most))
    power = builder.columns(f"{name}.power", count, (0.0, levels.power_kw[name].max(axis=(0, 2))))
    loads = builder.rows(f"{name}.loads", count, 0.0, 0.0)
    powers = builder.rows(f"{name}.powers", count, 0.0, 0.0)
    runs = builder.rows(f"{name}.runs", count, 0.0, 0.0)
    for row, total in ((loads, load), (powers, power), (runs, switch.run)):
        builder.add(row, total, -1.0)
    for k in range(len(levels.supply_c)):
        running = builder.columns(f"{name}.at{k}", count, (0.0, levels.allowed[k]))
        choice = Choice(running, fractional=warms)
        corners = (levels.load_kw[name][k], levels.power_kw[name][k])
        curve = add_curve(builder, problem, f"{name}.at{k}", choice, corners)
        for row, part in ((loads, curve.load), (powers, curve.power), (runs, running)):
            builder.add(row, part, 1.0)
        for suffix, other in (("level", columns.level[k]), ("any", columns.runs[k])):
            kept = builder.rows(f"{name}.at{k}.{suffix}", count, -np.inf, 0.0)
            builder.add(kept, running, 1.0)
            builder.add(kept, other, -1.0)
        builder.add(columns.extra_row, curve.load, -levels.extra_frac[k])
    return CurveColumns(load, power)
