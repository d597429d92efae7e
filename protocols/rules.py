"""Declarative rules of an edge: conditions with duration and hysteresis, and set-points while they hold.

    rules:
      - id: night_band
        label: {en: "Lower the pressure at night", zh: 夜间降压}
        when: {kind: all, of: [{kind: below, point: meter_air/power_kw, limit: 60, unit: kW, for_s: 600}]}
        then: [{point: comp4/pressure_set_bar_g, value: 6.4, unit: bar(g)}]

Data, never code: nothing here is evaluated as text. Whether a rule fits the points of its edge is checked by
`protocols/rule_check.py` before it is accepted, and how it would have acted is tried before it may write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocols.config import ID_PART, Config, IdPart, Text
from protocols.units import Seconds, convert

MOST_CONDITIONS: Final = 32
"""Conditions of one rule; who needs more has two rules."""

MOST_DEPTH: Final = 5
"""How deep conditions may be nested."""

DevicePoint = Annotated[str, Field(pattern=rf"{ID_PART[:-1]}/{ID_PART[1:]}")]
"""`device/point` of the same edge."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class Above(Config):
    """A measured value is above a limit."""

    kind: Literal["above"] = "above"

    point: DevicePoint
    """What is looked at."""

    limit: Number
    """From above this on. [unit]"""

    unit: str
    """Unit of the limit; converted into that of the point."""

    hysteresis: Annotated[Number, Field(ge=0)] = 0.0
    """It ends only this far below the limit. [unit, as a difference]"""

    for_s: Seconds = 0.0
    """How long it must have been so."""

    clear_s: Seconds = 0.0
    """How long it must have ended."""


class Below(Config):
    """A measured value is below a limit."""

    kind: Literal["below"] = "below"

    point: DevicePoint
    """What is looked at."""

    limit: Number
    """From below this on. [unit]"""

    unit: str
    """Unit of the limit; converted into that of the point."""

    hysteresis: Annotated[Number, Field(ge=0)] = 0.0
    """It ends only this far above the limit. [unit, as a difference]"""

    for_s: Seconds = 0.0
    """How long it must have been so."""

    clear_s: Seconds = 0.0
    """How long it must have ended."""


class Is(Config):
    """A state has one of some codes."""

    kind: Literal["is"] = "is"

    point: DevicePoint
    """What is looked at; a point of unit `code`."""

    codes: Annotated[tuple[int, ...], Field(min_length=1)]
    """Any of these."""

    for_s: Seconds = 0.0
    """How long it must have been so."""

    clear_s: Seconds = 0.0
    """How long it must have ended."""


class All(Config):
    """All of some conditions."""

    kind: Literal["all"] = "all"

    of: Annotated[tuple[Condition, ...], Field(min_length=1)]
    """Each must hold."""


class Any(Config):
    """Any of some conditions."""

    kind: Literal["any"] = "any"

    of: Annotated[tuple[Condition, ...], Field(min_length=1)]
    """One must hold."""


class Not(Config):
    """The opposite of a condition; unknown stays unknown."""

    kind: Literal["not"] = "not"

    of: Condition
    """Must not hold."""


Leaf = Above | Below | Is
Condition = Annotated[Above | Below | Is | All | Any | Not, Field(discriminator="kind")]


class Act(Config):
    """One set-point while the rule holds; afterwards the point goes to its fallback."""

    point: DevicePoint
    """Set-point of a device."""

    value: Number
    """What is wanted. [unit]"""

    unit: str
    """Unit of the value; converted into that of the point."""


class Rule(Config):
    """When something holds, some set-points are wanted."""

    id: IdPart
    """Its name; among rules and controllers of an edge it is there once."""

    label: Text
    """What people call it."""

    mode: Literal["advice", "active"] = "advice"
    """`advice`: it only says what it would do."""

    when: Condition
    """When it acts; with an input that is missing or bad it does not."""

    then: Annotated[tuple[Act, ...], Field(min_length=1, max_length=16)]
    """What it wants."""

    min_on_s: Seconds = 0.0
    """Once it acts it does so at least this long, except when an input goes missing."""

    min_off_s: Seconds = 0.0
    """Once it has stopped it rests at least this long."""

    @model_validator(mode="after")
    def _of_one_piece(self) -> Self:
        count = sum(1 for _ in leaves(self.when))
        if count > MOST_CONDITIONS:
            raise ValueError(f"{count} conditions; a rule has at most {MOST_CONDITIONS}")
        if depth(self.when) > MOST_DEPTH:
            raise ValueError(f"conditions nested deeper than {MOST_DEPTH}")
        points = [act.point for act in self.then]
        twice = sorted({point for point in points if points.count(point) > 1})
        if twice:
            raise ValueError(f"sets {', '.join(twice)} twice")
        loop = sorted({leaf.point for leaf in leaves(self.when)} & set(points))
        if loop:
            raise ValueError(f"reads {', '.join(loop)}, which it sets itself: it would switch itself")
        return self

    def digest(self) -> str:
        """Name of what the rule does, whatever its mode and label: 16 hex digits of SHA-256."""
        meant = self.model_dump(mode="json", exclude={"mode", "label"})
        return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:16]


class RuleBook(Config):
    """All rules of an edge: a file."""

    version: Literal[1] = 1
    """Layout of the file."""

    rules: Annotated[tuple[Rule, ...], Field(max_length=200)] = ()
    """The rules."""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        names = [rule.id for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rule ids there twice: {', '.join(twice)}")
        return self


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The conditions that look at points, in the order of the file."""
    for _, leaf in placed(condition, ()):
        yield leaf


def depth(condition: Condition) -> int:
    """How deep a condition is nested; 1 for one that looks at a point."""
    if isinstance(condition, All | Any):
        return 1 + max(depth(part) for part in condition.of)
    return 1 + depth(condition.of) if isinstance(condition, Not) else 1


def placed(condition: Condition, loc: tuple[int | str, ...]) -> Iterator[tuple[tuple[int | str, ...], Leaf]]:
    """The conditions that look at points, each with its place in the file, from `loc` on."""
    if isinstance(condition, All | Any):
        for at, part in enumerate(condition.of):
            yield from placed(part, (*loc, "of", at))
    elif isinstance(condition, Not):
        yield from placed(condition.of, (*loc, "of"))
    else:
        yield loc, condition


def in_unit_of(value: float, source: str, target: str) -> float:
    """A value in another unit of one quantity.

    Raises:
        ConfigError: Unknown unit, or another quantity.
    """
    return value if source == target else convert(value, source, target)


def span_in_unit_of(span: float, source: str, target: str) -> float:
    """A difference in another unit of one quantity: the offsets of levels fall out.

    Raises:
        ConfigError: Unknown unit, or another quantity.

    Example:
        >>> round(span_in_unit_of(9.0, "°F", "°C"), 6)
        5.0
    """
    return in_unit_of(span, source, target) - in_unit_of(0.0, source, target)
