"""The office of the one process that watches: the election of a leader, upon a row of the database."""

from __future__ import annotations

import logging
import secrets
from typing import Final

from hub.alarms.book import AlarmBook
from hub.command.election import LEASE_S, Election, Put
from protocols.clock import Clock
from runtime.process import own_name

_log = logging.getLogger(__name__)
_BALLOT_BYTES: Final = 8


class Office:
    """This process among those that could watch a site; `step` often, act only while it says so."""

    def __init__(self, book: AlarmBook, clock: Clock, lease_s: float = LEASE_S) -> None:
        self.ballot = secrets.token_hex(_BALLOT_BYTES)
        self._book = book
        self._clock = clock
        self._election = Election(own_name(), self.ballot, lease_s)
        self._held = False

    async def step(self) -> bool:
        """Look at the claim, renew or take it; whether this process is in office, undisputed.

        Raises:
            SQLAlchemyError: The database cannot be asked; nothing may be done until it can.
        """
        put = self._election.judge(await self._book.claim(), self._clock.mono_s())
        if put is not None:
            await self._write(put)
        held = self._election.may_speak(self._clock.mono_s())
        if held != self._held:
            _log.info("this process %s the alarms", "watches" if held else "no longer watches")
        self._held = held
        return held

    async def resign(self) -> None:
        """Leave the office free, so that the next need not wait.

        Raises:
            SQLAlchemyError: The database cannot be asked; the next waits for the end of the lease.
        """
        put = self._election.resigned()
        if put is not None:
            await self._write(put)
        self._election.lost()

    def lost(self) -> None:
        """Somebody else has it, as a commit found."""
        self._election.lost()
        self._held = False

    async def _write(self, put: Put) -> None:
        revision = await self._book.put(put)
        if revision is None:
            self._election.lost()
        else:
            self._election.won(put, revision)
