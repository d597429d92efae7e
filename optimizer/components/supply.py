"""Contracts beyond a price: demand charges, energy tiers, least import, gas, emissions."""

from __future__ import annotations

import numpy as np

from optimizer.components.balance import WINDOW_OVER, Balances, window_slack
from optimizer.components.grid import GridColumns, most_kw
from optimizer.components.reactive import add_apparent, add_reactive
from optimizer.demand_windows import hours_of, means_of
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, IntArray
from optimizer.supply import DemandCharge, EnergyTier


def add_supply(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances, of: tuple[GridColumns, IntArray | None]
) -> IntArray | None:
    """Add all contracts of the site; `of` are the grid's columns and the power of the PV.

    Returns:
        Columns of the reactive power the inverters give, shape (steps,); None without any.
    """
    grid, pv = of
    supply = problem.supply
    reactive = add_reactive(builder, problem, grid.bought, pv)
    kvar, given = reactive or (None, None)
    apparent = None
    if kvar is not None and any(charge.apparent for charge in supply.charges):
        apparent = add_apparent(builder, problem.steps, grid.bought, kvar)
    for charge in supply.charges:
        load = apparent if charge.apparent and apparent is not None else grid.bought
        _add_charge(builder, problem, charge, load)
    if supply.tiers:
        _add_tiers(builder, problem, supply.tiers, grid.bought)
    if supply.import_least_kw is not None:
        _add_least(builder, problem, supply.import_least_kw, grid)
    if rows.fuel_total is not None:
        _add_gas(builder, problem, rows.fuel_total)
        _add_cap(builder, problem, grid.bought, rows.fuel_total)
    return given


def _add_charge(
    builder: MatrixBuilder, problem: DispatchProblem, charge: DemandCharge, load: IntArray
) -> None:
    """The peak stands above each window; what it costs above the dearer limit has a column of its own."""
    means = means_of(charge, problem.start_ns, problem.steps, problem.step_s).begun(problem.begun)
    weight = charge.weight_frac
    name = f"charge.{charge.name}"
    peak = builder.columns(name, 1, (charge.so_far_kw, np.inf), cost=weight * charge.eur_kw)
    builder.offset -= weight * charge.eur_kw * charge.so_far_kw
    row = builder.rows(name, len(means.known), means.known, np.inf)
    builder.add(row, peak, 1.0)
    which, step = np.nonzero(means.weights)
    builder.add(row[which], load[step], -means.weights[which, step])
    if np.isfinite(charge.over_from_kw) and charge.over_eur_kw > 0:
        over = builder.columns(f"{name}.over", 1, cost=weight * charge.over_eur_kw)
        above = builder.rows(f"{name}.over", 1, -np.inf, max(charge.over_from_kw, charge.so_far_kw))
        builder.add(above, peak, 1.0)
        builder.add(above, over, -1.0)


def _add_tiers(
    builder: MatrixBuilder, problem: DispatchProblem, tiers: tuple[EnergyTier, ...], bought: IntArray
) -> None:
    """Energy bought is the sum of the tiers; a cheaper tier opens only when the one before is full."""
    total = builder.rows("tiers", 1, 0.0, 0.0)
    builder.add(total, bought, -problem.hours)
    most_kwh = float(most_kw(problem)[0] @ problem.hours)
    before: tuple[IntArray, float] | None = None
    for k, tier in enumerate(tiers):
        room = min(tier.room_kwh, most_kwh)
        energy = builder.columns(f"tier{k}", 1, (0.0, room), cost=tier.eur_kwh)
        builder.add(total, energy, 1.0)
        if before is not None and tier.eur_kwh < tiers[k - 1].eur_kwh:
            full = builder.columns(f"tier{k}.open", 1, (0.0, 1.0), integer=True)
            filled = builder.rows(f"tier{k}.filled", 1, 0.0, np.inf)
            builder.add(filled, before[0], 1.0)
            builder.add(filled, full, -before[1])
            opened = builder.rows(f"tier{k}.opened", 1, -np.inf, 0.0)
            builder.add(opened, energy, 1.0)
            builder.add(opened, full, -room)
        before = (energy, room)


def _add_least(builder: MatrixBuilder, problem: DispatchProblem, least_kw: float, grid: GridColumns) -> None:
    """Import less export stays above a least; what is missing has a name and a price."""
    under = builder.columns("import_under", problem.steps, cost=5.0 * problem.hours)
    row = builder.rows("grid.least", problem.steps, least_kw, np.inf)
    builder.add(row, grid.bought, 1.0)
    builder.add(row, grid.sold, -1.0)
    builder.add(row, under, 1.0)


def _add_gas(builder: MatrixBuilder, problem: DispatchProblem, fuel: IntArray) -> None:
    """Hourly limit with a named overshoot; what of the take-or-pay quantity is left is paid as if taken."""
    gas, hours = problem.supply.gas, problem.hours
    if gas is None:
        return
    if np.isfinite(gas.hourly_kwh):
        shares = hours_of(problem.start_ns, problem.steps, problem.step_s) / 3600.0
        shares = shares * (hours / problem.step_h)
        most = np.full(len(shares), gas.hourly_kwh)
        most[0] -= gas.this_hour_kwh
        over = builder.columns("gas_over", problem.steps, cost=5.0 * hours)
        row = builder.rows("gas.hour", len(shares), -np.inf, most)
        which, step = np.nonzero(shares)
        builder.add(row[which], fuel[step], shares[which, step])
        builder.add(row[which], over[step], -shares[which, step])
    for suffix, steps, take_kwh in gas.takes:
        unused = builder.columns(f"gas.unused{suffix}", 1, cost=problem.prices.gas_eur_kwh)
        row = builder.rows(f"gas.take{suffix}", 1, take_kwh, np.inf)
        builder.add(row, unused, 1.0)
        builder.add(row, fuel[steps], hours[steps])


def _add_cap(builder: MatrixBuilder, problem: DispatchProblem, bought: IntArray, fuel: IntArray) -> None:
    if problem.supply.co2_cap_kg is None:
        return
    prices, hours = problem.prices, problem.hours
    row = builder.rows("co2.cap", 1, -np.inf, problem.supply.co2_cap_kg)
    builder.add(row, bought, prices.grid_kg_kwh * hours)
    builder.add(row, fuel, prices.gas_kg_kwh * hours)
    window_slack(builder, row, f"{WINDOW_OVER}co2_kg", (2.0, -1.0))
