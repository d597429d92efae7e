"""Who holds each point and why: what hub, page and command line show; costs one point a question."""

from __future__ import annotations

from edge_agent.gate import ladder, standing
from edge_agent.gate.draft import Draft
from edge_agent.gate.rules import NS, Rules
from edge_agent.gate.state import Falling, GateState, Holding, PointState
from protocols.clock import Instant
from protocols.holder import Holder

FALLBACK = "fallback"
NOBODY = "nobody"


def holder(rules: Rules, state: GateState, name: str, now: Instant) -> Holder:
    """The rung that decides over a point at an instant, its value, its end, who asked for it and why."""
    draft = Draft(rules, state, now)
    point = draft.point(name)
    found = standing.above(draft, name)
    if found is not None:
        return Holder(name, found.rung.value, _shown(point), None, found.actor, found.words)
    won = ladder.winner(rules.points[name], point.leases, now.mono_ns)
    if won is None:
        return _unheld(draft, name, point)
    lease = won.lease
    until_s = (lease.until_ns - now.mono_ns) / NS
    why = (
        lease.reason
        if won.value == lease.value_at(now.mono_ns)
        else f"{lease.reason} (within the grid limit)"
    )
    return Holder(name, lease.level.value, won.value, until_s, lease.actor, why)


def _unheld(draft: Draft, name: str, point: PointState) -> Holder:
    if isinstance(point.act, Falling) or point.intent is not None:
        home = draft.rule(name).home(point.intent)
        return Holder(name, FALLBACK, home, None, "", "no lease lives; on its way to the fallback")
    left_s = (point.cool_until_ns - draft.now_ns) / NS
    if left_s > 0:
        return Holder(name, NOBODY, None, left_s, "", "somebody else set the point; left alone")
    return Holder(name, FALLBACK, draft.rule(name).home(None), None, "", "no lease lives")


def _shown(point: PointState) -> float | None:
    return point.act.value if isinstance(point.act, Holding) else None
