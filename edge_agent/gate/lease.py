"""How a lease begins, is prolonged and ends; each end gives exactly one last receipt."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.gate import ladder
from edge_agent.gate.draft import Draft
from edge_agent.gate.events import DropLease, SaveLease
from edge_agent.gate.state import NS, Ended, Holding, Lease
from protocols.command import Command, lease_list_hash
from protocols.receipt import Expired, Receipt, Superseded


def after_ns(now_ns: int, seconds: float) -> int:
    """Instant `seconds` from now, rounded down, so that a lease is never longer than was granted."""
    return now_ns + int(seconds * NS)


def span_ns(command: Command, now_ns: int) -> tuple[int, int]:
    """Start and end of the lease a command asks for, counted from the heartbeat it echoes.

    So a message that was held up on its way never outlives what its sender meant.
    """
    made_ns = min(command.echo.reading_ms * 1_000_000, now_ns)
    return max(now_ns, after_ns(made_ns, command.start_in_s)), after_ns(made_ns, command.lease_s)


def grant(draft: Draft, command: Command, value: float) -> Lease:
    """Give a command its lease; the one on its rung is superseded."""
    start_ns, until_ns = span_ns(command, draft.now_ns)
    lease = Lease(command.id, command.issuer, command.level, value, start_ns, until_ns)
    old = next((held for held in draft.point(command.point).leases if held.level is lease.level), None)
    if old is not None:
        at, edge = draft.now, draft.rules.edge
        end(draft, command.point, old, Superseded(old.id, edge, command.point, at, command.id))
    point = draft.point(command.point)
    draft.put(command.point, replace(point, leases=ladder.placed(point.leases, lease)))
    draft.persist(SaveLease(command.point, draft.now.boot, lease))
    return lease


def end(draft: Draft, name: str, lease: Lease, last: Receipt) -> None:
    """End a lease with its last receipt; `holding.pursue` then sees who has the point."""
    point = draft.point(name)
    held = isinstance(point.act, Holding) and point.act.id == lease.id
    ended = Ended(lease.id, min(draft.now_ns, lease.until_ns)) if held else point.ended
    left = tuple(other for other in point.leases if other.id != lease.id)
    draft.put(name, replace(point, leases=left, ended=ended))
    draft.persist(DropLease(name, lease.id))
    draft.emit(last)


def expire(draft: Draft, name: str) -> None:
    """End the leases of a point whose time has come."""
    for lease in draft.point(name).leases:
        if not lease.lives(draft.now_ns):
            end(draft, name, lease, Expired(lease.id, draft.rules.edge, name, draft.now))


def held_by(draft: Draft, issuer: str) -> list[tuple[str, Lease]]:
    """Points and live leases of an issuer."""
    return [
        (name, lease)
        for name, point in draft.state.points.items()
        for lease in point.leases
        if lease.issuer == issuer and lease.lives(draft.now_ns)
    ]


def list_hash(held: list[tuple[str, Lease]]) -> bytes:
    """Hash of the ids of leases, as a renewal names them."""
    return lease_list_hash([lease.id for _, lease in held])


def prolong(draft: Draft, held: list[tuple[str, Lease]], valid_for_s: float) -> None:
    """Give leases a new end; not made durable: after a crash the grant's own end counts."""
    for name, lease in held:
        point = draft.point(name)
        longer = replace(lease, until_ns=after_ns(draft.now_ns, valid_for_s))
        draft.put(name, replace(point, leases=tuple(longer if x.id == lease.id else x for x in point.leases)))
