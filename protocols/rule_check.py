"""Whether rules fit the points of an edge, all faults at once, each with its place in the file.

Known points, units of one quantity, limits that can be met, one writer a point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from protocols.errors import ConfigError
from protocols.rules import (
    Above,
    Act,
    All,
    Any,
    Below,
    Condition,
    Is,
    Leaf,
    Not,
    RuleBook,
    in_unit_of,
    placed,
)
from protocols.units import UNITS
from protocols.units import unit as unit_named


class PointFacts(NamedTuple):
    """What a rule has to fit: one point of the edge."""

    unit: str
    """Symbol."""
    settable: bool
    """Whether it is a set-point."""
    low: float | None = None
    """Lowest valid or, of a set-point, commissioned value. [unit]"""
    high: float | None = None
    """Highest one. [unit]"""
    of_controller: bool = False
    """Whether it is an input of a local controller."""


class Misfit(NamedTuple):
    """One fault: where in the file, and what."""

    loc: tuple[int | str, ...]
    """Keys and positions from the top of the file."""
    text: str
    """What was found, what is allowed."""


def misfits(book: RuleBook, points: Mapping[str, PointFacts], taken: Mapping[str, str]) -> list[Misfit]:
    """Everything that keeps a rule book from being used here, in the order of the file.

    Args:
        book: The rules.
        points: `device/point` to its facts.
        taken: Points that a controller writes already, to its name.
    """
    found: list[Misfit] = []
    writers = dict(taken)
    for at, rule in enumerate(book.rules):
        for loc, leaf in placed(rule.when, ("rules", at, "when")):
            found += [Misfit((*loc, field), text) for field, text in _leaf_faults(leaf, points)]
        found += [
            Misfit((*loc, "limit"), text) for loc, text in _never(rule.when, points, ("rules", at, "when"))
        ]
        for number, act in enumerate(rule.then):
            place = ("rules", at, "then", number)
            found += [Misfit((*place, field), text) for field, text in _act_faults(act, points)]
            other = writers.setdefault(act.point, rule.id)
            if other != rule.id:
                text = f"{act.point} is set by {other} already; a point has one writer, join the two"
                found.append(Misfit((*place, "point"), text))
    return found


def _leaf_faults(leaf: Leaf, points: Mapping[str, PointFacts]) -> Iterator[tuple[str, str]]:
    facts = points.get(leaf.point)
    if facts is None:
        yield "point", _unknown(leaf.point, points)
        return
    if isinstance(leaf, Is):
        if facts.unit != "code":
            yield "point", f"{leaf.point} has the unit {facts.unit!r}; `is` is for codes, take above or below"
        yield from (("codes", text) for text in _outside(leaf.codes, facts))
        return
    limit, text = _converted(leaf.limit, leaf.unit, facts)
    if text:
        yield "unit", f"{leaf.point}: {text}"
    else:
        yield from (("limit", why) for why in _outside((limit,), facts))


def _act_faults(act: Act, points: Mapping[str, PointFacts]) -> Iterator[tuple[str, str]]:
    facts = points.get(act.point)
    if facts is None:
        yield "point", _unknown(act.point, points)
        return
    if not facts.settable:
        yield "point", f"{act.point} is no set-point that may be written here"
        return
    value, text = _converted(act.value, act.unit, facts)
    if text:
        yield "unit", f"{act.point}: {text}"
    else:
        yield from (("value", why) for why in _outside((value,), facts))


def _unknown(point: str, points: Mapping[str, PointFacts]) -> str:
    device = point.split("/", maxsplit=1)[0]
    same = sorted(name.split("/")[1] for name in points if name.startswith(f"{device}/"))
    known = f"{device} has {', '.join(same)}" if same else f"there is no device {device!r} on this edge"
    return f"there is no point {point!r}; {known}"


def _converted(value: float, symbol: str, facts: PointFacts) -> tuple[float, str]:
    if symbol not in UNITS:
        known = sorted(
            name for name, unit in UNITS.items() if unit.quantity == unit_named(facts.unit).quantity
        )
        return math.nan, f"unknown unit {symbol!r}; allowed are {', '.join(known)}"
    try:
        return in_unit_of(value, symbol, facts.unit), ""
    except ConfigError as error:
        return math.nan, str(error)


def _outside(values: Sequence[float], facts: PointFacts) -> Iterator[str]:
    low = -math.inf if facts.low is None else facts.low
    high = math.inf if facts.high is None else facts.high
    for value in values:
        if not low <= value <= high:
            yield f"{value:g} {facts.unit} lies outside {low:g} … {high:g} of the point: this can never be"


def _never(
    condition: Condition, points: Mapping[str, PointFacts], loc: tuple[int | str, ...]
) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Limits below one `all` that no value can meet together."""
    if isinstance(condition, Not):
        yield from _never(condition.of, points, (*loc, "of"))
        return
    if not isinstance(condition, All | Any):
        return
    for at, part in enumerate(condition.of):
        yield from _never(part, points, (*loc, "of", at))
    if isinstance(condition, All):
        yield from _contradictions(condition, points, loc)


def _contradictions(
    condition: All, points: Mapping[str, PointFacts], loc: tuple[int | str, ...]
) -> Iterator[tuple[tuple[int | str, ...], str]]:
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    for at, part in enumerate(condition.of):
        facts = None if isinstance(part, All | Any | Not) else points.get(part.point)
        if facts is None or not isinstance(part, Above | Below):
            continue
        limit, text = _converted(part.limit, part.unit, facts)
        if text:
            continue
        if isinstance(part, Above):
            lows[part.point] = max(limit, lows.get(part.point, -math.inf))
        else:
            highs[part.point] = min(limit, highs.get(part.point, math.inf))
        if lows.get(part.point, -math.inf) >= highs.get(part.point, math.inf):
            yield (*loc, "of", at), f"{part.point} cannot be above and below these limits at once"
