"""How a receipt moves a command: a pure table, the same for receipts that come twice or out of order.

    issued → received → written → verified            verdict `verified`
       └────────┴─────────┴──→ refused | failed       verdict `refused`, `failed`
    later, after any verdict: released | expired | overridden | superseded

A state never goes back; a verdict is given once. The exceptions: `failed` because no answer came in time, or
because a first read-back differed, gives way when the true answer arrives late; `refused` of one copy of the
message (held up, or for an earlier run) gives way when the edge takes another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.command import ACTS, CommandKind
from protocols.receipt import (
    Expired,
    Mismatch,
    Overridden,
    Receipt,
    Received,
    Refused,
    Released,
    Superseded,
    Verified,
    kind_of,
)
from protocols.refusal import OF_ONE_COPY

ISSUED: Final = "issued"
REFUSED: Final = "refused"
FAILED: Final = "failed"
VERIFIED: Final = "verified"
NO_ANSWER: Final = "no_answer"
"""Code of a command that nobody answered in time."""

_DONE_AT_ONCE: Final = frozenset(
    {kind.value for kind in ACTS}
    | {
        kind.value
        for kind in (CommandKind.RELEASE, CommandKind.CANCEL, CommandKind.OPERATE, CommandKind.TEST)
    }
)
"""Kinds without a lease of their own: `released` says that they are done."""

_PROVISIONAL: Final = frozenset({NO_ANSWER, "mismatch"})
_RANK: Final = {
    ISSUED: 0, "scheduled": 1, "received": 1, "written": 2, VERIFIED: 3, "mismatch": 3, REFUSED: 4, FAILED: 4,
    "superseded": 5, "overridden": 5, "expired": 5, "released": 5, "fallbackdone": -1,
}  # fmt: skip
OVER: Final = frozenset({REFUSED, FAILED, "superseded", "overridden", "expired", "released"})
"""States without a lease."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a command stands; the part of its row that receipts change.

    Attributes:
        state: Newest known state.
        verdict: verified, refused, failed, or None while open.
        code: Why, when refused or failed.
        lease_until_ns: Wall clock at which the lease ends without renewal.
        readback: Value seen by the separate read. [unit of the point]
        readback_ns: Wall clock of that read.
    """

    state: str
    verdict: str | None = None
    code: str | None = None
    lease_until_ns: int | None = None
    readback: float | None = None
    readback_ns: int | None = None


def of_one_copy(receipt: Receipt) -> bool:
    """Whether it only says that this copy came too late or to the wrong run, and nothing of the command."""
    return isinstance(receipt, Refused) and receipt.code in OF_ONE_COPY


def moved(now: Standing, kind: str, receipt: Receipt) -> Standing:
    """The standing after a receipt; `kind` is the command's."""
    if of_one_copy(receipt) and now.state not in {ISSUED, REFUSED, FAILED}:
        return now  # another copy was accepted
    if now.state == REFUSED and now.code in OF_ONE_COPY and not isinstance(receipt, Refused):
        now = Standing(ISSUED)
    name = kind_of(receipt)
    state = name if _RANK[name] >= _RANK[now.state] else now.state
    verdict, code = now.verdict, now.code
    if verdict is None or code in _PROVISIONAL:
        verdict, code = _verdict(now, kind, receipt)
    if verdict == VERIFIED and state == FAILED:
        state = VERIFIED
    until_ns, readback, readback_ns = now.lease_until_ns, now.readback, now.readback_ns
    if isinstance(receipt, Received) and until_ns is None:
        until_ns = receipt.at.wall_ns + round(receipt.lease_s * 1e9)
    if isinstance(receipt, Verified):
        readback, readback_ns = receipt.value, receipt.at.wall_ns
    return Standing(state, verdict, code, until_ns, readback, readback_ns)


def unanswered(now: Standing) -> Standing:
    """The standing after the time for an answer has passed; unchanged when the order has ended."""
    if now.verdict is not None:
        return now
    state = FAILED if _RANK[now.state] < _RANK[FAILED] else now.state
    return Standing(state, FAILED, NO_ANSWER, now.lease_until_ns, now.readback, now.readback_ns)


def _verdict(now: Standing, kind: str, receipt: Receipt) -> tuple[str | None, str | None]:
    if isinstance(receipt, Verified) or (isinstance(receipt, Released) and kind in _DONE_AT_ONCE):
        return VERIFIED, None
    if isinstance(receipt, Refused):
        return REFUSED, receipt.code.value
    if isinstance(receipt, Mismatch | Superseded | Overridden | Expired | Released):
        return FAILED, kind_of(receipt)
    return now.verdict, now.code
