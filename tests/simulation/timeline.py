"""Virtual time in one thread: what happens when, processes that die or freeze, coroutines without a loop."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from random import Random
from types import coroutine
from typing import Any, Final

NS: Final = 1_000_000_000


class Died(BaseException):
    """The process was killed here; no handler of the product's may catch it."""


@coroutine
def pause(seconds: float) -> Generator[float, None, None]:
    """Wait in virtual time; the only thing a coroutine of the simulation ever waits for."""
    yield seconds


@dataclass
class Timeline:
    """Events in the order of their time, of equal ones in the order they were asked for."""

    now_ns: int = 0
    _due: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _count: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, when_ns: int, do: Callable[[], None]) -> None:
        """Do something at an instant."""
        heapq.heappush(self._due, (max(when_ns, self.now_ns), next(self._count), do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something later."""
        self.at(self.now_ns + round(seconds * NS), do)

    def run(self, until_ns: int) -> None:
        """Let time pass."""
        while self._due and self._due[0][0] <= until_ns:
            self.now_ns, _, do = heapq.heappop(self._due)
            do()
        self.now_ns = until_ns


@dataclass
class Story:
    """What happened, for people: one line an event."""

    timeline: Timeline
    lines: list[tuple[int, str, str]] = field(default_factory=list)

    def tell(self, who: str, what: str) -> None:
        """Add a line."""
        self.lines.append((self.timeline.now_ns, who, what))

    def text(self) -> str:
        """All of it."""
        return "\n".join(f"{at_ns / NS:9.3f}  {who:<8}  {what}" for at_ns, who, what in self.lines)


class Process:
    """Something that is killed and started again, and may be frozen in between.

    What it has asked for dies with it. `step` stands before and after everything that outlives it.
    """

    def __init__(self, name: str, timeline: Timeline, story: Story, chance: Random) -> None:
        self.name = name
        self.timeline = timeline
        self.story = story
        self.chance = chance
        self.alive = False
        self.frozen_until_ns = 0
        self._life = 0
        self._steps_left: int | None = None

    def begin(self) -> None:
        """A new life; subclasses go on from here."""
        self._life += 1
        self.alive, self._steps_left = True, None

    def end(self, why: str) -> None:
        """Killed; subclasses drop what only memory held."""
        if self.alive:
            self.story.tell(self.name, why)
        self.alive = False
        self._life += 1

    def kill_after(self, steps: int) -> None:
        """Die at one of the next steps."""
        self._steps_left = steps

    def step(self, where: str) -> None:
        """A place where the process may die."""
        if self._steps_left is None:
            return
        if self._steps_left == 0:
            self._steps_left = None
            self.story.tell(self.name, f"dies {where}")
            raise Died
        self._steps_left -= 1

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something in this life; a frozen process does it once it is thawed."""
        self.timeline.after(seconds, self.in_this_life(do))

    def in_this_life(self, do: Callable[[], object]) -> Callable[[], None]:
        """Something that is done only while this life lasts."""
        life = self._life
        return lambda: self._do(life, do)

    def every(self, seconds: float, do: Callable[[], None], phase_s: float = 0.0) -> None:
        """Do something again and again in this life."""

        def turn() -> None:
            self.later(seconds, turn)
            do()

        self.later(phase_s, turn)

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine in this life."""
        self._advance(self._life, work)

    def _do(self, life: int, do: Callable[[], object]) -> None:
        if life != self._life:
            return
        if self.timeline.now_ns < self.frozen_until_ns:
            self.timeline.at(self.frozen_until_ns, lambda: self._do(life, do))
            return
        try:
            do()
        except Died:
            self.end("is dead")

    def _advance(self, life: int, work: Coroutine[Any, Any, object]) -> None:
        if life != self._life:
            work.close()
            return
        try:
            seconds = work.send(None)
        except StopIteration:
            return
        self.timeline.after(seconds, lambda: self._go_on(life, work))

    def _go_on(self, life: int, work: Coroutine[Any, Any, object]) -> None:
        if life == self._life and self.timeline.now_ns < self.frozen_until_ns:
            self.timeline.at(self.frozen_until_ns, lambda: self._go_on(life, work))
            return
        try:
            self._advance(life, work)
        except Died:
            self.end("is dead")
