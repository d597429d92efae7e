"""What `edge_agent/apply.py` does, in virtual time: one request a device at a time, the newest of each kind.

A write that is on the wire arrives, whatever becomes of the agent; its answer may not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from edge_agent.gate.events import Event, ReadBack, ReadBackRequest, Write, WriteDone, WriteFailed
from protocols.clock import Instant
from tests.simulation.devices import TIMEOUT_S, Machine
from tests.simulation.judge import Judge
from tests.simulation.timeline import Story, Timeline

Request = Write | ReadBackRequest


class Owner(Protocol):
    """The agent."""

    name: str
    timeline: Timeline
    story: Story

    @property
    def now(self) -> Instant:
        """Its clocks."""
        ...

    def step(self, where: str) -> None:
        """A place where it may die."""
        ...

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """In this life."""
        ...

    def in_this_life(self, do: Callable[[], object]) -> Callable[[], None]:
        """Something that is done only while this life lasts."""
        ...

    def feed(self, event: Event) -> None:
        """An event for the gate."""
        ...


class Hand:
    """The requests of one machine."""

    def __init__(self, owner: Owner, machine: Machine, judge: Judge, wanted: Callable[[Write], bool]) -> None:
        self._owner = owner
        self._machine = machine
        self._judge = judge
        self._wanted = wanted
        self._waiting: dict[tuple[str, type], Request] = {}
        self._busy = False

    def put(self, request: Request) -> None:
        """Queue a request; a newer one for a point takes the place of an older that still waits."""
        key = (request.point, type(request))
        self._waiting.pop(key, None)
        self._waiting[key] = request
        self._owner.later(0.0, self._serve)

    def _serve(self) -> None:
        while self._waiting and not self._busy:
            request = self._waiting.pop(next(iter(self._waiting)))
            if isinstance(request, ReadBackRequest):
                self._busy = True
                self._owner.later(self._machine.answer_s(), partial(self._read, request))
            elif self._wanted(request):
                self._busy = True
                self._launch(request)

    def _read(self, request: ReadBackRequest) -> None:
        silent, value = self._machine.silent, self._machine.registers[request.point].value
        answer = ReadBack(request.point, request.ticket, value, failed=silent)
        self._owner.later(TIMEOUT_S if silent else 0.0, lambda: self._answered(answer))

    def _launch(self, write: Write) -> None:
        owner, machine = self._owner, self._machine
        owner.step("before a write")
        self._judge.writes(owner.name, owner.now, write)
        owner.story.tell(owner.name, f"writes {write.point} = {write.value} ({write.why})")
        taken = owner.in_this_life(lambda: self._written(WriteDone(write.point, write.ticket)))
        lost = owner.in_this_life(lambda: self._written(WriteFailed(write.point, write.ticket)))

        def arrive() -> None:
            if machine.take(write.point, write.value):
                owner.timeline.after(0.005, taken)
            else:
                owner.timeline.after(TIMEOUT_S, lost)

        owner.timeline.after(machine.answer_s(), arrive)

    def _written(self, answer: WriteDone | WriteFailed) -> None:
        self._owner.step("after a write")
        self._answered(answer)

    def _answered(self, answer: WriteDone | WriteFailed | ReadBack) -> None:
        self._busy = False
        self._owner.feed(answer)
        self._serve()
