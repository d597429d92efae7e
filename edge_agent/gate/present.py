"""Checks 13 to 18: what the plant says to a lease now; of a set-point, a selection and its operate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from edge_agent.gate import ladder, standing, wear
from edge_agent.gate.checks import No
from edge_agent.gate.draft import Draft
from edge_agent.gate.rules import FRESH_POLLS, NS
from edge_agent.gate.state import LatchKind, Lease
from protocols.command import Level
from protocols.refusal import Refusal

_PLANS: Final = (Level.SCHEDULE, Level.OPTIMISER)


@dataclass(frozen=True, slots=True)
class Ask:
    """A lease somebody asks for on a point, and the value they believe it has."""

    point: str
    lease: Lease
    expect: float | None = None


def _hands(draft: Draft, ask: Ask) -> No | None:
    """Check 13: nobody has a hand on it, nobody has stopped it, and the site has not declined."""
    found = standing.hands_off(draft, ask.point) or standing.stopped(draft, ask.point)
    if found is not None:
        return No(found.code, found.words)
    left_ns = draft.point(ask.point).cool_until_ns - draft.now_ns
    if left_ns > 0:
        return No(
            Refusal.LOCAL_MODE, f"somebody else set the point; left alone for {left_ns / NS:.0f} s more"
        )
    declined = standing.latched(draft, ask.point, LatchKind.OPT_OUT)
    if declined is not None and ask.lease.level in _PLANS:
        return No(Refusal.OPTED_OUT, f"{declined.reason} ({declined.actor})")
    return None


def _inputs_fresh(draft: Draft, ask: Ask) -> No | None:
    """Check 13, second half: switch and safety were read lately."""
    rules, state = draft.rule(ask.point), draft.state
    for poll_s, read, what in (
        (rules.switch_poll_s, state.switches.get(rules.device), "reading of the local switch"),
        (rules.safety_poll_s, state.safeties.get(rules.device), "reading of the hardwired safety"),
    ):
        if poll_s is None or read is None:
            continue
        no = _too_old(draft, read.at_ns, poll_s, what)
        if no is not None:
            return no
    return None


def _interlock(draft: Draft, ask: Ask) -> No | None:
    """Check 14: every input of the interlock is good, fresh and within its limits."""
    found = standing.interlocked(draft, ask.point)
    return None if found is None else No(found.code, found.words)


def _good_input(draft: Draft, ask: Ask) -> No | None:
    """Check 15: the point can be read, and what it shows could be given back."""
    rules, seen = draft.rule(ask.point), draft.point(ask.point).seen
    if seen is None:
        return No(Refusal.BAD_INPUT, "not read yet")
    if not seen.good:
        return No(Refusal.BAD_INPUT, "the last reading is bad")
    if not can_be_given_back(draft, ask.point):
        return No(
            Refusal.BAD_INPUT, f"it shows {seen.value:g}, which lies outside the limits to give it back"
        )
    return _too_old(draft, seen.at_ns, rules.poll_s, "reading")


def can_be_given_back(draft: Draft, name: str) -> bool:
    """Whether a first write would know what to give back, where that is what the point showed before it."""
    rules, point = draft.rule(name), draft.point(name)
    if rules.limits.fallback.kind != "restore" or point.intent is not None:
        return True
    seen = point.seen
    return seen is not None and seen.good and rules.limits.low <= seen.value <= rules.limits.high


def _too_old(draft: Draft, at_ns: int, poll_s: float, what: str) -> No | None:
    age_s = (draft.now_ns - at_ns) / NS
    return (
        No(Refusal.BAD_INPUT, f"the last {what} is {age_s:.1f} s old")
        if age_s > FRESH_POLLS * poll_s
        else None
    )


def _expected(draft: Draft, ask: Ask) -> No | None:
    """Check 16: compare and set."""
    if ask.expect is None:
        return None
    shown = wear.present(draft.point(ask.point))
    if draft.rule(ask.point).same(shown, ask.expect):
        return None
    return No(Refusal.EXPECT, f"it shows {shown}, {ask.expect:g} was expected")


def _rate(draft: Draft, ask: Ask) -> No | None:
    """Check 17: dwell, starts, step and budget, where the lease would be written at once."""
    rules, lease, point = draft.rule(ask.point), ask.lease, draft.point(ask.point)
    won = ladder.winner(rules, ladder.placed(point.leases, lease), draft.now_ns)
    if won is None or won.lease.id != lease.id:
        return None
    hindrance = wear.hindrance(draft, ask.point, won.value)
    return No(Refusal.RATE, hindrance) if hindrance else None


def _quota(draft: Draft, _ask: Ask) -> No | None:
    """Check 18: so many set-points a second and no more; renewals are none."""
    lately = sum(1 for at_ns in draft.state.accepted if draft.now_ns - at_ns < NS)
    most = draft.rules.quota_per_s
    return No(Refusal.QUOTA, f"{lately} in the last second, at most {most}") if lately >= most else None


def _proven(draft: Draft, ask: Ask) -> No | None:
    """No write without a fallback proven for these limits."""
    return None if draft.rule(ask.point).proven else No(Refusal.NOT_PROVEN, "run: ems edge prove")


Check = Callable[[Draft, Ask], No | None]

NOW: Final[tuple[Check, ...]] = (
    _hands, _inputs_fresh, _interlock, _good_input, _expected, _rate, _quota, _proven,
)  # fmt: skip


def first_no(draft: Draft, ask: Ask, *, again: bool = False) -> No | None:
    """The first of the checks that fails; `again`: the quota has counted this ask already."""
    among = [check for check in NOW if not (again and check is _quota)]
    return next((no for no in (check(draft, ask) for check in among) if no is not None), None)


def count(draft: Draft) -> None:
    """An accepted set-point counts towards the quota."""
    kept = draft.state.accepted[1 - draft.rules.quota_per_s :] if draft.rules.quota_per_s > 1 else ()
    draft.state = replace(draft.state, accepted=(*kept, draft.now_ns))
