"""How a lease begins, is prolonged and ends; each end gives exactly one last receipt."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from edge_agent.gate import ladder
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import DropLease, SaveLease
from edge_agent.gate.rules import NS, PointRules, Rules
from edge_agent.gate.state import Ended, Holding, Lease
from protocols.command import BOUNDS, Command, lease_list_hash
from protocols.receipt import Expired, Receipt, Received, Scheduled, Superseded


def after_ns(now_ns: int, seconds: float) -> int:
    """Instant `seconds` from now, rounded down, so that a lease is never longer than was granted."""
    return now_ns + int(seconds * NS)


def span_ns(command: Command, now_ns: int) -> tuple[int, int]:
    """Start and end of the lease a command asks for, counted from the heartbeat it echoes.

    So a message that was held up on its way never outlives what its sender meant.
    """
    made_ns = _made_ns(command, now_ns)
    first_s = command.steps[0].start_in_s if command.steps else command.start_in_s
    return max(now_ns, after_ns(made_ns, first_s)), after_ns(made_ns, command.lease_s)


def asked(draft: Draft, command: Command) -> Lease:
    """The lease a command asks for; nothing is granted yet."""
    start_ns, until_ns = span_ns(command, draft.now_ns)
    made_ns = _made_ns(command, draft.now_ns)
    steps = tuple((after_ns(made_ns, step.start_in_s), step.value) for step in command.steps)
    value = command.value if command.value is not None else command.steps[0].value
    rules = draft.rule(command.point)
    return Lease(
        id=command.id,
        issuer=command.issuer,
        level=command.level,
        value=value,
        start_ns=start_ns,
        until_ns=until_ns - spread_ns(draft.rules, rules, until_ns - start_ns),
        steps=steps,
        bound=command.kind if command.kind in BOUNDS else None,
        actor=command.actor,
        reason=command.reason,
    )


def spread_ns(rules: Rules, point: PointRules, length_ns: int) -> int:
    """By how much a lease ends early; the same for all of a group, at most half of its length.

    Drawn from names and not by chance, so that the core stays a function of what it is given.
    """
    if point.duty.spread_s <= 0:
        return 0
    family = point.group.group if point.group is not None else point.device
    drawn = int.from_bytes(hashlib.sha256(f"{rules.edge}/{family}".encode()).digest()[:4], "big")
    return min(int(point.duty.spread_s * NS) * drawn >> 32, max(0, length_ns // 2))


def grant(draft: Draft, name: str, lease: Lease) -> None:
    """Give a lease; the one in its place is superseded."""
    at, edge = draft.now, draft.rules.edge
    old = next((held for held in draft.point(name).leases if ladder.same_place(held, lease)), None)
    if old is not None:
        end(draft, name, old, Superseded(old.id, edge, name, at, lease.id))
    place(draft, name, lease)
    draft.persist(SaveLease(name, draft.now.boot, lease))
    if lease.start_ns > draft.now_ns:
        draft.emit(Scheduled(lease.id, edge, name, at, (lease.start_ns - draft.now_ns) / NS))


def place(draft: Draft, name: str, lease: Lease) -> None:
    """Put a lease on its rung, in the place of whatever is there; no receipts, nothing durable."""
    point = draft.point(name)
    draft.put(name, replace(point, leases=ladder.placed(point.leases, lease)))


def received(draft: Draft, name: str, lease: Lease) -> Received:
    """The receipt of a command whose lease is granted, with what is left of it."""
    return Received(lease.id, draft.rules.edge, name, draft.now, (lease.until_ns - draft.now_ns) / NS)


def end(draft: Draft, name: str, lease: Lease, last: Receipt) -> None:
    """End a lease with its last receipt; `holding.pursue` then sees who has the point."""
    point = draft.point(name)
    held = isinstance(point.act, Holding) and point.act.id == lease.id
    ended = Ended(lease.id, min(draft.now_ns, lease.until_ns)) if held and not lease.quiet else point.ended
    left = tuple(other for other in point.leases if other.id != lease.id)
    draft.put(name, replace(point, leases=left, ended=ended))
    if not lease.quiet:
        draft.persist(DropLease(name, lease.id))
    draft.tell(lease, last)


def expire(draft: Draft, name: str) -> None:
    """End the leases of a point whose time has come."""
    for lease in draft.point(name).leases:
        if not lease.lives(draft.now_ns):
            end(draft, name, lease, Expired(lease.id, draft.rules.edge, name, draft.now))


def held_by(draft: Draft, issuer: str) -> list[tuple[str, Lease]]:
    """Points and live leases of an issuer."""
    return [
        (name, lease)
        for name in draft.state.busy
        for lease in draft.point(name).leases
        if lease.issuer == issuer and lease.lives(draft.now_ns)
    ]


def list_hash(held: list[tuple[str, Lease]]) -> bytes:
    """Hash of the ids of leases, as a renewal names them."""
    return lease_list_hash([lease.id for _, lease in held])


def prolong(draft: Draft, held: list[tuple[str, Lease]], valid_for_s: float) -> None:
    """Give leases a later end; not made durable: after a crash the grant's own end counts.

    A renewal never shortens: what it took away would come back with a crash. Who wants a lease to end sooner
    releases it. A timetable has one horizon and keeps it.
    """
    for name, lease in held:
        if lease.steps:
            continue
        rules, point = draft.rule(name), draft.point(name)
        length_ns = int(valid_for_s * NS)
        until_ns = draft.now_ns + length_ns - spread_ns(draft.rules, rules, length_ns)
        longer = replace(lease, until_ns=max(lease.until_ns, until_ns))
        draft.put(name, replace(point, leases=tuple(longer if x.id == lease.id else x for x in point.leases)))


def _made_ns(command: Command, now_ns: int) -> int:
    return min(command.echo.reading_ms * 1_000_000, now_ns)
