"""What stands above every lease of a point: rungs 0 to 2, and what a person has declined.

0 hardwired safety     no write at all; a stop of the zone stays behind
1 local hand, out of service     no write at all
2 stop of automatic control, interlock     the fallback alone is written
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.gate.draft import Draft
from edge_agent.gate.rules import FRESH_POLLS, NS
from edge_agent.gate.state import Latch, LatchKind
from protocols.refusal import Refusal
from protocols.write_block import Condition


class Rung(StrEnum):
    """Who decides over a point when no lease does."""

    SAFETY = "safety"
    LOCAL = "local"
    LOCKED_OUT = "locked_out"
    STOPPED = "stopped"
    INTERLOCK = "interlock"


@dataclass(frozen=True, slots=True)
class Above:
    """What stands above the leases of a point, in words for the log and for receipts."""

    rung: Rung
    code: Refusal
    words: str
    actor: str = ""


def latched(draft: Draft, name: str, kind: LatchKind) -> Latch | None:
    """The widest latch of a kind over a point."""
    for scope in draft.rules.scopes(name):
        latch = draft.state.latches.get((kind, scope))
        if latch is not None and (latch.until_ns is None or draft.now_ns < latch.until_ns):
            return latch
    return None


def hands_off(draft: Draft, name: str) -> Above | None:
    """Rungs 0 and 1: nothing may be written, not even the fallback.

    Goes by the last good reading of the inputs, so that one that cannot be read never keeps a point from
    its fallback; one that was never read counts as acting.
    """
    rules = draft.rule(name)
    safety, switch = draft.state.safeties.get(rules.device), draft.state.switches.get(rules.device)
    if rules.safety_poll_s is not None and (safety is None or safety.local):
        return Above(Rung.SAFETY, Refusal.STOPPED, "a hardwired safety acts, or was not read yet")
    if rules.switch_poll_s is not None and (switch is None or switch.local):
        return Above(
            Rung.LOCAL, Refusal.LOCAL_MODE, "the machine is in local mode, or its switch was not read yet"
        )
    lock = latched(draft, name, LatchKind.LOCK_OUT)
    if lock is None:
        return None
    words = f"out of service: {lock.reason} ({lock.actor})"
    return Above(Rung.LOCKED_OUT, Refusal.LOCKED_OUT, words, lock.actor)


def writable(draft: Draft, name: str) -> bool:
    """Whether the fallback may be written."""
    return hands_off(draft, name) is None


def stopped(draft: Draft, name: str) -> Above | None:
    """Rung 2, first half: somebody stopped automatic control."""
    stop = latched(draft, name, LatchKind.STOP)
    if stop is None:
        return None
    return Above(
        Rung.STOPPED,
        Refusal.STOPPED,
        f"automatic control is stopped: {stop.reason} ({stop.actor})",
        stop.actor,
    )


def interlocked(draft: Draft, name: str) -> Above | None:
    """Rung 2, second half: an input of the interlock is bad, old or out of its limits."""
    for condition in draft.rule(name).duty.interlock:
        fault = _fault(draft, condition)
        if fault:
            return Above(Rung.INTERLOCK, Refusal.INTERLOCK, f"interlock: {fault}")
    return None


def above(draft: Draft, name: str) -> Above | None:
    """Whatever stands above the leases of a point, the lowest rung first."""
    return hands_off(draft, name) or stopped(draft, name) or interlocked(draft, name)


def ends_leases(draft: Draft, name: str) -> Above | None:
    """The same, but inputs that were not read since the start end nothing yet; they only hold writes back."""
    found = above(draft, name)
    return None if found is not None and _unread(draft, name, found.rung) else found


def _unread(draft: Draft, name: str, rung: Rung) -> bool:
    rules, state = draft.rule(name), draft.state
    unread = {
        Rung.SAFETY: rules.device not in state.safeties,
        Rung.LOCAL: rules.device not in state.switches,
        Rung.INTERLOCK: any(_not_yet(draft, condition.input) for condition in rules.duty.interlock),
    }
    return unread.get(rung, False)


def _not_yet(draft: Draft, name: str) -> bool:
    begun_ns = draft.now_ns - draft.state.started_ns
    return name not in draft.state.inputs and begun_ns <= FRESH_POLLS * draft.rules.inputs[name] * NS


def _fault(draft: Draft, condition: Condition) -> str:
    seen, poll_s = draft.state.inputs.get(condition.input), draft.rules.inputs[condition.input]
    if seen is None or not seen.good or draft.now_ns - seen.at_ns > FRESH_POLLS * poll_s * NS:
        return f"{condition.input} cannot be read"
    if condition.low is not None and not seen.value >= condition.low:
        return f"{condition.input} is {seen.value:g}, at least {condition.low:g} is needed"
    if condition.high is not None and not seen.value <= condition.high:
        return f"{condition.input} is {seen.value:g}, at most {condition.high:g} is allowed"
    return ""
