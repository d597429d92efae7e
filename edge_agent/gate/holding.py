"""Bring a lease's value onto a point: intent, write, separate read-back, refresh of its watchdog."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from edge_agent.gate import fallback, foreign, ladder, present, selection, standing, wear
from edge_agent.gate.draft import REFRESH, Draft
from edge_agent.gate.events import NoticeCode, PointRead, SaveIntent, SaveLease
from edge_agent.gate.ladder import Claim
from edge_agent.gate.lease import after_ns, end, expire
from edge_agent.gate.state import Holding, Intent, Lease, PointState, Seen, Stage
from protocols.receipt import Mismatch, Overridden, Verified, Written
from protocols.write_block import WriteLimits

_TRIES: Final = 2
_FEEDS_A_WATCHDOG: Final = 3
_MOST_VALUES: Final = 16
_WRITTEN: Final = (Stage.SETTLING, Stage.READING, Stage.DONE)
_UNDER_WAY: Final = (Stage.WRITING, Stage.SETTLING, Stage.READING)


def pursue(draft: Draft, name: str) -> None:
    """End what has run out or is forbidden, see who has the point now, and begin what that asks for."""
    expire(draft, name)
    selection.expire(draft, name)
    _end_what_is_forbidden(draft, name)
    point = draft.point(name)
    won = ladder.winner(draft.rule(name), point.leases, draft.now_ns)
    if won is None:
        _fall(draft, name, point)
    elif not _is_on_it(point, won):
        _turn_to(draft, name, won)


def begin(draft: Draft, name: str, claim: Claim, tries: int = 0) -> None:
    """Write a winner's value; the intent is durable before."""
    fallback.settle_owed(draft, name)
    changes = wear.changes(draft, name, claim.value)
    wear.counted(draft, name, claim.value)
    point, lease = draft.point(name), claim.lease
    old = point.intent
    values = (*(old.values if old is not None else ()), claim.value)
    seen = point.seen.value if point.seen is not None and point.seen.good else None
    before = seen if old is None else old.before
    intent = Intent(lease.id, values[-_MOST_VALUES:], lease.until_ns, before)
    draft.persist(SaveIntent(name, draft.now.boot, intent))
    ticket = draft.write(name, claim.value, lease.level.value, lease.id)
    act = Holding(lease.id, claim.value, ticket, Stage.WRITING, draft.now_ns, tries=tries, changes=changes)
    draft.put(name, replace(point, act=act, intent=intent, ended=None, foreign=None))
    if isinstance(point.act, Holding) and point.act.id == lease.id and point.act.value != claim.value:
        _verified_anew(draft, name, lease)


def write_done(draft: Draft, name: str, act: Holding, lease: Lease) -> None:
    """The device took the write: give it its time, then read."""
    if not lease.verified:
        draft.tell(lease, Written(lease.id, draft.rules.edge, name, draft.now, act.value))
    now_ns = draft.now_ns
    _set(draft, name, replace(act, stage=Stage.SETTLING, since_ns=now_ns, fed_ns=now_ns))
    if act.changes:
        wear.taken(draft, name)
    tick(draft, name)


def failed(draft: Draft, name: str, act: Holding, lease: Lease) -> None:
    """Write or read-back without an answer; one that was taken over waits for the device to come back."""
    if act.resumed:
        _set(draft, name, replace(act, stage=Stage.WAITING, since_ns=draft.now_ns))
    else:
        _missed(draft, name, act, lease, math.nan)


def read(draft: Draft, name: str, act: Holding, lease: Lease, value: float | None) -> None:
    """Judge the read-back."""
    rules, point = draft.rule(name), draft.point(name)
    if value is not None and rules.same(value, act.value):
        _verified(draft, name, act, value)
    elif not act.resumed:
        _missed(draft, name, act, lease, math.nan if value is None else value)
    elif not foreign.explained(rules, point, value):
        foreign.take(draft, name, "a value that is not ours")
    elif standing.above(draft, name) is None:
        begin(draft, name, Claim(lease, act.value))
    else:
        failed(draft, name, act, lease)


def polled(draft: Draft, event: PointRead) -> None:
    """Compare a poll with what was read back."""
    name = event.point
    before = draft.point(name).seen
    if before is not None and event.at_ns <= before.at_ns:
        return
    draft.put(name, replace(draft.point(name), seen=Seen(event.value, event.good, event.at_ns)))
    point = draft.point(name)
    act = point.act
    lease = point.lease(act.id) if isinstance(act, Holding) else None
    if not isinstance(act, Holding) or lease is None or act.stage is not Stage.DONE:
        return
    if not event.good or event.at_ns <= act.since_ns or act.feeding is not None:
        return
    if not foreign.seems_foreign(draft, name, act.value, event.value):
        return
    if foreign.dropped_by_device(draft.rule(name), point, act, event.value, draft.now_ns):
        begin(draft, name, Claim(lease, act.value))
    else:
        foreign.take(draft, name, f"the value {event.value:g}")


def tick(draft: Draft, name: str) -> None:
    """Go on with what waits for time to pass: read-back after settling, watchdog refresh."""
    act = draft.point(name).act
    if not isinstance(act, Holding):
        return
    lease = draft.point(name).lease(act.id)
    if lease is not None and act.stage.overdue(act.since_ns, draft.now_ns):
        failed(draft, name, act, lease)
        return
    settled_ns = after_ns(act.since_ns, draft.rule(name).limits.settle_s)
    if act.stage is Stage.WAITING or (act.stage is Stage.SETTLING and draft.now_ns >= settled_ns):
        ticket = draft.read_back(name, _source(draft.rule(name).limits))
        act = replace(act, ticket=ticket, stage=Stage.READING, since_ns=draft.now_ns)
        _set(draft, name, act)
    _feed(draft, name, act)


def fed(draft: Draft, name: str, act: Holding, *, taken: bool) -> None:
    """A refresh came back; one that failed is tried again at the next tick."""
    _set(draft, name, replace(act, feeding=None, fed_ns=draft.now_ns if taken else act.fed_ns))


def by_right(draft: Draft, name: str, act: Holding) -> bool:
    """Whether its lease lives and wins, or may stay while rate or wear hold the winner up."""
    point = draft.point(name)
    held = point.lease(act.id)
    won = ladder.winner(draft.rule(name), point.leases, draft.now_ns)
    if held is None or not held.lives(draft.now_ns) or won is None:
        return False
    if _is_on_it(point, won):
        return True
    return bool(wear.hindrance(draft, name, won.value)) and _may_stay(draft, name, point, act)


def _end_what_is_forbidden(draft: Draft, name: str) -> None:
    point = draft.point(name)
    if not (point.leases or point.selection):
        return
    found = standing.ends_leases(draft, name)
    if found is not None:
        foreign.all_overridden(draft, name, found.words)


def _fall(draft: Draft, name: str, point: PointState) -> None:
    if isinstance(point.act, Holding):
        if ladder.shut_out(draft.rule(name), point.leases, draft.now_ns):
            draft.notice(NoticeCode.BOUNDS_EXCLUDE, name, "the grid limits leave no value")
        fallback.begin(draft, name, careful=point.act.resumed)
    elif point.act is None and point.intent is not None and standing.writable(draft, name):
        fallback.begin(draft, name, careful=True)


def _is_on_it(point: PointState, won: Claim) -> bool:
    """Whether the winner's value is already being held; how far, the act knows."""
    act = point.act
    if not isinstance(act, Holding) or act.id != won.lease.id:
        return False
    return act.resumed or act.value == won.value  # what was taken over is read before anything is written


def _turn_to(draft: Draft, name: str, won: Claim) -> None:
    """Write the winner's value, or, while that may not be, keep what is still allowed, else fall back."""
    point = draft.point(name)
    if standing.above(draft, name) is not None or not present.can_be_given_back(draft, name):
        return
    act = point.act
    if isinstance(act, Holding) and _gets_it(draft, name, act, won):
        _hand_over(draft, name, act, won.lease)
    elif not wear.hindrance(draft, name, won.value):
        begin(draft, name, won)
    elif isinstance(act, Holding) and not _may_stay(draft, name, point, act):
        fallback.begin(draft, name)


def _gets_it(draft: Draft, name: str, act: Holding, won: Claim) -> bool:
    """Whether a point with rationed writes shows the value, or is on its way to it: then a read is enough.

    A storm of one value would else write it again and again, whatever the dwell and the register's budget.
    """
    duty = draft.rule(name).duty
    rationed = duty.dwell_s > 0 or duty.writes_per_day is not None
    if not rationed or act.value != won.value or act.resumed:
        return False
    return act.stage in _UNDER_WAY or (act.stage is Stage.DONE and draft.point(name).foreign is None)


def _hand_over(draft: Draft, name: str, act: Holding, lease: Lease) -> None:
    """The same value for another lease: read back for it, and not written again."""
    point = draft.point(name)
    if point.intent is not None:
        intent = replace(point.intent, id=lease.id, until_ns=lease.until_ns)
        draft.persist(SaveIntent(name, draft.now.boot, intent))
        draft.put(name, replace(point, intent=intent, ended=None))
    act = replace(act, id=lease.id)
    if act.stage is Stage.DONE:
        ticket = draft.read_back(name, _source(draft.rule(name).limits))
        act = replace(act, ticket=ticket, stage=Stage.READING, since_ns=draft.now_ns)
    _set(draft, name, act)


def _may_stay(draft: Draft, name: str, point: PointState, act: Holding) -> bool:
    held = point.lease(act.id)
    if held is None or not held.lives(draft.now_ns):
        return False
    left = ladder.room(draft.rule(name), point.leases, draft.now_ns)
    return ladder.rank(held.level) == 0 or left.low <= act.value <= left.high


def _feed(draft: Draft, name: str, act: Holding) -> None:
    rules, point = draft.rule(name), draft.point(name)
    lease = point.lease(act.id)
    if rules.watchdog_s is None or lease is None or act.resumed or act.stage not in _WRITTEN:
        return
    if act.feeding is not None or point.foreign is not None or standing.above(draft, name) is not None:
        return
    if act.fed_ns is None or draft.now_ns >= after_ns(act.fed_ns, rules.watchdog_s / _FEEDS_A_WATCHDOG):
        ticket = draft.write(name, act.value, REFRESH, lease.id)
        _set(draft, name, replace(act, feeding=ticket))


def _verified_anew(draft: Draft, name: str, lease: Lease) -> None:
    """A step of a timetable or a bound has moved the value: it is written and read back again."""
    point = draft.point(name)
    draft.put(name, replace(point, leases=ladder.placed(point.leases, replace(lease, verified=False))))


def _verified(draft: Draft, name: str, act: Holding, value: float) -> None:
    now_ns = draft.now_ns
    _set(draft, name, replace(act, stage=Stage.DONE, since_ns=now_ns, tries=0, resumed=False))
    _only_value_left(draft, name)
    point = draft.point(name)
    lease = point.lease(act.id)
    if lease is None or lease.verified:
        return
    seen = replace(lease, verified=True)
    draft.put(name, replace(point, leases=ladder.placed(point.leases, seen)))
    if not lease.quiet:
        draft.persist(SaveLease(name, draft.now.boot, seen))
    draft.tell(lease, Verified(lease.id, draft.rules.edge, name, draft.now, value))


def _only_value_left(draft: Draft, name: str) -> None:
    point = draft.point(name)
    if point.intent is not None and len(point.intent.values) > 1:
        intent = replace(point.intent, values=point.intent.values[-1:])
        draft.put(name, replace(point, intent=intent))
        draft.persist(SaveIntent(name, draft.now.boot, intent))


def _missed(draft: Draft, name: str, act: Holding, lease: Lease, got: float) -> None:
    if act.tries + 1 < _TRIES and standing.above(draft, name) is None:
        begin(draft, name, Claim(lease, act.value), act.tries + 1)
        return
    at, edge = draft.now, draft.rules.edge
    draft.tell(lease, Mismatch(lease.id, edge, name, at, act.value, got))
    end(draft, name, lease, Overridden(lease.id, edge, name, at, "mismatch"))
    if lease.quiet:
        fallback.cool_down(draft, name)
    pursue(draft, name)


def _source(limits: WriteLimits) -> str:
    if limits.readback == "effective" and limits.effective_point is not None:
        return limits.effective_point
    return limits.point


def _set(draft: Draft, name: str, act: Holding) -> None:
    draft.put(name, replace(draft.point(name), act=act))
