"""The narrow way in for a local controller that is a point's one writer: its output, by the same limits.

A plan leases the controller's inputs, which are points like any other. The output is a lease of some seconds
on the rung `controller`: a controller that throws or hangs loses the point by itself. It gets no receipts;
what may not be written comes back as the notice `output_refused`, and the last good output runs out. While
rate or wear hold a change up, the value that is there stays.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

from edge_agent.gate import holding, lease, standing, wear
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import ControllerOutput, NoticeCode
from edge_agent.gate.state import Lease
from protocols.command import ID_BYTES, Level
from protocols.receipt import Released


def output(draft: Draft, event: ControllerOutput) -> None:
    """Take an output, let the point go (`value` None), or refuse it."""
    name = event.point
    rules = draft.rules.points.get(name)
    if rules is None or rules.duty.writer != event.controller:
        draft.notice(NoticeCode.OUTPUT_REFUSED, name, f"{event.controller} does not write this point")
        return
    lease.expire(draft, name)
    held = next((each for each in draft.point(name).leases if each.quiet), None)
    if event.value is None:
        if held is not None:
            lease.end(draft, name, held, Released(held.id, draft.rules.edge, name, draft.now))
    else:
        _ask(draft, event, event.value, held)
    holding.pursue(draft, name)


def ident(controller: str, point: str, value: float) -> bytes:
    """Name of an output in intents and in the audit chain: the same as long as its value is."""
    return hashlib.sha256(f"{controller}/{point}/{value!r}".encode()).digest()[:ID_BYTES]


def _ask(draft: Draft, event: ControllerOutput, value: float, held: Lease | None) -> None:
    name, fault = event.point, _fault(draft, event.point, value)
    if fault:
        draft.notice(NoticeCode.OUTPUT_REFUSED, name, fault)
        return
    until_ns = lease.after_ns(draft.now_ns, draft.rules.output_s)
    hindrance = "" if held is None or held.value == value else wear.hindrance(draft, name, value)
    if held is not None and hindrance:
        draft.notice(NoticeCode.OUTPUT_REFUSED, name, hindrance)
        lease.place(draft, name, replace(held, until_ns=until_ns))  # it lives, and holds what it may
        return
    name_of = ident(event.controller, name, value)
    start_ns = held.start_ns if held is not None and held.id == name_of else draft.now_ns
    lease.place(
        draft, name, Lease(name_of, "", Level.CONTROLLER, value, start_ns, until_ns, actor=event.controller)
    )


def _fault(draft: Draft, name: str, value: float) -> str:
    """The checks of a command that an output can fail: 11 to 15 and the proof."""
    rules, point = draft.rule(name), draft.point(name)
    found = standing.above(draft, name)
    faults = {
        "not a finite number": not math.isfinite(value),
        f"{value:g} lies outside {rules.limits.low:g} … {rules.limits.high:g}": not (
            rules.limits.low <= value <= rules.limits.high
        ),
        "" if found is None else found.words: found is not None,
        "somebody else set the point": point.cool_until_ns > draft.now_ns,
        "the point cannot be read": point.seen is None or not point.seen.good,
        "the fallback is not proven": not rules.proven,
    }
    return next((words for words, present in faults.items() if present), "")
