"""The balances all components write into, and the named shortages that keep them solvable.

A supply that cannot be met is not an infeasible plan: it is a plan with a shortage that has a name and a
price. The prices are ranked, so that with too little of everything heat is given up first, then cooling,
then air; all are far above any energy price, all below 1e4 to keep the matrix well scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, FloatArray, IntArray

SLACK_EUR: Final = {
    "reserve_cooling": 0.05,
    "reserve_air": 0.5,
    "heat_surplus": 0.001,
    "cooling_surplus": 0.5,
    "air_surplus": 50.0,
    "export_over": 5.0,
    "import_over": 5.0,
    "heat_short": 10.0,
    "cooling_short": 20.0,
    "air_short": 200.0,
}
"""Price of each slack. [money/kWh, for air money per m³/min over one hour]"""


@dataclass(frozen=True, slots=True)
class Balances:
    """Row indices of the four balances, supply counted positive, and of the two reserves; each (steps,)."""

    electric: IntArray
    air: IntArray
    cooling: IntArray
    heat: IntArray
    air_reserve: IntArray
    cooling_reserve: IntArray


def add_balances(builder: MatrixBuilder, problem: DispatchProblem) -> Balances:
    """Add the balances with the forecast needs on their right side and their slacks on the left."""
    need, limits, count = problem.forecasts, problem.limits, problem.steps
    rows = Balances(
        electric=builder.rows("balance_electric", count, need.electric_kw, need.electric_kw),
        air=builder.rows("balance_air", count, need.air_m3_min, need.air_m3_min),
        cooling=builder.rows("balance_cooling", count, need.cooling_kw, need.cooling_kw),
        heat=builder.rows("balance_heat", count, need.heat_kw, need.heat_kw),
        air_reserve=_reserve(builder, "reserve_air", need.air_m3_min, limits.air_reserve_frac),
        cooling_reserve=_reserve(builder, "reserve_cooling", need.cooling_kw, limits.cooling_reserve_frac),
    )
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
        slack = builder.columns(name, count, cost=SLACK_EUR[name] * problem.step_h)
        builder.add(block, slack, sign)
    return rows


def _reserve(builder: MatrixBuilder, name: str, need: FloatArray, reserve_frac: float) -> IntArray:
    """Capacity to be held; without a reserve the balance alone says what must run."""
    least = need * (1.0 + reserve_frac) if reserve_frac > 0 else np.full(len(need), -np.inf)
    return builder.rows(name, len(need), least, np.inf)
