"""Thermal units over a day: which run, and how the load is shared, with reserve and warm or cold starts.

Identical units are one whole number (`optimizer.fleet`), costs are tangent cuts under it
(`components.curve`), switching is the tight form (`components.commitment`). The units on are then
re-dispatched exactly on the true quadratic costs, so the cost stated is the true one, the bound the matrix's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.components.commitment import OnColumns, add_on
from optimizer.components.curve import Choice, CurveColumns, add_runs
from optimizer.fleet import classes_of, share_out
from optimizer.matrix import Matrix, MatrixBuilder
from optimizer.problem import BoolArray, Commitment, FloatArray
from optimizer.read import start_money
from optimizer.solve import SolveOptions, Unsolved, solve
from optimizer.underestimate import Curve, Under
from optimizer.window import Steps
from protocols.errors import SolveError

_CURVE_ERROR_FRAC: Final = 2e-5
"""Tangent cuts lie below the cost by at most this share of the cost at full load."""
_BISECTIONS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalUnit:
    """A unit with the cost a + b·p + c·p² per hour while it runs."""

    name: str
    least_mw: float
    most_mw: float
    coefficients: tuple[float, float, float]
    commitment: Commitment

    def cost(self, power_mw: FloatArray) -> FloatArray:
        """Cost per hour of running. [money/h]."""
        a, b, c = self.coefficients
        return a + b * power_mw + c * power_mw**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Which units run and what they give.

    Attributes:
        on: Shape (units, steps).
        power_mw: Shape (units, steps).
        cost: Running and starts by the true costs.
        bound: No schedule costs less.
        gap: (cost - bound) / cost.
        proven: Whether the gap asked for was reached before the time was over.
        classes: Classes of identical units.
        solve_s: Time in the solver. [s]
    """

    on: BoolArray
    power_mw: FloatArray
    cost: float
    bound: float
    gap: float
    proven: bool
    classes: int
    solve_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is asked: units, load of each step and the share of it that running units keep in hand."""

    units: tuple[ThermalUnit, ...]
    load_mw: FloatArray
    reserve_frac: float = 0.0
    step_s: float = 3600.0


def commit_units(fleet: Fleet, gap_frac: float = 1e-4, limit_s: float = 50.0) -> Schedule:
    """Schedule the units.

    Args:
        fleet: Units, load, reserve.
        gap_frac: Gap at which the solver ends. [-]
        limit_s: Safety net. [s]

    Raises:
        SolveError: Load or reserve cannot be covered, or no schedule came in time.
    """
    _refuse(fleet)
    began = time.monotonic()
    groups = _groups(fleet)
    matrix, columns = _matrix(fleet, groups)
    solved = solve(matrix, SolveOptions(gap_frac=gap_frac, limit_s=limit_s, gap_eur=1e-6))
    if isinstance(solved, Unsolved):
        why = "minimum times, load and reserve contradict each other" if solved.infeasible else solved.detail
        raise SolveError(f"no schedule: {why}")
    on = np.zeros((len(fleet.units), len(fleet.load_mw)), dtype=np.bool_)
    for group, switch in zip(groups, columns, strict=True):
        running = np.rint(solved.x[switch.on]).astype(np.int64)
        on[group] = share_out(running, [fleet.units[k].commitment for k in group], fleet.step_s)
    power = dispatch_exactly(fleet, on)
    cost = _cost(fleet, on, power)
    bound = min(solved.bound, cost)
    gap = (cost - bound) / max(abs(cost), 1e-9)
    return Schedule(
        on=on,
        power_mw=power,
        cost=cost,
        bound=bound,
        gap=gap,
        proven=solved.proven,
        classes=len(groups),
        solve_s=time.monotonic() - began,
    )


def dispatch_exactly(fleet: Fleet, on: BoolArray) -> FloatArray:
    """Power of each running unit at equal marginal cost, shape (units, steps), by bisection of it."""
    least = np.array([unit.least_mw for unit in fleet.units])[:, None] * on
    most = np.array([unit.most_mw for unit in fleet.units])[:, None] * on
    b = np.array([unit.coefficients[1] for unit in fleet.units])[:, None]
    c = np.maximum(np.array([unit.coefficients[2] for unit in fleet.units])[:, None], 1e-12)
    low = np.full(on.shape[1], float((b + 2 * c * least).min()) - 1.0)
    high = np.full(on.shape[1], float((b + 2 * c * most).max()) + 1.0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        short = np.clip((middle - b) / (2 * c), least, most).sum(axis=0) < fleet.load_mw
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    below = np.clip((low - b) / (2 * c), least, most)
    above = np.clip((high - b) / (2 * c), least, most)
    width = (above - below).sum(axis=0)
    missing = fleet.load_mw - below.sum(axis=0)
    share = np.divide(missing, width, out=np.zeros_like(width), where=width > 0)
    power: FloatArray = below + np.clip(share, 0.0, 1.0) * (above - below)
    return power


def _refuse(fleet: Fleet) -> None:
    load = fleet.load_mw
    if not len(load) or not fleet.units or not np.isfinite(load).all() or load.min() < 0:
        raise SolveError("a schedule needs units and a load of finite numbers not below zero")
    for unit in fleet.units:
        if not 0 <= unit.least_mw <= unit.most_mw < np.inf or not np.isfinite(unit.coefficients).all():
            raise SolveError(
                f"the limits or cost of {unit.name} are no range of finite numbers", unit=unit.name
            )
    most = sum(unit.most_mw for unit in fleet.units)
    asked = load * (1.0 + fleet.reserve_frac)
    worst = int(asked.argmax())
    if asked[worst] > most * (1 + 1e-9):
        raise SolveError(
            f"load with reserve in step {worst} is {asked[worst]:g} MW, all units together give {most:g} MW"
        )


def _groups(fleet: Fleet) -> list[list[int]]:
    keys = []
    for unit in fleet.units:
        own = unit.commitment
        lock = None if own.lock is None else own.lock.tobytes()
        times = (own.on, own.state_s, own.min_up_s, own.min_down_s)
        starts = (own.start_eur, own.cold_start_eur, own.cold_after_s)
        keys.append((unit.least_mw, unit.most_mw, unit.coefficients, times, starts, lock))
    return classes_of(keys)


def _matrix(fleet: Fleet, groups: list[list[int]]) -> tuple[Matrix, list[OnColumns]]:
    builder, count = MatrixBuilder(), len(fleet.load_mw)
    window = Steps(count, fleet.step_s)
    load = builder.rows("load", count, fleet.load_mw, fleet.load_mw)
    held = builder.rows("reserve", count, fleet.load_mw * (1.0 + fleet.reserve_frac), np.inf)
    whole = np.ones(count, dtype=np.bool_)
    switches: list[OnColumns] = []
    for group in groups:
        unit, size = fleet.units[group[0]], len(group)
        on = unit.commitment.on
        switch = add_on(builder, window, unit.name, unit.commitment, (size, size if on else 0))
        runs = _runs(unit, count)
        hours = fleet.step_s / 3600.0
        columns = CurveColumns(
            builder.columns(f"{unit.name}.load", count, (0.0, unit.most_mw * size)),
            builder.columns(f"{unit.name}.cost", count, (-np.inf, np.inf), cost=hours),
        )
        add_runs(builder, unit.name, (Choice(switch.on, size), columns), runs, whole)
        builder.add(load, columns.load, 1.0)
        builder.add(held, switch.on, unit.most_mw)
        switches.append(switch)
    return builder.build(), switches


def _runs(unit: ThermalUnit, count: int) -> list[tuple[FloatArray, FloatArray]]:
    curve = Curve(unit.cost, unit.least_mw, unit.most_mw)
    full = float(np.abs(unit.cost(np.array([unit.least_mw, unit.most_mw]))).max())
    pieces = Under(curve, max(_CURVE_ERROR_FRAC * full, 1e-9)).pieces()
    return [(np.tile(piece.x, (count, 1)), np.tile(piece.y, (count, 1))) for piece in pieces]


def _cost(fleet: Fleet, on: BoolArray, power: FloatArray) -> float:
    hours = fleet.step_s / 3600.0
    total = 0.0
    for unit, runs, given in zip(fleet.units, on, power, strict=True):
        total += hours * float(np.where(runs, unit.cost(given), 0.0).sum())
        total += start_money(unit.commitment, runs, fleet.step_s)
    return total
