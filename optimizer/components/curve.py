"""Power as a piecewise linear curve of load, times an on-variable.

Convex curves become cuts under the on-variable, power ≥ slope·load + intercept·on: the perspective form, no
binaries. Any other curve is split into its convex runs, one (choice, load, power) each with Σ choice = on:
the multiple-choice form, exact where the choices are whole and the convex hull where they are relaxed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from optimizer.matrix import MatrixBuilder
from optimizer.problem import BoolArray, DispatchProblem, FloatArray, IntArray
from optimizer.window import whole_steps

_SLOPE_TOLERANCE = 1e-6
"""Slopes may fall by this share of the steepest and still count as convex."""
_ENDS = 2
"""Corners of a straight line, on which power is no bound but a value."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a curve hangs on.

    Attributes:
        on: Columns of the on-variable, or of the share of a step in which the machine gives something.
        machines: How many identical machines it counts.
        fractional: Whether it may be a fraction in whole steps, so that the choice of a piece is not whole.
        exact: Whether power above the curve could pay, so that it must lie on it.
    """

    on: IntArray
    machines: int = 1
    fractional: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class CurveColumns:
    """Column indices, each (steps,)."""

    load: IntArray
    power: IntArray


def is_convex(x: FloatArray, y: FloatArray) -> bool:
    """Whether slopes never fall along the last axis, in any step; x and y have shape (steps, K)."""
    slope = np.diff(y, axis=1) / np.diff(x, axis=1)
    return bool(np.all(np.diff(slope, axis=1) >= -_SLOPE_TOLERANCE * np.abs(slope).max()))


def add_curve(
    builder: MatrixBuilder,
    problem: DispatchProblem,
    name: str,
    switch: Choice,
    corners: tuple[FloatArray, FloatArray],
) -> CurveColumns:
    """Add load and power of machines that are on; corners are (x, y), each (steps, K), x rising.

    Where power may be worth less than nothing, a cut is no bound from above, so the exact form is taken.
    """
    x, y = corners
    machines, exact = switch.machines, switch.exact or waste_may_pay(problem)
    load = builder.columns(f"{name}.load", problem.steps, (0.0, x[:, -1] * machines))
    power = builder.columns(f"{name}.power", problem.steps, (0.0, y.max(axis=1) * machines))
    columns = CurveColumns(load, power)
    if is_convex(x, y) and not exact:
        add_cuts(builder, name, switch.on, columns, corners)
    else:
        edges = _pieces(x, y, exact=exact)
        runs = [(x[:, a : b + 1], y[:, a : b + 1]) for a, b in edges]
        add_runs(builder, name, (switch, columns), runs, whole_steps(problem))
    return columns


def waste_may_pay(problem: DispatchProblem) -> bool:
    """Whether burning power could be cheaper than not: a negative price, or surplus with no way out."""
    negative = min(problem.import_marginal_eur_kwh.min(), problem.prices.export_eur_kwh.min()) < 0
    forced_kw = sum(chp.power_max_kw for chp in problem.chps)
    forced_kw += sum(
        battery.discharge_max_kw for battery in problem.batteries if battery.fixed_kw is not None
    )
    if problem.pv is not None and not problem.pv.can_curtail:
        forced_kw += float(problem.forecasts.pv_kw.max())
    return bool(negative or forced_kw > problem.limits.export_kw)


def add_cuts(
    builder: MatrixBuilder,
    name: str,
    on: IntArray,
    columns: CurveColumns,
    corners: tuple[FloatArray, FloatArray],
) -> None:
    """Power above each line of a convex curve, load between its ends, both times the on-variable.

    On a straight line power is no bound but a value.
    """
    x, y = corners
    count = len(on)
    least = builder.rows(f"{name}.least", count, 0.0, np.inf)
    builder.add(least, columns.load, 1.0)
    builder.add(least, on, -x[:, 0])
    most = builder.rows(f"{name}.most", count, -np.inf, 0.0)
    builder.add(most, columns.load, 1.0)
    builder.add(most, on, -x[:, -1])
    only = x.shape[1] == _ENDS
    for k in range(x.shape[1] - 1):
        width = x[:, k + 1] - x[:, k]
        slope = np.divide(y[:, k + 1] - y[:, k], width, out=np.zeros_like(width), where=width > 0)
        cut = builder.rows(f"{name}.cut{k}", count, 0.0, 0.0 if only else np.inf)
        builder.add(cut, columns.power, 1.0)
        builder.add(cut, columns.load, -slope)
        builder.add(cut, on, -(y[:, k] - slope * x[:, k]))


def _pieces(x: FloatArray, y: FloatArray, *, exact: bool) -> list[tuple[int, int]]:
    """Corners (first, last) of the longest convex runs; single segments where the curve must be exact."""
    slope = np.diff(y, axis=1) / np.diff(x, axis=1)
    bends = np.any(np.diff(slope, axis=1) < -_SLOPE_TOLERANCE * np.abs(slope).max(), axis=0)
    breaks = [k + 1 for k in range(len(bends)) if bends[k] or exact]
    edges = [0, *breaks, x.shape[1] - 1]
    return list(pairwise(edges))


def add_runs(
    builder: MatrixBuilder,
    name: str,
    onto: tuple[Choice, CurveColumns],
    runs: list[tuple[FloatArray, FloatArray]],
    whole: BoolArray,
) -> None:
    """Load and power in one of several convex runs (x, y), each (steps, K); a single run needs no choice.

    `whole` says in which steps the choice is whole.
    """
    switch, columns = onto
    on, machines = switch.on, switch.machines
    if len(runs) == 1:
        add_cuts(builder, name, on, columns, runs[0])
        return
    count = len(on)
    one = builder.rows(f"{name}.one_piece", count, 0.0, 0.0)
    total = builder.rows(f"{name}.total_load", count, 0.0, 0.0)
    along = builder.rows(f"{name}.total_power", count, 0.0, 0.0)
    builder.add(one, on, -1.0)
    builder.add(total, columns.load, -1.0)
    builder.add(along, columns.power, -1.0)
    one_pick = builder.rows(f"{name}.one_pick", count, -np.inf, 1.0) if switch.fractional else None
    for k, (x, y) in enumerate(runs):
        chosen = add_piece(builder, f"{name}.piece{k}", switch, whole, one_pick)
        load = builder.columns(f"{name}.load{k}", count, _span(x, machines))
        power = builder.columns(f"{name}.power{k}", count, _span(y, machines))
        builder.add(one, chosen, 1.0)
        builder.add(total, load, 1.0)
        builder.add(along, power, 1.0)
        add_cuts(builder, f"{name}.{k}", chosen, CurveColumns(load, power), (x, y))


def add_piece(
    builder: MatrixBuilder, name: str, switch: Choice, whole: BoolArray, one_pick: IntArray | None
) -> IntArray:
    """Columns of one piece: whole themselves, or kept by whole ones beside them of which one is picked."""
    count = len(switch.on)
    piece = builder.columns(name, count, (0.0, switch.machines), integer=whole & (one_pick is None))
    if one_pick is not None:
        picked = builder.columns(f"{name}.picked", count, (0.0, 1.0), integer=whole)
        builder.add(one_pick, picked, 1.0)
        kept = builder.rows(f"{name}.kept", count, -np.inf, 0.0)
        builder.add(kept, piece, 1.0)
        builder.add(kept, picked, -1.0)
    return piece


def _span(values: FloatArray, machines: int) -> tuple[FloatArray, FloatArray]:
    """Bounds of a column that is one of the values or zero, for all machines of a class."""
    low, high = values.min(axis=1), values.max(axis=1)
    return np.minimum(low, 0.0) * machines, np.maximum(high, 0.0) * machines
