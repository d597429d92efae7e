"""The checks of a message, numbered as in the protocol; the first that fails wins. Refuse, never clamp.

Until check 8 has passed nothing changes, whatever arrives. Checks 14 and 16 to 18 come with what they check.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from edge_agent.gate.draft import Draft
from edge_agent.gate.lease import span_ns
from edge_agent.gate.state import FRESH_POLLS, NS, Fence, PointRules, PointState
from protocols.command import Command, CommandKind, Renewal
from protocols.errors import ContractError, SignatureError
from protocols.refusal import Refusal
from protocols.signing import open_envelope, verify

_WHOLE_END: Final = 2**63
"""SQLite keeps whole numbers below this."""

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
    """Check 4: the rung is open to this issuer on this point."""
    rules = draft.rules.points.get(command.point)
    if rules is None:
        return No(Refusal.NOT_ALLOWED, f"{command.point} may not be written")
    if (
        command.level not in rules.limits.levels
        or command.level not in draft.rules.issuers[command.issuer].levels
    ):
        return No(Refusal.NOT_ALLOWED, f"level {command.level.value} is not open here to {command.issuer}")
    return None


def _supported(_draft: Draft, command: Command) -> No | None:
    """Shapes and fields that this version does not carry out."""
    shapes = {
        f"kind {command.kind.value}": command.kind not in (CommandKind.SET, CommandKind.RELEASE),
        "timetable": bool(command.steps) or command.valid_for_s is not None,
        "group": command.group is not None or command.group_size != 0,
        "expect": command.expect is not None,
        "confirm": command.confirm is not None,
    }
    asked = [name for name, present in shapes.items() if present]
    return No(Refusal.UNSUPPORTED, ", ".join(asked)) if asked else None


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

BEFORE_DUPLICATES: Final = (other_run, _allowed, _supported)
"""Checks 3 and 4."""
BEFORE_FENCE: Final = (fenced, stale, out_of_order)
"""Checks 6 to 8; fence and sequence number move after them."""


def _planned_with(_draft: Draft, rules: PointRules, _point: PointState, command: Command) -> No | None:
    """Check 9: planned with the limits in force."""
    if command.cap_hash != rules.cap_hash:
        return No(
            Refusal.CAP_HASH, f"planned with {command.cap_hash.hex()}, in force is {rules.cap_hash.hex()}"
        )
    return None


def _unit(_draft: Draft, rules: PointRules, _point: PointState, command: Command) -> No | None:
    """Check 10: the unit of the limits."""
    if command.unit != rules.limits.unit:
        return No(Refusal.UNIT, f"{command.unit!r}, the point has {rules.limits.unit!r}")
    return None


def _number(_draft: Draft, _rules: PointRules, _point: PointState, command: Command) -> No | None:
    """Check 11, first half: a finite number."""
    if command.value is None or not math.isfinite(command.value):
        return No(Refusal.VALUE, f"{command.value}")
    return None


def _lease(draft: Draft, rules: PointRules, _point: PointState, command: Command) -> No | None:
    """Check 11, second half: above zero, at most `max_lease_s`, not over yet; NaN passes none."""
    most_s = rules.limits.max_lease_s
    if not 0 < command.lease_s <= most_s:
        return No(Refusal.LEASE, f"{command.lease_s} s, at most {most_s} s")
    if not 0 <= command.start_in_s < command.lease_s:
        return No(Refusal.LEASE, f"starts in {command.start_in_s} s, lasts {command.lease_s} s")
    over_ns = draft.now_ns - span_ns(command, draft.now_ns)[1]
    if over_ns >= 0:
        return No(Refusal.LEASE, f"was over {over_ns / NS:.1f} s before it arrived")
    return None


def _limits(_draft: Draft, rules: PointRules, _point: PointState, command: Command) -> No | None:
    """Check 12: within the commissioned limits."""
    low, high = rules.limits.low, rules.limits.high
    if command.value is None or not low <= command.value <= high:
        return No(Refusal.LIMITS, f"{command.value}, limits {low} … {high} {rules.limits.unit}")
    return None


def _remote(draft: Draft, rules: PointRules, point: PointState, command: Command) -> No | None:
    """Check 13: the machine is in remote mode by a fresh reading, and nobody else has taken the point."""
    if not draft.writable(command.point):
        return No(Refusal.LOCAL_MODE, "the machine is in local mode, or its switch was not read yet")
    left_ns = point.cool_until_ns - draft.now_ns
    if left_ns > 0:
        return No(
            Refusal.LOCAL_MODE, f"somebody else set the point; left alone for {left_ns / NS:.0f} s more"
        )
    switch = draft.state.switches.get(rules.device)
    if rules.switch_poll_s is None or switch is None:
        return None
    return _too_old(draft, switch.at_ns, rules.switch_poll_s, "reading of the local switch")


def _good_input(draft: Draft, rules: PointRules, point: PointState, _command: Command) -> No | None:
    """Check 15: the point can be read."""
    if point.seen is None:
        return No(Refusal.BAD_INPUT, "not read yet")
    if not point.seen.good:
        return No(Refusal.BAD_INPUT, "the last reading is bad")
    return _too_old(draft, point.seen.at_ns, rules.poll_s, "reading")


def _too_old(draft: Draft, at_ns: int, poll_s: float, what: str) -> No | None:
    age_s = (draft.now_ns - at_ns) / NS
    return (
        No(Refusal.BAD_INPUT, f"the last {what} is {age_s:.1f} s old")
        if age_s > FRESH_POLLS * poll_s
        else None
    )


def _proven(_draft: Draft, rules: PointRules, _point: PointState, _command: Command) -> No | None:
    """No write without a fallback proven for these limits."""
    return None if rules.proven else No(Refusal.NOT_PROVEN, "run: ems edge prove")


SET: Final = (_planned_with, _unit, _number, _lease, _limits, _remote, _good_input, _proven)
"""Checks 9 to 15 of a set-point; a release passes: it is the way to safety and never held up."""


def renewal_length(rules: PointRules, valid_for_s: float) -> No | None:
    """Check 11 of a renewal, for one of its leases."""
    if not 0 < valid_for_s <= rules.limits.max_lease_s:
        return No(Refusal.LEASE, f"{valid_for_s} s, at most {rules.limits.max_lease_s} s")
    return None
