"""What is short in a plan, in plant words: what, when, how much; in both languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from optimizer.components.balance import SCALARS
from optimizer.plan import Shortage
from optimizer.problem import DispatchProblem
from optimizer.words import Speech, said, slack_text, slack_unit
from protocols.config import Text

_TENTHS_FROM: Final = 10.0
_NS: Final = 1e9


def short_text(problem: DispatchProblem, one: Shortage, speech: Speech | None = None) -> Text:
    """A shortage; of the whole window without a time.

    Args:
        problem: The problem of the plan.
        one: What is short.
        speech: How machines and times are called; None: as the problem says.
    """
    speech = speech or problem.speech
    parts = {"what": slack_text(one.name, speech), "amount": f"{_digits(one.amount)} {unit_of(problem, one)}"}
    if one.name.startswith(SCALARS):
        return said("{what}, by {amount}", "{what}，相差 {amount}", **parts)
    at = speech.clock(problem.start_ns + round(one.step * problem.step_s * _NS))
    return said("{at}: {what}, by {amount}", "{at} {what}，相差 {amount}", at=at, **parts)


def short_texts(
    problem: DispatchProblem, shortages: Sequence[Shortage], speech: Speech | None = None
) -> tuple[Text, ...]:
    """All that is short, each name by its worst step and with the number of its steps."""
    steps = Counter(one.name for one in shortages)
    worst: dict[str, Shortage] = {}
    for one in shortages:
        if one.name not in worst or one.amount > worst[one.name].amount:
            worst[one.name] = one
    return tuple(_with_count(short_text(problem, one, speech), steps[one.name]) for one in worst.values())


def unit_of(problem: DispatchProblem, one: Shortage) -> str:
    """Unit of the amount of a shortage; a store of air is counted in cubic metres."""
    family, _, of = one.name.partition(".")
    air = {store.name for store in problem.stores if store.carrier == "air"}
    return "m³" if family == "end_short" and of in air else slack_unit(one.name)


def _with_count(text: Text, steps: int) -> Text:
    if steps == 1:
        return text
    return said(
        "{text}, the worst of {steps} steps", "{text}（共 {steps} 个时段，此为最大）", text=text, steps=steps
    )


def _digits(amount: float) -> str:
    return f"{amount:.1f}" if amount >= _TENTHS_FROM else f"{amount:.3g}"
