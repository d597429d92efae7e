"""Somebody else holds the point: by the machine's own switch, or by another value in its set-point."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from edge_agent.gate import fallback, lease
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import LocalMode
from edge_agent.gate.rules import NS, PointRules
from edge_agent.gate.selection import drop as drop_selection
from edge_agent.gate.state import Holding, PointState, Standing, Switch
from protocols.receipt import Overridden

LOCAL: Final = "local mode"


def switched(draft: Draft, event: LocalMode) -> None:
    """Take note of the local switch; in local mode no lease lives and nothing is written.

    Our value may still lie in the register; it is taken back when the machine is remote again.
    """
    before, seen = draft.state.switches.get(event.device), Switch(event.local, event.at_ns)
    if before is not None and (seen == before or seen.at_ns < before.at_ns):
        return
    draft.state = replace(draft.state, switches=draft.state.switches.put(event.device, seen))
    if before is not None and before.local is event.local:
        return
    for name in draft.rules.points_of.get(event.device, ()):
        if event.local:
            let_go(draft, name, LOCAL)


def let_go(draft: Draft, name: str, by: str) -> None:
    """All leases end and nothing is under way; what lies on the device stays noted as ours."""
    all_overridden(draft, name, by)
    point = draft.point(name)
    if point.busy:
        draft.put(name, replace(point, act=None, ended=None, foreign=None))


def take(draft: Draft, name: str, by: str) -> None:
    """End all leases of a point that somebody else has set, without writing over their value.

    Where writes have a priority slot, ours is emptied: that takes nothing from them.
    """
    all_overridden(draft, name, by)
    fallback.cool_down(draft, name)
    if draft.rule(name).slot:
        draft.put(name, replace(draft.point(name), ended=None))
        fallback.begin(draft, name)
    else:
        fallback.forget(draft, name)


def seems_foreign(draft: Draft, name: str, wanted: float, value: float) -> bool:
    """Whether polls have shown the same value, not ours, twice and over two mirror periods."""
    rules, point = draft.rule(name), draft.point(name)
    if rules.same(value, wanted):
        draft.put(name, replace(point, foreign=None))
        return False
    if point.foreign is None or not rules.same(value, point.foreign.value):
        draft.put(name, replace(point, foreign=Standing(value, draft.now_ns)))
        return False
    return draft.now_ns - point.foreign.since_ns >= 2 * rules.duty.mirror_s * NS


def dropped_by_device(rules: PointRules, point: PointState, act: Holding, value: float, now_ns: int) -> bool:
    """Whether the device's own watchdog, not a person, explains the value."""
    if rules.watchdog_s is None:
        return False
    starved = act.fed_ns is None or now_ns - act.fed_ns >= rules.watchdog_s * NS
    return starved and rules.same(value, rules.home(point.intent))


def explained(rules: PointRules, point: PointState, value: float | None) -> bool:
    """Whether a value found after a restart is our own doing: an intent, or the fallback."""
    return rules.ours(value, point.intent) or rules.same(value, rules.home(point.intent))


def all_overridden(draft: Draft, name: str, by: str) -> None:
    """End every lease of a point, and what was selected on it."""
    fallback.settle_owed(draft, name, by=by)
    drop_selection(draft, name, by)
    for held in draft.point(name).leases:
        lease.end(draft, name, held, Overridden(held.id, draft.rules.edge, name, draft.now, by))
