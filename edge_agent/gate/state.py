"""What the gate knows: its rules (from files, never change in a run) and its state (changes with each event).

All instants are nanoseconds of the boot clock (CLOCK_BOOTTIME); the wall clock only labels receipts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.gate.pmap import PMap
from protocols.command import Level
from protocols.receipt import Receipt
from protocols.write_block import WriteLimits

NS: Final = 1_000_000_000
FRESH_POLLS: Final = 3
"""A reading older than so many polling periods counts as none."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What we may have left on the device; kept until its fallback is read back.

    Attributes:
        id: Command that was written last.
        values: What the device may show of ours, the newest last: a write that was never read back may have
            been lost, then the one before still stands. [unit of the point]
        until_ns: End of the lease as granted.
    """

    id: bytes
    values: tuple[float, ...]
    until_ns: int


@dataclass(frozen=True, slots=True)
class PointRules:
    """What may be done to one set-point.

    Attributes:
        device: Its device.
        name: Its name in the profile.
        limits: Commissioned limits.
        cap_hash: Hash of the write block they stand in.
        proven: Whether a fallback proof for exactly these limits exists.
        tolerance: Largest difference of two readings that count as equal. [unit of the point]
        poll_s: How often it is read.
        watchdog_s: After how long without a write the device itself drops the value; None: it never does.
        switch_poll_s: How often the device's local switch is read; None: it has none.
    """

    device: str
    name: str
    limits: WriteLimits
    cap_hash: bytes
    proven: bool
    tolerance: float
    poll_s: float
    watchdog_s: float | None = None
    switch_poll_s: float | None = None

    def same(self, one: float | None, other: float | None) -> bool:
        """Whether two readings are equal; None is the empty priority slot."""
        if one is None or other is None:
            return one is other
        return abs(one - other) <= self.tolerance

    def ours(self, value: float | None, intent: Intent | None) -> bool:
        """Whether a value is one we may have written."""
        return intent is not None and any(self.same(value, each) for each in intent.values)

    @property
    def fallback_value(self) -> float | None:
        """Where the point goes when no lease lives; None: the priority slot is emptied."""
        return self.limits.fallback.value


@dataclass(frozen=True, slots=True)
class Issuer:
    """Somebody who may send.

    Attributes:
        keys: Key id to public key.
        levels: Rungs it may ask for.
    """

    keys: Mapping[str, Ed25519PublicKey]
    levels: frozenset[Level]


@dataclass(frozen=True)
class Rules:
    """What the gate of one edge goes by.

    Attributes:
        site: The site.
        edge: The edge.
        agent_epoch: Epoch of this run of the agent.
        issuers: Who may send.
        points: `site/device/point` to its rules; nothing else is ever written.
        max_echo_age_s: How old the heartbeat behind a message may be.
        cool_down_s: How long a point is left alone after somebody else took it.
        most_ids: How many answered commands are remembered.
    """

    site: str
    edge: str
    agent_epoch: int
    issuers: Mapping[str, Issuer]
    points: Mapping[str, PointRules]
    max_echo_age_s: float = 10.0
    cool_down_s: float = 900.0
    most_ids: int = 10_000

    @cached_property
    def points_of(self) -> Mapping[str, tuple[str, ...]]:
        """Device id to its points."""
        found: dict[str, list[str]] = {}
        for point, rules in self.points.items():
            found.setdefault(rules.device, []).append(point)
        return {device: tuple(points) for device, points in found.items()}


@dataclass(frozen=True, slots=True)
class Lease:
    """A granted command.

    Attributes:
        id: Id of the command.
        issuer: Who sent it; only the same may renew it.
        level: Its rung.
        value: Set-point. [unit of the point]
        start_ns: From when it acts.
        until_ns: From when it no longer acts.
        verified: Whether its value has been read back.
    """

    id: bytes
    issuer: str
    level: Level
    value: float
    start_ns: int
    until_ns: int
    verified: bool = False

    def lives(self, at_ns: int) -> bool:
        """Whether it has not ended; it may not have begun."""
        return at_ns < self.until_ns


ANSWER_S: Final = 30.0
"""A request to a device without an answer for so long counts as failed, whatever became of it."""


class Stage(Enum):
    """Where the way write → read-back stands."""

    WRITING = auto()
    """A write is on its way."""
    SETTLING = auto()
    """Written; the device is given its time."""
    READING = auto()
    """A read-back is on its way."""
    WAITING = auto()
    """The last try failed; the next tick tries again."""
    DONE = auto()
    """Read back as wanted."""

    def overdue(self, since_ns: int, now_ns: int) -> bool:
        """Whether an answer is awaited that will not come."""
        return self in (Stage.WRITING, Stage.READING) and now_ns - since_ns > ANSWER_S * NS


@dataclass(frozen=True, slots=True)
class Holding:
    """The point is on, or on its way to, a lease's value.

    Attributes:
        id: The lease.
        ticket: Number of the request whose answer is awaited.
        stage: Where it stands.
        since_ns: When the stage began; in DONE, when the value was read back.
        fed_ns: Last write the device took.
        feeding: Ticket of a watchdog refresh on its way.
        tries: Failed tries.
        resumed: Taken over from an earlier run: read before anything is written.
    """

    id: bytes
    ticket: int
    stage: Stage
    since_ns: int
    fed_ns: int | None = None
    feeding: int | None = None
    tries: int = 0
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A lease whose fallback is owed a receipt."""

    id: bytes
    at_ns: int


@dataclass(frozen=True, slots=True)
class Falling:
    """The point is on its way to its fallback.

    Attributes:
        ticket: Number of the request whose answer is awaited.
        stage: Where it stands; READING before the write (the device may be there already) and after it.
        since_ns: When the stage began.
        careful: A value that is not ours is left alone (after a restart or local mode).
        written: Whether our write was taken since the last read.
    """

    ticket: int
    stage: Stage
    since_ns: int
    careful: bool = False
    written: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """The last poll of a point. `value` is meaningless when not `good`."""

    value: float
    good: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class Switch:
    """The local switch of a machine as last read; `at_ns` is the poll's instant on the boot clock."""

    local: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class PointState:
    """One set-point.

    Attributes:
        leases: At most one a rung, highest rung first.
        act: What is being done; None: the point is left to itself.
        intent: What we may have left on the device.
        ended: Lease that held the point and has ended; its fallback is owed a receipt.
        owed: Lease of an earlier run whose last receipt waits for what the device says.
        seen: Last poll.
        foreign: Value of the last poll, when it was not ours.
        cool_until_ns: Until when somebody else has it.
    """

    leases: tuple[Lease, ...] = ()
    act: Holding | Falling | None = None
    intent: Intent | None = None
    ended: Ended | None = None
    owed: Lease | None = None
    seen: Seen | None = None
    foreign: float | None = None
    cool_until_ns: int = 0

    def lease(self, ident: bytes) -> Lease | None:
        """The lease of that id."""
        return next((lease for lease in self.leases if lease.id == ident), None)


@dataclass(frozen=True, slots=True)
class Fence:
    """Highest epoch and sequence number accepted from one issuer."""

    epoch: int = -1
    seq: int = -1


@dataclass(frozen=True, slots=True)
class GateState:
    """All that may change.

    Attributes:
        fences: Issuer to its fence.
        answers: Command id to its first receipt; bounded.
        order: Running number to id, the oldest is forgotten first.
        next_order: Next running number.
        points: `site/device/point` to its state.
        switches: Device to the last good reading of its local switch; missing: none yet.
        ticket: Last ticket given out.
    """

    fences: PMap[str, Fence] = field(default_factory=PMap)
    answers: PMap[bytes, Receipt] = field(default_factory=PMap)
    order: PMap[int, bytes] = field(default_factory=PMap)
    next_order: int = 0
    points: PMap[str, PointState] = field(default_factory=PMap)
    switches: PMap[str, Switch] = field(default_factory=PMap)
    ticket: int = 0

    @property
    def fence(self) -> int:
        """Highest epoch accepted from anyone; 0 when none yet."""
        return max((fence.epoch for fence in self.fences.values()), default=0)
