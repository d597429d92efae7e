"""One step of power and heat shared by power units, CHPs with operating polygons and boilers, all running.

The costs are bounded from below by pieces and tangent planes; what the matrix answers is judged by the true
costs, and both are refined there until cost and bound meet (outer approximation, Duran and Grossmann 1986).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.components.curve import Choice, CurveColumns, add_runs
from optimizer.components.region import Point, RegionColumns, add_planes, add_region, convex_parts
from optimizer.matrix import Matrix, MatrixBuilder
from optimizer.problem import FloatArray, IntArray
from optimizer.solve import SolveOptions, Unsolved, solve
from optimizer.underestimate import Curve, Under
from protocols.errors import SolveError

_ROUNDS: Final = 60
_FIRST_ERROR_FRAC: Final = 0.01
_LEFT_OVER: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Single:
    """A unit with one output, power or heat."""

    name: str
    curve: Curve


@dataclass(frozen=True, slots=True)
class Combined:
    """A CHP: cost a + b·P + c·P² + d·H + e·H² + f·P·H inside a polygon of (P, H).

    Attributes:
        name: For plan and messages.
        coefficients: a to f.
        corners: Of the polygon, in order around it; it need not be convex.
    """

    name: str
    coefficients: tuple[float, float, float, float, float, float]
    corners: tuple[Point, ...]

    def cost(self, power: float, heat: float) -> float:
        """True cost of a point."""
        a, b, c, d, e, f = self.coefficients
        return a + b * power + c * power**2 + d * heat + e * heat**2 + f * power * heat

    def plane(self, power: float, heat: float) -> tuple[float, float, float]:
        """Tangent plane at a point: constant, slope by power, slope by heat."""
        _, b, c, d, e, f = self.coefficients
        by_power, by_heat = b + 2 * c * power + f * heat, d + 2 * e * heat + f * power
        return self.cost(power, heat) - by_power * power - by_heat * heat, by_power, by_heat


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatAndPower:
    """What each unit gives; `cost` by the true curves, no plan costs less than `bound`."""

    power: FloatArray
    combined: FloatArray
    """Power and heat of each CHP, shape (units, 2)."""
    heat: FloatArray
    cost: float
    bound: float
    gap: float
    proven: bool
    rounds: int


@dataclass(frozen=True, slots=True)
class ChpStation:
    """The units; each runs."""

    power: tuple[Single, ...]
    combined: tuple[Combined, ...]
    heat: tuple[Single, ...]


def dispatch_heat_and_power(
    station: ChpStation, need: tuple[float, float], gap_frac: float = 1e-6, limit_s: float = 5.0
) -> HeatAndPower:
    """Give power and heat exactly as asked, at least cost.

    Args:
        station: All units.
        need: Power and heat.
        gap_frac: Gap between cost and bound at which the search ends. [-]
        limit_s: Safety net. [s]

    Raises:
        SolveError: The need lies outside what the units can give together, or a cost is not convex.
    """
    ends = time.monotonic() + limit_s
    model = _Model(station)
    bound, best = -np.inf, None
    for rounds in range(1, _ROUNDS + 1):
        matrix = model.matrix(need)
        options = SolveOptions(
            gap_frac=gap_frac / 4.0, limit_s=max(ends - time.monotonic(), 0.2), gap_eur=_LEFT_OVER
        )
        solved = solve(matrix, options)
        if isinstance(solved, Unsolved):
            break
        bound = max(bound, solved.bound)
        found = model.read(solved.x, (bound, rounds), gap_frac)
        best = found if best is None or found.cost < best.cost else best
        if best.cost - bound <= gap_frac * abs(best.cost) or time.monotonic() > ends:
            break
        if not model.refine(found, 0.1 * gap_frac * abs(best.cost)):
            break
    if best is None:
        raise SolveError(
            f"{need[0]:g} power and {need[1]:g} heat cannot be given together by these units; "
            "their polygons and limits do not reach it"
        )
    gap = max(0.0, best.cost - bound) / max(abs(best.cost), _LEFT_OVER)
    return HeatAndPower(
        power=best.power,
        combined=best.combined,
        heat=best.heat,
        cost=best.cost,
        bound=min(bound, best.cost),
        gap=gap,
        proven=gap <= gap_frac,
        rounds=best.rounds,
    )


class _Model:
    """The matrix of one step and how it is refined."""

    def __init__(self, station: ChpStation) -> None:
        self._station = station
        self._singles = (*station.power, *station.heat)
        self._unders = [Under(s.curve, _FIRST_ERROR_FRAC * _range(s.curve)) for s in self._singles]
        self._parts = [_parts(unit) for unit in station.combined]
        self._planes = [_first_planes(unit) for unit in station.combined]
        self._columns: list[IntArray] = []
        self._outputs: list[RegionColumns] = []

    def matrix(self, need: tuple[float, float]) -> Matrix:
        """Matrix of this state of the pieces and planes."""
        builder = MatrixBuilder()
        balances = [builder.rows(name, 1, need[k], need[k]) for k, name in enumerate(("power", "heat"))]
        self._columns, self._outputs = [], []
        whole = np.ones(1, dtype=np.bool_)
        for k, (single, under) in enumerate(zip(self._singles, self._unders, strict=True)):
            on = builder.columns(f"{single.name}.on", 1, (1.0, 1.0))
            load = builder.columns(f"{single.name}.load", 1, (single.curve.low, single.curve.high))
            cost = builder.columns(f"{single.name}.cost", 1, (-np.inf, np.inf), cost=1.0)
            runs = [(piece.x[None, :], piece.y[None, :]) for piece in under.pieces()]
            add_runs(builder, single.name, (Choice(on), CurveColumns(load, cost)), runs, whole)
            builder.add(balances[int(k >= len(self._station.power))], load, 1.0)
            self._columns.append(load)
        for unit, parts, planes in zip(self._station.combined, self._parts, self._planes, strict=True):
            on = builder.columns(f"{unit.name}.on", 1, (1.0, 1.0))
            outputs = add_region(builder, unit.name, on, parts, whole)
            cost = builder.columns(f"{unit.name}.cost", 1, (-np.inf, np.inf), cost=1.0)
            add_planes(builder, unit.name, on, (outputs, cost), np.array(planes))
            builder.add(balances[0], outputs.first, 1.0)
            builder.add(balances[1], outputs.second, 1.0)
            self._outputs.append(outputs)
        return builder.build()

    def read(self, x: FloatArray, state: tuple[float, int], gap_frac: float) -> HeatAndPower:
        """The answer with its true cost."""
        loads = np.array([x[c[0]] for c in self._columns])
        pairs = np.array([(x[o.first[0]], x[o.second[0]]) for o in self._outputs]).reshape(-1, 2)
        cost = sum(s.curve.at(float(at)) for s, at in zip(self._singles, loads, strict=True))
        cost += sum(
            u.cost(float(p), float(h)) for u, (p, h) in zip(self._station.combined, pairs, strict=True)
        )
        split = len(self._station.power)
        return HeatAndPower(
            power=loads[:split],
            combined=pairs,
            heat=loads[split:],
            cost=cost,
            bound=state[0],
            gap=0.0,
            proven=cost - state[0] <= gap_frac * abs(cost),
            rounds=state[1],
        )

    def refine(self, found: HeatAndPower, enough: float) -> bool:
        """Refine pieces and planes at an answer; whether anything changed."""
        loads = np.concatenate([found.power, found.heat])
        changed = [u.refine(float(at), enough) for u, at in zip(self._unders, loads, strict=True)]
        for unit, planes, (p, h) in zip(self._station.combined, self._planes, found.combined, strict=True):
            below = max(a + b * p + c * h for a, b, c in planes)
            changed.append(unit.cost(float(p), float(h)) - below > enough)
            if changed[-1]:
                planes.append(unit.plane(float(p), float(h)))
        return any(changed)


def _range(curve: Curve) -> float:
    values = curve.value(np.linspace(curve.low, curve.high, 65))
    return max(float(np.ptp(values)), _LEFT_OVER)


def _parts(unit: Combined) -> list[list[Point]]:
    a, b, c, d, e, f = unit.coefficients
    if not np.isfinite([a, b, c, d, e, f]).all():
        raise SolveError(f"a cost coefficient of {unit.name} is no number", machine=unit.name)
    if c < 0 or e < 0 or 4 * c * e < f * f * (1 - 1e-9):
        raise SolveError(
            f"the cost of {unit.name} is not convex in power and heat; such a curve cannot be planned yet",
            machine=unit.name,
        )
    try:
        return convex_parts(unit.corners)
    except ValueError as error:
        raise SolveError(f"the polygon of {unit.name} is not usable: {error}", machine=unit.name) from error


def _first_planes(unit: Combined) -> list[tuple[float, float, float]]:
    """Planes at the corners and, drawn towards the middle, at inner points."""
    corners = np.array(unit.corners, dtype=np.float64)
    middle = corners.mean(axis=0)
    points = [corner + share * (middle - corner) for share in (0.0, 0.4, 0.8) for corner in corners]
    return [unit.plane(float(p), float(h)) for p, h in points]
