"""The machines: they answer late, are silent, forget, are set by hand, and drop what nobody refreshes."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.simulation.plant import Spec
from tests.simulation.timeline import NS, Story, Timeline

TIMEOUT_S: Final = 0.8
"""How long an edge waits for an answer."""


@dataclass
class Register:
    """One set-point of a machine.

    Attributes:
        spec: What it is.
        value: What it holds.
        ours: Whether what it holds came by a write of ours.
        native: Values it has held that were not ours.
        written_ns: When it last took a write.
    """

    spec: Spec
    value: float | None
    ours: bool = False
    native: set[float | None] = field(default_factory=set)
    written_ns: int = 0


@dataclass
class Machine:
    """One device on its line.

    Attributes:
        silent: It gives no answer; what was asked may be done all the same.
        deaf: It says yes to writes and keeps its values.
        local: Its own switch stands on local: it takes no writes.
        safety: Its hardwired safety acts: it takes no writes.
    """

    name: str
    timeline: Timeline
    story: Story
    chance: Random
    registers: dict[str, Register]
    silent: bool = False
    deaf: bool = False
    local: bool = False
    safety: bool = False

    def answer_s(self) -> float:
        """How long the next answer takes."""
        return self.chance.uniform(0.004, 0.06)

    def take(self, point: str, value: float | None) -> bool:
        """A write arrives; gives whether it is answered."""
        if self.silent and self.chance.random() < 0.5:
            return False  # it was lost on its way there, not on its way back
        if not (self.deaf or self.local or self.safety):
            register = self.registers[point]
            register.value, register.ours = value, True
            register.written_ns = self.timeline.now_ns
        return not self.silent

    def shows(self, point: str) -> float:
        """The value in effect, as a poll sees it: an empty slot shows what the machine decides itself."""
        value = self.registers[point].value
        return 7.0 if value is None else value

    def by_hand(self, point: str, value: float | None, why: str) -> None:
        """Somebody or something else sets the point."""
        register = self.registers[point]
        register.value, register.ours = value, False
        register.native.add(value)
        self.story.tell(self.name, f"{point} is {value} {why}")

    def forget(self) -> None:
        """It lost its power and comes back as it was built."""
        for point, register in self.registers.items():
            self.by_hand(point, register.spec.idle, "after its power was away")

    def watchdog(self) -> None:
        """Drop what nobody has refreshed."""
        for register in self.registers.values():
            after_s = register.spec.watchdog_s
            starved = after_s is not None and self.timeline.now_ns - register.written_ns > after_s * NS
            if starved and register.ours and register.value != register.spec.home:
                self.story.tell(self.name, "its watchdog drops the value")
                register.value, register.ours = register.spec.home, False


def machines_of(specs: tuple[Spec, ...], timeline: Timeline, story: Story, seed: str) -> dict[str, Machine]:
    """The machines of an edge, each with a chance of its own, so that none shifts another's."""
    found: dict[str, Machine] = {}
    for spec in specs:
        name = spec.device
        register = Register(spec, spec.idle, native={spec.idle})
        chance = Random(f"{seed}/{name}")  # noqa: S311  a seed replays
        found.setdefault(name, Machine(name, timeline, story, chance, {})).registers[spec.point] = register
    return found
