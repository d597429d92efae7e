"""Runs the controllers: each second one question to each, and whoever does not answer is isolated.

A law that ends with an error, or gives no answer for two seconds, is killed, told of, and tried again after a
pause that doubles; the others notice nothing. While it is isolated its outputs run out at the gate and its
points go to their fallback (docs/adr/0018). A second in which the box itself did not come round in time does
not count against a law.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from edge_agent.controllers.device import ACTS, ADVISES, ISOLATED, WAITS, OwnDevice
from edge_agent.controllers.file import Hosted, Read
from edge_agent.controllers.laws import Said
from edge_agent.controllers.words import REASONS
from edge_agent.controllers.worker import Worker
from edge_agent.image import Image, LastReading
from protocols import trouble as words
from protocols.clock import Clock, Instant
from protocols.frame import Frame
from protocols.quality import is_good
from protocols.rules import in_unit_of
from protocols.trouble import Trouble, TroubleCode
from runtime.supervise import Backoff

_log = logging.getLogger(__name__)

PERIOD_S: Final = 1.0
"""How often a law is asked."""

MISSES: Final = 2
"""At so many looks in a row without an answer a law hangs."""

LATE_S: Final = 1.5
"""A look that comes this long after the one before says more about the box than about a law."""

START_S: Final = 20.0
"""How long a law may take to be ready after its start."""

FRESH_POLLS: Final = 3.0
"""A reading older than so many of its polling periods is missing, as at the gate."""

AGAIN: Final = Backoff(first_s=30.0, most_s=3600.0)
"""Pause after an isolation."""


class Gate(Protocol):
    """Where the outputs of active controllers go."""

    async def put(self, writer: str, point: str, value: float | None) -> None:
        """Want a value on `device/point`, in its unit; None lets it go."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What the runner needs of the agent.

    Attributes:
        site: Site id.
        image: Read for inputs, and given the readings of the controllers' own devices.
        hand_on: Takes their frames (journal).
        clock: Of the agent.
        every_s: Polling period of `device/point`. [s]
        gate: Where outputs go; None: everything only advises.
    """

    site: str
    image: Image
    hand_on: Callable[[Frame], None]
    clock: Clock
    every_s: Callable[[str], float]
    gate: Gate | None = None


@dataclass(slots=True)
class Host:
    """One controller with its process.

    Attributes:
        hosted: What it is.
        device: How it is seen.
        worker: Its process; None while it is isolated or not started.
        since_s: When the process was started. [s]
        ready: Whether its law is ready.
        said: What it said last.
        wishes: The same in the units of the points.
        failures: Isolations in a row.
        again_s: When it is tried again. [s]
        trouble: Why it is isolated; empty when it is not.
        answered: Its answer has come in this second.
        missed: Looks without an answer since it was asked.
        dead: Its process ended by itself.
    """

    hosted: Hosted
    device: OwnDevice
    worker: Worker | None = None
    since_s: float = -math.inf
    ready: bool = False
    said: Said | None = None
    wishes: tuple[float | None, ...] = ()
    failures: int = 0
    again_s: float = -math.inf
    trouble: str = ""
    answered: bool = False
    missed: int = 0
    dead: bool = False

    @property
    def state(self) -> int:
        """Code for the point `state_code`."""
        if self.trouble:
            return ISOLATED
        if self.said is None:
            return WAITS
        return ACTS if any(wish.active for wish in self.hosted.wishes) else ADVISES


class ControllerRunner:
    """All controllers of an edge."""

    def __init__(self, hosted: Sequence[Hosted], notes: Sequence[str], ports: Ports) -> None:
        self._ports = ports
        self._notes = tuple(notes)
        self._looked_s = -math.inf
        self.hosts = tuple(
            Host(one, OwnDevice(ports.site, one, ports.hand_on), wishes=(None,) * len(one.wishes))
            for one in hosted
        )

    @property
    def troubles(self) -> list[Trouble]:
        """What a person should see to."""
        failed = [Trouble(TroubleCode.CONTROLLER, host.trouble) for host in self.hosts if host.trouble]
        return [*(Trouble(TroubleCode.ADVICE_ONLY, note) for note in self._notes), *failed]

    @property
    def isolated(self) -> frozenset[str]:
        """Ids of those that failed and are waited with."""
        return frozenset(host.hosted.id for host in self.hosts if host.trouble)

    def page(self) -> list[dict[str, object]]:
        """What each controller says, for people at the box."""
        return [
            {
                "id": host.hosted.id,
                "label": host.hosted.label.en,
                "state": ("waits", "advises", "acts", "isolated")[host.state],
                "reason": host.trouble or REASONS["none" if host.said is None else host.said.reason].en,
                "wants": {
                    wish.point: {"value": value, "unit": wish.to_unit, "written": wish.active}
                    for wish, value in zip(host.hosted.wishes, host.wishes, strict=True)
                },
            }
            for host in self.hosts
        ]

    async def run(self) -> None:
        """Look once a second until cancelled; the processes end with it."""
        try:
            async for now in self._ports.clock.ticks(PERIOD_S):
                begun_s = self._ports.clock.mono_s()
                late = begun_s - self._looked_s > LATE_S
                self._looked_s = begun_s
                for host in self.hosts:
                    await self._look(host, now, late=late)
        finally:
            for host in self.hosts:
                if host.worker is not None:
                    self._deaf(host.worker)
                    host.worker.end()
                    host.worker = None

    async def _look(self, host: Host, now: Instant, *, late: bool) -> None:
        now_s = self._ports.clock.mono_s()
        if host.worker is None:
            if now_s >= host.again_s:
                await self._start(host, now_s)
        elif host.dead:
            code = await asyncio.to_thread(host.worker.exit_code)
            await self._isolate(host, words.DIED.say(code=code))
        elif host.worker.busy:
            host.missed += not late
            if host.ready and host.missed >= MISSES:
                await self._isolate(host, words.NO_ANSWER.say(limit_s=f"{MISSES * PERIOD_S:g}"))
            elif not host.ready and now_s - host.since_s >= START_S:
                await self._isolate(host, words.NOT_READY.say(limit_s=f"{START_S:g}"))
        else:
            self._ask(host, now_s)
        self._tell(host, now)

    async def _start(self, host: Host, now_s: float) -> None:
        one = host.hosted
        make = partial(Worker, one.id, one.make, [read.loc for read in one.reads])
        host.worker = await asyncio.to_thread(make)
        host.since_s, host.ready, host.dead, host.trouble = now_s, False, False, ""
        asyncio.get_running_loop().add_reader(host.worker.fileno(), self._hear, host)

    def _ask(self, host: Host, now_s: float) -> None:
        values = tuple(self._value(read, now_s) for read in host.hosted.reads)
        host.missed = 0
        if host.worker is not None and not host.worker.ask((now_s, values)):
            host.dead = True

    def _value(self, read: Read, now_s: float) -> float:
        """A good, fresh value in the unit of the law; NaN otherwise."""
        last: LastReading = self._ports.image.get(read.point)
        fresh = now_s - last.mono_s <= FRESH_POLLS * self._ports.every_s(read.point)
        if not fresh or not is_good(last.quality) or math.isnan(last.value):
            return math.nan
        return in_unit_of(last.value, read.from_unit, read.to_unit)

    def _hear(self, host: Host) -> None:
        if host.worker is None:
            return
        try:
            said = host.worker.answer()
        except (EOFError, OSError):
            self._deaf(host.worker)
            host.dead = True
            return
        if said is None:
            host.ready = True
            return
        host.said, host.failures = said, 0
        host.wishes = tuple(
            None if value is None else in_unit_of(value, wish.from_unit, wish.to_unit)
            for wish, value in zip(host.hosted.wishes, said.wishes, strict=True)
        )
        host.answered = True

    def _deaf(self, worker: Worker) -> None:
        asyncio.get_running_loop().remove_reader(worker.fileno())

    async def _isolate(self, host: Host, why: str) -> None:
        worker, host.worker = host.worker, None
        if worker is not None:
            self._deaf(worker)
            await asyncio.to_thread(worker.end)
        host.failures += 1
        pause_s = AGAIN.delay_s(host.failures)
        host.again_s = self._ports.clock.mono_s() + pause_s
        host.said, host.wishes = None, (None,) * len(host.hosted.wishes)
        host.trouble = words.ISOLATED.say(id=host.hosted.id, why=why, pause_s=f"{pause_s:.0f}")
        _log.error("%s", host.trouble)

    def _tell(self, host: Host, now: Instant) -> None:
        reading = host.device.tell(host.wishes, host.said, host.state, now)
        points = host.device.catalogue.points
        self._ports.image.update(host.hosted.id, points, reading, self._ports.clock.mono_s())

    async def outputs(self) -> None:
        """Hand the outputs of active controllers to the gate, each second until cancelled."""
        gate = self._ports.gate
        if gate is None:
            return
        async for _ in self._ports.clock.ticks(PERIOD_S, phase_s=PERIOD_S / 2):
            for host in self.hosts:
                if host.answered:
                    host.answered = False
                    await self._put(host, gate.put)

    async def _put(self, host: Host, put: Callable[[str, str, float | None], Awaitable[None]]) -> None:
        for wish, value in zip(host.hosted.wishes, host.wishes, strict=True):
            if wish.active:
                await put(wish.writer, wish.point, value)
