"""A plan put back into its problem: its cost and the prices at its margin.

The switches of the plan are held where they are whole, the rest is solved again. So an explanation needs
nothing but problem and plan, and can be asked for long after the solve.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.build import build, hint_from
from optimizer.conflict import is_slack
from optimizer.marginal import Linear, settled, solve_linear
from optimizer.matrix import Matrix
from optimizer.plan import SHORTAGE_TOLERANCE, Plan
from optimizer.problem import DispatchProblem, FloatArray, IntArray
from optimizer.solve import Solved, SolveOptions, Unsolved, solve
from protocols.errors import SolveError

_GAP_FRAC: Final = 1e-4
_LIMIT_S: Final = 6.0
_LITTLE: Final = 1e-6
_BALANCES: Final = ("electric", "air", "cooling", "heat")
_PER_H: Final = {"air": 60.0}
"""What a flow of one makes in an hour: minutes for air, else hours."""


class Decided:
    """One plan in its problem; making one takes a solve.

    Attributes:
        held: Columns of the plan's whole switches, with their values.
        whole: Steps from the start in which switches are whole.
        linear: The optimum that is left with these held, with its duals.
        money: What the plan costs, shortages not counted. [money]

    Raises:
        SolveError: The plan does not belong to the problem.
    """

    def __init__(self, problem: DispatchProblem, plan: Plan) -> None:
        if plan.start_ns != problem.start_ns or plan.steps != problem.steps:
            raise SolveError("the plan is for another window than the problem; explain it on its own problem")
        self.problem = problem
        self.plan = plan
        self.matrix, self._columns = build(problem)
        self.held = self._switches()
        self.whole = min(problem.binary_steps, problem.steps)
        self._found = self._solved(self._base(self.matrix), hint_from(problem, self._columns, plan))
        self.linear = self._linear()

        self.money = self._found.objective - self.slack_money(self.x)

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

        Money per kWh, for air per m³.
        """
        needs = self.problem.forecasts
        asked = (needs.electric_kw, needs.air_m3_min, needs.cooling_kw, needs.heat_kw)
        named = [
            carrier
            for carrier, need in zip(_BALANCES, asked, strict=True)
            if carrier == "electric" or need.any()
        ]
        named += ["gas"] if self._burns() else []
        named += [own.name for own in self.problem.carriers]
        return {carrier: self.price(carrier, step) for carrier in named}

    def price(self, carrier: str, step: int) -> float | None:
        """The same of one carrier.

        The dual of its balance; for a small compressor station the cost of a little more air, since its sets
        have powers and no curves; for gas its price with what its contract adds at the margin.
        """
        if carrier == "air" and self._columns.station is not None:
            return self._air_price(step)
        per_h = float(self.problem.hours[step]) * _PER_H.get(carrier, 1.0)
        if carrier == "gas":
            return self.problem.gas_marginal_eur_kwh - self.dual("balance_fuel", step) / per_h
        balance = f"balance_{carrier}" if carrier in _BALANCES else f"balance.{carrier}"
        return self._known(carrier, self.dual(balance, step) / per_h)

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
        return matrix.held(np.array(list(self.held), dtype=np.int64), np.array(list(self.held.values())))

    def _solved(self, matrix: Matrix, hint: dict[int, float] | None) -> Solved:
        hint = {c: v for c, v in (hint or {}).items() if matrix.lower[c] <= v <= matrix.upper[c]}
        found = solve(matrix, SolveOptions(_GAP_FRAC, _LIMIT_S), hint or None)
        if isinstance(found, Unsolved):
            raise SolveError(f"the plan does not fit the problem it is said to be made from ({found.detail})")
        return found

    def _linear(self) -> Linear:
        linear = solve_linear(self._open(settled(self.matrix, self._found.x)))
        if linear is None:
            raise SolveError("the prices at the margin of the plan could not be worked out")
        return linear

    def hint(self) -> dict[int, float]:
        """The plan's whole columns, to begin a search with."""
        whole = np.flatnonzero(self.matrix.integer)
        return dict(zip(whole.tolist(), np.rint(self.x[whole]).tolist(), strict=True))

    def _open(self, matrix: Matrix) -> Matrix:
        """Without the highest exchange any plan could need: that is no limit, and has no price."""
        upper, row_upper = matrix.upper.copy(), matrix.row_upper.copy()
        for flow in ("grid.import", "grid.export"):
            upper[matrix.columns[flow]] = np.inf
        if "grid.buying" in matrix.columns:
            buys = self.x[matrix.columns["grid.buying"]] > 0.5  # noqa: PLR2004  to the nearer whole
            row_upper[matrix.rows["grid.buy_only"][buys]] = np.inf
            row_upper[matrix.rows["grid.sell_only"][~buys]] = np.inf
        return replace(matrix, upper=upper, row_upper=row_upper)

    def on_blocks(self) -> list[IntArray]:
        """Switches of all machines, those of a class of identical ones once."""
        blocks = [group.switch.on for group in self._columns.floating]
        named = (self.column(machine.name, "on") for machine in self.problem.switched)
        firsts = {int(block[0]) for block in blocks}
        return blocks + [block for block in named if block is not None and int(block[0]) not in firsts]

    def slack_money(self, x: FloatArray) -> float:
        """What of a solution's objective is the price of shortages. [money]."""
        blocks = (block.ravel() for name, block in self.matrix.columns.items() if is_slack(name))
        return float(sum(self.matrix.cost[block] @ x[block] for block in blocks))

    def _burns(self) -> bool:
        """Whether any machine takes gas."""
        taking = any(flow.carrier == "gas" for one in self.problem.converters for flow in one.flows)
        return taking or bool(self.problem.boilers or self.problem.chps or self.problem.cogens)

    def _known(self, carrier: str, price: float) -> float | None:
        """None where the price is that of a shortage: nothing that runs gives any more."""
        slack = self.matrix.columns.get(f"{carrier}_short", self.matrix.columns.get(f"short.{carrier}"))
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
        found = self._solved(self._base(matrix), self.hint())
        short = matrix.columns["air_short"][step]
        if found.x[short] > self.x[short] + SHORTAGE_TOLERANCE:
            return None
        spent = found.objective - self.slack_money(found.x) - self.money
        return spent / (more * float(self.problem.hours[step]) * _PER_H["air"])
