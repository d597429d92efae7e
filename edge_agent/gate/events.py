"""What may happen to the gate, and what it wants done; both plain values."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.gate.state import Fence, Intent, Lease
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
class Started:
    """The agent has started and found these in its store."""

    leases: tuple[SavedLease, ...]
    intents: tuple[SavedIntent, ...]


@dataclass(frozen=True, slots=True)
class ReleaseAll:
    """The agent is about to end: all leases end."""


Event = (
    MessageReceived | RenewalReceived | Tick | WriteDone | WriteFailed | ReadBack
    | PointRead | LocalMode | Started | ReleaseAll
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


Change = SaveFence | SaveAnswer | SaveLease | DropLease | SaveIntent | DropIntent | SaveCoolDown


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


Effect = Persist | Emit | Write | ReadBackRequest | Dropped
