"""A lane to the bus: rows in ascending order, several on their way at once, each with its own deadline.

How many bytes may be on their way follows the link: as long as answers come quickly the window grows; when
they take `_TARGET_S` longer than the best so far, other traffic waits for ours and the window shrinks (the
idea of LEDBAT, RFC 6817 §2). So a backlog fills a slow link and live rows still pass it.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from edge_agent.journal_rows import Entry, Kind
from protocols import subjects
from protocols.clock import Clock
from protocols.errors import BusError
from runtime.supervise import guarded_decode

LANE_HEADER: Final = "Ems-Lane"
"""Header that names the lane of a row."""

DEADLINE_S: Final = 10.0
"""A row that the bus has not answered for so long did not arrive, as far as this side knows. [s]"""

MIN_WINDOW_BYTES: Final = 4_000
MAX_WINDOW_BYTES: Final = 1_000_000

_TARGET_S: Final = 0.3
_RECENT: Final = 4
_HEADER_BYTES: Final = 160


@dataclass(frozen=True, slots=True)
class _Flight:
    size: int
    sent_s: float


class Window:
    """How many bytes may be on their way; fed with the time each answer took."""

    def __init__(self) -> None:
        self.size_bytes = float(MIN_WINDOW_BYTES)
        self._base_s = math.inf
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def answered(self, took_s: float, size: int, out: float) -> None:
        """An answer came `took_s` after its row of `size` bytes was sent, with `out` bytes on their way.

        The best is that of the whole connection: a newer one would be one that our own queue made longer, and
        the queue would grow. A window of which less than half is used does not grow (RFC 7661): nothing tells
        that the link would carry more, and a link that became slower would be filled with all of it.
        """
        self._base_s = min(self._base_s, took_s)
        self._recent.append(took_s)
        room = 1.0 - (min(self._recent) - self._base_s) / _TARGET_S
        if room > 0.0 and out < self.size_bytes / 2.0:
            return
        grown = self.size_bytes + size * max(room, -1.0)
        self.size_bytes = min(max(grown, MIN_WINDOW_BYTES), MAX_WINDOW_BYTES)

    def failed(self) -> None:
        """Answers stayed out."""
        self.size_bytes = max(self.size_bytes / 2.0, MIN_WINDOW_BYTES)


class Lane:
    """Sends rows on one connection; what was not acknowledged when one fails is told back, in order."""

    def __init__(self, name: str, edge: str, clock: Clock, on_lost: Callable[[list[int]], None]) -> None:
        self.name = name
        self._edge = edge
        self._clock = clock
        self._on_lost = on_lost
        self._flights: dict[int, _Flight] = {}
        self._out_bytes = 0
        self._moved = asyncio.Event()
        self._refusal: str | None = None
        self.refused = Refused()
        self._client: Client | None = None
        self._inbox = ""
        self.window = Window()
        self.rows = 0
        self.bytes = 0
        self.took_s = 0.0

    @property
    def on_their_way(self) -> int:
        """Rows sent and not answered."""
        return len(self._flights)

    async def open(self, client: Client) -> None:
        """Listen for answers on a new connection; what was on its way on the old one is lost."""
        self.give_up()
        self._client, self._inbox = client, client.new_inbox()
        await client.subscribe(f"{self._inbox}.*", cb=self._on_answer)

    async def put(self, entry: Entry) -> None:
        """Send a row after those before it; waits while the window is full.

        Raises:
            BusError: A row before it, or this one, was refused or not answered; none is on its way any more.
        """
        self.check()
        while self._flights and self._out_bytes + len(entry.body) > self.window.size_bytes:
            await self._moved_or_late()
        subject = subjects.telemetry if entry.kind is Kind.TELEMETRY else subjects.receipts
        headers = {"Nats-Msg-Id": subjects.message_id(entry.journal, entry.seq), LANE_HEADER: self.name}
        flight = _Flight(len(entry.body) + _HEADER_BYTES, self._clock.mono_s())
        sent_before = self._flights.get(entry.seq)
        self._flights[entry.seq] = flight
        self._out_bytes += flight.size - (0 if sent_before is None else sent_before.size)
        if self._client is None or not self._client.is_connected:
            self._lose()
            raise BusError(f"row {entry.seq} stays here: there is no connection to the bus")
        try:
            await self._client.publish(
                subject(self._edge, entry.journal),
                entry.body,
                reply=f"{self._inbox}.{entry.seq}",
                headers=headers,
            )
        except (NatsError, OSError) as error:
            self._lose()
            raise BusError(f"the bus did not take row {entry.seq}: {error}") from error

    async def settled(self) -> None:
        """Wait until every row sent is acknowledged.

        Raises:
            BusError: One was refused or not answered; none is on its way any more.
        """
        self.check()
        while self._flights:
            await self._moved_or_late()

    def check(self) -> None:
        """Look for refusals and late answers.

        Raises:
            BusError: There was one; the rows on their way were told to `on_lost`.
        """
        oldest = next(iter(self._flights.values()), None)
        late = oldest is not None and self._clock.mono_s() - oldest.sent_s > DEADLINE_S
        if late:
            self._refusal = f"no answer within {DEADLINE_S:g} s"
        if self._refusal is not None:
            reason = self._refusal
            self._lose()
            raise BusError(f"the bus did not take a row: {reason}")

    def give_up(self) -> None:
        """The connection is gone: nothing is on its way any more, and the next one may go another way."""
        if self._flights:
            self._lose()
        self.window = Window()

    def _lose(self) -> None:
        lost = list(self._flights)
        self._flights.clear()
        self._out_bytes = 0
        self._refusal = None
        self.window.failed()
        self._on_lost(lost)

    async def _moved_or_late(self) -> None:
        self._moved.clear()
        try:
            async with asyncio.timeout(1.0):
                await self._moved.wait()
        except TimeoutError:
            pass
        self.check()

    async def _on_answer(self, message: Msg) -> None:
        flight = self._flights.get(int(message.subject.rpartition(".")[2]))
        if flight is None:
            return
        refusal = (
            guarded_decode(_refusal_of, message.data, "answer of the bus") if message.data else NO_STREAM
        )
        self._moved.set()
        if refusal:
            self._refusal = refusal
            self.refused = self.refused.again(refusal, self._clock.mono_s())
            return
        self.refused = Refused()
        out = self._out_bytes
        del self._flights[int(message.subject.rpartition(".")[2])]
        self._out_bytes -= flight.size
        self.took_s = self._clock.mono_s() - flight.sent_s
        self.window.answered(self.took_s, flight.size, out)
        self.rows += 1
        self.bytes += flight.size


NO_STREAM: Final = "no stream"
"""What a refusal says where nobody takes the subject."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Refusals of the bus since it took a row last.

    Attributes:
        words: The last one's.
        since_s: When the first was heard, on the boot clock. [s]
        at_s: When the last was heard. [s]
    """

    words: str = ""
    since_s: float = math.inf
    at_s: float = -math.inf

    def again(self, words: str, now_s: float) -> Refused:
        """With one more."""
        return Refused(words, min(self.since_s, now_s), now_s)


def _refusal_of(data: bytes) -> str:
    """Why the bus refused a row; empty when it has it."""
    error = json.loads(data).get("error")
    return "" if error is None else str(error["description"])
