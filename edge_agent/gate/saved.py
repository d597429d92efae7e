"""Rows of `control.db`, there and back."""

from __future__ import annotations

import msgpack

from edge_agent.gate.state import Intent, Latch, LatchKind, Lease, Wear
from protocols.command import CommandKind, Level


def lease_row(point: str, boot: str, lease: Lease) -> tuple[object, ...]:
    """A lease as its row; what came later stands packed in the last column."""
    bound = None if lease.bound is None else lease.bound.value
    more = msgpack.packb([lease.steps, bound, lease.actor, lease.reason])
    return (
        lease.id, point, boot, lease.issuer, lease.level.value,
        lease.value, lease.start_ns, lease.until_ns, lease.verified, more,
    )  # fmt: skip


def read_lease(row: tuple[bytes, str, str, float, int, int, int, bytes | None]) -> Lease:
    """A lease from its row, of this version or the one before."""
    ident, issuer, level, value, start_ns, until_ns, verified, more = row
    steps, bound, actor, reason = ([], None, "", "") if more is None else msgpack.unpackb(more)
    return Lease(
        id=ident,
        issuer=issuer,
        level=Level(level),
        value=value,
        start_ns=start_ns,
        until_ns=until_ns,
        verified=bool(verified),
        steps=tuple((int(at_ns), float(step)) for at_ns, step in steps),
        bound=None if bound is None else CommandKind(bound),
        actor=actor,
        reason=reason,
    )


def intent_row(point: str, boot: str, intent: Intent) -> tuple[object, ...]:
    """An intent as its row."""
    return (point, boot, intent.id, msgpack.packb(intent.values), intent.until_ns, intent.before)


def read_intent(row: tuple[bytes, bytes, int, float | None]) -> Intent:
    """An intent from its row."""
    ident, packed, until_ns, before = row
    return Intent(ident, tuple(float(value) for value in msgpack.unpackb(packed)), until_ns, before)


def wear_row(wear: Wear) -> bytes:
    """What was asked of a point, packed."""
    return bytes(msgpack.packb([wear.value, wear.changed_ns, wear.starts, wear.day_ns, wear.writes]))


def read_wear(body: bytes) -> Wear:
    """The same, unpacked."""
    value, changed_ns, starts, day_ns, writes = msgpack.unpackb(body)
    return Wear(value, changed_ns, tuple(starts), day_ns, writes)


def latch_row(latch: Latch) -> bytes:
    """A latch, packed, without what stands in its key."""
    return bytes(msgpack.packb([latch.actor, latch.reason, latch.until_ns, latch.armed_ns]))


def read_latch(kind: str, scope: str, body: bytes) -> Latch:
    """The same, unpacked."""
    actor, reason, until_ns, armed_ns = msgpack.unpackb(body)
    return Latch(LatchKind(kind), scope, actor, reason, until_ns, armed_ns)
