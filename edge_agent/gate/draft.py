"""The scratch copy one decision works on; the state it began with is never touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_agent.gate.events import Change, Effect, Emit, Persist, ReadBackRequest, Write
from edge_agent.gate.state import GateState, PointRules, PointState, Rules
from protocols.clock import Instant
from protocols.receipt import Receipt


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
        self.state = replace(self.state, points=self.state.points.put(name, point))

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

    def write(self, name: str, value: float | None, why: str) -> int:
        """Ask for a write; gives its ticket."""
        ticket = self.ticket()
        self.effects.append(Write(name, ticket, value, why))
        return ticket

    def read_back(self, name: str, source: str) -> int:
        """Ask for a separate read; gives its ticket."""
        ticket = self.ticket()
        self.effects.append(ReadBackRequest(name, ticket, source))
        return ticket

    def writable(self, name: str) -> bool:
        """Whether the device, by the last good reading of its switch, is not in local mode.

        Check 13 asks for a fresh reading besides; what already runs goes by the last one, so that a switch
        that cannot be read never keeps a point from its fallback.
        """
        rules = self.rule(name)
        switch = self.state.switches.get(rules.device)
        return rules.switch_poll_s is None or (switch is not None and not switch.local)

    def done(self) -> Decision:
        """The decision."""
        return Decision(self.state, tuple(self.effects))
