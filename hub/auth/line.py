"""Guesses at a password wait in line: one is looked at, so many wait, who comes beyond them is sent away.

A guess takes 64 MB and tens of milliseconds, and counts at the brake only when it is over. Without an end of
the line a storm of them would hold memory without bound, and each would be answered when nobody waits for it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from protocols.errors import TooManyGuessesError

MOST_WAITING: Final = 40
"""Guesses in line, the one that is looked at included. [-]"""
GUESS_S: Final = 0.1
"""About what one takes on a small machine: who is sent away is told when the line may be gone. [s]"""


class Line:
    """One after the other, in the order they came."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._one = asyncio.Lock()
        self.waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the turn; the block is it.

        Raises:
            TooManyGuessesError: The line is full; nothing was looked at.
        """
        if self.waiting >= self._most:
            wait_s = math.ceil(self._most * GUESS_S)
            raise TooManyGuessesError(
                "many people sign in at this moment; try again soon", wait_s=wait_s, busy=True
            )
        self.waiting += 1
        try:
            async with self._one:
                yield
        finally:
            self.waiting -= 1
