"""Give a point back: read, write when it is not there yet, read again, and again each tick until it is.

The device's own watchdog is often faster than we are; then the first read is all there is to do. Points of a
group go together, each once those before it are read back.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from edge_agent.gate import standing, wear
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import DropIntent, DropLease, NoticeCode, SaveCoolDown
from edge_agent.gate.lease import after_ns, end
from edge_agent.gate.rules import NS
from edge_agent.gate.state import Falling, Holding, Seen, Stage
from protocols.receipt import Expired, FallbackDone, Overridden, Receipt

TELL_AFTER: Final = 3
"""Rounds that fail before people hear of it."""


def begin(draft: Draft, name: str, *, careful: bool = False) -> None:
    """Start the way back with a read; `careful` leaves a value alone that is not ours."""
    act = Falling(0, Stage.QUEUED, draft.now_ns, careful)
    draft.put(name, replace(draft.point(name), act=act, foreign=None))
    _with_its_group(draft, name)
    _look(draft, name)


def write_done(draft: Draft, name: str, act: Falling) -> None:
    """The device took the write: give it its time, then read."""
    _set(draft, name, replace(act, stage=Stage.SETTLING, since_ns=draft.now_ns, written=True))
    wear.taken(draft, name)
    tick(draft, name)


def failed(draft: Draft, name: str, act: Falling) -> None:
    """No answer, or not there; the next tick tries again."""
    tries = act.tries + 1
    waiting = replace(act, stage=Stage.WAITING, since_ns=draft.now_ns, written=False, tries=tries)
    _set(draft, name, waiting)
    if tries == TELL_AFTER:
        draft.notice(NoticeCode.FALLBACK_FAILS, name, f"not on its fallback after {tries} tries")


def read(draft: Draft, name: str, act: Falling, value: float | None) -> None:
    """Judge what the device holds."""
    rules, point = draft.rule(name), draft.point(name)
    if act.careful and not _ours_or_home(draft, name, value):
        leave(draft, name)
    elif rules.rests(value, point.intent):
        _done(draft, name, value)
    elif act.written or not standing.writable(draft, name):
        failed(draft, name, act)
    else:
        settle_owed(draft, name)
        _write(draft, name, act, rules.home(point.intent))


def tick(draft: Draft, name: str) -> None:
    """Go on with what waits for time to pass."""
    act = draft.point(name).act
    if not isinstance(act, Falling):
        return
    if act.stage.overdue(act.since_ns, draft.now_ns):
        failed(draft, name, act)
        return
    settled_ns = after_ns(act.since_ns, draft.rule(name).limits.settle_s)
    due = act.stage is Stage.SETTLING and draft.now_ns >= settled_ns
    if due or act.stage in (Stage.WAITING, Stage.QUEUED):
        _look(draft, name)


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
    _wake_its_group(draft, name)


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


def _with_its_group(draft: Draft, name: str) -> None:
    """Pumps and tower do not stay without their chiller: the leases of a group end together."""
    group = draft.rule(name).group
    for other in draft.rules.group_of[group.group] if group is not None else ():
        point = draft.point(other)
        if other == name or not point.busy or isinstance(point.act, Falling):
            continue
        for held in point.leases:
            by = f"its group {group.group} falls back" if group is not None else ""
            end(draft, other, held, Overridden(held.id, draft.rules.edge, other, draft.now, by))
        point = draft.point(other)
        if point.intent is not None and standing.writable(draft, other):
            act = Falling(0, Stage.QUEUED, draft.now_ns, careful=point.act is None)
            draft.put(other, replace(point, act=act, foreign=None))
    _wake_its_group(draft, name)  # whoever comes before it goes at once, not at the next tick


def _wake_its_group(draft: Draft, name: str) -> None:
    group = draft.rule(name).group
    for other in draft.rules.group_of[group.group] if group is not None else ():
        act = draft.point(other).act
        if other != name and isinstance(act, Falling) and act.stage is Stage.QUEUED:
            _look(draft, other)


def _turn(draft: Draft, name: str) -> bool:
    """Whether all points of its group that come before it are back."""
    group = draft.rule(name).group
    if group is None:
        return True
    members = draft.rules.group_of[group.group]
    earlier = [m for m in members if (other := draft.rule(m).group) is not None and other.order < group.order]
    return all(_is_back(draft, member) for member in earlier)


def _is_back(draft: Draft, name: str) -> bool:
    """Whether nothing of ours is on its way home there.

    What a newer lease holds again, or what nobody may write (out of service, local hand), is not waited for:
    either may last, and no value of a lease outlives it.
    """
    point = draft.point(name)
    return point.intent is None or isinstance(point.act, Holding) or not standing.writable(draft, name)


def _look(draft: Draft, name: str) -> None:
    act = draft.point(name).act
    if isinstance(act, Falling) and _turn(draft, name):
        ticket = draft.read_back(name, draft.rule(name).name)
        _set(draft, name, replace(act, ticket=ticket, stage=Stage.READING, since_ns=draft.now_ns))


def _ours_or_home(draft: Draft, name: str, value: float | None) -> bool:
    rules, intent = draft.rule(name), draft.point(name).intent
    home = rules.home(intent)
    known = rules.slot or home is not None
    return rules.ours(value, intent) or (known and rules.same(value, home))


def _write(draft: Draft, name: str, act: Falling, value: float | None) -> None:
    intent = draft.point(name).intent
    wear.counted(draft, name, value)
    ticket = draft.write(name, value, "fallback", b"" if intent is None else intent.id)
    _set(draft, name, replace(act, ticket=ticket, stage=Stage.WRITING, since_ns=draft.now_ns))


def _done(draft: Draft, name: str, value: float | None) -> None:
    settle_owed(draft, name)
    ended = draft.point(name).ended
    forget(draft, name)
    _remember(draft, name, value)
    if ended is not None:
        late_s = (draft.now_ns - ended.at_ns) / NS
        shown = math.nan if value is None else value
        draft.emit(FallbackDone(ended.id, draft.rules.edge, name, draft.now, shown, late_s))


def _remember(draft: Draft, name: str, value: float | None) -> None:
    """What was just read is newer than the last poll, which may still show a value of ours.

    Otherwise a lease that begins before the next poll would give that value back as the one it found.
    """
    if value is not None and not draft.rule(name).slot:
        draft.put(name, replace(draft.point(name), seen=Seen(value, good=True, at_ns=draft.now_ns)))


def _set(draft: Draft, name: str, act: Falling) -> None:
    draft.put(name, replace(draft.point(name), act=act))
