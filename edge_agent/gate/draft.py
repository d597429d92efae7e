"""The scratch copy one decision works on; the state it began with is never touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_agent.gate.events import (
    Change,
    Effect,
    Emit,
    Notice,
    NoticeCode,
    Persist,
    ReadBackRequest,
    SaveEntry,
    Write,
)
from edge_agent.gate.rules import PointRules, Rules
from edge_agent.gate.state import GateState, Lease, PointState
from protocols.clock import Instant
from protocols.receipt import Receipt

REFRESH = "refresh"
"""Why a watchdog is fed: the one write that needs no entry of its own."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The state after an event, and what is to be done, in this order."""

    state: GateState
    effects: tuple[Effect, ...]


class Draft:
    """Collects what one event changes and asks for."""

    def __init__(self, rules: Rules, state: GateState, now: Instant) -> None:
        self.rules = rules
        self.state = state
        self.now = now
        self.effects: list[Effect] = []

    @property
    def now_ns(self) -> int:
        """The boot clock's reading."""
        return self.now.mono_ns

    def point(self, name: str) -> PointState:
        """State of a point; fresh when nothing is known of it."""
        return self.state.points.get(name) or PointState()

    def rule(self, name: str) -> PointRules:
        """Rules of a point."""
        return self.rules.points[name]

    def put(self, name: str, point: PointState) -> None:
        """Give a point a new state."""
        state, busy = self.state, self.state.busy
        if point.busy is not (name in busy):
            busy = busy.put(name, None) if point.busy else busy.drop(name)
        self.state = replace(state, points=state.points.put(name, point), busy=busy)

    def ticket(self) -> int:
        """A new number for a request to a device."""
        self.state = replace(self.state, ticket=self.state.ticket + 1)
        return self.state.ticket

    def persist(self, change: Change) -> None:
        """Ask for a durable change."""
        self.effects.append(Persist(change))

    def emit(self, receipt: Receipt, *, durable: bool = True) -> None:
        """Ask for a receipt."""
        self.effects.append(Emit(receipt, durable))

    def tell(self, lease: Lease, receipt: Receipt) -> None:
        """Ask for a receipt of a lease; a local controller's output has none."""
        if not lease.quiet:
            self.emit(receipt)

    def notice(self, code: NoticeCode, name: str, detail: str) -> None:
        """Tell people of an event."""
        self.effects.append(Notice(code, name, detail))

    def write(self, name: str, value: float | None, why: str, ident: bytes) -> int:
        """Ask for a write, its entry in the audit chain first; gives its ticket."""
        ticket = self.ticket()
        if why != REFRESH:
            self.persist(SaveEntry(name, value, why, ident, self.now.boot, self.now_ns))
        self.effects.append(Write(name, ticket, value, why))
        return ticket

    def read_back(self, name: str, source: str) -> int:
        """Ask for a separate read; gives its ticket."""
        ticket = self.ticket()
        self.effects.append(ReadBackRequest(name, ticket, source))
        return ticket

    def done(self) -> Decision:
        """The decision."""
        return Decision(self.state, tuple(self.effects))
