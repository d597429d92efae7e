"""What each kind of command on a point does, once checks 1 to 8 have passed and the fence has moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from edge_agent.gate import answers, checks, holding, lease, present, selection
from edge_agent.gate.checks import No
from edge_agent.gate.draft import Draft
from edge_agent.gate.present import Ask
from edge_agent.gate.rules import NS
from edge_agent.gate.state import Selection
from protocols.command import Command, CommandKind
from protocols.receipt import Released
from protocols.refusal import Refusal


def carry_out(draft: Draft, command: Command) -> None:
    """Do what a command on a point asks for, or refuse it."""
    lease.expire(draft, command.point)
    selection.expire(draft, command.point)
    _HOW[command.kind](draft, command)
    holding.pursue(draft, command.point)


def _set(draft: Draft, command: Command) -> None:
    ask = _judged(draft, command)
    if ask is None:
        return
    present.count(draft)
    answers.remember(draft, lease.received(draft, command.point, ask.lease))
    lease.grant(draft, command.point, ask.lease)


def _test(draft: Draft, command: Command) -> None:
    ask = _judged(draft, command)
    if ask is None:
        return
    answers.remember(draft, lease.received(draft, command.point, ask.lease))
    answers.done_at_once(draft, command)


def _select(draft: Draft, command: Command) -> None:
    ask = _judged(draft, command)
    if ask is None:
        return
    no = _joins(draft, command)
    if no is not None:
        answers.remember(draft, answers.refused(draft, command, no))
        return
    present.count(draft)
    until_ns = lease.after_ns(draft.now_ns, draft.rule(command.point).duty.select_s)
    waits_s = (min(until_ns, ask.lease.until_ns) - draft.now_ns) / NS
    answers.begun(draft, command, waits_s)
    selection.put(draft, command, ask.lease, until_ns)


def _operate(draft: Draft, command: Command) -> None:
    no = _form(draft, command) or _completes(draft, command)
    members = selection.members(draft, command.point)
    for name in members:
        no = no or _still_good(draft, name)
    if no is not None:
        answers.remember(draft, answers.refused(draft, command, no))
        return
    answers.begun(draft, command)
    for name in members:
        chosen = selection.take(draft, name)
        if chosen is not None:
            begins_ns = max(draft.now_ns, chosen.lease.start_ns)
            lease.grant(draft, name, replace(chosen.lease, start_ns=begins_ns))
    for name in members:
        holding.pursue(draft, name)
    answers.done_at_once(draft, command)


def _release(draft: Draft, command: Command) -> None:
    """End what the rung holds; never refused, because it is the way to safety."""
    answers.begun(draft, command)
    _end(draft, command, not_begun=False)
    answers.done_at_once(draft, command)


def _cancel(draft: Draft, command: Command) -> None:
    """End what the rung has selected, or was granted and has not begun."""
    answers.begun(draft, command)
    chosen = draft.point(command.point).selection
    if chosen is not None and chosen.lease.level is command.level:
        selection.release(draft, command.point)
    _end(draft, command, not_begun=True)
    answers.done_at_once(draft, command)


def _end(draft: Draft, command: Command, *, not_begun: bool) -> None:
    name = command.point
    for held in draft.point(name).leases:
        if held.level is command.level and not (not_begun and held.start_ns <= draft.now_ns):
            lease.end(draft, name, held, Released(held.id, draft.rules.edge, name, draft.now))


def _judged(draft: Draft, command: Command) -> Ask | None:
    """Checks 9 to 18; a command that fails has its answer."""
    no = _form(draft, command)
    if no is None:
        ask = Ask(command.point, lease.asked(draft, command), command.expect)
        no = present.first_no(draft, ask)
        if no is None:
            return ask
    answers.remember(draft, answers.refused(draft, command, no))
    return None


def _form(draft: Draft, command: Command) -> No | None:
    rules = draft.rule(command.point)
    return next(
        (no for no in (check(draft, rules, command) for check in checks.FORM) if no is not None), None
    )


def _joins(draft: Draft, command: Command) -> No | None:
    """Whether a selection may be taken: not over somebody else's, and into a group that has room for it."""
    chosen = draft.point(command.point).selection
    if chosen is not None and chosen.lease.issuer != command.issuer:
        return No(Refusal.SELECTION, f"{chosen.lease.issuer} has selected this point")
    members = draft.state.groups.get(command.group or b"", ())
    others = [name for name in members if name != command.point]
    sizes = {known.size for name in others if (known := draft.point(name).selection) is not None}
    if len(others) >= command.group_size > 0 or not sizes <= {command.group_size}:
        return No(Refusal.SELECTION, f"the group has {len(others)} points already, or another size")
    return None


def _completes(draft: Draft, command: Command) -> No | None:
    """Whether an operate fits what was selected, all of it."""
    chosen = draft.point(command.point).selection
    if chosen is None or not _fits(chosen, command):
        return No(Refusal.SELECTION, "nothing like this is selected here, or no longer")
    missing = chosen.size - len(selection.members(draft, command.point))
    if missing > 0:
        return No(Refusal.SELECTION, f"{missing} of {chosen.size} points of the group are not selected")
    names = (command.confirm or "").strip()
    if draft.rule(command.point).duty.two_persons and names in ("", chosen.lease.actor):
        return No(Refusal.PERSON, "a second person confirms this act")
    return None


def _fits(chosen: Selection, command: Command) -> bool:
    held = chosen.lease
    same_sender = (held.issuer, held.level) == (command.issuer, command.level)
    same_group = (chosen.group, chosen.size) == (command.group or b"", command.group_size)
    return same_sender and same_group and held.value == command.value


def _still_good(draft: Draft, name: str) -> No | None:
    """Checks 13 to 17 once more; the quota was counted with the selection."""
    chosen = draft.point(name).selection
    if chosen is None or draft.now_ns >= min(chosen.until_ns, chosen.lease.until_ns):
        return No(Refusal.SELECTION, f"{name} is no longer selected")
    return present.first_no(draft, Ask(name, chosen.lease, chosen.expect), again=True)


_HOW: Final[Mapping[CommandKind, Callable[[Draft, Command], None]]] = {
    CommandKind.SET: _set,
    CommandKind.AT_MOST: _set,
    CommandKind.AT_LEAST: _set,
    CommandKind.TEST: _test,
    CommandKind.SELECT: _select,
    CommandKind.OPERATE: _operate,
    CommandKind.RELEASE: _release,
    CommandKind.CANCEL: _cancel,
}
