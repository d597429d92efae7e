"""One load shared by machines with curves of any shape, at least cost, with a proven bound.

Chillers on one header, or generators with valve points: each is off or between its least and most load, its
cost any curve of the load. The curves are taken from below (`optimizer.underestimate`), so the matrix bounds
the cost from below; its answer is improved on the true curves by exchanges between two machines, and the
curves are refined where the answer lies, until cost and bound meet.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.components.curve import Choice, CurveColumns, add_runs
from optimizer.matrix import Matrix, MatrixBuilder
from optimizer.problem import BoolArray, FloatArray, IntArray
from optimizer.solve import SolveOptions, Unsolved, solve
from optimizer.underestimate import Curve, Under
from protocols.errors import SolveError

_FIRST_ERROR_FRAC: Final = 0.02
"""Curves may at first lie above their pieces by this share of their range; refined where it matters."""
_ROUNDS: Final = 60
_IDLE: Final = 6
"""Rounds in which the bound does not rise before the search ends."""
_EXCHANGES: Final = 41
"""Loads tried along one exchange between two machines."""
_SWEEPS: Final = 30
_LEFT_OVER: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Sharer:
    """A machine that takes a share of the load.

    Attributes:
        name: For plan and messages.
        curve: Load to cost or power while it runs.
        can_stop: Whether it may be off, at no load and no cost.
    """

    name: str
    curve: Curve
    can_stop: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """A load shared.

    Attributes:
        on: Which machines run, shape (machines,).
        load: Their loads, shape (machines,).
        cost: Sum of the true curves.
        bound: No way to share the load costs less.
        gap: (cost - bound) / |cost|.
        proven: Whether the gap asked for was reached before the time was over.
        rounds: How often the curves were refined.
        pieces: Convex pieces of all curves at the end.
    """

    on: BoolArray
    load: FloatArray
    cost: float
    bound: float
    gap: float
    proven: bool
    rounds: int
    pieces: int


def share_load(
    machines: Sequence[Sharer], load: float, gap_frac: float = 2e-5, limit_s: float = 8.0
) -> Loading:
    """Share a load among machines.

    Args:
        machines: In any order.
        load: What they give together, in the unit of their curves.
        gap_frac: Gap between cost and bound at which the search ends. [-]
        limit_s: Safety net. [s]

    Raises:
        SolveError: No set of machines can give this load; the message says what is possible.
    """
    _refuse(machines, load)
    best = _Best(machines, load)
    unders = [Under(m.curve, _FIRST_ERROR_FRAC * _range(m.curve)) for m in machines]
    bound, rounds = _search(best, unders, (gap_frac, limit_s))
    if not np.isfinite(best.cost):
        raise SolveError(
            f"no set of machines gives a load of {load:g}, or none was found within {limit_s:.0f} s; "
            "each runs between its least and its most load"
        )
    gap = max(0.0, best.cost - bound) / max(abs(best.cost), _LEFT_OVER)
    return Loading(
        on=best.on,
        load=best.load,
        cost=best.cost,
        bound=min(bound, best.cost),
        gap=gap,
        proven=gap <= gap_frac,
        rounds=rounds,
        pieces=sum(len(under.pieces()) for under in unders),
    )


def _search(best: _Best, unders: list[Under], until: tuple[float, float]) -> tuple[float, int]:
    """Refine until cost and bound meet, nothing changes, or the time is over; the bound and the rounds."""
    gap_frac, ends = until[0], time.monotonic() + until[1]
    bound, idle = -np.inf, 0
    for rounds in range(1, _ROUNDS + 1):
        matrix, columns = _matrix(best.machines, unders, best.asked)
        left_s = max(ends - time.monotonic(), 0.2)
        solved = solve(matrix, SolveOptions(gap_frac=gap_frac / 3.0, limit_s=left_s, gap_eur=_LEFT_OVER))
        if isinstance(solved, Unsolved):
            return bound, rounds
        idle = 0 if solved.bound > bound + 0.01 * gap_frac * abs(solved.bound) else idle + 1
        bound = max(bound, solved.bound)
        on = solved.x[columns[0]] > 0.5  # noqa: PLR2004  whole up to the solver's tolerance
        at = np.where(on, solved.x[columns[1]], 0.0)
        best.offer(on, at)
        met = best.cost - bound <= gap_frac * abs(best.cost)
        if met or idle > _IDLE or time.monotonic() > ends:
            return bound, rounds
        enough = 0.2 * gap_frac * abs(best.cost) / len(unders)
        points = [(u, p) for k, u in enumerate(unders) if on[k] for p in {float(at[k]), float(best.load[k])}]
        refined = [under.refine(point, enough) for under, point in points if point > 0]
        if not any(refined):
            return bound, rounds
    return bound, _ROUNDS


def _refuse(machines: Sequence[Sharer], load: float) -> None:
    if not machines:
        raise SolveError("there is no machine to share the load")
    names = [machine.name for machine in machines]
    if len(set(names)) < len(names):
        raise SolveError("two machines have one name; give each its own")
    for machine in machines:
        curve = machine.curve
        values = curve.value(np.linspace(curve.low, curve.high, 9))
        if not (0 <= curve.low <= curve.high < np.inf and np.isfinite(values).all()):
            raise SolveError(
                f"the range {curve.low:g} to {curve.high:g} or the curve of {machine.name} is no number; "
                "a machine needs a least and a most load and finite values between",
                machine=machine.name,
            )
    most = sum(machine.curve.high for machine in machines)
    least = sum(machine.curve.low for machine in machines if not machine.can_stop)
    if not np.isfinite(load):
        raise SolveError("the load is no number")
    if load > most + _LEFT_OVER * most:
        raise SolveError(f"a load of {load:g} exceeds all machines together, {most:g}")
    running = [machine.curve.low for machine in machines]
    lowest = least if least > 0 else min(running)
    if load < lowest - _LEFT_OVER * most and load != 0:
        raise SolveError(f"a load of {load:g} is below the least that can run, {lowest:g}")


def _range(curve: Curve) -> float:
    values = curve.value(np.linspace(curve.low, curve.high, 257))
    return max(float(np.ptp(values)), 1e-3 * float(np.abs(values).max()), _LEFT_OVER)


def _matrix(
    machines: Sequence[Sharer], unders: Sequence[Under], load: float
) -> tuple[Matrix, tuple[IntArray, IntArray]]:
    """Matrix of one static step with the columns of on and load."""
    builder = MatrixBuilder()
    total = builder.rows("load", 1, load, load)
    ons: list[IntArray] = []
    loads: list[IntArray] = []
    whole = np.ones(1, dtype=np.bool_)
    for machine, under in zip(machines, unders, strict=True):
        name, pieces = machine.name, under.pieces()
        runs = [(piece.x[None, :], piece.y[None, :]) for piece in pieces]
        low, high = min(float(p.y.min()) for p in pieces), max(float(p.y.max()) for p in pieces)
        on = builder.columns(f"{name}.on", 1, (float(not machine.can_stop), 1.0), integer=True)
        curve = CurveColumns(
            builder.columns(f"{name}.load", 1, (0.0, machine.curve.high)),
            builder.columns(f"{name}.cost", 1, (min(low, 0.0), max(high, 0.0)), cost=1.0),
        )
        add_runs(builder, name, (Choice(on), curve), runs, whole)
        builder.add(total, curve.load, 1.0)
        ons.append(on)
        loads.append(curve.load)
    return builder.build(), (np.concatenate(ons), np.concatenate(loads))


class _Best:
    """The cheapest share of a load found so far, improved on the true curves."""

    def __init__(self, machines: Sequence[Sharer], load: float) -> None:
        self.machines = machines
        self.asked = load
        self.cost = np.inf
        self.on: BoolArray = np.zeros(len(machines), dtype=np.bool_)
        self.load: FloatArray = np.zeros(len(machines))

    def offer(self, on: BoolArray, load: FloatArray) -> None:
        """Take a set and a start, put its rounding right, improve it, keep it where it is cheaper."""
        low = np.array([m.curve.low for m in self.machines]) * on
        high = np.array([m.curve.high for m in self.machines]) * on
        at = np.clip(load, low, high)
        missing = self.asked - float(at.sum())
        for k in np.argsort(-(high - low)):
            moved = float(np.clip(at[k] + missing, low[k], high[k]))
            missing -= moved - at[k]
            at[k] = moved
        if abs(missing) > 1e-7 * max(abs(self.asked), 1.0):
            return
        at = self._exchanged(np.flatnonzero(on), at, (low, high))
        cost = self._cost(on, at)
        if cost < self.cost:
            self.cost, self.on, self.load = cost, on, at

    def _cost(self, on: BoolArray, load: FloatArray) -> float:
        return sum(m.curve.at(float(load[k])) for k, m in enumerate(self.machines) if on[k])

    def _exchanged(
        self, running: IntArray, at: FloatArray, limits: tuple[FloatArray, FloatArray]
    ) -> FloatArray:
        """Move load between two machines as long as any such move makes it cheaper."""
        low, high = limits
        reach = 1.0
        for _ in range(_SWEEPS):
            gained = 0.0
            for i in running:
                for j in running:
                    if i < j:
                        gained += self._exchange(at, (int(i), int(j)), (low, high), reach)
            if gained <= 1e-9 * max(abs(self.asked), 1.0):
                if reach < 1e-6:  # noqa: PLR2004  a millionth of the range is the end
                    break
                reach /= 16.0
        return at

    def _exchange(
        self, at: FloatArray, pair: tuple[int, int], limits: tuple[FloatArray, FloatArray], reach: float
    ) -> float:
        low, high = limits
        i, j = pair
        up = min(high[i] - at[i], at[j] - low[j])
        down = min(at[i] - low[i], high[j] - at[j])
        span = reach * (high[i] - low[i])
        first, last = -min(down, span), min(up, span)
        if last - first <= 0:
            return 0.0
        moves = np.linspace(first, last, _EXCHANGES)
        moves = np.concatenate([moves, self._kink_moves(at, pair, (first, last)), [0.0]])
        costs = self.machines[i].curve.value(at[i] + moves) + self.machines[j].curve.value(at[j] - moves)
        best = int(costs.argmin())
        gain = float(costs[-1] - costs[best])
        if gain > 0:
            at[i] += moves[best]
            at[j] -= moves[best]
        return gain

    def _kink_moves(self, at: FloatArray, pair: tuple[int, int], span: tuple[float, float]) -> FloatArray:
        i, j = pair
        to_i = np.array(self.machines[i].curve.kinks) - at[i]
        to_j = at[j] - np.array(self.machines[j].curve.kinks)
        moves = np.concatenate([to_i, to_j])
        return moves[(moves >= span[0]) & (moves <= span[1])]
