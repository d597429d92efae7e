"""Somebody else holds the point: by the machine's own switch, or by another value in its set-point."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from edge_agent.gate import fallback, lease
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import LocalMode
from edge_agent.gate.state import NS, Holding, Lease, PointRules, PointState, Switch
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
            _all_overridden(draft, name, LOCAL)
            draft.put(name, replace(draft.point(name), act=None, ended=None, foreign=None))


def take(draft: Draft, name: str, by: str) -> None:
    """End all leases of a point that somebody else has set, without writing over their value.

    Where writes have a priority slot, ours is emptied: that takes nothing from them.
    """
    _all_overridden(draft, name, by)
    fallback.cool_down(draft, name)
    if draft.rule(name).fallback_value is None:
        draft.put(name, replace(draft.point(name), ended=None))
        fallback.begin(draft, name)
    else:
        fallback.forget(draft, name)


def seems_foreign(draft: Draft, name: str, held: Lease, value: float) -> bool:
    """Whether two polls in a row showed the same value, and not ours."""
    rules, point = draft.rule(name), draft.point(name)
    if rules.same(value, held.value):
        draft.put(name, replace(point, foreign=None))
        return False
    twice = point.foreign is not None and rules.same(value, point.foreign)
    draft.put(name, replace(point, foreign=value))
    return twice


def dropped_by_device(rules: PointRules, act: Holding, value: float, now_ns: int) -> bool:
    """Whether the device's own watchdog, not a person, explains the value."""
    starved = act.fed_ns is None or (
        rules.watchdog_s is not None and now_ns - act.fed_ns >= rules.watchdog_s * NS
    )
    return rules.watchdog_s is not None and starved and rules.same(value, rules.fallback_value)


def explained(rules: PointRules, point: PointState, value: float | None) -> bool:
    """Whether a value found after a restart is our own doing: an intent, or the fallback."""
    return rules.ours(value, point.intent) or rules.same(value, rules.fallback_value)


def _all_overridden(draft: Draft, name: str, by: str) -> None:
    fallback.settle_owed(draft, name, by=by)
    for held in draft.point(name).leases:
        lease.end(draft, name, held, Overridden(held.id, draft.rules.edge, name, draft.now, by))
