"""Why a unit does what it does at a time: one sentence with its figures, in both languages.

What binds it, what the carriers are worth at the margin, and what the window would cost had it been decided
otherwise. Works from problem and plan alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from optimizer.alternatives import Alternative, alternative
from optimizer.decided import Decided
from optimizer.doing import doing
from optimizer.flows import takes_or_gives
from optimizer.level_words import LABELS, Chosen, chosen_for
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.reasons import Binding, bindings
from optimizer.words import PRICED_BY, Speech, carrier_text, joined, said
from optimizer.worth_words import worth_of
from protocols.config import Text
from protocols.errors import SolveError

_NS: Final = 1_000_000_000
_SHOWN: Final = 2
"""Limits told in the sentence; all of them are in the figures."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of an explanation; None where there is none, such as a price of what no machine can give."""

    name: str
    label: Text
    value: float | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """An explanation.

    Attributes:
        unit: Machine.
        step: Step of the plan.
        at_ns: Its begin, UTC since the epoch.
        sentence: The reason in one sentence.
        figures: Output, power, marginal prices, cost of the alternative.
        limits: What binds.
        alternative: The same window decided otherwise; None where nothing else was to be decided.
        outlook: Whether the step lies beyond those decided exactly.
    """

    unit: str
    step: int
    at_ns: int
    sentence: Text
    figures: tuple[Figure, ...]
    limits: tuple[Binding, ...]
    alternative: Alternative | None
    outlook: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        other = self.alternative
        return {
            "unit": self.unit,
            "step": self.step,
            "at_ns": self.at_ns,
            "sentence": self.sentence.model_dump(),
            "outlook": self.outlook,
            "figures": [
                {"name": one.name, "label": one.label.model_dump(), "value": one.value, "unit": one.unit}
                for one in self.figures
            ],
            "limits": [
                {"limit": one.limit.model_dump(), "worth": one.worth, "unit": one.unit} for one in self.limits
            ],
            "alternative": None
            if other is None
            else {
                "what": other.what.model_dump(),
                "possible": other.possible,
                "extra": other.extra,
                "at_least": other.at_least,
                "missing": [one.model_dump() for one in other.missing],
            },
        }


def explain(problem: DispatchProblem, plan: Plan, at: tuple[str, int], speech: Speech | None = None) -> Why:
    """Explain one unit in one step.

    Args:
        problem: What was asked.
        plan: What was answered.
        at: Machine and step.
        speech: How machines and times are called; None: as the problem says.

    Raises:
        SolveError: No such unit or step, or the plan does not belong to the problem.
    """
    return why(Decided(problem, plan), at, speech or problem.speech)


def why(decided: Decided, at: tuple[str, int], speech: Speech) -> Why:
    """The same for a plan that was put back into its problem before.

    Raises:
        SolveError: No such unit or step.
    """
    (unit, step), plan = at, decided.plan
    if unit not in plan.machines:
        raise SolveError(f"the plan has no unit {unit}; it has {', '.join(plan.machines)}")
    if not 0 <= step < plan.steps:
        raise SolveError(f"step {step} is outside the plan of {plan.steps} steps")
    outlook = step >= min(plan.binary_steps, plan.steps)
    limits = bindings(decided, unit, step, speech)
    prices = decided.prices(step)
    electric = takes_or_gives(decided.problem, plan, unit, "electric")
    other = alternative(decided, unit, step, speech)
    at_ns = plan.start_ns + round(step * plan.step_s * _NS)
    clauses = [
        said(
            "{name} {does} at {clock}",
            "{clock} {name}{does}",
            name=speech.name(unit),
            does=doing(decided, unit, step),
            clock=speech.clock(at_ns),
        )
    ]
    clauses += [one.limit for one in limits if not one.of_site or electric][:_SHOWN]
    chosen = chosen_for(decided, unit, step)
    clauses += [one.clause for one in chosen]
    clauses += worth_of(decided, at, prices)
    clauses += [] if other is None else [other.clause(plan.currency)]
    clauses += (
        [Text(en="it is an outlook and is decided anew before it comes", zh="此为展望，执行前会重新决策")]
        if outlook
        else []
    )
    return Why(
        unit=unit,
        step=step,
        at_ns=at_ns,
        sentence=joined(clauses),
        figures=(
            *_own(decided, unit, step),
            *_levels(chosen),
            *_priced(prices, plan.currency, decided.problem.speech),
            *_costs(other, plan.currency),
        ),
        limits=limits,
        alternative=other,
        outlook=outlook,
    )


def _own(decided: Decided, unit: str, step: int) -> list[Figure]:
    machine = decided.plan.machines[unit]
    level_unit = {"compressor": "m³/min", "battery": "kWh"}.get(machine.kind, "kW")
    if machine.kind == "store":
        carrier = next((one.carrier for one in decided.problem.stores if one.name == unit), "heat")
        level_unit = "m³" if carrier == "air" else "kWh"
    label = {
        "battery": Text(en="Stored at the end of the step", zh="时段末储量"),
        "store": Text(en="Stored at the end of the step", zh="时段末储量"),
        "compressor": Text(en="Flow", zh="供气量"),
    }.get(machine.kind, Text(en="Output", zh="出力"))
    figures = [Figure("level", label, float(machine.level[step]), level_unit)]
    if machine.kind not in {"store", "boiler"}:
        figures.append(
            Figure(
                "power_kw",
                Text(en="Power taken (negative: given)", zh="用电功率（负为发电）"),
                float(machine.power_kw[step]),
                "kW",
            )
        )
    worth = decided.stored_worth(unit, step)
    if worth is not None:
        figures.append(
            Figure(
                "stored_worth",
                Text(en="Worth of what is stored", zh="储能价值"),
                worth,
                f"{decided.plan.currency}/{level_unit}",
            )
        )
    return figures


def _levels(chosen: tuple[Chosen, ...]) -> Iterator[Figure]:
    for one in chosen:
        label, unit = LABELS[one.name]
        yield Figure(one.name, said("Set-point of {what}", "{what}设定值", what=label), one.value, unit)
        if one.other is not None:
            value = f"{one.other:g} {unit}"
            words = said("More power at {value}", "取 {value} 时多用功率", value=value)
            yield Figure(f"{one.name}_extra_kw", words, one.extra_kw, "kW")


def _priced(prices: dict[str, float | None], currency: str, speech: Speech) -> list[Figure]:
    return [
        Figure(
            f"price_{carrier}",
            said(
                "Marginal price of {what}",
                "{what}边际价格",
                what=carrier_text(carrier, speech),
            ),
            price,
            f"{currency}/{PRICED_BY.get(carrier, 'kWh')}",
        )
        for carrier, price in prices.items()
    ]


def _costs(other: Alternative | None, currency: str) -> list[Figure]:
    if other is None or other.extra is None or other.missing:
        return []  # money beside a shortage compares nothing
    label = said("{what}: costs more", "{what}：增加费用", what=other.what)
    costs = [Figure("alternative_extra", label, other.extra, currency)]
    if other.at_least is not None and other.at_least > 0.0:
        costs.append(
            Figure("alternative_at_least", Text(en="of it proven", zh="其中已证明"), other.at_least, currency)
        )
    return costs
