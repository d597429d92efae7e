"""Receipts: what became of a command, one small value a step; only `Verified` counts as done.

A receipt travels as msgpack [v, kind, id, edge, point, boot, mono_ns, wall_ns, detail …] inside a journal
row, so it survives outages like a sample.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import Final, get_args

import msgpack

from protocols.clock import Instant
from protocols.errors import ContractError
from protocols.refusal import Refusal

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class _Base:
    """What every receipt says.

    Attributes:
        id: Id of the command.
        edge: Edge that answers.
        point: `site/device/point`.
        at: When it happened.
    """

    id: bytes
    edge: str
    point: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Received(_Base):
    """All checks passed; the lease lives until `lease_s` after `at`."""

    lease_s: float


@dataclass(frozen=True, slots=True)
class Refused(_Base):
    """A check failed; nothing changed."""

    code: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class Scheduled(_Base):
    """Accepted, starts later."""

    start_in_s: float


@dataclass(frozen=True, slots=True)
class Written(_Base):
    """The device took the write; not yet read back."""

    value: float


@dataclass(frozen=True, slots=True)
class Verified(_Base):
    """A separate read saw the value."""

    value: float


@dataclass(frozen=True, slots=True)
class Mismatch(_Base):
    """A separate read saw something else; NaN when it could not be read."""

    expected: float
    got: float


@dataclass(frozen=True, slots=True)
class Overridden(_Base):
    """Somebody else holds the point; the lease is dropped."""

    by: str


@dataclass(frozen=True, slots=True)
class Superseded(_Base):
    """A newer command of the same rung took its place."""

    by: bytes


@dataclass(frozen=True, slots=True)
class Expired(_Base):
    """Not renewed in time."""


@dataclass(frozen=True, slots=True)
class Released(_Base):
    """Ended by a release command, or by an agent that ends in order."""


@dataclass(frozen=True, slots=True)
class FallbackDone(_Base):
    """The point was read back on its fallback, `late_s` after the lease had ended.

    `late_s` is taken on the edge's boot clock; `value` is NaN for an empty priority slot.
    """

    value: float
    late_s: float


Receipt = (
    Received | Refused | Scheduled | Written | Verified | Mismatch
    | Overridden | Superseded | Expired | Released | FallbackDone
)  # fmt: skip
"""Everything an edge may answer."""

TERMINAL: Final = (Refused, Overridden, Superseded, Expired, Released)
"""After one of these the lease is over; `FallbackDone` may follow as the record of the fallback."""

_KINDS: Final[dict[str, type[_Base]]] = {kind.__name__.lower(): kind for kind in get_args(Receipt)}


def kind_of(receipt: Receipt) -> str:
    """Lower-case name of the receipt's kind, as on the wire."""
    return type(receipt).__name__.lower()


def encode_receipt(receipt: Receipt) -> bytes:
    """Pack a receipt."""
    at = receipt.at
    head = [
        VERSION,
        kind_of(receipt),
        receipt.id,
        receipt.edge,
        receipt.point,
        at.boot,
        at.mono_ns,
        at.wall_ns,
    ]
    return bytes(msgpack.packb(head + list(astuple(receipt)[len(fields(_Base)) :])))


def decode_receipt(data: bytes) -> Receipt:
    """Read a receipt back.

    Raises:
        ContractError: Unknown version, kind or code, or a field too many or too few.
    """
    try:
        version, name, ident, edge, point, boot, mono_ns, wall_ns, *detail = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a receipt") from error
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if version != VERSION or kind is None:
        raise ContractError(f"receipt version {version!r} kind {name!r} is not known here")
    try:
        if kind is Refused and detail:
            detail[0] = Refusal(detail[0])
        return kind(ident, edge, point, Instant(boot, mono_ns, wall_ns), *detail)  # type: ignore[return-value]  # _KINDS holds members of Receipt only
    except TypeError as error:
        raise ContractError(f"a {name} receipt with {len(detail)} details") from error
    except ValueError as error:
        raise ContractError(f"a {name} receipt with an unknown code") from error
