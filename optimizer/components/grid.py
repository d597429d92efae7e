"""The grid connection: import, export and the demand charge above the month's peak so far.

Import and export exclude each other by a binary only where selling pays more than buying costs; elsewhere
doing both at once costs money and needs no row. Contracted powers are kept by a priced overshoot, so that a
plan always exists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import SLACK_EUR, Balances
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class GridColumns:
    """Column indices: import and export (steps,), peak (1,)."""

    bought: IntArray
    sold: IntArray
    peak: IntArray


def add_grid(builder: MatrixBuilder, problem: DispatchProblem, rows: Balances) -> GridColumns:
    """Add import, export, their limits and the peak of the billing period."""
    count, hours, prices = problem.steps, problem.hours, problem.prices
    most_bought, most_sold = most_kw(problem)
    bought = builder.columns(
        "grid.import", count, (0.0, most_bought), cost=problem.import_marginal_eur_kwh * hours
    )
    sold = builder.columns("grid.export", count, (0.0, most_sold), cost=-prices.export_eur_kwh * hours)
    builder.add(rows.electric, bought, 1.0)
    builder.add(rows.electric, sold, -1.0)
    for name, flow, limit in (
        ("import_over", bought, problem.limits.import_kw),
        ("export_over", sold, problem.limits.export_kw),
    ):
        over = builder.columns(name, count, cost=SLACK_EUR[name] * hours)
        row = builder.rows(f"grid.{name}", count, -np.inf, limit)
        builder.add(row, flow, 1.0)
        builder.add(row, over, -1.0)
    _add_exclusion(builder, problem, (bought, sold), (most_bought, most_sold))
    return GridColumns(bought, sold, _add_peak(builder, problem, bought))


def most_kw(problem: DispatchProblem) -> tuple[FloatArray, FloatArray]:
    """Highest import and export any plan could have, shape (steps,) each. [kW]."""
    bought = problem.forecasts.electric_kw + sum(c.charge_max_kw for c in problem.batteries)
    bought = bought + sum(max(c.full_power_kw, float(c.power_kw.max())) for c in problem.compressors)
    for chiller in problem.chillers:
        bought = bought + chiller.power_kw.max(axis=1)
    for machine in problem.switched:
        own = machine.commitment.starting
        bought = bought + own.warm_up_kw + own.run_on_kw
    sold = problem.forecasts.pv_kw + sum(b.discharge_max_kw for b in problem.batteries)
    sold = sold + sum(chp.power_max_kw for chp in problem.chps)
    taken, given = _network_kw(problem)
    return bought + taken, sold + given


def _network_kw(problem: DispatchProblem) -> tuple[FloatArray, FloatArray]:
    """Highest electric power that converters, polygons, loads and set-points take and give. [kW]."""
    taken, given = np.full(problem.steps, problem.flexible.most_kw), np.zeros(problem.steps)
    for converter in problem.converters:
        for flow in converter.flows:
            if flow.carrier == "electric":
                taken = taken + np.maximum(flow.at.max(axis=1), 0.0)
                given = given + np.maximum(-flow.at.min(axis=1), 0.0)
    for cogen in problem.cogens:
        given = given + max(power for power, _ in cogen.corners)
    for shed in problem.flexible.shed:
        given = given + shed.most_kw
    cooling, air = problem.cooling_levels, problem.air_levels
    if cooling is not None:
        chilled = sum(
            (power.max(axis=(0, 2)) for power in cooling.power_kw.values()), np.zeros(problem.steps)
        )
        supplied = sum((load.max(axis=(0, 2)) for load in cooling.load_kw.values()), np.zeros(problem.steps))
        taken = taken + chilled + cooling.extra_kw.max(axis=0) + cooling.extra_frac.max(axis=0) * supplied
    if air is not None:
        most = max(air.power_frac) - 1.0
        taken = taken + max(most, 0.0) * sum(c.full_power_kw for c in problem.compressors)
    return taken, given


def _add_exclusion(
    builder: MatrixBuilder,
    problem: DispatchProblem,
    flows: tuple[IntArray, IntArray],
    most: tuple[FloatArray, FloatArray],
) -> None:
    tempting = np.flatnonzero(problem.prices.export_eur_kwh > problem.import_marginal_eur_kwh)
    if not len(tempting):
        return
    buying = builder.columns("grid.buying", len(tempting), (0.0, 1.0), integer=True)
    buy = builder.rows("grid.buy_only", len(tempting), -np.inf, 0.0)
    builder.add(buy, flows[0][tempting], 1.0)
    builder.add(buy, buying, -most[0][tempting])
    sell = builder.rows("grid.sell_only", len(tempting), -np.inf, most[1][tempting])
    builder.add(sell, flows[1][tempting], 1.0)
    builder.add(sell, buying, most[1][tempting])


def _add_peak(builder: MatrixBuilder, problem: DispatchProblem, bought: IntArray) -> IntArray:
    prices = problem.prices
    charge = prices.demand_charge_eur_kw * prices.peak_weight
    peak = builder.columns("grid.peak", 1, (prices.month_peak_kw, np.inf), cost=charge)
    builder.offset -= charge * prices.month_peak_kw
    share, known_kw = np.ones(problem.steps), np.zeros(problem.steps)
    if problem.begun is not None:
        share[0] -= problem.begun.gone_frac
        known_kw[0] = problem.begun.gone_frac * problem.begun.import_kw
    above = builder.rows("grid.peak", problem.steps, known_kw, np.inf)
    builder.add(above, peak, 1.0)
    builder.add(above, bought, -share)
    return peak
