"""Check 17, and the same when a value is about to be written: dwell, starts per hour, step, write budget.

Counted are changes: a watchdog refresh and a second try write the value that is there already. A fallback
is counted and never held up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from edge_agent.gate.draft import Draft
from edge_agent.gate.events import SaveWear
from edge_agent.gate.rules import NS, PointRules
from edge_agent.gate.state import PointState, Wear
from protocols.write_block import Duty

_HOUR_NS: Final = 3_600 * NS
_DAY_NS: Final = 86_400 * NS


def hindrance(draft: Draft, name: str, value: float) -> str:
    """Why a value may not be written now; empty when it may."""
    rules, point = draft.rule(name), draft.point(name)
    return _too_soon(rules, point, value, draft.now_ns) or _too_much(rules, point, value, draft.now_ns)


def _too_soon(rules: PointRules, point: PointState, value: float, now_ns: int) -> str:
    wear, duty = point.wear, rules.duty
    if wear.changed_ns is None or rules.same(wear.value, value):
        return ""
    left_ns = wear.changed_ns + int(duty.dwell_s * NS) - now_ns
    return f"changed lately; {left_ns / NS:.1f} s of {duty.dwell_s:g} s are left" if left_ns > 0 else ""


def _too_much(rules: PointRules, point: PointState, value: float, now_ns: int) -> str:
    wear, duty, here = point.wear, rules.duty, present(point)
    if here is not None and rules.same(here, value):
        return ""
    if duty.step is not None and (here is None or abs(value - here) > duty.step + rules.tolerance):
        return f"a step from {here} to {value:g}, at most {duty.step:g}"
    starts = _started_too_often(duty, wear, now_ns) if _is_start(rules, here, value) else ""
    return starts or _spent(duty, wear, now_ns)


def _started_too_often(duty: Duty, wear: Wear, now_ns: int) -> str:
    lately = sum(1 for start_ns in wear.starts if now_ns - start_ns < _HOUR_NS)
    often = duty.starts_per_h is not None and lately >= duty.starts_per_h
    return f"{lately} starts in the last hour, at most {duty.starts_per_h}" if often else ""


def _spent(duty: Duty, wear: Wear, now_ns: int) -> str:
    today = wear.writes if now_ns - wear.day_ns < _DAY_NS else 0
    spent = duty.writes_per_day is not None and today >= duty.writes_per_day
    return f"{today} writes in 24 h, at most {duty.writes_per_day}" if spent else ""


def present(point: PointState) -> float | None:
    """What the point shows as far as we know: what we wrote last, else its last good reading."""
    if point.intent is not None:
        return point.intent.values[-1]
    seen, wear = point.seen, point.wear
    if (
        wear.changed_ns is not None
        and wear.value is not None
        and (seen is None or seen.at_ns <= wear.changed_ns)
    ):
        return wear.value
    return seen.value if seen is not None and seen.good else None


def counted(draft: Draft, name: str, value: float | None) -> None:
    """Take note of a value about to be written; durable where the point has limits of rate or wear."""
    rules, point = draft.rule(name), draft.point(name)
    wear, now_ns = point.wear, draft.now_ns
    if rules.same(present(point), value) or (wear.changed_ns is not None and rules.same(wear.value, value)):
        draft.put(name, replace(point, wear=replace(wear, value=value)))
        return
    recent = tuple(start_ns for start_ns in wear.starts if now_ns - start_ns < _HOUR_NS)
    if _is_start(rules, present(point), value):
        recent = (*recent, now_ns)
    fresh_day = wear.changed_ns is None or now_ns - wear.day_ns >= _DAY_NS
    new = Wear(
        value=value,
        changed_ns=now_ns,
        starts=recent,
        day_ns=now_ns if fresh_day else wear.day_ns,
        writes=1 if fresh_day else wear.writes + 1,
    )
    draft.put(name, replace(point, wear=new))
    if rules.limits.duty is not None:
        draft.persist(SaveWear(name, draft.now.boot, new))


def changes(draft: Draft, name: str, value: float) -> bool:
    """Whether a value about to be written may change the point; asked before it is counted.

    Where something of ours is on the device, what it shows is not sure before it is read back.
    """
    point = draft.point(name)
    return point.intent is not None or not draft.rule(name).same(present(point), value)


def taken(draft: Draft, name: str) -> None:
    """The device took a changed value only now: dwell counts from here."""
    point = draft.point(name)
    if point.wear.changed_ns is not None and draft.rule(name).duty.dwell_s > 0:
        draft.put(name, replace(point, wear=replace(point.wear, changed_ns=draft.now_ns)))


def of_another_boot(wear: Wear, now_ns: int) -> Wear:
    """What counts after a new boot: all of it, as if it had just happened, because its age is not known."""
    return replace(wear, changed_ns=now_ns, day_ns=now_ns, starts=tuple(now_ns for _ in wear.starts))


def _is_start(rules: PointRules, before: float | None, value: float | None) -> bool:
    was_off = before is None or rules.same(before, 0.0)
    return was_off and value is not None and not rules.same(value, 0.0)
