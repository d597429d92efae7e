"""After a restart: leases of this boot go on once read back, everything else goes to its fallback.

Nothing is written before the device was read; a value that is not ours is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edge_agent.gate import fallback, ladder, standing, wear
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import (
    DropLease,
    DropSelection,
    SaveCoolDown,
    SavedIntent,
    SavedLease,
    SaveLatch,
    SaveSelection,
    SaveWear,
    Started,
)
from edge_agent.gate.state import Ended, Fence, GateState, Holding, Latch, LatchKind, Lease, PointState, Stage
from protocols.clock import Instant
from protocols.receipt import Expired, Receipt


@dataclass(frozen=True, slots=True)
class Saved:
    """What the store kept.

    Attributes:
        fences: Issuer to its fence.
        answers: First receipts, oldest first.
        leases: Leases whose last receipt is not out.
        intents: What may be on devices.
        cool_downs: Points somebody else had.
        wears: What was asked of points with limits of rate or wear.
        latches: What persons have set.
        selections: Commands that waited for their operate.
    """

    fences: dict[str, Fence]
    answers: tuple[tuple[bytes, Receipt], ...]
    leases: tuple[SavedLease, ...]
    intents: tuple[SavedIntent, ...]
    cool_downs: tuple[SaveCoolDown, ...]
    wears: tuple[SaveWear, ...] = ()
    latches: tuple[SaveLatch, ...] = ()
    selections: tuple[SaveSelection, ...] = ()

    def event(self) -> Started:
        """What the gate is told of it once it may decide."""
        return Started(self.leases, self.intents, self.selections, self.wears)


def restored(saved: Saved, now: Instant) -> GateState:
    """The state to begin with; leases, intents and selections follow as the event `Started`."""
    state = GateState(started_ns=now.mono_ns)
    for issuer, fence in saved.fences.items():
        state = replace(state, fences=state.fences.put(issuer, fence))
    for order, (ident, receipt) in enumerate(saved.answers):
        state = replace(
            state,
            answers=state.answers.put(ident, receipt),
            order=state.order.put(order, ident),
            next_order=order + 1,
        )
    for kept in saved.latches:
        latch = _latch(kept, now)
        state = replace(state, latches=state.latches.put((latch.kind, latch.scope), latch))
    return _with_points(state, saved, now)


def _with_points(state: GateState, saved: Saved, now: Instant) -> GateState:
    points: dict[str, PointState] = {}
    for cool in saved.cool_downs:
        if cool.boot == now.boot:
            points[cool.point] = PointState(cool_until_ns=cool.until_ns)
    for worn in saved.wears:
        same_boot = worn.boot == now.boot
        known = worn.wear if same_boot else wear.of_another_boot(worn.wear, now.mono_ns)
        points[worn.point] = replace(points.get(worn.point, PointState()), wear=known)
    for name, point in points.items():
        state = replace(state, points=state.points.put(name, point))
    return state


def _latch(kept: SaveLatch, now: Instant) -> Latch:
    """After a new boot a release begins anew; a timed opt-out, whose rest is not known, has to be ended."""
    return kept.latch if kept.boot == now.boot else replace(kept.latch, armed_ns=None, until_ns=None)


def started(draft: Draft, event: Started) -> None:
    """Take over what an earlier run left; points that may no longer be written stay as they are."""
    for chosen in event.selections:
        draft.persist(DropSelection(chosen.id))
        draft.emit(Expired(chosen.id, draft.rules.edge, chosen.point, draft.now))
    for saved in event.leases:
        if saved.point in draft.rules.points:
            _lease(draft, saved)
        else:
            _expired(draft, saved)
    for intent in event.intents:
        if intent.point in draft.rules.points:
            _intent(draft, intent)
    for name in _touched(event.leases):
        if name in draft.rules.points:
            _resume(draft, name)
    _keep_wears(draft, event.wears)


def _keep_wears(draft: Draft, wears: Iterable[SaveWear]) -> None:
    """What counts anew with this boot does so once: the next start of the same boot knows its age."""
    for worn in wears:
        if worn.boot != draft.now.boot:
            draft.persist(SaveWear(worn.point, draft.now.boot, draft.point(worn.point).wear))


def _touched(leases: Iterable[SavedLease]) -> list[str]:
    return sorted({saved.point for saved in leases})


def _lease(draft: Draft, saved: SavedLease) -> None:
    rules, lease = draft.rule(saved.point), saved.lease
    lives = saved.boot == draft.now.boot and lease.lives(draft.now_ns)
    point = draft.point(saved.point)
    if lives and rules.proven and _within(draft, saved.point, lease):
        draft.put(saved.point, replace(point, leases=ladder.placed(point.leases, lease)))
    elif point.owed is None:
        draft.put(saved.point, replace(point, owed=lease))
    else:
        _expired(draft, saved)


def _within(draft: Draft, name: str, lease: Lease) -> bool:
    """Whether a lease fits limits that may have changed, and nobody has stopped the point meanwhile."""
    limits = draft.rule(name).limits
    values = [lease.value, *(value for _, value in lease.steps)]
    return all(limits.low <= value <= limits.high for value in values) and not _held_off(draft, name)


def _held_off(draft: Draft, name: str) -> bool:
    return any(standing.latched(draft, name, kind) for kind in (LatchKind.STOP, LatchKind.LOCK_OUT))


def _intent(draft: Draft, saved: SavedIntent) -> None:
    point, intent = draft.point(saved.point), saved.intent
    draft.put(saved.point, replace(point, intent=intent))
    if ladder.winner(draft.rule(saved.point), point.leases, draft.now_ns) is None:
        same_boot = saved.boot == draft.now.boot
        at_ns = min(intent.until_ns, draft.now_ns) if same_boot else draft.now_ns
        draft.put(saved.point, replace(draft.point(saved.point), ended=Ended(intent.id, at_ns)))
        if standing.latched(draft, saved.point, LatchKind.LOCK_OUT) is None:
            fallback.begin(draft, saved.point, careful=True)


def _resume(draft: Draft, name: str) -> None:
    """Read before anything is written; a lease that never reached the device owes no fallback."""
    point = draft.point(name)
    won = ladder.winner(draft.rule(name), point.leases, draft.now_ns)
    if won is not None:
        ticket = draft.read_back(name, draft.rule(name).name)
        act = Holding(won.lease.id, won.value, ticket, Stage.READING, draft.now_ns, resumed=True)
        draft.put(name, replace(draft.point(name), act=act))
    if won is not None or point.intent is None:
        fallback.settle_owed(draft, name)


def _expired(draft: Draft, saved: SavedLease) -> None:
    draft.persist(DropLease(saved.point, saved.lease.id))
    draft.emit(Expired(saved.lease.id, draft.rules.edge, saved.point, draft.now))
