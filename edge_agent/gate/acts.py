"""Acts of a person on a scope: stop all automatic control, out of service, opt-out, and their ends.

All are latched: they outlive restarts and end only by another act (a timed opt-out also by its time).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from edge_agent.gate import answers, foreign, holding, standing
from edge_agent.gate.checks import No
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import DropLatch, NoticeCode, Safety, SaveCoolDown, SaveLatch
from edge_agent.gate.lease import after_ns, end
from edge_agent.gate.state import Latch, LatchKind, Switch
from protocols.command import Command, CommandKind, Level
from protocols.receipt import Overridden
from protocols.refusal import Refusal

_PLANS: Final = (Level.SCHEDULE, Level.OPTIMISER)


def carry_out(draft: Draft, command: Command) -> None:
    """Do what an act asks for, or refuse it."""
    no = _HOW[command.kind](draft, command)
    if no is not None:
        answers.remember(draft, answers.refused(draft, command, no))
        return
    answers.begun(draft, command)
    for name in draft.rules.points_in[command.point]:
        holding.pursue(draft, name)
    answers.done_at_once(draft, command)


def put(draft: Draft, latch: Latch) -> None:
    """Set a latch, durably."""
    key = (latch.kind, latch.scope)
    draft.state = replace(draft.state, latches=draft.state.latches.put(key, latch))
    draft.persist(SaveLatch(draft.now.boot, latch))


def lift(draft: Draft, kind: LatchKind, scope: str) -> bool:
    """End a latch, durably; False when there is none."""
    if (kind, scope) not in draft.state.latches:
        return False
    draft.state = replace(draft.state, latches=draft.state.latches.drop((kind, scope)))
    draft.persist(DropLatch(kind, scope))
    return True


def safety(draft: Draft, event: Safety) -> None:
    """Take note of a hardwired safety; one that acts stops its zone until two steps release it (rung 0)."""
    before, seen = draft.state.safeties.get(event.device), Switch(event.acts, event.at_ns)
    if before is not None and (seen == before or seen.at_ns < before.at_ns):
        return
    draft.state = replace(draft.state, safeties=draft.state.safeties.put(event.device, seen))
    names = draft.rules.points_of.get(event.device, ())
    if event.acts and names and not (before is not None and before.local):
        rules = draft.rule(names[0])
        scope = f"{draft.rules.site}/{event.device}" if rules.zone is None else f"zone:{rules.zone}"
        put(draft, Latch(LatchKind.STOP, scope, "hardwired", f"the safety of {event.device} acts"))
        draft.notice(NoticeCode.SAFETY, names[0], f"the safety of {event.device} acts; {scope} is stopped")
        for name in names:
            foreign.let_go(draft, name, "a hardwired safety acts")
        for name in draft.rules.points_in[scope]:
            holding.pursue(draft, name)
    for name in names:
        holding.pursue(draft, name)


def _stop(draft: Draft, command: Command) -> No | None:
    put(draft, Latch(LatchKind.STOP, command.point, command.actor, command.reason))
    return None


def _resume(draft: Draft, command: Command) -> No | None:
    """First step without `confirm`; the second, soon after and with it, ends the stop."""
    stop = draft.state.latches.get((LatchKind.STOP, command.point))
    if stop is None:
        return No(Refusal.SELECTION, f"nothing is stopped as {command.point}")
    if not (command.confirm or "").strip():
        put(draft, replace(stop, armed_ns=draft.now_ns))
        return None
    late = stop.armed_ns is None or draft.now_ns >= after_ns(stop.armed_ns, draft.rules.resume_s)
    if late:
        return No(Refusal.SELECTION, "the first step of the release is missing or too long ago")
    lift(draft, LatchKind.STOP, command.point)
    return None


def _lock_out(draft: Draft, command: Command) -> No | None:
    put(draft, Latch(LatchKind.LOCK_OUT, command.point, command.actor, command.reason))
    for name in draft.rules.points_in[command.point]:
        found = standing.latched(draft, name, LatchKind.LOCK_OUT)
        foreign.let_go(draft, name, "out of service" if found is None else _by("out of service", found))
    return None


def _lift(draft: Draft, command: Command) -> No | None:
    """End a lock-out, and the wait after somebody else had set the points."""
    lifted = lift(draft, LatchKind.LOCK_OUT, command.point)
    for name in draft.rules.points_in[command.point]:
        point = draft.point(name)
        if point.cool_until_ns > draft.now_ns:
            lifted = True
            draft.put(name, replace(point, cool_until_ns=draft.now_ns))
            draft.persist(SaveCoolDown(name, draft.now.boot, draft.now_ns))
    return None if lifted else No(Refusal.SELECTION, f"nothing is out of service as {command.point}")


def _opt_out(draft: Draft, command: Command) -> No | None:
    """Plans end and are declined; a person's own values and grid limits are not a plan."""
    if not 0 <= command.lease_s < float("inf"):
        return No(Refusal.LEASE, f"{command.lease_s} s")
    until_ns = after_ns(draft.now_ns, command.lease_s) if command.lease_s > 0 else None
    latch = Latch(LatchKind.OPT_OUT, command.point, command.actor, command.reason, until_ns)
    put(draft, latch)
    for name in draft.rules.points_in[command.point]:
        for held in draft.point(name).leases:
            if held.level in _PLANS:
                by = _by("opted out", latch)
                end(draft, name, held, Overridden(held.id, draft.rules.edge, name, draft.now, by))
    return None


def _opt_in(draft: Draft, command: Command) -> No | None:
    lifted = lift(draft, LatchKind.OPT_OUT, command.point)
    return None if lifted else No(Refusal.SELECTION, f"nothing is opted out as {command.point}")


def _by(what: str, latch: Latch) -> str:
    return f"{what}: {latch.reason} ({latch.actor})"


_HOW: Final[Mapping[CommandKind, Callable[[Draft, Command], No | None]]] = {
    CommandKind.STOP: _stop,
    CommandKind.RESUME: _resume,
    CommandKind.LOCK_OUT: _lock_out,
    CommandKind.LIFT: _lift,
    CommandKind.OPT_OUT: _opt_out,
    CommandKind.OPT_IN: _opt_in,
}
