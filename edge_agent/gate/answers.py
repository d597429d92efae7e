"""First receipts of commands: given once, kept, and given again to a repeat."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.gate.checks import No
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import SaveAnswer
from protocols.command import Command
from protocols.receipt import Receipt, Received, Refused, Released
from protocols.refusal import Refusal


def remember(draft: Draft, receipt: Receipt) -> None:
    """Answer a command for the first time; the oldest answer is forgotten when there are too many."""
    state = draft.state
    number = state.next_order
    oldest = state.order.get(number - draft.rules.most_ids)
    answers, order = state.answers.put(receipt.id, receipt), state.order.put(number, receipt.id)
    if oldest is not None:
        answers, order = answers.drop(oldest), order.drop(number - draft.rules.most_ids)
    draft.state = replace(state, answers=answers, order=order, next_order=number + 1)
    draft.persist(SaveAnswer(receipt.id, receipt, oldest))
    draft.emit(receipt)


def refused(draft: Draft, command: Command, no: No | None) -> Refused:
    """The receipt of a command that failed a check."""
    code, detail = (no.code, no.detail) if no else (Refusal.SCHEMA, "")
    return Refused(command.id, draft.rules.edge, command.point, draft.now, code, detail)


def done_at_once(draft: Draft, command: Command) -> None:
    """The last receipt of an act of the moment: release, cancel, operate, test, act on a scope."""
    draft.emit(Released(command.id, draft.rules.edge, command.point, draft.now))


def begun(draft: Draft, command: Command, lease_s: float = 0.0) -> None:
    """The first receipt of a command that passed."""
    remember(draft, Received(command.id, draft.rules.edge, command.point, draft.now, lease_s))
