"""A plan put back into its problem: its cost, the prices at its margin, and what another decision would cost.

The switches of the plan are held where they are whole, the rest is solved again. So an explanation needs
nothing but problem and plan, and can be asked for long after the solve.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.build import build, hint_from
from optimizer.conflict import is_slack
from optimizer.marginal import Linear, settled, solve_linear
from optimizer.matrix import Matrix
from optimizer.plan import SHORTAGE_TOLERANCE, Plan, Shortage
from optimizer.problem import DispatchProblem, FloatArray, IntArray
from optimizer.solve import Solved, SolveOptions, Unsolved, solve
from protocols.errors import SolveError

_GAP_FRAC: Final = 1e-4
_LIMIT_S: Final = 6.0
_NEAR: Final = (8, 16)
"""In a long window switches may change so many steps before and after the step asked about."""
_NEXT: Final = (2, 4)
"""The same where the clock has ended that search."""
_WHOLE_UP_TO: Final = 32
_LITTLE: Final = 1e-6
_BALANCES: Final = ("electric", "air", "cooling", "heat")
_PER_H: Final = {"air": 60.0}
"""What a flow of one makes in an hour: minutes for air, else hours."""


@dataclass(frozen=True, slots=True)
class Other:
    """The window with one decision made otherwise.

    Attributes:
        possible: Whether the declared limits permit it.
        extra: What it costs more, shortages not counted. [money]
        at_least: What it costs more in any case, as proven; not above `extra`. [money]
        missing: What would be short beside what is short anyway, the worst step of each name.
    """

    possible: bool
    extra: float = 0.0
    at_least: float = 0.0
    missing: tuple[Shortage, ...] = ()


class Decided:
    """One plan in its problem; making one takes a solve.

    Raises:
        SolveError: The plan does not belong to the problem.
    """

    def __init__(self, problem: DispatchProblem, plan: Plan) -> None:
        if plan.start_ns != problem.start_ns or plan.steps != problem.steps:
            raise SolveError("the plan is for another window than the problem; explain it on its own problem")
        self.problem = problem
        self.plan = plan
        self.matrix, self._columns = build(problem)
        self._held = self._switches()
        self._whole = min(problem.binary_steps, problem.steps)
        self._found = self._solved(self._base(self.matrix), hint_from(problem, self._columns, plan))
        self.linear = self._linear()

    @property
    def x(self) -> FloatArray:
        """Value of each column."""
        return self._found.x

    def column(self, unit: str, what: str) -> IntArray | None:
        """Columns of a unit, such as its `on`, one a step; None where it has none."""
        block = self.matrix.columns.get(f"{unit}.{what}")
        return block if block is not None and block.shape == (self.problem.steps,) else None

    def dual(self, rows: str, step: int) -> float:
        """Dual of a row of a step; 0 where there is no such block. [money per unit of the row]."""
        block = self.matrix.rows.get(rows)
        return 0.0 if block is None or step >= len(block) else float(self.linear.dual[block[step]])

    def prices(self, step: int) -> dict[str, float | None]:
        """What one more unit of each carrier costs in a step; None where no machine that runs can give it.

        Money per kWh, for air per m³; the duals of the balances, for a small compressor station the cost of
        a little more air, since its sets have powers and no curves.
        """
        needs = self.problem.forecasts
        asked = (needs.electric_kw, needs.air_m3_min, needs.cooling_kw, needs.heat_kw)
        found: dict[str, float | None] = {}
        for carrier, need in zip(_BALANCES, asked, strict=True):
            if carrier != "electric" and not need.any():
                continue
            if carrier == "air" and self._columns.station is not None:
                found[carrier] = self._air_price(step)
            else:
                per_h = float(self.problem.hours[step]) * _PER_H.get(carrier, 1.0)
                found[carrier] = self._known(carrier, self.dual(f"balance_{carrier}", step) / per_h)
        for own in self.problem.carriers:
            found[own.name] = self.dual(f"balance.{own.name}", step) / float(self.problem.hours[step])
        return found

    def at_limit(self, rows: str, step: int) -> bool:
        """Whether a row of a step that has an upper limit is at it."""
        block = self.matrix.rows.get(rows)
        if block is None or step >= len(block):
            return False
        row = int(block[step])
        entries = self.matrix.row == row
        activity = float(self.matrix.value[entries] @ self.x[self.matrix.column[entries]])
        return activity >= float(self.matrix.row_upper[row]) - _LITTLE

    def stored_worth(self, unit: str, step: int) -> float | None:
        """What one more kWh or m³ in a store at the end of a step is worth; None for what is no store."""
        for rows in (f"{unit}.energy", f"{unit}.balance"):
            if (
                rows in self.matrix.rows
                and self.column(unit, "soc" if rows.endswith("y") else "content") is not None
            ):
                return -self.dual(rows, step) + 0.0
        return None

    def otherwise(self, held: dict[int, tuple[float, float]], step: int) -> Other:
        """The window with some columns inside other bounds (lower, upper); switches may follow it.

        Args:
            held: Column to its bounds.
            step: Step they belong to.
        """
        lower, upper = self.matrix.lower.copy(), self.matrix.upper.copy()
        for column, (low, high) in held.items():
            lower[column], upper[column] = max(low, lower[column]), min(high, upper[column])
        if (lower > upper + _LITTLE).any():
            return Other(possible=False)
        asked = self._near(replace(self.matrix, lower=lower, upper=upper), step)
        found = self._searched(self._no_shorter(asked), step)
        if isinstance(found, Unsolved):  # it cannot be had without being short of something
            found = self._searched(asked, step)
        if isinstance(found, Unsolved):
            if found.infeasible:
                return Other(possible=False)
            raise SolveError(f"no answer within {_LIMIT_S:.0f} s; ask again")
        slack, own = self._slack_money(found.x), self._slack_money(self.x)
        extra = (found.objective - slack) - (self._found.objective - own)
        at_least = min(extra, extra - (found.objective - found.bound))
        return Other(possible=True, extra=extra, at_least=at_least, missing=self._missing(found.x, step))

    def _searched(self, asked: Matrix, step: int) -> Solved | Unsolved:
        fits = {c: float(v) for c, v in self._hint().items() if asked.lower[c] <= v <= asked.upper[c]}
        found = solve(asked, SolveOptions(_GAP_FRAC, _LIMIT_S), fits)
        if found.proven if isinstance(found, Solved) else found.infeasible:
            return found
        return _better(found, solve(self._closer(asked, step), SolveOptions(_GAP_FRAC, _LIMIT_S)))

    def _no_shorter(self, matrix: Matrix) -> Matrix:
        """The same, short of nothing that the plan is not: so what it costs has no shortage in it."""
        upper = matrix.upper.copy()
        for _, block in self._shortages():
            upper[block] = np.minimum(upper[block], np.maximum(self.x[block], 0.0) + SHORTAGE_TOLERANCE)
        return replace(matrix, upper=upper)

    def _shortages(self) -> Iterator[tuple[str, IntArray]]:
        """Columns of what costs where it is short."""
        for name, block in self.matrix.columns.items():
            wasted = name == "heat_surplus" and self.problem.limits.may_waste_heat
            if is_slack(name) and self.matrix.cost[block].any() and not wasted:
                yield name, block

    def shared(self, unit: str) -> bool:
        """Whether the unit is one of a class of identical machines that is counted as a whole."""
        machines = self.problem.compressors
        return any(machines[place].name == unit for one in self._columns.floating for place in one.members)

    def on_of(self, unit: str) -> IntArray | None:
        """The switch of a unit, or that of its class; None where it has none."""
        machines = self.problem.compressors
        for group in self._columns.floating:
            if any(machines[place].name == unit for place in group.members):
                return group.switch.on
        return self.column(unit, "on")

    def _switches(self) -> dict[int, float]:
        """The whole switches of the plan, as columns and values."""
        held: dict[int, float] = {}
        machines, whole = self.problem.compressors, min(self.problem.binary_steps, self.problem.steps)
        grouped: set[str] = set()
        for group in self._columns.floating:
            names = [machines[place].name for place in group.members]
            grouped |= set(names)
            counts = np.sum([self.plan.machines[name].on[:whole] for name in names], axis=0)
            held.update(zip(group.switch.on[:whole].tolist(), counts.astype(float).tolist(), strict=True))
        for machine in self.problem.switched:
            on = self.column(machine.name, "on")
            if on is not None and machine.name not in grouped:
                runs = self.plan.machines[machine.name].on[:whole].astype(float)
                held.update(zip(on[:whole].tolist(), runs.tolist(), strict=True))
        return held

    def _base(self, matrix: Matrix) -> Matrix:
        return matrix.held(np.array(list(self._held), dtype=np.int64), np.array(list(self._held.values())))

    def _solved(self, matrix: Matrix, hint: dict[int, float] | None) -> Solved:
        hint = {c: v for c, v in (hint or {}).items() if matrix.lower[c] <= v <= matrix.upper[c]}
        found = solve(matrix, SolveOptions(_GAP_FRAC, _LIMIT_S), hint or None)
        if isinstance(found, Unsolved):
            raise SolveError(f"the plan does not fit the problem it is said to be made from ({found.detail})")
        return found

    def _linear(self) -> Linear:
        linear = solve_linear(settled(self.matrix, self._found.x))
        if linear is None:
            raise SolveError("the prices at the margin of the plan could not be worked out")
        return linear

    def _hint(self) -> dict[int, float]:
        whole = np.flatnonzero(self.matrix.integer)
        return dict(zip(whole.tolist(), np.rint(self.x[whole]).tolist(), strict=True))

    def _near(self, matrix: Matrix, step: int) -> Matrix:
        """In a long window the switches far from the step stay as they are."""
        return matrix if self._whole <= _WHOLE_UP_TO else self._held_beyond(matrix, step, _NEAR)

    def _closer(self, matrix: Matrix, step: int) -> Matrix:
        """For where the clock ended the search: switches that are not next to the step stay as they are."""
        return self._held_beyond(matrix, step, _NEXT)

    def _held_beyond(self, matrix: Matrix, step: int, span: tuple[int, int]) -> Matrix:
        around = np.arange(max(0, step - span[0]), min(self._whole, step + span[1]))
        far = [c for name in self._on_blocks() for c in np.delete(name[: self._whole], around).tolist()]
        return matrix.held(np.array(far, dtype=np.int64), np.array([self._held[c] for c in far]))

    def _on_blocks(self) -> list[IntArray]:
        blocks = [group.switch.on for group in self._columns.floating]
        named = (self.column(machine.name, "on") for machine in self.problem.switched)
        firsts = {int(block[0]) for block in blocks}
        return blocks + [block for block in named if block is not None and int(block[0]) not in firsts]

    def _slack_money(self, x: FloatArray) -> float:
        blocks = (block.ravel() for name, block in self.matrix.columns.items() if is_slack(name))
        return float(sum(self.matrix.cost[block] @ x[block] for block in blocks))

    def _missing(self, x: FloatArray, step: int) -> tuple[Shortage, ...]:
        """What is short that is not in the plan, what is nearest to the step first."""
        found: list[Shortage] = []
        for name, block in self._shortages():
            more = (x[block] - self.x[block]).ravel()
            worst = int(more.argmax())
            if more[worst] > 10 * SHORTAGE_TOLERANCE:
                at = worst if len(more) == self.problem.steps else self.problem.steps - 1
                found.append(Shortage(name, at, float(more[worst])))
        return tuple(sorted(found, key=lambda one: abs(one.step - step)))

    def _known(self, carrier: str, price: float) -> float | None:
        """None where the price is that of a shortage: nothing that runs gives any more."""
        slack = self.matrix.columns.get(f"{carrier}_short")
        if slack is None:
            return price
        short = float(self.matrix.cost[slack].max()) / (self.problem.step_h * _PER_H.get(carrier, 1.0))
        return None if price > 0.99 * short else price

    def _air_price(self, step: int) -> float | None:
        need = self.problem.forecasts.air_m3_min.copy()
        more = max(0.1, 0.005 * float(need[step]))
        need[step] += more
        asked = replace(self.problem, forecasts=replace(self.problem.forecasts, air_m3_min=need))
        matrix, _ = build(asked)
        if len(matrix.lower) != len(self.matrix.lower):
            return None
        found = self._solved(self._base(matrix), self._hint())
        short = matrix.columns["air_short"][step]
        if found.x[short] > self.x[short] + SHORTAGE_TOLERANCE:
            return None
        spent = (found.objective - self._slack_money(found.x)) - (
            self._found.objective - self._slack_money(self.x)
        )
        return spent / (more * float(self.problem.hours[step]) * _PER_H["air"])


def _better(one: Solved | Unsolved, other: Solved | Unsolved) -> Solved | Unsolved:
    """The cheaper of two answers; what is proven is what the first, which had more freedom, has proven."""
    if isinstance(one, Unsolved):
        return replace(other, bound=-np.inf) if isinstance(other, Solved) else one
    if isinstance(other, Unsolved) or other.objective >= one.objective:
        return one
    return replace(other, bound=one.bound)
