"""What a plan saves against a baseline, and by what: less energy, cheaper hours, fuel, starts, storage, peak.

The parts add up to the whole. Energy is split at the baseline's own mean price: what less is taken at that
price, and the rest, which the same energy costs less because it is taken at other hours. What contracts cost
beside it (power factor, tiers, gas that is paid for anyway) is a part where a site has any. The demand charge
stands beside the sum: it is a month's, weighed by the share this window answers for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from optimizer.billing import charges_of, metered_kw
from optimizer.components.battery import clipped_soc_kwh, end_value_eur_kwh
from optimizer.components.store import clipped_content
from optimizer.plan import Cost, Plan
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
    "contracts": Text(
        en="power factor, tiers and gas paid for anyway", zh="功率因数、阶梯电价与照付不议气费"
    ),
    "peak": Text(en="demand charge", zh="需量电费"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """How a window went: its cost, what the stores hold more at its end, what was bought."""

    cost: Cost
    stored: float
    """Worth of what the stores hold more at the end than at the begin. [money]"""
    import_kw: FloatArray
    fuel_kw: FloatArray
    """Fuel of all machines, shape (steps,). [kW LHV]"""
    inverter_kvar: FloatArray
    """Reactive power the inverters give, shape (steps,). [kvar]"""


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
    own, ours = contract_money(problem, baseline), contract_money(problem, planned)
    if own.others is not None and ours.others is not None:
        parts["contracts"] = own.others - ours.others
    total = sum(parts.values())
    peak = own.peak - ours.peak
    return Saving(total, parts, peak, _sentence((total, peak), parts, prices.currency, against))


@dataclass(frozen=True, slots=True)
class ContractMoney:
    """What a run costs beyond the prices of energy and fuel, without what its period owed already.

    Attributes:
        peak: All charges on the highest demand. [money]
        others: Power factor, tiers, levies, gas not taken; None where there are no such contracts. [money]
    """

    peak: float
    others: float | None

    @property
    def total(self) -> float:
        """Both [money]."""
        return self.peak + (self.others or 0.0)


def run_of_plan(problem: DispatchProblem, plan: Plan, held: dict[str, float]) -> Run:
    """A plan as a run; `held` is the content of each store and battery at its end. [kWh or m³]."""
    stored = sum(
        (held[one.name] - clipped_soc_kwh(one)) * end_value_eur_kwh(problem, one) for one in problem.batteries
    )
    stored += sum((held[one.name] - clipped_content(one)) * one.end_value for one in problem.stores)
    return Run(plan.cost, stored, plan.import_kw, plan.fuel_kw, given_kvar(plan))


def given_kvar(plan: Plan | None, steps: int = 0) -> FloatArray:
    """Reactive power that a plan has the inverters give, none without a plan or a choice, shape (steps,)."""
    nothing = np.zeros(steps if plan is None else plan.steps)
    return nothing if plan is None else plan.setpoints.get("inverter_kvar", nothing)


def contract_money(problem: DispatchProblem, run: Run) -> ContractMoney:
    """What a run costs by the demand charge of the tariff and by every contract of the site."""
    prices = problem.prices
    peak_kw = max(prices.month_peak_kw, float(metered_kw(problem, run.import_kw).max(initial=0.0)))
    simple = prices.demand_charge_eur_kw * prices.peak_weight * (peak_kw - prices.month_peak_kw)
    charged = charges_of(problem, run.import_kw, run.fuel_kw, run.inverter_kvar)
    demand = sum(charged.pop(charge.name) for charge in problem.supply.charges)
    return ContractMoney(simple + demand, sum(charged.values()) if charged else None)


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
        "与{against}相比，本计划{saves} {total}：{by}",
        **parts_of,
    )
    if abs(peak) <= _LEAST:
        return said("{whole}.", "{whole}。", whole=whole)
    shown_peak = f"{peak:+.2f} {currency}"
    return said(
        "{whole}; beside that {peak} of the demand charge.",
        "{whole}；另需量电费 {peak}。",
        whole=whole,
        peak=shown_peak,
    )
