"""What may happen to the gate, and what it wants done; both plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.gate.state import Fence, Intent, Latch, LatchKind, Lease, Wear
from protocols.receipt import Receipt
from protocols.refusal import Refusal


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """Bytes arrived on the command subject."""

    data: bytes


@dataclass(frozen=True, slots=True)
class RenewalReceived:
    """Bytes arrived on the renewal subject."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; at least twice a second."""


@dataclass(frozen=True, slots=True)
class WriteDone:
    """The device took the write."""

    point: str
    ticket: int


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """It did not, or it is not known whether it did."""

    point: str
    ticket: int


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A separate read came back.

    Attributes:
        point: The point.
        ticket: Request answered.
        value: What was read; None: the priority slot is empty. [unit of the point]
        failed: Nothing could be read; `value` means nothing.
    """

    point: str
    ticket: int
    value: float | None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class PointRead:
    """A poll of a set-point; `at_ns` is the poll's instant on the boot clock."""

    point: str
    value: float
    good: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class LocalMode:
    """The local switch of a device was read well; `at_ns` is the poll's instant on the boot clock."""

    device: str
    local: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class Safety:
    """The hardwired safety of a device was read well; `acts`: it holds the machine."""

    device: str
    acts: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class InputRead:
    """A poll of an input of an interlock; `at_ns` is the poll's instant on the boot clock."""

    input: str
    value: float
    good: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class ControllerOutput:
    """What a local controller wants on a point it is the one writer of; None: it lets the point go."""

    controller: str
    point: str
    value: float | None


@dataclass(frozen=True, slots=True)
class SavedLease:
    """A lease of an earlier run."""

    point: str
    boot: str
    lease: Lease


@dataclass(frozen=True, slots=True)
class SavedIntent:
    """An intent of an earlier run."""

    point: str
    boot: str
    intent: Intent


@dataclass(frozen=True, slots=True)
class SaveSelection:
    """A command waits for its operate; after a crash it is owed its last receipt and nothing else."""

    point: str
    id: bytes


@dataclass(frozen=True, slots=True)
class Started:
    """The agent has started and found these in its store."""

    leases: tuple[SavedLease, ...]
    intents: tuple[SavedIntent, ...]
    selections: tuple[SaveSelection, ...] = ()
    wears: tuple[SaveWear, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseAll:
    """The agent is about to end: all leases end."""


Event = (
    MessageReceived | RenewalReceived | Tick | WriteDone | WriteFailed | ReadBack
    | PointRead | LocalMode | Safety | InputRead | ControllerOutput | Started | ReleaseAll
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SaveFence:
    """An issuer's fence has moved."""

    issuer: str
    fence: Fence


@dataclass(frozen=True, slots=True)
class SaveAnswer:
    """First receipt of a command; `forget` is the id that leaves the bounded table."""

    id: bytes
    receipt: Receipt
    forget: bytes | None


@dataclass(frozen=True, slots=True)
class SaveLease:
    """A lease was granted or read back; it takes the place of the one of its rung."""

    point: str
    boot: str
    lease: Lease


@dataclass(frozen=True, slots=True)
class DropLease:
    """A lease has ended."""

    point: str
    id: bytes


@dataclass(frozen=True, slots=True)
class SaveIntent:
    """A value is about to be written."""

    point: str
    boot: str
    intent: Intent


@dataclass(frozen=True, slots=True)
class DropIntent:
    """The fallback was read back, or somebody else has the point."""

    point: str


@dataclass(frozen=True, slots=True)
class SaveCoolDown:
    """Somebody else took the point."""

    point: str
    boot: str
    until_ns: int


@dataclass(frozen=True, slots=True)
class SaveWear:
    """A point with limits of rate or wear is about to be written."""

    point: str
    boot: str
    wear: Wear


@dataclass(frozen=True, slots=True)
class SaveLatch:
    """A person has set something."""

    boot: str
    latch: Latch


@dataclass(frozen=True, slots=True)
class DropLatch:
    """A person has ended it, or its time is over."""

    kind: LatchKind
    scope: str


@dataclass(frozen=True, slots=True)
class DropSelection:
    """It no longer waits."""

    id: bytes


@dataclass(frozen=True, slots=True)
class SaveEntry:
    """One entry of the audit chain: a write that is about to be asked for, and why.

    A refresh repeats a value that has its entry, and gets none of its own.
    """

    point: str
    value: float | None
    why: str
    id: bytes
    boot: str
    at_ns: int


Change = (
    SaveFence | SaveAnswer | SaveLease | DropLease | SaveIntent | DropIntent | SaveCoolDown
    | SaveWear | SaveLatch | DropLatch | SaveSelection | DropSelection | SaveEntry
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Persist:
    """To be durable before any other effect of the same decision; all of a decision in one transaction."""

    change: Change


@dataclass(frozen=True, slots=True)
class Emit:
    """A receipt to be journalled; `durable`: kept until the journal has it, whatever happens between."""

    receipt: Receipt
    durable: bool = True


@dataclass(frozen=True, slots=True)
class Write:
    """Write once; None empties our priority slot. Not carried out when `core.wanted` says no by then."""

    point: str
    ticket: int
    value: float | None
    why: str


@dataclass(frozen=True, slots=True)
class ReadBackRequest:
    """Read by a request of its own: the set-point register, or the value the machine follows."""

    point: str
    ticket: int
    source: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message that changed nothing and gets no answer, because whoever sent it is not known."""

    code: Refusal
    detail: str


class NoticeCode(StrEnum):
    """What a person should hear of, besides receipts."""

    FALLBACK_FAILS = "fallback_fails"
    """A point is not on its fallback after several tries."""
    BOUNDS_EXCLUDE = "bounds_exclude"
    """Grid limits leave no value: the point goes to its fallback."""
    OUTPUT_REFUSED = "output_refused"
    """A local controller asked for what may not be written."""
    SAFETY = "safety"
    """A hardwired safety acts; automatic control of its zone is stopped."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An event of a point for people."""

    code: NoticeCode
    point: str
    detail: str


Effect = Persist | Emit | Write | ReadBackRequest | Dropped | Notice
