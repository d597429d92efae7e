"""What stays in hand when the largest running machine trips (N-1): a row per machine, one priced slack."""

from __future__ import annotations

import numpy as np

from optimizer.components.balance import SLACK_EUR
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, FloatArray, IntArray
from optimizer.window import whole_steps

Running = tuple[IntArray, FloatArray, int]
"""Columns of how many of some identical machines run, capacity of one per step, how many there are."""


def add_margins(
    builder: MatrixBuilder, problem: DispatchProblem, air: dict[str, Running], cooling: dict[str, Running]
) -> None:
    """Add the margin of each carrier the limits ask it for."""
    for carrier, need, machines in (
        ("air", problem.forecasts.air_m3_min, air),
        ("cooling", problem.forecasts.cooling_kw, cooling),
    ):
        if carrier in problem.limits.without_largest and machines:
            _add_margin(builder, problem, (carrier, need), machines)


def _add_margin(
    builder: MatrixBuilder, problem: DispatchProblem, of: tuple[str, FloatArray], machines: dict[str, Running]
) -> None:
    (carrier, need), count = of, problem.steps
    name = f"spare_{carrier}"
    slack = builder.columns(name, count, cost=SLACK_EUR[name] * problem.hours)
    for tripped, (on, capacity, number) in machines.items():
        row = builder.rows(f"{name}.{tripped}", count, need, np.inf)
        builder.add(row, slack, 1.0)
        for other_on, other_capacity, _ in machines.values():
            builder.add(row, other_on, other_capacity)
        if number == 1:
            builder.add(row, on, -capacity)
            continue
        any_on = builder.columns(f"{name}.{tripped}.any", count, (0.0, 1.0), integer=whole_steps(problem))
        some = builder.rows(f"{name}.{tripped}.any", count, -np.inf, 0.0)
        builder.add(some, on, 1.0)
        builder.add(some, any_on, -number)
        builder.add(row, any_on, -capacity)
