"""One ingest worker among others: takes up and lays down parts as the record on the bus says."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client

from hub.ingest.sharing import BEAT_S, LEASE_S, PARTS, Sharing, Table, decode_table, encode_table, without
from protocols.clock import Clock
from protocols.errors import BusError
from protocols.subjects import BUCKET_INGEST
from runtime.bus_seat import Bucket, Seat
from runtime.process import is_gone, own_name
from runtime.supervise import guarded_decode, stand_to_cancellation

_log = logging.getLogger(__name__)
_TRIES: Final = 5
_RECORD_BYTES: Final = 65_536
_AWAY_S: Final = 2.0

Work = Callable[[int], Awaitable[None]]
"""Works on a part until cancelled."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the workers of a site meet.

    Attributes:
        bus: Connection of this worker.
        site: The site.
        replicas: Servers of the bus that keep a copy of each stream; None: as many as do, one for a new one.
    """

    bus: Client
    site: str
    replicas: int | None = None


class Shift:
    """The parts of this worker, each a task."""

    def __init__(self, place: Place, clock: Clock, work: Work, *, alone: bool) -> None:
        """Share the parts of a site; `alone` where the store has one writer."""
        bucket = Bucket(BUCKET_INGEST, _RECORD_BYTES, place.replicas or 1)
        self._seat = Seat(place.bus, place.site, _AWAY_S, bucket)
        self._clock = clock
        self._work = work
        self._me = secrets.token_hex(4)
        self._sharing = Sharing(self._me, own_name(), alone=alone, lease_s=LEASE_S)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    @property
    def parts(self) -> frozenset[int]:
        """What it works on now."""
        return frozenset(self._tasks)

    async def join(self) -> None:
        """Wait until this worker may work beside the others.

        Raises:
            StoreError: Another worker is at work, and the store of one of the two has one writer only.
        """
        if await self._tried() is not None:
            return
        async for _ in self._clock.ticks(BEAT_S):
            if await self._tried() is not None:
                return

    async def run(self) -> None:
        """Share until cancelled, then leave; raises as `join`, when another took over meanwhile."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    changed = await self._turn(group)
                    stand_to_cancellation()
                    await asyncio.sleep(0.0 if changed else BEAT_S)
        finally:
            self._tasks.clear()
            await self._leave()

    async def _turn(self, group: asyncio.TaskGroup) -> bool:
        """Renew, begin what is new, end what is somebody else's; whether something was ended."""
        due = await self._tried()
        if due is None:
            return False
        over = await self._end(self.parts - due)
        fresh = sorted(due - self.parts)
        for part in fresh:
            self._tasks[part] = group.create_task(self._on(part), name=f"ingest:part{part}")
        if over or fresh:
            _log.info("takes in %d of %d parts", len(self._tasks), PARTS)
        return over

    async def _end(self, parts: frozenset[int]) -> bool:
        """End the work on these; whether there was any."""
        over = [self._tasks.pop(part) for part in sorted(parts)]
        for task in over:
            task.cancel()
        if over:
            await asyncio.wait(over)
        return bool(over)

    async def _tried(self) -> frozenset[int] | None:
        try:
            return await self._renew()
        except BusError as error:
            _log.debug("ingest workers cannot agree now: %s", error)
            self._sharing.looked_away()
            return None

    async def _on(self, part: int) -> None:
        await self._work(part)

    async def _renew(self) -> frozenset[int] | None:
        """Write the own row; the parts it may work on, None while it waits for another to be over."""
        for _ in range(_TRIES):
            record = await self._seat.read()
            table = _table_of(record.body if record is not None else b"")
            if self._me not in table and await self._end(self.parts):
                _log.warning("the others went on without this worker, which stood still; it begins anew")
            gone = [worker for worker, row in table.items() if is_gone(row.process)]
            wanted = self._sharing.next(table, self._clock.mono_s(), self.parts, gone)
            if wanted is None:
                return None
            if await self._seat.write(encode_table(wanted), record.revision if record else 0) is not None:
                return self._sharing.due(wanted)
        raise BusError("the record of ingest workers changes too quickly")

    async def _leave(self) -> None:
        """Give the parts back at once; who cannot be told sees the row grow old."""
        try:
            async with asyncio.timeout(_AWAY_S):
                for _ in range(_TRIES):
                    record = await self._seat.read()
                    if record is None:
                        return
                    rest = without(_table_of(record.body), self._me)
                    if await self._seat.write(encode_table(rest), record.revision) is not None:
                        return
        except (BusError, TimeoutError) as error:
            _log.debug("the other ingest workers are not told: %s", error)


def _table_of(body: bytes) -> Table:
    return (guarded_decode(decode_table, body, "record of ingest workers") or {}) if body else {}
