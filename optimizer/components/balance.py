"""The balances all components write into, and the named shortages that keep them solvable.

A supply that cannot be met is not an infeasible plan: it is a plan with a shortage that has a name and a
price. The prices are ranked, so that with too little of everything heat is given up first, then cooling,
then air; all are far above any energy price, all below 1e4 to keep the matrix well scaled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.matrix import Matrix, MatrixBuilder
from optimizer.problem import DispatchProblem, FloatArray, IntArray

SLACK_EUR: Final = {
    "reserve_cooling": 0.05,
    "reserve_air": 0.5,
    "heat_surplus": 0.001,
    "cooling_surplus": 0.5,
    "air_surplus": 50.0,
    "export_over": 5.0,
    "import_over": 5.0,
    "end_short": 5.0,
    "heat_short": 10.0,
    "cooling_short": 20.0,
    "air_short": 200.0,
    "import_under": 5.0,
    "gas_over": 5.0,
    "spare_cooling": 2.0,
    "spare_air": 20.0,
}
"""Price of each slack. [money/kWh, for air money per m³/min over one hour, for air in a store money/m³]"""
_FREE_WHERE = {"air_surplus": "may_blow_off", "cooling_surplus": "may_waste_cooling"}
_HEAT_WASTE_EUR: Final = 0.5
WINDOW_OVER: Final = "window_over."
"""Begin of the name of a limit of the whole window that is not kept."""
SCALARS: Final = ("end_short.", WINDOW_OVER, "missed.")
"""Begin of the names of shortages that are one number for the window."""
SERIES: Final = ("short.", "surplus.")
"""Begin of the names of shortages of a plant's own carriers, one number per step."""


_NAMED_FIRST: Final = (
    "heat_short",
    "cooling_short",
    "air_short",
    "import_over",
    "export_over",
    "heat_surplus",
    "import_under",
    "gas_over",
)


def shortages_of(matrix: Matrix) -> IntArray:
    """Columns that are zero wherever the plant can supply everything; reserves and free surplus are not."""
    begins = (*SCALARS, "short.")
    names = [name for name in matrix.columns if name in _NAMED_FIRST or name.startswith(begins)]
    return np.concatenate([matrix.columns[name] for name in names] or [np.zeros(0, dtype=np.int64)])


def slacks_of(matrix: Matrix) -> IntArray:
    """Columns of all named slacks: shortages, reserves that are not held, what is made too much."""
    begins = (*SCALARS, *SERIES)
    blocks = [
        block.ravel()
        for name, block in matrix.columns.items()
        if name in SLACK_EUR or name.startswith(begins)
    ]
    return np.concatenate(blocks or [np.zeros(0, dtype=np.int64)])


@dataclass(frozen=True, slots=True)
class Balances:
    """Row indices of the balances, supply counted positive, and of the reserves; each (steps,)."""

    electric: IntArray
    air: IntArray
    cooling: IntArray
    heat: IntArray
    air_reserve: IntArray
    cooling_reserve: IntArray
    own: dict[str, IntArray] = field(default_factory=dict)
    """Of the plant's own carriers."""
    fuel: IntArray | None = None
    """Sum of all fuel, where it is needed."""
    fuel_total: IntArray | None = None
    """Columns of that sum. [kW LHV]"""

    def of(self, carrier: str) -> IntArray:
        """Balance of a carrier that is not bought as it is taken."""
        known = {"electric": self.electric, "air": self.air, "cooling": self.cooling, "heat": self.heat}
        return known[carrier] if carrier in known else self.own[carrier]

    def add_fuel(self, builder: MatrixBuilder, columns: IntArray, value: npt.ArrayLike) -> None:
        """Count fuel of a machine, where anybody counts it."""
        if self.fuel is not None:
            builder.add(self.fuel, columns, value)


def add_balances(builder: MatrixBuilder, problem: DispatchProblem) -> Balances:
    """Add the balances with the forecast needs on their right side and their slacks on the left."""
    need, limits, count = problem.forecasts, problem.limits, problem.steps
    rows = Balances(
        electric=builder.rows("balance_electric", count, need.electric_kw, need.electric_kw),
        air=builder.rows("balance_air", count, need.air_m3_min, need.air_m3_min),
        cooling=builder.rows("balance_cooling", count, need.cooling_kw, need.cooling_kw),
        heat=builder.rows("balance_heat", count, need.heat_kw, need.heat_kw),
        air_reserve=_reserve(builder, "reserve_air", problem.in_hand("air"), count),
        cooling_reserve=_reserve(builder, "reserve_cooling", problem.in_hand("cooling"), count),
        own={
            one.name: builder.rows(f"balance.{one.name}", count, one.need, one.need)
            for one in problem.carriers
        },
        fuel=builder.rows("balance_fuel", count, 0.0, 0.0) if problem.supply.counts_fuel else None,
        fuel_total=builder.columns("fuel.total", count) if problem.supply.counts_fuel else None,
    )
    if rows.fuel_total is not None:
        rows.add_fuel(builder, rows.fuel_total, -1.0)
    for name, block, sign in (
        ("air_short", rows.air, 1.0),
        ("air_surplus", rows.air, -1.0),
        ("cooling_short", rows.cooling, 1.0),
        ("cooling_surplus", rows.cooling, -1.0),
        ("heat_short", rows.heat, 1.0),
        ("heat_surplus", rows.heat, -1.0),
        ("reserve_air", rows.air_reserve, 1.0),
        ("reserve_cooling", rows.cooling_reserve, 1.0),
    ):
        free = name in _FREE_WHERE and getattr(limits, _FREE_WHERE[name])
        price = 0.0 if free else SLACK_EUR[name]
        if name == "heat_surplus" and not limits.may_waste_heat:
            price = _HEAT_WASTE_EUR
        slack = builder.columns(name, count, cost=price * problem.hours)
        builder.add(block, slack, sign)
    for one in problem.carriers:
        for begin, price, sign in (("short.", one.short_eur, 1.0), ("surplus.", one.surplus_eur, -1.0)):
            slack = builder.columns(f"{begin}{one.name}", count, cost=price * problem.hours)
            builder.add(rows.own[one.name], slack, sign)
    return rows


def window_slack(builder: MatrixBuilder, row: IntArray, name: str, of: tuple[float, float]) -> None:
    """Let a row of the whole window give way for a price; `of` is price and coefficient."""
    builder.add(row, builder.columns(name, 1, cost=of[0]), of[1])


def add_end(builder: MatrixBuilder, name: str, last: IntArray, least: float) -> None:
    """Ask for a content at the end; the column `end_short.name` is what is missing, at a price."""
    row = builder.rows(f"{name}.end", 1, least, np.inf)
    builder.add(row, last, 1.0)
    builder.add(row, builder.columns(f"end_short.{name}", 1, cost=SLACK_EUR["end_short"]), 1.0)


def _reserve(builder: MatrixBuilder, name: str, least: FloatArray | None, count: int) -> IntArray:
    """Capacity to be held; without a reserve the balance alone says what must run."""
    return builder.rows(name, count, np.full(count, -np.inf) if least is None else least, np.inf)
