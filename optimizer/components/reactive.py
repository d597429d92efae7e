"""Reactive power: what is left at the grid, what the inverters give, and the power factor of the month.

Circles are taken by their tangents. Apparent power lies above each tangent of the circle, the inverter below
each chord of its own, so neither is ever promised too well; both err by less than a tenth of a percent.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, IntArray
from optimizer.supply import ReactiveMonth

_SIDES: Final = 48
"""Sides of the half circle of active and reactive power."""


def add_reactive(
    builder: MatrixBuilder, problem: DispatchProblem, bought: IntArray, pv: IntArray | None
) -> tuple[IntArray, IntArray] | None:
    """Columns of the reactive power at the grid, and of what the inverters give; either sign, (steps,)."""
    reactive = problem.supply.reactive
    if reactive is None:
        return None
    count = problem.steps
    most = reactive.inverter_kva
    given = builder.columns("inverter.kvar", count, (-most, most))
    kvar = builder.columns("grid.kvar", count, (-np.inf, np.inf))
    balance = builder.rows("grid.kvar", count, reactive.need_kvar, reactive.need_kvar)
    builder.add(balance, kvar, 1.0)
    builder.add(balance, given, 1.0)
    if pv is not None and most > 0:
        for k, angle in enumerate(_angles()):
            # chords of the circle: the inverter never gives more than it has
            row = builder.rows(f"inverter.side{k}", count, -np.inf, most * np.cos(np.pi / _SIDES / 2.0))
            builder.add(row, pv, float(np.cos(angle)))
            builder.add(row, given, float(np.sin(angle)))
    if reactive.factor_least is not None:
        counted = builder.columns("grid.kvar_counted", count)
        for sign, name in ((1.0, "lagging"), (-1.0, "leading")):
            row = builder.rows(f"grid.kvar_{name}", count, 0.0, np.inf)
            builder.add(row, counted, 1.0)
            builder.add(row, kvar, -sign)
        for month in reactive.months:
            _add_month(builder, problem, month, (counted, bought))
    return kvar, given


def _add_month(
    builder: MatrixBuilder, problem: DispatchProblem, month: ReactiveMonth, of: tuple[IntArray, IntArray]
) -> None:
    """What of a month's counted energy lies above its allowance; `of` is what counts and what is bought."""
    reactive = problem.supply.reactive
    if reactive is None:
        return
    (counted, bought), hours = (one[month.steps] for one in of), problem.hours[month.steps]
    allowed = reactive.tangent * month.kwh - month.kvarh
    over = builder.columns(f"kvarh_over{month.suffix}", 1, cost=reactive.eur_kvarh)
    builder.offset -= reactive.eur_kvarh * max(-allowed, 0.0)
    row = builder.rows(f"grid.factor{month.suffix}", 1, -np.inf, allowed)
    builder.add(row, counted, hours)
    builder.add(row, bought, -reactive.tangent * hours)
    builder.add(row, over, -1.0)


def add_apparent(builder: MatrixBuilder, count: int, bought: IntArray, kvar: IntArray) -> IntArray:
    """Columns of the apparent power at the grid, at least the root of the squares, shape (steps,)."""
    apparent = builder.columns("grid.kva", count)
    for k, angle in enumerate(_angles()):
        row = builder.rows(f"grid.kva{k}", count, 0.0, np.inf)
        builder.add(row, apparent, 1.0)
        builder.add(row, bought, -float(np.cos(angle)))
        builder.add(row, kvar, -float(np.sin(angle)))
    return apparent


def _angles() -> list[float]:
    """Middles of the sides, from -90° to 90°."""
    return [float(np.pi * ((k + 0.5) / _SIDES - 0.5)) for k in range(_SIDES)]
