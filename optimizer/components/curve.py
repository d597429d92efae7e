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

_SLOPE_TOLERANCE = 1e-6
"""Slopes may fall by this share of the steepest and still count as convex."""
_ENDS = 2
"""Corners of a straight line, on which power is no bound but a value."""


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
    on: IntArray,
    corners: tuple[FloatArray, FloatArray],
) -> CurveColumns:
    """Add load and power of a machine that is `on`; corners are (x, y), each (steps, K), x rising.

    Where power may be worth less than nothing, a cut is no bound from above, so the exact form is taken.
    """
    x, y = corners
    load = builder.columns(f"{name}.load", problem.steps, (0.0, x[:, -1]))
    power = builder.columns(f"{name}.power", problem.steps, (0.0, y.max(axis=1)))
    columns = CurveColumns(load, power)
    if is_convex(x, y) and not _waste_may_pay(problem):
        _add_cuts(builder, name, on, columns, corners)
    else:
        whole = np.arange(problem.steps) < problem.binary_steps
        pieces = _pieces(x, y, exact=_waste_may_pay(problem))
        _add_pieces(builder, name, (on, columns), corners, (pieces, whole))
    return columns


def _waste_may_pay(problem: DispatchProblem) -> bool:
    """Whether burning power could be cheaper than not: a negative price, or surplus with no way out."""
    negative = min(problem.import_marginal_eur_kwh.min(), problem.prices.export_eur_kwh.min()) < 0
    forced_kw = sum(chp.power_max_kw for chp in problem.chps)
    forced_kw += sum(
        battery.discharge_max_kw for battery in problem.batteries if battery.fixed_kw is not None
    )
    if problem.pv is not None and not problem.pv.can_curtail:
        forced_kw += float(problem.forecasts.pv_kw.max())
    return bool(negative or forced_kw > problem.limits.export_kw)


def _add_cuts(
    builder: MatrixBuilder,
    name: str,
    on: IntArray,
    columns: CurveColumns,
    corners: tuple[FloatArray, FloatArray],
) -> None:
    x, y = corners
    count = len(on)
    least = builder.rows(f"{name}.least", count, 0.0, np.inf)
    builder.add(least, columns.load, 1.0)
    builder.add(least, on, -x[:, 0])
    most = builder.rows(f"{name}.most", count, -np.inf, 0.0)
    builder.add(most, columns.load, 1.0)
    builder.add(most, on, -x[:, -1])
    for k in range(x.shape[1] - 1):
        slope = (y[:, k + 1] - y[:, k]) / (x[:, k + 1] - x[:, k])
        only = x.shape[1] == _ENDS
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


def _add_pieces(
    builder: MatrixBuilder,
    name: str,
    onto: tuple[IntArray, CurveColumns],
    corners: tuple[FloatArray, FloatArray],
    how: tuple[list[tuple[int, int]], BoolArray],
) -> None:
    on, columns = onto
    pieces, whole = how
    count = len(on)
    one = builder.rows(f"{name}.one_piece", count, 0.0, 0.0)
    total = builder.rows(f"{name}.total_load", count, 0.0, 0.0)
    along = builder.rows(f"{name}.total_power", count, 0.0, 0.0)
    builder.add(one, on, -1.0)
    builder.add(total, columns.load, -1.0)
    builder.add(along, columns.power, -1.0)
    for k, (first, last) in enumerate(pieces):
        x, y = (axis[:, first : last + 1] for axis in corners)
        chosen = builder.columns(f"{name}.piece{k}", count, (0.0, 1.0), integer=whole)
        load = builder.columns(f"{name}.load{k}", count, (0.0, x[:, -1]))
        power = builder.columns(f"{name}.power{k}", count, (0.0, y.max(axis=1)))
        builder.add(one, chosen, 1.0)
        builder.add(total, load, 1.0)
        builder.add(along, power, 1.0)
        _add_cuts(builder, f"{name}.{k}", chosen, CurveColumns(load, power), (x, y))
