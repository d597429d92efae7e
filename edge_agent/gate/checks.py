"""The checks of a message up to check 12, numbered as in the protocol; the first that fails wins.

Refuse, never clamp. Until check 8 has passed nothing changes, whatever arrives. Checks 13 to 18 look at the
plant: `present.py`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from edge_agent.gate.draft import Draft
from edge_agent.gate.lease import span_ns
from edge_agent.gate.rules import NS, PointRules
from edge_agent.gate.state import Fence
from protocols.command import ACTS, BOUNDS, ID_BYTES, Command, CommandKind, Level, Renewal
from protocols.errors import ContractError, SignatureError
from protocols.refusal import Refusal
from protocols.signing import open_envelope, verify

_WHOLE_END: Final = 2**63
"""SQLite keeps whole numbers below this."""

_ENDS: Final = frozenset({CommandKind.RELEASE, CommandKind.CANCEL})
_TWO_STEPS: Final = frozenset({CommandKind.SELECT, CommandKind.OPERATE})

M = TypeVar("M", Command, Renewal)


@dataclass(frozen=True, slots=True)
class No:
    """A check that failed, in words for the log and the ledger."""

    code: Refusal
    detail: str


def opened(
    draft: Draft, data: bytes, decode: Callable[[bytes], M], purpose: str
) -> tuple[M, None] | tuple[None, No]:
    """Checks 1 and 2: form, and the signature by a key of the issuer it names."""
    try:
        body, signature = open_envelope(data)
        message = decode(body)
    except ContractError as error:
        return None, No(Refusal.SCHEMA, str(error))
    if not (0 <= message.epoch < _WHOLE_END and 0 <= message.seq < _WHOLE_END):
        return None, No(Refusal.SCHEMA, f"epoch {message.epoch} or number {message.seq} is out of range")
    issuer = draft.rules.issuers.get(message.issuer)
    try:
        verify(purpose, body, signature, issuer.keys if issuer else {}, message.key_id)
    except SignatureError as error:
        return None, No(Refusal.SIGNATURE, str(error))
    return message, None


def other_edge(draft: Draft, message: Command | Renewal) -> No | None:
    """Check 3, first half: meant for another place; its own edge will answer it."""
    if (message.site, message.edge) != (draft.rules.site, draft.rules.edge):
        return No(Refusal.ADDRESSEE, f"for {message.site}/{message.edge}")
    return None


def other_run(draft: Draft, message: Command | Renewal) -> No | None:
    """Check 3, second half: meant for another run of this agent."""
    if message.agent_epoch != draft.rules.agent_epoch:
        return No(
            Refusal.ADDRESSEE,
            f"for run {message.agent_epoch} of the agent, this is run {draft.rules.agent_epoch}",
        )
    return None


def _allowed(draft: Draft, command: Command) -> No | None:
    """Check 4: the rung is open to this issuer on this point, or the act on this scope."""
    fault = _act_fault(draft, command) if command.kind in ACTS else _level_fault(draft, command)
    return No(Refusal.NOT_ALLOWED, fault) if fault else None


def _act_fault(draft: Draft, command: Command) -> str:
    may = draft.rules.issuers[command.issuer].acts and command.level is Level.OPERATOR
    if may and command.point in draft.rules.points_in:
        return ""
    return f"{command.kind.value} of {command.point} is not open to {command.issuer}"


def _level_fault(draft: Draft, command: Command) -> str:
    rules = draft.rules.points.get(command.point)
    if rules is None:
        return f"{command.point} may not be written"
    open_here = command.level in rules.limits.levels
    if not open_here or command.level not in draft.rules.issuers[command.issuer].levels:
        return f"level {command.level.value} is not open here to {command.issuer}"
    if rules.duty.writer is not None and command.level in (Level.SCHEDULE, Level.OPTIMISER):
        return f"{rules.duty.writer} writes this point; lease its inputs"
    return ""


def _named(_draft: Draft, command: Command) -> No | None:
    """An act or an override of a person carries name and reason."""
    by_person = command.kind in ACTS or (command.level is Level.OPERATOR and command.kind not in _ENDS)
    if by_person and not (command.actor.strip() and command.reason.strip()):
        return No(Refusal.PERSON, "say who and why")
    return None


def _shaped(_draft: Draft, command: Command) -> No | None:
    """Fields that do not belong to the kind of message."""
    kind, grouped = command.kind, command.group is not None or command.group_size != 0
    timed = bool(command.steps) or command.valid_for_s is not None
    asks = kind not in ACTS and kind not in _ENDS
    faults = {
        "timetable": timed and not (kind in (CommandKind.SET, CommandKind.TEST) and command.value is None),
        "group": grouped and not (kind in _TWO_STEPS and _is_group(command)),
        "expect": command.expect is not None and (not asks or kind in BOUNDS),
        "confirm": command.confirm is not None and kind not in (CommandKind.OPERATE, CommandKind.RESUME),
        "value": command.value is not None and not asks,
        f"{kind.value} at {command.level.value}": asks
        and (kind in BOUNDS) != (command.level is Level.GRID_LIMIT),
    }
    found = [name for name, present in faults.items() if present]
    return No(Refusal.UNSUPPORTED, ", ".join(found)) if found else None


def _is_group(command: Command) -> bool:
    return command.group is not None and len(command.group) == ID_BYTES and command.group_size > 1


def _two_step(draft: Draft, command: Command) -> No | None:
    """A discrete act is selected, then operated; a group as well."""
    rules = draft.rules.points.get(command.point)
    one_step = command.kind is CommandKind.SET
    if rules is not None and rules.duty.two_step and one_step:
        return No(Refusal.SELECTION, "select, then operate")
    return None


def fenced(draft: Draft, message: Command | Renewal) -> No | None:
    """Check 6: no leader out of office."""
    fence = draft.state.fences.get(message.issuer, Fence())
    if message.epoch < fence.epoch:
        return No(Refusal.FENCED, f"epoch {message.epoch}, epoch {fence.epoch} has spoken")
    return None


def stale(draft: Draft, message: Command | Renewal) -> No | None:
    """Check 7: made after a recent heartbeat of this boot; a heartbeat not yet sent is none."""
    if message.echo.boot != draft.now.boot:
        return No(Refusal.STALE_ECHO, "answers a heartbeat of another boot")
    age_ms = -(-draft.now_ns // 1_000_000) - message.echo.reading_ms
    if not 0 <= age_ms <= draft.rules.max_echo_age_s * 1000:
        return No(Refusal.STALE_ECHO, f"answers a heartbeat {age_ms / 1000:.1f} s old")
    return None


def out_of_order(draft: Draft, message: Command | Renewal) -> No | None:
    """Check 8: later than all accepted from this issuer in this epoch."""
    fence = draft.state.fences.get(message.issuer, Fence())
    if message.epoch == fence.epoch and message.seq <= fence.seq:
        return No(Refusal.OUT_OF_ORDER, f"number {message.seq}, {fence.seq} was accepted")
    return None


Early = Callable[[Draft, Command], No | None]
"""A check that needs no rules of the point."""

BEFORE_DUPLICATES: Final = (other_run, _allowed, _shaped, _named, _two_step)
"""Checks 3 and 4."""
BEFORE_FENCE: Final = (fenced, stale, out_of_order)
"""Checks 6 to 8; fence and sequence number move after them."""


def _planned_with(_draft: Draft, rules: PointRules, command: Command) -> No | None:
    """Check 9: planned with the limits in force."""
    if command.cap_hash != rules.cap_hash:
        return No(
            Refusal.CAP_HASH, f"planned with {command.cap_hash.hex()}, in force is {rules.cap_hash.hex()}"
        )
    return None


def _unit(_draft: Draft, rules: PointRules, command: Command) -> No | None:
    """Check 10: the unit of the limits."""
    if command.unit != rules.limits.unit:
        return No(Refusal.UNIT, f"{command.unit!r}, the point has {rules.limits.unit!r}")
    return None


def _values(command: Command) -> list[float]:
    if command.steps:
        return [step.value for step in command.steps]
    return [math.nan if command.value is None else command.value]


def _number(_draft: Draft, _rules: PointRules, command: Command) -> No | None:
    """Check 11, first half: finite numbers."""
    wrong = [value for value in _values(command) if not math.isfinite(value)]
    return No(Refusal.VALUE, f"{wrong[0]}") if wrong else None


def _lease(draft: Draft, rules: PointRules, command: Command) -> No | None:
    """Check 11, second half: above zero, at most as commissioned, not over yet; NaN passes none."""
    most_s = rules.duty.horizon_s if command.steps else rules.limits.max_lease_s
    if not 0 < command.lease_s <= most_s:
        return No(Refusal.LEASE, f"{command.lease_s} s, at most {most_s} s")
    if not 0 <= command.start_in_s < command.lease_s:
        return No(Refusal.LEASE, f"starts in {command.start_in_s} s, lasts {command.lease_s} s")
    if command.valid_for_s is not None:
        fault = _timetable_fault(rules, command)
        if fault:
            return No(Refusal.LEASE, fault)
    over_ns = draft.now_ns - span_ns(command, draft.now_ns)[1]
    return No(Refusal.LEASE, f"was over {over_ns / NS:.1f} s before it arrived") if over_ns >= 0 else None


def _timetable_fault(rules: PointRules, command: Command) -> str:
    starts = [step.start_in_s for step in command.steps]
    if not starts or command.valid_for_s != command.lease_s or starts[0] != command.start_in_s:
        return "a timetable has steps, begins with the first and has one horizon"
    pairs = list(itertools.pairwise(starts))
    if not all(before < after for before, after in pairs) or not starts[-1] < command.lease_s:
        return "steps come one after the other, before the end"
    if any(after - before < rules.duty.dwell_s for before, after in pairs):
        return f"steps are {rules.duty.dwell_s:g} s apart at least"
    return ""


def _limits(_draft: Draft, rules: PointRules, command: Command) -> No | None:
    """Check 12: within the commissioned limits."""
    low, high = rules.limits.low, rules.limits.high
    wrong = [value for value in _values(command) if not low <= value <= high]
    return No(Refusal.LIMITS, f"{wrong[0]}, limits {low} … {high} {rules.limits.unit}") if wrong else None


FORM: Final = (_planned_with, _unit, _number, _lease, _limits)
"""Checks 9 to 12 of a set-point; a release passes: it is the way to safety and never held up."""


def renewal_length(rules: PointRules, valid_for_s: float) -> No | None:
    """Check 11 of a renewal, for one of its leases."""
    if not 0 < valid_for_s <= rules.limits.max_lease_s:
        return No(Refusal.LEASE, f"{valid_for_s} s, at most {rules.limits.max_lease_s} s")
    return None
