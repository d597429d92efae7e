"""Commands and renewals: a command is a *permission for a while*, never a state.

Bodies are msgpack lists in the order of the fields below, signed by `protocols/signing.py`. An unknown
version, an unknown word or a field too many is refused. Spec: command protocol of the design (leased
set-points). The layout is final: what came later (bounds, acts) are new words of `kind`, so an edge that does
not know one refuses the message with code `schema`, and a layout of version 1 is read for good.

    set                a value, or a timetable (`steps`, `valid_for_s`, no `value`)
    at_most, at_least  a bound on the rungs below; rung grid_limit only
    release            end what the rung holds; cancel: end what it has selected or not begun
    select, operate    two steps of a discrete act, and the way of a group: all selected, then one operate
    test               every check, no write, no lease
    stop, resume       stop all automatic control of a scope; two `resume` end it, the second with `confirm`
    lock_out, lift     out of service, until a named person lifts it
    opt_out, opt_in    the site declines plans for `lease_s` (0: until it opts in again)

A scope stands in `point`: `all`, `site:SITE`, `zone:ZONE`, `SITE/DEVICE` or `SITE/DEVICE/POINT`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from typing import Final, NamedTuple

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols.errors import ContractError
from protocols.signing import seal

VERSION: Final = 1
PURPOSE_COMMAND: Final = "ems.command"
PURPOSE_RENEWAL: Final = "ems.renewal"
ID_BYTES: Final = 16
MAX_STEPS: Final = 96


class CommandKind(StrEnum):
    """What the sender wants."""

    SET = "set"
    RELEASE = "release"
    SELECT = "select"
    OPERATE = "operate"
    CANCEL = "cancel"
    TEST = "test"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"
    STOP = "stop"
    RESUME = "resume"
    LOCK_OUT = "lock_out"
    LIFT = "lift"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"


BOUNDS: Final = frozenset({CommandKind.AT_MOST, CommandKind.AT_LEAST})
"""Kinds that limit what rungs below may ask for, and ask for no value themselves."""

ACTS: Final = frozenset(
    {
        CommandKind.STOP,
        CommandKind.RESUME,
        CommandKind.LOCK_OUT,
        CommandKind.LIFT,
        CommandKind.OPT_OUT,
        CommandKind.OPT_IN,
    }
)
"""Acts of a person on a scope; `point` holds the scope."""


class Level(StrEnum):
    """Rungs of the ladder between interlock and fallback; `controller` stands in no message."""

    GRID_LIMIT = "grid_limit"
    OPERATOR = "operator"
    SCHEDULE = "schedule"
    OPTIMISER = "optimiser"
    CONTROLLER = "controller"
    """Output of a local controller of the edge; never on the wire of commands."""


class Echo(NamedTuple):
    """The last heartbeat seen from the edge: proof that this message was made after it."""

    boot: str
    reading_ms: int
    """CLOCK_BOOTTIME of the edge in that heartbeat. [ms]"""


class Step(NamedTuple):
    """One step of a timetable."""

    start_in_s: float
    value: float


@dataclass(frozen=True, slots=True)
class Command:
    """One leased set-point (or release) for one point.

    Attributes:
        v: Version of this layout.
        id: 16 random bytes; a re-send keeps it.
        issuer: Who signs, for example `hub`.
        key_id: Key that signed.
        site: Site of the edge.
        edge: Edge addressed.
        agent_epoch: Epoch of the agent process addressed.
        point: `site/device/point`; a scope where `kind` is an act.
        kind: What is wanted.
        value: Set-point in `unit`; None for a release, a timetable, an act.
        unit: Symbol; None for a release.
        level: Rung asked for.
        start_in_s: Start, seconds after `echo`.
        lease_s: End of the lease, seconds after `echo`: what is held up on its way does not live longer.
        echo: Heartbeat the issuer last saw.
        epoch: Leader term of the issuer.
        seq: Counts up per issuer, edge and epoch.
        revision: Revision of the plan.
        expect: Value the issuer believed in, for compare-and-set.
        cap_hash: State of the write block the issuer planned with.
        reason: Why, for people.
        actor: Person or job.
        confirm: Who confirms a two-step act.
        steps: Timetable, at most 96 steps; empty for a single value.
        valid_for_s: One horizon of the timetable; None for a single value.
        group: Id shared by points that are accepted all or none.
        group_size: How many messages the group has.
    """

    v: int
    id: bytes
    issuer: str
    key_id: str
    site: str
    edge: str
    agent_epoch: int
    point: str
    kind: CommandKind
    value: float | None
    unit: str | None
    level: Level
    start_in_s: float
    lease_s: float
    echo: Echo
    epoch: int
    seq: int
    revision: int
    expect: float | None
    cap_hash: bytes
    reason: str
    actor: str
    confirm: str | None = None
    steps: tuple[Step, ...] = ()
    valid_for_s: float | None = None
    group: bytes | None = None
    group_size: int = 0

    def body(self) -> bytes:
        """Bytes that are signed and sent."""
        return bytes(msgpack.packb(list(astuple(self))))

    def sealed(self, key: Ed25519PrivateKey) -> bytes:
        """Signed envelope, ready for the bus."""
        return seal(PURPOSE_COMMAND, self.body(), key)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Prolongs all leases in `list_hash` of one edge; not stored in the ledger, not fsynced at the edge.

    Attributes:
        v: Version of this layout.
        issuer: Who signs.
        key_id: Key that signed.
        site: Site of the edge.
        edge: Edge addressed.
        agent_epoch: Epoch of the agent process addressed.
        list_hash: `lease_list_hash` of the ids the issuer holds; another list is refused.
        valid_for_s: New length of each lease, from acceptance.
        echo: Heartbeat the issuer last saw.
        epoch: Leader term of the issuer.
        seq: Counts up per issuer, edge and epoch, together with commands.
    """

    v: int
    issuer: str
    key_id: str
    site: str
    edge: str
    agent_epoch: int
    list_hash: bytes
    valid_for_s: float
    echo: Echo
    epoch: int
    seq: int

    def body(self) -> bytes:
        """Bytes that are signed and sent."""
        return bytes(msgpack.packb(list(astuple(self))))

    def sealed(self, key: Ed25519PrivateKey) -> bytes:
        """Signed envelope, ready for the bus."""
        return seal(PURPOSE_RENEWAL, self.body(), key)


def lease_list_hash(ids: Sequence[bytes]) -> bytes:
    """Hash of a set of command ids, the same whatever their order; 16 bytes."""
    return hashlib.sha256(b"".join(sorted(ids))).digest()[:16]


_Reader = Callable[[object], object]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ContractError(f"expected a text, got {type(value).__name__}")
    return value


def _raw(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise ContractError(f"expected bytes, got {type(value).__name__}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ContractError(f"expected a whole number, got {type(value).__name__}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ContractError(f"expected a number, got {type(value).__name__}")
    return float(value)


def _or_none(reader: _Reader) -> _Reader:
    return lambda value: None if value is None else reader(value)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ContractError(f"expected a list, got {type(value).__name__}")
    return value


def _echo(value: object) -> Echo:
    boot, reading_ms = _list(value)
    return Echo(_text(boot), _whole(reading_ms))


def _step(value: object) -> Step:
    start_in_s, set_point = _list(value)
    return Step(_number(start_in_s), _number(set_point))


def _steps(value: object) -> tuple[Step, ...]:
    rows = _list(value)
    if len(rows) > MAX_STEPS:
        raise ContractError(f"a timetable of {len(rows)} steps; at most {MAX_STEPS}")
    return tuple(_step(row) for row in rows)


def _version(value: object) -> int:
    if value != VERSION:
        raise ContractError(f"version {value!r} is not known here")
    return VERSION


def _id(value: object) -> bytes:
    if len(_raw(value)) != ID_BYTES:
        raise ContractError(f"an id has {ID_BYTES} bytes")
    return _raw(value)


_COMMAND: Final[dict[str, _Reader]] = {
    "v": _version, "id": _id, "issuer": _text, "key_id": _text, "site": _text, "edge": _text,
    "agent_epoch": _whole, "point": _text, "kind": lambda v: CommandKind(_text(v)),
    "value": _or_none(_number), "unit": _or_none(_text), "level": lambda v: Level(_text(v)),
    "start_in_s": _number, "lease_s": _number,
    "echo": _echo, "epoch": _whole, "seq": _whole, "revision": _whole, "expect": _or_none(_number),
    "cap_hash": _raw, "reason": _text, "actor": _text, "confirm": _or_none(_text), "steps": _steps,
    "valid_for_s": _or_none(_number), "group": _or_none(_raw), "group_size": _whole,
}  # fmt: skip
_RENEWAL: Final[dict[str, _Reader]] = {
    "v": _version, "issuer": _text, "key_id": _text, "site": _text, "edge": _text, "agent_epoch": _whole,
    "list_hash": _raw, "valid_for_s": _number, "echo": _echo, "epoch": _whole, "seq": _whole,
}  # fmt: skip


def decode_command(body: bytes) -> Command:
    """Read the body of a command; checks form, not sense.

    Raises:
        ContractError: Unknown version, wrong type, a field too many or too few.
    """
    return Command(**_read(body, _COMMAND, Command))  # type: ignore[arg-type]  # _COMMAND reads each field as its type


def decode_renewal(body: bytes) -> Renewal:
    """Read the body of a renewal; checks form, not sense.

    Raises:
        ContractError: Unknown version, wrong type, a field too many or too few.
    """
    return Renewal(**_read(body, _RENEWAL, Renewal))  # type: ignore[arg-type]  # _RENEWAL reads each field as its type


def _read(body: bytes, readers: dict[str, _Reader], kind: type[Command | Renewal]) -> dict[str, object]:
    try:
        row = msgpack.unpackb(body)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not msgpack") from error
    names = [field.name for field in fields(kind)]
    if not isinstance(row, list) or len(row) != len(names):
        raise ContractError(f"a {kind.__name__.lower()} has {len(names)} fields")
    try:
        return {name: readers[name](value) for name, value in zip(names, row, strict=True)}
    except ValueError as error:
        raise ContractError(f"a {kind.__name__.lower()} with an unknown word: {error}") from error
