"""What a plan saves against a baseline, and by what: less energy, cheaper hours, fuel, starts, storage, peak.

The parts add up to the whole. Energy is split at the baseline's own mean price: what less is taken at that
price, and the rest, which the same energy costs less because it is taken at other hours. The demand charge
stands beside the sum: it is a month's, weighed by the share this window answers for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from optimizer.billing import charges_of, metered_kw
from optimizer.components.battery import clipped_soc_kwh, end_value_eur_kwh
from optimizer.components.store import clipped_content
from optimizer.plan import Cost
from optimizer.problem import DispatchProblem, FloatArray
from optimizer.words import listed, said
from protocols.config import Text

_LITTLE_FRAC: Final = 0.005
_LEAST: Final = 0.005
_LABELS: Final = {
    "amount": Text(en="less bought energy", zh="购电量减少"),
    "hours": Text(en="cheaper hours and more sold", zh="移至低价时段及多售电"),
    "fuel": Text(en="fuel", zh="燃料"),
    "starts": Text(en="starts", zh="启停"),
    "co2": Text(en="emissions", zh="碳排放"),
    "storage": Text(en="more left in the stores", zh="期末储量增加"),
    "peak": Text(en="demand charge", zh="需量电费"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """How a window went: its cost, what the stores hold more at its end, what was bought."""

    cost: Cost
    stored: float
    """Worth of what the stores hold more at the end than at the begin. [money]"""
    import_kw: FloatArray


@dataclass(frozen=True, slots=True)
class Saving:
    """What is saved, and by what.

    Attributes:
        total: Baseline less plan, without the demand charge. [money]
        parts: Each by its name; they add up to the total. [money]
        peak: What is saved of the demand charge, beside the total. [money]
        sentence: The same in words.
    """

    total: float
    parts: dict[str, float]
    peak: float
    sentence: Text

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; each part with its label."""
        return {
            "total": self.total,
            "peak": self.peak,
            "parts": [
                {"name": name, "label": _LABELS[name].model_dump(), "value": value}
                for name, value in self.parts.items()
            ],
            "sentence": self.sentence.model_dump(),
        }


def saving_of(planned: Run, baseline: Run, problem: DispatchProblem, against: Text) -> Saving:
    """Compare two runs of one window.

    Args:
        planned: Under the plan.
        baseline: Under what it is compared with.
        problem: The window, its prices and contracts.
        against: What the baseline is called.
    """
    prices, hours = problem.prices, problem.hours
    bought = (float(baseline.import_kw @ hours), float(planned.import_kw @ hours))
    paid = float((baseline.import_kw * hours) @ prices.import_eur_kwh)
    mean = paid / bought[0] if bought[0] > 0 else float(prices.import_eur_kwh.mean())
    amount = (bought[0] - bought[1]) * mean
    parts = {
        "amount": amount,
        "hours": baseline.cost.energy - planned.cost.energy - amount,
        "fuel": baseline.cost.fuel - planned.cost.fuel,
        "starts": baseline.cost.starts - planned.cost.starts,
        "co2": baseline.cost.co2 - planned.cost.co2,
        "storage": planned.stored - baseline.stored,
    }
    total = sum(parts.values())
    peak = demand_money(problem, baseline.import_kw) - demand_money(problem, planned.import_kw)
    return Saving(total, parts, peak, _sentence((total, peak), parts, prices.currency, against))


def run_of_plan(problem: DispatchProblem, cost: Cost, import_kw: FloatArray, held: dict[str, float]) -> Run:
    """A plan as a run; `held` is the content of each store and battery at its end. [kWh or m³]."""
    stored = sum(
        (held[one.name] - clipped_soc_kwh(one)) * end_value_eur_kwh(problem, one) for one in problem.batteries
    )
    stored += sum((held[one.name] - clipped_content(one)) * one.end_value for one in problem.stores)
    return Run(cost, stored, import_kw)


def demand_money(problem: DispatchProblem, import_kw: FloatArray) -> float:
    """What a course costs by all demand charges, those by kVA without what inverters give. [money]."""
    prices, nothing = problem.prices, np.zeros(problem.steps)
    peak_kw = max(prices.month_peak_kw, float(metered_kw(problem, import_kw).max(initial=0.0)))
    simple = prices.demand_charge_eur_kw * prices.peak_weight * (peak_kw - prices.month_peak_kw)
    charged = charges_of(problem, import_kw, nothing, nothing)
    return simple + sum(charged[charge.name] for charge in problem.supply.charges)


def _sentence(sums: tuple[float, float], parts: dict[str, float], currency: str, against: Text) -> Text:
    total, peak = sums
    shown = sorted(parts, key=lambda name: -abs(parts[name]))
    shown = [name for name in shown if abs(parts[name]) > max(_LEAST, _LITTLE_FRAC * abs(total))]
    by = listed(
        [
            said("{value} {what}", "{what} {value}", value=f"{parts[name]:+.2f}", what=_LABELS[name])
            for name in shown
        ]
    )
    saves = Text(en="saves", zh="节省") if total >= 0 else Text(en="costs more by", zh="多花")
    parts_of = {"saves": saves, "total": f"{abs(total):.2f} {currency}", "against": against, "by": by}
    whole = said(
        "The plan {saves} {total} against {against}: {by}",
        "与{against}相比,本计划{saves} {total}:{by}",
        **parts_of,
    )
    if abs(peak) <= _LEAST:
        return said("{whole}.", "{whole}。", whole=whole)
    shown_peak = f"{peak:+.2f} {currency}"
    return said(
        "{whole}; beside that {peak} of the demand charge.",
        "{whole};另需量电费 {peak}。",
        whole=whole,
        peak=shown_peak,
    )
