"""Loads that wait, run once, are left off, or charge while they stand; each has its columns of power."""

from __future__ import annotations

import numpy as np

from optimizer.components.balance import Balances
from optimizer.flexible import Batch, EvGroup, ShedLoad, ShiftLoad
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, FloatArray, IntArray
from optimizer.window import whole_steps

MISSED_EUR_KWH = 5.0
"""Price of energy a load should have had, as dear as power that cannot be bought. [money/kWh]"""


def add_flexible(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> dict[str, dict[str, IntArray]]:
    """Add all loads; per load its columns of power by part, power taken positive, shape (steps,)."""
    found: dict[str, dict[str, IntArray]] = {}
    for load in problem.flexible.shift:
        found[load.name] = {"": _add_shift(builder, problem, load)}
    for batch in problem.flexible.batches:
        found[batch.name] = {"": _add_batch(builder, problem, batch)}
    for group in problem.flexible.ev:
        found[group.name] = _add_ev(builder, problem, group)
    for parts in found.values():
        for power in parts.values():
            builder.add(rows.electric, power, -1.0)
    for shed in problem.flexible.shed:
        left_off = _add_shed(builder, problem, shed)
        builder.add(rows.electric, left_off, 1.0)
        found[shed.name] = {"shed": left_off}
    return found


def _between(steps: int, first: int, until: int, most: float) -> FloatArray:
    place = np.arange(steps)
    return np.where((place >= first) & (place < until), most, 0.0)


def _add_energy(
    builder: MatrixBuilder, problem: DispatchProblem, name: str, power: IntArray, energy_kwh: float
) -> None:
    row = builder.rows(f"{name}.energy", 1, energy_kwh, energy_kwh)
    builder.add(row, power, problem.hours)
    missed = builder.columns(f"missed.{name}", 1, (0.0, energy_kwh), cost=MISSED_EUR_KWH)
    builder.add(row, missed, 1.0)


def _add_shift(builder: MatrixBuilder, problem: DispatchProblem, load: ShiftLoad) -> IntArray:
    most = _between(problem.steps, load.first, load.until, load.most_kw)
    power = builder.columns(f"{load.name}.power", problem.steps, (0.0, most))
    if load.least_kw > 0:
        on = builder.columns(f"{load.name}.on", problem.steps, (0.0, most > 0), integer=whole_steps(problem))
        least = builder.rows(f"{load.name}.least", problem.steps, 0.0, np.inf)
        builder.add(least, power, 1.0)
        builder.add(least, on, -load.least_kw)
        limit = builder.rows(f"{load.name}.most", problem.steps, -np.inf, 0.0)
        builder.add(limit, power, 1.0)
        builder.add(limit, on, -most)
    _add_energy(builder, problem, load.name, power, load.energy_kwh)
    return power


def _add_batch(builder: MatrixBuilder, problem: DispatchProblem, batch: Batch) -> IntArray:
    """It begins once, or is missed; what it takes follows from where it begins."""
    count, course = problem.steps, batch.course_kw
    last = min(batch.until, count) - len(course)
    begins = builder.columns(
        f"{batch.name}.begin",
        count,
        (0.0, _between(count, batch.first, last + 1, 1.0)),
        integer=whole_steps(problem),
    )
    energy_kwh = float(sum(course)) * problem.step_h
    once = builder.rows(f"{batch.name}.once", 1, energy_kwh, energy_kwh)
    builder.add(once, begins, energy_kwh)
    missed = builder.columns(f"missed.{batch.name}", 1, (0.0, energy_kwh), cost=MISSED_EUR_KWH)
    builder.add(once, missed, 1.0)
    power = builder.columns(f"{batch.name}.power", count, (0.0, max(course)))
    row = builder.rows(f"{batch.name}.course", count, 0.0, 0.0)
    builder.add(row, power, 1.0)
    for lag, level in enumerate(course):
        if lag < count:
            builder.add(row[lag:], begins[: count - lag], -level)
    return power


def _add_ev(builder: MatrixBuilder, problem: DispatchProblem, group: EvGroup) -> dict[str, IntArray]:
    limit = builder.rows(f"{group.name}.connection", problem.steps, -np.inf, group.most_kw)
    found: dict[str, IntArray] = {}
    for car in group.cars:
        name = f"{group.name}.{car.name}"
        most = _between(problem.steps, car.arrives, car.leaves, car.most_kw)
        power = builder.columns(f"{name}.power", problem.steps, (0.0, most))
        builder.add(limit, power, 1.0)
        _add_energy(builder, problem, name, power, car.energy_kwh)
        found[car.name] = power
    return found


def _add_shed(builder: MatrixBuilder, problem: DispatchProblem, shed: ShedLoad) -> IntArray:
    most = np.minimum(shed.most_kw, problem.forecasts.electric_kw)
    cost = shed.eur_kwh * problem.hours
    left_off = builder.columns(f"{shed.name}.left_off", problem.steps, (0.0, most), cost=cost)
    if np.isfinite(shed.most_kwh):
        row = builder.rows(f"{shed.name}.most", 1, -np.inf, shed.most_kwh)
        builder.add(row, left_off, problem.hours)
    return left_off
