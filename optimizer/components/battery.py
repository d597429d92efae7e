"""Battery: charge, discharge and stored energy; what is left at the end has a worth.

Within the binary steps, and wherever power has a negative price, a binary forbids charging and discharging
at once; elsewhere the losses make it pointless and charge/Pc + discharge/Pd ≤ 1 is enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import Balances, add_end
from optimizer.matrix import MatrixBuilder
from optimizer.problem import Battery, BoolArray, DispatchProblem, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class BatteryColumns:
    """Column indices, each (steps,)."""

    charge: IntArray
    discharge: IntArray
    soc: IntArray


def end_value_eur_kwh(problem: DispatchProblem, battery: Battery) -> float:
    """Worth of a stored kWh at the end: the mean marginal price of import, less the loss of discharging."""
    if battery.end_value_eur_kwh is not None:
        return battery.end_value_eur_kwh
    return float(problem.import_marginal_eur_kwh.mean()) * battery.discharge_eff_frac


def clipped_soc_kwh(battery: Battery) -> float:
    """Measured content clipped into the range the plan must keep. [kWh]."""
    return float(np.clip(battery.soc_kwh, battery.soc_min_kwh, battery.soc_max_kwh))


def followed_kw(problem: DispatchProblem, battery: Battery) -> FloatArray:
    """Power held from outside as far as the content allows, NaN where free, shape (steps,). [kW]."""
    if battery.fixed_kw is None:
        return np.full(problem.steps, np.nan)
    soc = clipped_soc_kwh(battery)
    left = problem.hours
    followed = np.full(problem.steps, np.nan)
    for step, asked in enumerate(battery.fixed_kw):
        if np.isnan(asked):
            break
        hours = float(left[step])
        most = min(battery.charge_max_kw, (battery.soc_max_kwh - soc) / (battery.charge_eff_frac * hours))
        least = -min(
            battery.discharge_max_kw, (soc - battery.soc_min_kwh) * battery.discharge_eff_frac / hours
        )
        power = float(np.clip(asked, least, most))
        soc += hours * (
            max(power, 0.0) * battery.charge_eff_frac - max(-power, 0.0) / battery.discharge_eff_frac
        )
        followed[step] = power
    return followed


def add_batteries(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> dict[str, BatteryColumns]:
    """Add all batteries with their energy balance from step to step."""
    return {battery.name: _add_battery(builder, problem, rows, battery) for battery in problem.batteries}


def _add_battery(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances, battery: Battery
) -> BatteryColumns:
    name, count, hours = battery.name, problem.steps, problem.hours
    held = followed_kw(problem, battery)
    charge = builder.columns(
        f"{name}.charge",
        count,
        _bounds(held, battery.charge_max_kw),
        cost=battery.charge_wear_eur_kwh * hours,
    )
    discharge = builder.columns(
        f"{name}.discharge",
        count,
        _bounds(-held, battery.discharge_max_kw),
        cost=battery.wear_eur_kwh * hours,
    )
    worth = np.zeros(count)
    worth[-1] = end_value_eur_kwh(problem, battery)
    soc = builder.columns(f"{name}.soc", count, (battery.soc_min_kwh, battery.soc_max_kwh), cost=-worth)
    builder.offset += float(worth[-1]) * clipped_soc_kwh(battery)

    before = np.zeros(count)
    before[0] = clipped_soc_kwh(battery)
    change = builder.rows(f"{name}.energy", count, before, before)
    builder.add(change, soc, 1.0)
    builder.add(change[1:], soc[:-1], -1.0)
    builder.add(change, charge, -battery.charge_eff_frac * hours)
    builder.add(change, discharge, hours / battery.discharge_eff_frac)
    builder.add(rows.electric, charge, -1.0)
    builder.add(rows.electric, discharge, 1.0)

    exact = (np.arange(count) < problem.binary_steps) | (problem.import_marginal_eur_kwh < 0)
    charging = builder.columns(f"{name}.charging", count, (0.0, 1.0), integer=exact)
    up = builder.rows(f"{name}.charge_only", count, -np.inf, 0.0)
    builder.add(up, charge, 1.0)
    builder.add(up, charging, -battery.charge_max_kw)
    down = builder.rows(f"{name}.discharge_only", count, -np.inf, battery.discharge_max_kw)
    builder.add(down, discharge, 1.0)
    builder.add(down, charging, battery.discharge_max_kw)
    columns = BatteryColumns(charge, discharge, soc)
    if battery.end_least_kwh is not None:
        add_end(builder, name, soc[-1:], battery.end_least_kwh)
    if battery.taper_from_kwh is not None:
        _add_taper(builder, battery, battery.taper_from_kwh, (columns, np.isnan(held)))
    return columns


def _add_taper(
    builder: MatrixBuilder, battery: Battery, begin_kwh: float, onto: tuple[BatteryColumns, BoolArray]
) -> None:
    """Charge at most 10 % + 90 % of the room left over the room at the taper's begin, by the end content."""
    columns, free = onto
    slope = 0.9 * battery.charge_max_kw / (battery.soc_max_kwh - begin_kwh)
    most = 0.1 * battery.charge_max_kw + slope * battery.soc_max_kwh
    taper = builder.rows(f"{battery.name}.taper", len(free), -np.inf, np.where(free, most, np.inf))
    builder.add(taper, columns.charge, 1.0)
    builder.add(taper, columns.soc, slope)


def _bounds(held: FloatArray, most_kw: float) -> tuple[FloatArray, FloatArray]:
    fixed = np.maximum(np.nan_to_num(held), 0.0)
    free = np.isnan(held)
    return np.where(free, 0.0, fixed), np.where(free, most_kw, fixed)
