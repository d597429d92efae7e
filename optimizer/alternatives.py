"""The other decision: what the window would cost, or lack, had a unit been decided otherwise in one step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from optimizer.decided import Decided
from optimizer.moves import other_move
from optimizer.otherwise import Other, otherwise
from optimizer.plan import Shortage
from optimizer.words import Speech, said, slack_text, slack_unit
from protocols.config import Text

_NS: Final = 1e9
_HAIR: Final = 0.005
"""Money that is nothing. [money]"""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else could have been done.

    Attributes:
        what: The other decision.
        possible: Whether the declared limits permit it.
        extra: What it costs more; None where it is not possible. [money]
        at_least: As much of it as is proven, below 0 where less than nothing is; None: nothing. [money]
        missing: What would then be short.
    """

    what: Text
    possible: bool
    extra: float | None
    at_least: float | None
    missing: tuple[Text, ...] = ()

    def clause(self, currency: str) -> Text:
        """As a part of a sentence."""
        if self.missing:
            return said("{what}, {missing}", "{what}，则{missing}", what=self.what, missing=self.missing[0])
        sentence = _IMPOSSIBLE if self.extra is None else _compared(self.extra, self.at_least or 0.0)
        return said(*sentence, what=self.what, extra=f"{abs(self.extra or 0.0):.2f} {currency}")


_IMPOSSIBLE: Final = ("{what} is not possible within the limits", "{what}在限值内不可行")
_LESS: Final = (
    "{what} would cost {extra} less, which lies within the gap of the plan",
    "{what}可少花 {extra}，在计划的最优性间隙之内",
)

_MORE: Final = ("{what} would cost {extra} more", "{what}会多花 {extra}")
_MORE_AS_SEARCHED: Final = (
    "{what} would cost {extra} more, as far as was searched",
    "{what}会多花 {extra}（以已搜索到的方案计）",
)


def _compared(extra: float, at_least: float) -> tuple[str, str]:
    if extra < -_HAIR:
        return _LESS
    if extra <= _HAIR:
        return "{what} would cost the same", "{what}费用相同"
    return _MORE if at_least > 0.0 else _MORE_AS_SEARCHED


def alternative(decided: Decided, unit: str, step: int, speech: Speech) -> Alternative | None:
    """What the decision a person would ask about first costs; None where nothing else was to be decided.

    Raises:
        SolveError: There is no answer in time.
    """
    move = other_move(decided, unit, step)
    if move is None:
        return None
    return _told(move.what, otherwise(decided, move.bounds, step), decided, speech)


def _told(what: Text, found: Other, decided: Decided, speech: Speech) -> Alternative:
    if not found.possible:
        return Alternative(what, possible=False, extra=None, at_least=None)
    missing = tuple(_short(one, decided, speech) for one in found.missing)
    proven = found.at_least if math.isfinite(found.at_least) else None  # the clock may have ended it first
    return Alternative(what, possible=True, extra=found.extra, at_least=proven, missing=missing)


def _short(one: Shortage, decided: Decided, speech: Speech) -> Text:
    clock = speech.clock(decided.plan.start_ns + round(one.step * decided.plan.step_s * _NS))
    parts = {
        "what": slack_text(one.name, speech),
        "amount": f"{one.amount:.1f} {slack_unit(one.name)}",
        "clock": clock,
    }
    return said("{what} by {amount} at {clock}", "{clock} {what} {amount}", **parts)
