"""Declarative rules at work: conditions with hysteresis and duration, three-valued, with least times.

A condition is true, false or unknown (an input is missing): `all` is false where one is false, else unknown
where one is unknown; `any` is true where one is true; `not` turns true and false. A rule acts while its
condition is true, at least `min_on_s`; unknown ends it at once, because nothing is done on what is not seen.
Source: Kleene's strong three-valued logic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from protocols.rules import Above, All, Any, Below, Condition, Is, Leaf, Not, Rule, leaves, span_in_unit_of
from protocols.rules import in_unit_of as in_unit


class LeafMemory(NamedTuple):
    """What is remembered of one condition on a point."""

    raw: bool = False
    """Beyond its limit, with hysteresis."""
    since_s: float = -math.inf
    """Since when it is so."""
    holds: bool = False
    """True, after the durations."""


class RuleMemory(NamedTuple):
    """What is remembered of one rule."""

    leaves: tuple[LeafMemory, ...]
    """In the order of the file."""
    acts: bool = False
    """Whether it acts."""
    since_s: float = -math.inf
    """Since when it acts or rests."""


class RuleSaid(NamedTuple):
    """What one rule says."""

    acts: bool
    """Whether it wants its set-points."""
    holds: bool | None
    """Its condition; None: an input is missing."""
    memory: RuleMemory
    """For the next call."""


class _Test(NamedTuple):
    """A condition on a point, with its numbers in the unit of the point."""

    leaf: Leaf
    limit: float
    span: float


class BoundRule(NamedTuple):
    """A rule with its numbers in the units of its points."""

    rule: Rule
    """As written."""
    tests: tuple[_Test, ...]
    """Its conditions on points, in the order of the file."""
    wanted: tuple[tuple[str, float], ...]
    """Set-points, in the units of the points."""


def bind(rule: Rule, units: Mapping[str, str]) -> BoundRule:
    """Convert every number into the unit of its point, once.

    Args:
        rule: Checked by `protocols.rules.misfits`.
        units: `device/point` to its unit.

    Raises:
        ConfigError: Two quantities that do not convert.
        KeyError: A point that is not in `units`.
    """
    wanted = tuple((act.point, in_unit(act.value, act.unit, units[act.point])) for act in rule.then)
    return BoundRule(rule, tuple(_bound(leaf, units[leaf.point]) for leaf in leaves(rule.when)), wanted)


def _bound(leaf: Leaf, unit: str) -> _Test:
    if isinstance(leaf, Is):
        return _Test(leaf, math.nan, 0.0)
    span = span_in_unit_of(leaf.hysteresis, leaf.unit, unit)
    return _Test(leaf, in_unit(leaf.limit, leaf.unit, unit), span)


def initial_memory(rule: BoundRule) -> RuleMemory:
    """Nothing holds, nothing acts."""
    return RuleMemory(tuple(LeafMemory() for _ in rule.tests))


def decide(rule: BoundRule, memory: RuleMemory, values: Mapping[str, float], now_s: float) -> RuleSaid:
    """Look once, about each second.

    Args:
        rule: From `bind`.
        memory: From the last call or `initial_memory`.
        values: `device/point` to its value; NaN or missing: unknown.
        now_s: Any clock that only goes forward. [s]
    """
    kept = [
        _looked(test, before, values.get(test.leaf.point, math.nan), now_s)
        for test, before in zip(rule.tests, memory.leaves, strict=True)
    ]
    known = iter(
        None if math.isnan(values.get(test.leaf.point, math.nan)) else one.holds
        for test, one in zip(rule.tests, kept, strict=True)
    )
    holds = _judged(rule.rule.when, known.__next__)
    acts = _acts(rule.rule, memory, holds, now_s)
    since_s = memory.since_s if acts == memory.acts else now_s
    return RuleSaid(acts, holds, RuleMemory(tuple(kept), acts, since_s))


def _looked(test: _Test, before: LeafMemory, value: float, now_s: float) -> LeafMemory:
    if math.isnan(value):
        return LeafMemory()
    raw = _beyond(test, value, before=before.raw)
    since_s = before.since_s if raw == before.raw and before.since_s > -math.inf else now_s
    wait_s = test.leaf.for_s if raw else test.leaf.clear_s
    stood = now_s - since_s >= wait_s
    return LeafMemory(raw, since_s, raw if stood else before.holds)


def _beyond(test: _Test, value: float, *, before: bool) -> bool:
    leaf, span = test.leaf, test.span if before else 0.0
    if isinstance(leaf, Above):
        return value > test.limit - span
    if isinstance(leaf, Below):
        return value < test.limit + span
    return round(value) in leaf.codes


def _judged(condition: Condition, following: Callable[[], bool | None]) -> bool | None:
    """Judge a condition; `following` gives the leaves' verdicts in the order of the file, each once."""
    if isinstance(condition, Not):
        inner = _judged(condition.of, following)
        return None if inner is None else not inner
    if isinstance(condition, All | Any):
        return _joined([_judged(part, following) for part in condition.of], all_of=isinstance(condition, All))
    return following()


def _joined(parts: Sequence[bool | None], *, all_of: bool) -> bool | None:
    deciding = not all_of
    if deciding in parts:
        return deciding
    return None if None in parts else all_of


def _acts(rule: Rule, memory: RuleMemory, holds: bool | None, now_s: float) -> bool:  # noqa: FBT001  a verdict
    if holds is None:
        return False
    stood_s = now_s - memory.since_s
    if memory.acts:
        return holds or stood_s < rule.min_on_s
    return holds and stood_s >= rule.min_off_s
