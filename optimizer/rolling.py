"""A long window of whole switches, solved piece by piece: a near window of binaries with a continuous tail.

The window is rolled to the end: switches before it stay as decided, those in it are whole, those after it
relaxed (measured: better and faster than the whole window at once). Then single stretches are decided anew
with all others kept, as long as that saves money and time is left. The first of these problems is a
relaxation of the whole, so its bound holds for the whole.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.matrix import Matrix
from optimizer.problem import BoolArray, FloatArray, IntArray
from optimizer.solve import Solved, SolveOptions, Unsolved, solve

_STRETCH: Final = 24
"""Steps decided anew at once when the plan is improved."""
_ENOUGH: Final = 1e-9
_LEFT_OVER: Final = 1e-6
_FAR: Final = 10.0
"""A window that ends this many times farther from its bound than it should is looked at again."""
_LEAST_S: Final = 10.0
"""Time for a last resort, which needs far less. [s]"""


@dataclass(frozen=True, slots=True)
class Switching:
    """The on-variables of one machine or class, with its shortest run and stop in steps."""

    on: IntArray
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class Whole:
    """What is whole in a matrix.

    Attributes:
        step_of: Step of each whole column, -1 for all others, shape (columns,).
        shortages: Columns of named shortages.
        switches: On-variables with their times.
    """

    step_of: IntArray
    shortages: IntArray
    switches: tuple[Switching, ...]


@dataclass(frozen=True, slots=True)
class Roll:
    """How a long window is rolled.

    Attributes:
        window: Steps with whole switches.
        commit: Steps that are kept of them before the next window begins.
        gap_frac: Gap of each window.
    """

    window: int = 8
    commit: int = 4
    gap_frac: float = 0.0005


def solve_rolling(
    matrix: Matrix, whole: Whole, options: SolveOptions, roll: Roll | None = None
) -> tuple[Solved | Unsolved, tuple[float, ...]]:
    """Solve a matrix whose whole columns lie in steps.

    Args:
        matrix: The whole problem.
        whole: Which columns are whole, and when.
        options: When to stop; the gap is that of the whole.
        roll: Window and what is kept of it.

    Returns:
        The answer, its bound and gap those of the whole, and the time of each step of the roll.
    """
    ends = time.monotonic() + options.limit_s
    roll = roll or Roll()
    state = _State(matrix, whole, ends)
    state.relax()
    taken: list[float] = []
    last = int(whole.step_of.max(initial=-1)) + 1
    for begin in range(0, max(last, 1), roll.commit):
        began = time.monotonic()
        share = 2.0 / max(-(-(last - begin - roll.window) // roll.commit) + 2, 2)
        found = state.window((begin, begin + roll.window), roll.gap_frac, share)
        taken.append(time.monotonic() - began)
        if isinstance(found, Unsolved):
            return found, tuple(taken)
        if begin + roll.window >= last:
            break
    state.improve(roll.gap_frac, options.gap_frac)
    return state.answer(options.gap_frac), tuple(taken)


class _State:
    """The plan as decided so far."""

    def __init__(self, matrix: Matrix, whole: Whole, ends: float) -> None:
        self._matrix = matrix
        self._of = whole
        self._step_of = whole.step_of
        self._short = False
        self._whole: BoolArray = matrix.integer & (whole.step_of >= 0)
        self._ends = ends
        self._began = time.monotonic()
        self._best: Solved | None = None
        self._decided = np.zeros(len(matrix.lower))
        self._bound = -np.inf
        self._nodes = 0

    def _solve(
        self, matrix: Matrix, options: SolveOptions, hint: dict[int, float] | None = None
    ) -> Solved | Unsolved:
        found = solve(matrix, options, hint)
        self._nodes += found.stats.nodes
        return found

    def relax(self) -> None:
        """Begin with every switch relaxed; where even that is short of something, shortages come in."""
        nothing = np.zeros_like(self._whole)
        for _ in range(2):
            found = self._solve(self._part(nothing, self._whole), SolveOptions(0.0, self._left_s()))
            if isinstance(found, Solved):
                self._decided = found.x
                return
            self._short = True

    def window(self, steps: tuple[int, int], gap_frac: float, share: float) -> Solved | Unsolved:
        """Decide some steps, those before kept and those after relaxed, in a share of the time left."""
        kept = self._whole & (self._step_of < steps[0])
        relaxed = self._whole & (self._step_of >= steps[1])
        hint = self._started(steps)
        part = self._part(kept, relaxed)
        found = self._solve(part, SolveOptions(gap_frac, max(self._left_s() * share, 1.0)), hint)
        if isinstance(found, Solved) and found.gap > _FAR * gap_frac and not found.proven:
            # what is decided badly here is paid for to the end: it is worth half of all time left
            better = self._solve(part, SolveOptions(gap_frac, self._left_s() / 2.0), _values(found.x, hint))
            found = better if isinstance(better, Solved) else found
        if isinstance(found, Unsolved) and not found.infeasible:
            # not even the start was looked at in time: take it as it is
            at = (np.array(list(hint), dtype=np.int64), np.array(list(hint.values())))
            started = self._solve(part.held(*at), SolveOptions(0.0, _LEAST_S))
            found = replace(started, bound=-np.inf) if isinstance(started, Solved) else found
        if isinstance(found, Unsolved) and not self._short:
            self._short = True
            found = self._solve(self._part(kept, relaxed), SolveOptions(gap_frac, _LEAST_S), hint)
        if isinstance(found, Solved):
            self._decided = found.x
            self._bound = found.bound if steps[0] == 0 else self._bound
            # a bound without shortages holds for plans without them; where they came in, the first is void
            self._bound = -np.inf if self._short and steps[0] else self._bound
            self._best = found if not relaxed.any() else None
        return found

    def _left_s(self) -> float:
        return max(self._ends - time.monotonic(), 0.5)

    def _started(self, steps: tuple[int, int]) -> dict[int, float]:
        """What runs in part runs whole, over the shortest run, and no stop is shorter than the shortest."""
        inside = self._whole & (self._step_of >= steps[0]) & (self._step_of < steps[1])
        hint = {int(k): float(np.rint(self._decided[k])) for k in np.flatnonzero(inside)}
        for switch in self._of.switches:
            running = np.ceil(self._decided[switch.on] - _LEFT_OVER)
            running[steps[1] :] = 0.0
            running = _later(running, switch.up)
            running = _sooner(_later(running, switch.down), switch.down)
            for step in range(*steps):
                if step < len(running):
                    column = int(switch.on[step])
                    low, high = self._matrix.lower[column], self._matrix.upper[column]
                    hint[column] = float(np.clip(running[step], low, high))
        return hint

    def improve(self, gap_frac: float, whole_gap_frac: float) -> None:
        """Decide stretches anew while that saves money and time is left."""
        last, begin, idle = int(self._step_of.max(initial=-1)) + 1, 0, 0
        stretches = max(1, -(-last // (_STRETCH // 2)))
        while self._best is not None and idle < stretches and time.monotonic() < self._ends - 1.0:
            if self._best.objective - self._bound <= whole_gap_frac * abs(self._best.objective):
                return
            free = self._whole & (self._step_of >= begin) & (self._step_of < begin + _STRETCH)
            hint = self._hint(free)
            limit_s = max(min((self._ends - time.monotonic()) / 2.0, 10.0), 1.0)
            found = self._solve(
                self._part(self._whole & ~free, np.zeros_like(free)),
                SolveOptions(gap_frac / 2.0, limit_s),
                hint,
            )
            better = isinstance(found, Solved) and found.objective < self._best.objective * (1 - 1e-6)
            if isinstance(found, Solved) and better:
                self._best, self._decided = found, found.x
            idle = 0 if better else idle + 1
            begin = (begin + _STRETCH // 2) % max(last, 1)

    def answer(self, gap_frac: float) -> Solved | Unsolved:
        """The plan with the bound of the whole."""
        best = self._best
        if best is None:
            raise AssertionError("the roll ends with every switch decided")
        bound = min(self._bound, best.objective)
        gap = (best.objective - bound) / max(abs(best.objective), _ENOUGH)
        stats = replace(best.stats, solve_s=time.monotonic() - self._began, nodes=self._nodes)
        return replace(best, bound=bound, gap=gap, proven=gap <= gap_frac, stats=stats)

    def _hint(self, which: BoolArray) -> dict[int, float] | None:
        if not np.any(self._decided):
            return None
        return {int(k): round(float(self._decided[k])) for k in np.flatnonzero(which)}

    def _part(self, kept: BoolArray, relaxed: BoolArray) -> Matrix:
        rounded: FloatArray = np.rint(self._decided)
        upper = self._matrix.upper.copy()
        if not self._short:
            upper[self._of.shortages] = self._matrix.lower[self._of.shortages]
        return replace(
            self._matrix,
            lower=np.where(kept, rounded, self._matrix.lower),
            upper=np.where(kept, rounded, upper),
            integer=self._matrix.integer & ~relaxed,
        )


def _values(x: FloatArray, like: dict[int, float]) -> dict[int, float]:
    """Whole values of the same columns in an answer."""
    return {column: float(np.rint(x[column])) for column in like}


def _later(running: FloatArray, steps: int) -> FloatArray:
    """The most of each step and those before it, `steps` in all."""
    most = running.copy()
    for back in range(1, steps):
        most[back:] = np.maximum(most[back:], running[:-back])
    return most


def _sooner(running: FloatArray, steps: int) -> FloatArray:
    """The least of each step and those after it, `steps` in all."""
    least = running.copy()
    for ahead in range(1, steps):
        least[:-ahead] = np.minimum(least[:-ahead], running[ahead:])
    return least
