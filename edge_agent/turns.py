"""Turns at a line: one at a time, urgent ones first, and one that gives way between two requests."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

from typing_extensions import override

from protocols.driver import GiveWay
from protocols.errors import DeviceUnreachableError

MAX_WAITING: Final = 64
"""Requests that may wait at one line: a quarter of the most units behind a gateway, asked in four rounds."""


class _Waiter(NamedTuple):
    turn: asyncio.Future[None]
    ticket: object


class Turns(GiveWay):
    """One turn at a time: urgent ones first, then first come, first served."""

    def __init__(self, most_waiting: int = MAX_WAITING) -> None:
        self._most = most_waiting
        self._holder: object | None = None
        self._urgent: deque[_Waiter] = deque()
        self._normal: deque[_Waiter] = deque()

    def take_now(self, ticket: object) -> bool:
        """Hold the line until `let_go`, where it is free."""
        free = self._holder is None
        if free:
            self._holder = ticket
        return free

    async def take(self, ticket: object, *, urgent: bool) -> None:
        """Wait for the line and hold it until `let_go`.

        Raises:
            DeviceUnreachableError: Too many wait already.
        """
        if self.take_now(ticket):
            return
        queue = self._urgent if urgent else self._normal
        if len(queue) >= self._most:
            raise DeviceUnreachableError(f"{self._most} requests wait at this line already")
        waiter = _Waiter(asyncio.get_running_loop().create_future(), ticket)
        queue.append(waiter)
        await self._granted(waiter)

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn now."""
        return len(self._urgent) + len(self._normal)

    @override
    def wanted(self) -> bool:
        return bool(self._urgent) and any(not waiter.turn.done() for waiter in self._urgent)

    @override
    async def give_way(self) -> None:
        if self.wanted():
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiter = _Waiter(turn, self._holder)
            self._normal.appendleft(waiter)
            self._hand_on()
            await self._granted(waiter)

    async def _granted(self, waiter: _Waiter) -> None:
        try:
            await waiter.turn
        except asyncio.CancelledError:
            self.let_go(waiter.ticket)  # it may have been handed over at the same moment
            raise

    def let_go(self, ticket: object) -> None:
        """Hand the line on, where `ticket` holds it."""
        if self._holder is ticket:
            self._hand_on()

    def _hand_on(self) -> None:
        for queue in (self._urgent, self._normal):
            while queue:
                waiter = queue.popleft()
                if not waiter.turn.done():
                    self._holder = waiter.ticket
                    waiter.turn.set_result(None)
                    return
        self._holder = None
