"""What a shortage costs in a plan: always more than leaving a need off could save.

The ranked prices of `components.balance` are far above usual energy. Where a kWh may cost much more, in a
currency of large numbers or because it sets the peak a month is paid for, all of them rise with it: nobody's
air, cooling or heat is left off for money.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from optimizer.components.balance import SCALARS, SLACK_EUR
from optimizer.matrix import Matrix
from optimizer.problem import DispatchProblem

_USUAL_EUR_KWH: Final = 4.0
"""Up to this dear a kWh needs no higher prices: a kWh of heat short costs 10, a kWh of cooling 20."""


_NEEDS: Final = frozenset(
    {"air_short", "cooling_short", "heat_short", "import_over", "export_over", "import_under", "gas_over"}
)
"""Needs and limits; the other named shortages are reserves and what is made too much."""


def price_level(problem: DispatchProblem) -> float:
    """By how much all shortages are dearer for the price of energy, 1 at usual ones. [-]."""
    return max(1.0, _energy_kwh(problem) / _USUAL_EUR_KWH)


def need_level(problem: DispatchProblem) -> float:
    """The same for needs and limits, by what a kWh may cost with the peak it sets. [-]."""
    prices, step_h = problem.prices, problem.step_h
    peak = prices.demand_charge_eur_kw * prices.peak_weight / step_h
    for charge in problem.supply.charges:
        window_h = step_h if charge.window_s is None else charge.window_s / 3600.0
        peak += charge.weight_frac * (charge.eur_kw + charge.over_eur_kw) / window_h
    return max(1.0, (_energy_kwh(problem) + peak) / _USUAL_EUR_KWH)


def with_shortages_priced(problem: DispatchProblem, matrix: Matrix) -> Matrix:
    """The matrix of a problem with each shortage dearer than what it could save."""
    level, needs = price_level(problem), need_level(problem)
    if needs <= 1.0:
        return matrix
    cost = matrix.cost.copy()
    for name, block in matrix.columns.items():
        if name in _NEEDS or name.startswith(SCALARS):
            cost[block] *= needs
        elif name in SLACK_EUR:
            cost[block] *= level
    return replace(matrix, cost=cost)


def _energy_kwh(problem: DispatchProblem) -> float:
    """Highest price of a kWh in the window, the dearest tier with it. [money/kWh]."""
    tier = max((one.eur_kwh for one in problem.supply.tiers), default=0.0)
    bought = float(problem.import_marginal_eur_kwh.max()) + max(tier, 0.0)
    return max(bought, problem.gas_marginal_eur_kwh)
