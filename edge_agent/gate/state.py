"""What the gate knows: its state, which changes with each event.

All instants are nanoseconds of the boot clock (CLOCK_BOOTTIME); the wall clock only labels receipts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Final

from edge_agent.gate.pmap import PMap
from edge_agent.gate.rules import NS
from protocols.command import CommandKind, Level
from protocols.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Intent:
    """What we may have left on the device; kept until its fallback is read back.

    Attributes:
        id: Command that was written last.
        values: What the device may show of ours, the newest last: a write that was never read back may have
            been lost, then the one before still stands. [unit of the point]
        until_ns: End of the lease as granted.
        before: What was read before our first write; None: not known. [unit of the point]
    """

    id: bytes
    values: tuple[float, ...]
    until_ns: int
    before: float | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A granted command.

    Attributes:
        id: Id of the command.
        issuer: Who sent it; only the same may renew it.
        level: Its rung.
        value: Set-point, or the first of a timetable. [unit of the point]
        start_ns: From when it acts.
        until_ns: From when it no longer acts.
        verified: Whether its present value has been read back.
        steps: Instant and value of each step of a timetable; empty for a single value.
        bound: `at_most` or `at_least`: it limits the rungs below and asks for no value; None: it asks.
        actor: Person or job.
        reason: Why, for people.
    """

    id: bytes
    issuer: str
    level: Level
    value: float
    start_ns: int
    until_ns: int
    verified: bool = False
    steps: tuple[tuple[int, float], ...] = ()
    bound: CommandKind | None = None
    actor: str = ""
    reason: str = ""

    @property
    def quiet(self) -> bool:
        """Whether it is a local controller's output: no receipts, and no crash outlives it."""
        return self.level is Level.CONTROLLER

    def lives(self, at_ns: int) -> bool:
        """Whether it has not ended; it may not have begun."""
        return at_ns < self.until_ns

    def value_at(self, at_ns: int) -> float:
        """Set-point at an instant, in the unit of the point."""
        return next((value for start_ns, value in reversed(self.steps) if start_ns <= at_ns), self.value)


ANSWER_S: Final = 30.0
"""A request to a device without an answer for so long counts as failed, whatever became of it."""


class Stage(Enum):
    """Where the way write → read-back stands."""

    QUEUED = auto()
    """Points of its group that come first are not there yet."""
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
        value: What is written. [unit of the point]
        ticket: Number of the request whose answer is awaited.
        stage: Where it stands.
        since_ns: When the stage began; in DONE, when the value was read back.
        fed_ns: Last write the device took.
        feeding: Ticket of a watchdog refresh on its way.
        tries: Failed tries.
        resumed: Taken over from an earlier run: read before anything is written.
        changes: Whether its write may change the point; else the value rested there before it.
    """

    id: bytes
    value: float
    ticket: int
    stage: Stage
    since_ns: int
    fed_ns: int | None = None
    feeding: int | None = None
    tries: int = 0
    resumed: bool = False
    changes: bool = True


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
        tries: Rounds that did not bring it home.
    """

    ticket: int
    stage: Stage
    since_ns: int
    careful: bool = False
    written: bool = False
    tries: int = 0


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
class Standing:
    """A value that is not ours, and since when polls have shown it."""

    value: float
    since_ns: int


@dataclass(frozen=True, slots=True)
class Wear:
    """What has been asked of a point, for dwell, starts and the write budget.

    Attributes:
        value: Last value written; None: the priority slot was emptied, or nothing was written yet.
        changed_ns: Last change; None: none yet.
        starts: Instants of the starts of the last hour, oldest first.
        day_ns: Begin of the 24 h the budget counts in.
        writes: Changes since then.
    """

    value: float | None = None
    changed_ns: int | None = None
    starts: tuple[int, ...] = ()
    day_ns: int = 0
    writes: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """A command that waits for its operate.

    Attributes:
        lease: What is granted when it comes.
        until_ns: From when it no longer waits.
        expect: Value the issuer believed in.
        group: Group that is operated together; empty: the point alone.
        size: How many points the group has.
    """

    lease: Lease
    until_ns: int
    expect: float | None = None
    group: bytes = b""
    size: int = 0


class LatchKind(StrEnum):
    """What a person has set, and only a person ends."""

    STOP = "stop"
    LOCK_OUT = "lock_out"
    OPT_OUT = "opt_out"


@dataclass(frozen=True, slots=True)
class Latch:
    """One of them, in one scope.

    Attributes:
        kind: What it is.
        scope: `all`, `site:…`, `zone:…`, a device or a point.
        actor: Who set it.
        reason: Why.
        until_ns: End of a timed opt-out; None: until it is lifted.
        armed_ns: When the first step of its release came; None: it has not.
    """

    kind: LatchKind
    scope: str
    actor: str
    reason: str
    until_ns: int | None = None
    armed_ns: int | None = None


@dataclass(frozen=True, slots=True)
class PointState:
    """One set-point.

    Attributes:
        leases: At most one a rung (of bounds one of each kind), highest rung first.
        act: What is being done; None: the point is left to itself.
        intent: What we may have left on the device.
        ended: Lease that held the point and has ended; its fallback is owed a receipt.
        owed: Lease of an earlier run whose last receipt waits for what the device says.
        seen: Last poll.
        foreign: Value of the last polls, when it was not ours.
        cool_until_ns: Until when somebody else has it.
        selection: What waits for its operate.
        wear: What was asked of it.
    """

    leases: tuple[Lease, ...] = ()
    act: Holding | Falling | None = None
    intent: Intent | None = None
    ended: Ended | None = None
    owed: Lease | None = None
    seen: Seen | None = None
    foreign: Standing | None = None
    cool_until_ns: int = 0
    selection: Selection | None = None
    wear: Wear = Wear()

    def lease(self, ident: bytes) -> Lease | None:
        """The lease of that id."""
        return next((lease for lease in self.leases if lease.id == ident), None)

    @property
    def busy(self) -> bool:
        """Whether time may change something."""
        return bool(self.leases or self.act or self.intent or self.selection)


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
        busy: Points that time may change.
        safeties: Device to the last good reading of its hardwired safety; missing: none yet.
        inputs: Input of an interlock to its last reading.
        latches: Kind and scope to what a person has set.
        groups: Group to the points selected for it.
        accepted: Instants of the last accepted set-points, for the quota.
        started_ns: When this run took over.
    """

    fences: PMap[str, Fence] = field(default_factory=PMap)
    answers: PMap[bytes, Receipt] = field(default_factory=PMap)
    order: PMap[int, bytes] = field(default_factory=PMap)
    next_order: int = 0
    points: PMap[str, PointState] = field(default_factory=PMap)
    switches: PMap[str, Switch] = field(default_factory=PMap)
    ticket: int = 0
    busy: PMap[str, None] = field(default_factory=PMap)
    safeties: PMap[str, Switch] = field(default_factory=PMap)
    inputs: PMap[str, Seen] = field(default_factory=PMap)
    latches: PMap[tuple[LatchKind, str], Latch] = field(default_factory=PMap)
    groups: PMap[bytes, tuple[str, ...]] = field(default_factory=PMap)
    accepted: tuple[int, ...] = ()
    started_ns: int = 0

    @property
    def fence(self) -> int:
        """Highest epoch accepted from anyone; 0 when none yet."""
        return max((fence.epoch for fence in self.fences.values()), default=0)
