"""State of one alarm, and what happened to it: ISA-18.2 without I/O.

normal ──raised──→ unack ──acknowledged──→ ack
   ↑                 │ cleared              │ cleared
   └──acknowledged── rtn_unack              └──→ normal
over any of them: shelved (until), suppressed (by design, or by a cause), out_of_service
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, NamedTuple

from protocols.config import Text
from protocols.errors import ContractError

Phase = Literal["normal", "unack", "ack", "rtn_unack", "shelved", "suppressed", "out_of_service"]
Kind = Literal[
    "raised", "cleared", "acknowledged", "shelved", "unshelved", "suppressed", "released", "out_of_service",
    "in_service", "comment", "removed", "told", "not_told",
]  # fmt: skip
"""What may happen to an alarm, as the journal has it."""

DESIGN: Final = "design"
"""Suppressed by what the rule says itself, not by a cause."""


@dataclass(slots=True)
class State:
    """One alarm.

    Attributes:
        active: Whether it is so, delays included.
        acked: Whether somebody has seen it since it was raised last.
        occurrence: How often it was raised.
        raised_ns: When last; 0: never. [ns]
        cleared_ns: When it was over last. [ns]
        acked_by: Who acknowledged it last.
        value: Of its point when it was raised.
        words: What was found then.
        first_out: Whether it was the first of its group.
        onset_ns: When what raised it began, before the delay. [ns]
        shelved_until_ns: End of its shelf; 0: not shelved. [ns]
        out: Whether it is out of service.
        by: Who shelved it or took it out of service.
        reason: Why.
        suppressed: `design`, or the cause that explains it; empty: it is not suppressed.
        comment: What a person noted last.
    """

    active: bool = False
    acked: bool = True
    occurrence: int = 0
    raised_ns: int = 0
    cleared_ns: int = 0
    acked_by: str = ""
    value: float | None = None
    words: str = ""
    first_out: bool = False
    onset_ns: int = 0
    shelved_until_ns: int = 0
    out: bool = False
    by: str = ""
    reason: str = ""
    suppressed: str = ""
    comment: str = ""

    @property
    def hushed(self) -> bool:
        """Whether nobody is to be told of it by a person's act."""
        return self.out or self.shelved_until_ns > 0

    @property
    def phase(self) -> Phase:
        """State by the words of ISA-18.2."""
        known: tuple[tuple[bool, Phase], ...] = (
            (self.out, "out_of_service"),
            (self.shelved_until_ns > 0, "shelved"),
            (self.active, "ack" if self.acked else "unack"),
            (not self.acked, "rtn_unack"),
            (bool(self.suppressed), "suppressed"),
        )
        return next((phase for so, phase in known if so), "normal")

    @property
    def standing(self) -> bool:
        """Whether what it looks at is so, told of or suppressed."""
        return self.active or bool(self.suppressed)

    def packed(self) -> dict[str, Any]:
        """As plain values, to be kept."""
        return asdict(self)


def unpacked(body: dict[str, Any]) -> State:
    """Read a kept state back; a field that this version does not know is left out.

    Raises:
        ContractError: It is none.
    """
    known = {part.name for part in fields(State)}
    try:
        return State(**{name: value for name, value in body.items() if name in known})
    except TypeError as error:
        raise ContractError("not the state of an alarm") from error


class Happened(NamedTuple):
    """One line of the journal.

    Attributes:
        alarm: Its id.
        kind: What.
        time_ns: When. [ns]
        priority: Of the alarm then.
        occurrence: Of the alarm then.
        label: What the alarm was called.
        actor: Person; empty: nobody.
        words: Reason or finding.
        value: Of its point.
        quiet: Whether it was only noted: shelved, out of service, or found late.
    """

    alarm: str
    kind: Kind
    time_ns: int
    priority: int
    occurrence: int
    label: Text
    actor: str = ""
    words: str = ""
    value: float | None = None
    quiet: bool = False


class Act(NamedTuple):
    """What a person wants.

    Attributes:
        kind: `ack`, `shelve`, `unshelve`, `out`, `in` or `comment`.
        alarm: Which alarm.
        actor: Who.
        reason: Why; needed for `shelve`, `out` and `comment`.
        until_ns: End of a shelf. [ns]
        occurrence: Of the alarm that was seen; 0: any. An `ack` of another one is refused.
    """

    kind: Literal["ack", "shelve", "unshelve", "out", "in", "comment"]
    alarm: str
    actor: str
    reason: str = ""
    until_ns: int = 0
    occurrence: int = 0
