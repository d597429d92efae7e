"""Give a point back: read, write when it is not there yet, read again, and again each tick until it is.

The device's own watchdog is often faster than we are; then the first read is all there is to do.
"""

from __future__ import annotations

import math
from dataclasses import replace

from edge_agent.gate.draft import Draft
from edge_agent.gate.events import DropIntent, DropLease, SaveCoolDown
from edge_agent.gate.lease import after_ns
from edge_agent.gate.state import NS, Falling, Stage
from protocols.receipt import Expired, FallbackDone, Overridden, Receipt


def begin(draft: Draft, name: str, *, careful: bool = False) -> None:
    """Start the way back with a read; `careful` leaves a value alone that is not ours."""
    ticket = draft.read_back(name, draft.rule(name).name)
    act = Falling(ticket, Stage.READING, draft.now_ns, careful)
    draft.put(name, replace(draft.point(name), act=act, foreign=None))


def write_done(draft: Draft, name: str, act: Falling) -> None:
    """The device took the write: give it its time, then read."""
    _set(draft, name, replace(act, stage=Stage.SETTLING, since_ns=draft.now_ns, written=True))
    tick(draft, name)


def failed(draft: Draft, name: str, act: Falling) -> None:
    """No answer; the next tick tries again."""
    _set(draft, name, replace(act, stage=Stage.WAITING, since_ns=draft.now_ns, written=False))


def read(draft: Draft, name: str, act: Falling, value: float | None) -> None:
    """Judge what the device holds."""
    rules = draft.rule(name)
    if rules.same(value, rules.fallback_value):
        _done(draft, name, value)
    elif act.careful and not rules.ours(value, draft.point(name).intent):
        leave(draft, name)
    elif act.written or not draft.writable(name):
        failed(draft, name, act)
    else:
        settle_owed(draft, name)
        ticket = draft.write(name, rules.fallback_value, "fallback")
        _set(draft, name, replace(act, ticket=ticket, stage=Stage.WRITING, since_ns=draft.now_ns))


def tick(draft: Draft, name: str) -> None:
    """Go on with what waits for time to pass."""
    act = draft.point(name).act
    if not isinstance(act, Falling):
        return
    if act.stage.overdue(act.since_ns, draft.now_ns):
        failed(draft, name, act)
        return
    settled_ns = after_ns(act.since_ns, draft.rule(name).limits.settle_s)
    if act.stage is Stage.WAITING or (act.stage is Stage.SETTLING and draft.now_ns >= settled_ns):
        ticket = draft.read_back(name, draft.rule(name).name)
        _set(draft, name, replace(act, ticket=ticket, stage=Stage.READING, since_ns=draft.now_ns))


def leave(draft: Draft, name: str) -> None:
    """Somebody else set the point: leave it to them, and keep off for a while."""
    by = "a value that is not ours"
    settle_owed(draft, name, by=by)
    forget(draft, name)
    cool_down(draft, name)


def cool_down(draft: Draft, name: str) -> None:
    """Refuse commands to a point for a while."""
    until_ns = after_ns(draft.now_ns, draft.rules.cool_down_s)
    draft.put(name, replace(draft.point(name), cool_until_ns=until_ns))
    draft.persist(SaveCoolDown(name, draft.now.boot, until_ns))


def forget(draft: Draft, name: str) -> None:
    """Nothing of ours is on the device any more."""
    point = draft.point(name)
    if point.intent is not None:
        draft.persist(DropIntent(name))
    draft.put(name, replace(point, act=None, intent=None, ended=None, foreign=None))


def settle_owed(draft: Draft, name: str, by: str | None = None) -> None:
    """Give a lease of an earlier run its last receipt."""
    point = draft.point(name)
    if point.owed is None:
        return
    ident, edge = point.owed.id, draft.rules.edge
    last: Receipt = Expired(ident, edge, name, draft.now)
    if by is not None:
        last = Overridden(ident, edge, name, draft.now, by)
    draft.put(name, replace(point, owed=None))
    draft.persist(DropLease(name, ident))
    draft.emit(last)


def _done(draft: Draft, name: str, value: float | None) -> None:
    settle_owed(draft, name)
    ended = draft.point(name).ended
    forget(draft, name)
    if ended is not None:
        late_s = (draft.now_ns - ended.at_ns) / NS
        shown = math.nan if value is None else value
        draft.emit(FallbackDone(ended.id, draft.rules.edge, name, draft.now, shown, late_s))


def _set(draft: Draft, name: str, act: Falling) -> None:
    draft.put(name, replace(draft.point(name), act=act))
