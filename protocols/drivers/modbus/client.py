"""Asks a list of requests over one link without waking a task for each: what both framings share.

A batch is sent from the callback that heard the answer before; the caller wakes once, at its end. A request
is sent once, never again. When the link is lost every request that waits fails at once. Between two requests
a batch gives way when it is asked to, so that a write does not wait for a long poll.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from typing_extensions import override

from protocols.driver import Traffic
from protocols.drivers.modbus.deadlines import Deadlines
from protocols.drivers.modbus.pdu import Outcome, Request, check
from protocols.errors import BadAnswerError, DeviceUnreachableError
from protocols.links.link import Ears, Link
from protocols.units import Seconds

Outcomes = list[Outcome | None]
"""One for each request, in order; None where the batch gave way."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a batch is asked.

    Attributes:
        timeout_s: How long one answer may take. [s]
        depth: Requests that may be on their way at once.
        silences: Unanswered requests after which the rest is not asked any more.
        pause_s: Shortest time between an answer and the next request. [s]
        give_way: Whether to stop before the next request; what was not asked stays None.
    """

    timeout_s: Seconds
    depth: int = 1
    silences: int = 1
    pause_s: Seconds = 0.0
    give_way: Callable[[], bool] | None = None


@dataclass(slots=True)
class Waiting:
    """A request on its way."""

    at: int
    request: Request
    sent_s: float
    until_s: float


@dataclass(slots=True, eq=False)
class _Batch:
    requests: Sequence[Request]
    terms: Terms
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    outcomes: Outcomes
    next: int = 0
    silences: int = 0
    stopped: bool = False
    waiting: dict[int, Waiting] = field(default_factory=dict)


class ModbusClient(Ears, ABC):
    """One link and who asks over it; one batch at a time, which the line sees to."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._kept_loop: asyncio.AbstractEventLoop | None = None
        self._batch: _Batch | None = None
        self._deadlines = Deadlines()
        self._wake = self._on_time
        self._resume: asyncio.TimerHandle | None = None
        self._not_before_s = -math.inf
        self._silent = 0
        self._key = 0
        self._asked_s = -math.inf
        self.slowest_s = 0.0
        """Longest time to an answer in the last batch, without the time on the wire. [s]"""

        self.crc_errors: int | None = None
        """Requests that only bytes without a right checksum came for; None where frames have no checksum."""

    @property
    def name(self) -> str:
        """What people call the wire."""
        return self._link.name

    def traffic(self) -> Traffic | None:
        """What went over the link since the start."""
        return self._link.traffic()

    def share_deadlines(self, deadlines: Deadlines) -> None:
        """Have one timer with the other connections of the loop; to be said before the first request."""
        self._deadlines = deadlines

    @property
    def is_free(self) -> bool:
        """Whether a batch could be begun now."""
        return self._batch is None and self._link.is_open

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._link.is_open

    async def open(self) -> None:
        """Connect; harmless when connected.

        Raises:
            DeviceUnreachableError: Nobody listens there, or there is no such port.
        """
        if not self._link.is_open:
            self._forget()
            self._kept_loop = asyncio.get_running_loop()
            await self._link.open(self)

    def close(self) -> None:
        """Let the link go; what waits fails at once."""
        self._deadlines.forget(self._wake)
        self._link.close()
        self._fail_waiting("the connection was closed")

    async def ask(self, requests: Sequence[Request], terms: Terms) -> Outcomes:
        """Send each request once and give an outcome for each, in order; None where the batch gave way.

        Raises:
            DeviceUnreachableError: There is no link, or somebody else is asking.
        """
        if self._batch is not None:
            raise DeviceUnreachableError(f"{self.name} is in use by another request")
        if not self._link.is_open:
            await self.open()
        batch = self._new_batch(requests, terms)
        try:
            self._go_on(batch)
            await batch.done
        finally:
            self._end(batch)
        return batch.outcomes

    def ask_soon(self, requests: Sequence[Request], terms: Terms, ended: Callable[[Outcomes], None]) -> None:
        """The same without a task: `ended` is called with the outcomes. Only while `is_free`."""
        batch, begun = self._new_batch(requests, terms), False
        batch.done.add_done_callback(partial(self._ended, batch, ended))
        try:
            self._go_on(batch)
            begun = True
        finally:
            if not begun:
                self._end(batch)

    def _ended(self, batch: _Batch, ended: Callable[[Outcomes], None], _: asyncio.Future[None]) -> None:
        self._end(batch)
        ended(batch.outcomes)

    def _new_batch(self, requests: Sequence[Request], terms: Terms) -> _Batch:
        loop = self._loop()
        batch = _Batch(requests, terms, loop, loop.create_future(), [None] * len(requests))
        self._batch, self.slowest_s, self._asked_s = batch, 0.0, loop.time()
        return batch

    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop the link was opened in: asyncio asks the kernel each time it is asked for it."""
        return self._kept_loop or asyncio.get_running_loop()

    def _end(self, batch: _Batch) -> None:
        for waiting in batch.waiting.values():
            self._owed(waiting)
        self._batch = None
        self._deadlines.forget(self._wake)
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None

    @override
    def lost(self, why: str) -> None:
        self._fail_waiting(why)

    @abstractmethod
    def _encode(self, request: Request, key: int) -> bytes:
        """Frame of a request."""

    @abstractmethod
    def _forget(self) -> None:
        """A new link: nothing that was heard before counts."""

    @abstractmethod
    def _worn_out(self, silent: int) -> bool:
        """Whether to open the link anew after so many silent requests in a row, of whichever unit."""

    @abstractmethod
    def _owed(self, waiting: Waiting) -> None:
        """This request was given up; its answer may still come."""

    def _before(self, request: Request) -> Request:
        """What to send in place of `request` when something has to be settled first."""
        return request

    def _wire_s(self, request: Request) -> Seconds:
        """Time that question and answer take on the wire."""
        del request
        return 0.0

    def _next_key(self) -> int:
        self._key = self._key % 0xFFFF + 1  # never 0: some gateways answer everything with 0
        return self._key

    def _go_on(self, batch: _Batch) -> None:
        frames: list[bytes] = []
        while batch.next < len(batch.requests) and len(batch.waiting) < batch.terms.depth:
            if batch.stopped or (batch.terms.give_way is not None and batch.terms.give_way()):
                batch.stopped = True
                break
            frame = self._next_frame(batch)
            if frame is None:
                break
            frames.append(frame)
        if frames:
            self._link.send(frames[0] if len(frames) == 1 else b"".join(frames))
        elif not batch.waiting and self._resume is None and not batch.done.done():
            batch.done.set_result(None)

    def _next_frame(self, batch: _Batch) -> bytes | None:
        """Frame of the next request, which waits from now on; None when the line is not free yet."""
        now_s = batch.loop.time()
        if now_s < self._not_before_s:
            if self._resume is None:
                self._resume = batch.loop.call_at(self._not_before_s, self._resumed)
            return None
        request = batch.requests[batch.next]
        sent = self._before(request)
        key = self._next_key()
        until_s = now_s + batch.terms.timeout_s + self._wire_s(sent)
        batch.waiting[key] = Waiting(batch.next, sent, now_s, until_s)
        if sent is request:
            batch.next += 1
        self._deadlines.watch(self._wake, until_s)
        return self._encode(sent, key)

    def _resumed(self) -> None:
        self._resume = None
        if self._batch is not None:
            self._go_on(self._batch)

    def _answered(self, batch: _Batch, key: int, pdu: bytes) -> None:
        """Settle the request of `key` with the data unit that came for it."""
        waiting = batch.waiting.pop(key)
        now_s = batch.loop.time()
        self._silent = 0
        self.slowest_s = max(self.slowest_s, now_s - waiting.sent_s - self._wire_s(waiting.request))
        self._not_before_s = max(self._not_before_s, now_s + batch.terms.pause_s)
        outcome = check(waiting.request, pdu)
        if waiting.request is batch.requests[waiting.at]:
            batch.outcomes[waiting.at] = outcome
        if isinstance(outcome, BadAnswerError):
            self._link.close()
            self._fail_waiting("the connection was dropped after an answer that did not fit")
            return
        self._go_on(batch)

    def _bad_stream(self, why: str) -> None:
        """What came cannot be trusted: fail what waits and begin with a new link."""
        self._link.close()
        batch = self._batch
        if batch is None:
            return
        for waiting in batch.waiting.values():
            batch.outcomes[waiting.at] = BadAnswerError(f"{self.name}: {why}", unit=waiting.request.unit)
        batch.waiting.clear()
        self._fail_rest(batch, "the connection was dropped after an answer that did not fit")

    def _fail_waiting(self, why: str) -> None:
        if self._batch is not None:
            for waiting in self._batch.waiting.values():
                self._owed(waiting)
            self._batch.waiting.clear()
            self._fail_rest(self._batch, why)

    def _fail_rest(self, batch: _Batch, why: str) -> None:
        for at, outcome in enumerate(batch.outcomes):
            if outcome is None:
                unit = batch.requests[at].unit
                batch.outcomes[at] = DeviceUnreachableError(f"{self.name}: {why}", unit=unit)
        if not batch.done.done():
            batch.done.set_result(None)

    def _on_time(self) -> None:
        batch = self._batch
        if batch is None:
            return
        now_s = batch.loop.time()
        late = [key for key, waiting in batch.waiting.items() if waiting.until_s <= now_s]
        for key in late:
            self._went_silent(batch, batch.waiting.pop(key))
        if batch.waiting:
            self._deadlines.watch(self._wake, min(waiting.until_s for waiting in batch.waiting.values()))
        if late and self._batch is batch:
            self._after_silence(batch)

    def _went_silent(self, batch: _Batch, waiting: Waiting) -> None:
        self._owed(waiting)
        self._silent += 1
        batch.silences += 1
        batch.outcomes[waiting.at] = self._silence(waiting, batch.terms)
        batch.next = max(batch.next, waiting.at + 1)

    def _silence(self, waiting: Waiting, terms: Terms) -> Outcome:
        return DeviceUnreachableError(
            f"no answer from {self.name} within {terms.timeout_s:g} s", unit=waiting.request.unit
        )

    def _after_silence(self, batch: _Batch) -> None:
        if self._worn_out(self._silent):
            self._silent = 0
            self._link.close()
            self._fail_waiting("the connection was dropped after silence")
        elif batch.silences >= batch.terms.silences:
            self._fail_waiting("not asked, as the request before had no answer")
        else:
            self._go_on(batch)
