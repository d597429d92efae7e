"""Intensity, targets and budgets: a figure beside what it was to be, and where it ends if it goes on so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from accounts.money import ZERO, rounded
from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError

State = Literal["met", "at_risk", "missed", "unknown"]
_PLACES: Final = 6


class Goal(Config):
    """A target for an intensity, or a budget for an amount."""

    id: IdPart
    """Id of the goal."""

    label: Text
    """What people call it."""

    figure: Annotated[str, Field(min_length=1)]
    """Name of the figure above the line: kWh, money, kg, kgce."""

    per: str | None = None
    """Name of the figure below the line, as pieces or square metres; none: the amount itself, a budget."""

    first: dt.date
    """First day."""

    last: dt.date
    """Last day."""

    at_most: Annotated[Decimal, Field(gt=0)]
    """What it may come to over the whole time."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last is {self.last}, before first; give a later day")
        return self


@dataclass(frozen=True, slots=True)
class Day:
    """Figures of one day.

    Attributes:
        date: The day.
        figures: Name to value; a figure that is not there is not known.
    """

    date: dt.date
    figures: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a goal stands.

    Attributes:
        so_far: The intensity, or what of a budget is used; None where nothing is known.
        expected: The intensity, or the budget at its end if it goes on as so far; None as above.
        elapsed: Share of the days that are known. [-]
        state: Whether it is met, at risk (over by the way it goes), or missed for good.
    """

    so_far: Decimal | None
    expected: Decimal | None
    elapsed: float
    state: State


def intensity(amount: Decimal, output: Decimal, places: int = _PLACES) -> Decimal:
    """Amount for one unit of output.

    Raises:
        ConfigError: There is no output.

    Example:
        >>> intensity(Decimal(1200), Decimal(500))
        Decimal('2.400000')
    """
    if output <= ZERO:
        raise ConfigError("an intensity needs an output above zero; nothing was made, or it is not counted")
    return rounded(amount / output, places)


def standing(goal: Goal, days: Sequence[Day]) -> Standing:
    """Where a goal stands by the days that are known.

    Days without the figure, or without the output of an intensity, count neither above nor below the line.

    Raises:
        ConfigError: A day is there twice.
    """
    names = {goal.figure, *([goal.per] if goal.per else [])}
    inside = [day for day in days if goal.first <= day.date <= goal.last and names <= day.figures.keys()]
    if len({day.date for day in inside}) < len(inside):
        raise ConfigError(f"the goal {goal.id!r} is given a day twice")
    whole = (goal.last - goal.first).days + 1
    amount = sum((day.figures[goal.figure] for day in inside), ZERO)
    output = sum((day.figures[goal.per] for day in inside), ZERO) if goal.per else ZERO
    elapsed = len(inside) / whole
    if not inside or (goal.per and output <= ZERO):
        return Standing(None, None, elapsed, "unknown")
    if goal.per:
        now = intensity(amount, output)
        return Standing(now, now, elapsed, _state(goal, now, final=len(inside) == whole))
    expected = rounded(amount * whole / len(inside), _PLACES)
    return Standing(amount, expected, elapsed, _state(goal, expected, final=amount > goal.at_most))


def _state(goal: Goal, figure: Decimal, *, final: bool) -> State:
    if figure <= goal.at_most:
        return "met"
    return "missed" if final else "at_risk"
