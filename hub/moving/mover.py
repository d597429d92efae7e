"""Brings the series of an embedded store to a server, day by day, newest first (docs/adr/0042).

First, while no hub runs: catalogues, ranges and records, in one transaction of the business database; from
then on the state folder says that the series are on the server, and a hub may be started again. Then the
samples, while it runs: the old files change no more, so a day can be copied twice and counted at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from hub.moving.days import DayCopy, date_of, key_of_day
from hub.moving.note import MoveNote, keep, note_of
from hub.moving.standing import StandingSeries
from hub.store.engine import StorePlace, place_of
from hub.store.influx.records import RecordBook
from hub.store.influx.server import InfluxServer
from hub.store.influx.store import InfluxStore
from hub.store.port import Marker
from hub.store.schema import FILE
from protocols.clock import Clock
from protocols.errors import ConfigError, StoreError, StoreLockedError
from runtime.lock import StateLock

Say = Callable[[str], None]

_SAY_EVERY_S: Final = 5.0


class Outcome(NamedTuple):
    """What a move did.

    Attributes:
        days: Days of shelves.
        samples: Of the embedded store, all of them now on the server.
        meanwhile: Samples of these days that came to the server besides.
        waiting: Stretches of rollups that are still to be made; a running hub makes them.
        damaged: Sealed files that cannot be read, so that their samples are on neither side.
    """

    days: int
    samples: int
    meanwhile: int
    waiting: int
    damaged: tuple[str, ...]


class Mover:
    """One move; what was begun is gone on with, after a kill as after an outage."""

    def __init__(self, state: Path, clock: Clock, say: Say, marker: Marker) -> None:
        self._state = state
        self._clock = clock
        self._say = say
        self._marker = marker
        self._said_s = 0.0

    def copy(self, business_url: str, token_file: Path | None = None) -> Outcome:
        """Copy what is not copied yet, compare all of it, and make its rollups where no hub runs that does.

        Args:
            business_url: The business database.
            token_file: Token instead of the one the move was begun with.

        Raises:
            ConfigError: No move was begun.
            StoreError: A database cannot be used now; ask again later, what is copied is not copied again.
        """
        note = note_of(self._state)
        if note is None or place_of(self._state).influx is None:
            raise ConfigError(f"no move of {self._state} was begun; `ems hub store move --to …` begins one")
        to = note.to if token_file is None else note.to.with_token(token_file)
        with (
            closing(StandingSeries(self._state / FILE)) as old,
            closing(InfluxServer(to)) as server,
            closing(RecordBook(business_url, writing=True)) as book,
        ):
            if old.newest_commit() != note.newest_commit:
                raise StoreError(
                    f"{self._state / FILE} took rows after the move began, which the server does not have; "
                    "was the hub started with --store embedded again? Restore the folder as it was, or "
                    "remove series.move and move into another bucket"
                )
            work = DayCopy(old, server, book, self._marker)
            note = self._copied(note, work)
            meanwhile = self._compared(note, work)
            keep(self._state, note.model_copy(update={"compared": True}))
        waiting = self._rolled(StorePlace(self._state / FILE, to, business_url))
        samples = sum(day.samples for day in note.days.values())
        return Outcome(len(note.days), samples, meanwhile, waiting, note.damaged)

    def _copied(self, note: MoveNote, work: DayCopy) -> MoveNote:
        begun_s, done = time.monotonic(), 0
        for name, copy in work.beside():
            if name not in note.beside:
                copy()
                note = note.model_copy(update={"beside": (*note.beside, name)})
                keep(self._state, note)
        days = work.days()
        left = [day for day in days if key_of_day(day) not in note.days]
        for number, day in enumerate(left, 1):
            found = work.copy(day)
            done_days = {**note.days, key_of_day(day): found}
            damaged = tuple(sorted({*note.damaged, *work.damaged()}))
            note = note.model_copy(update={"days": done_days, "damaged": damaged, "compared": False})
            keep(self._state, note)
            done += found.samples
            rate = done / max(time.monotonic() - begun_s, 1e-3)
            self._tell(
                f"{date_of(day[1])}: {len(days) - len(left) + number} of {len(days)} days, "
                f"{done:,} samples, {rate:,.0f} a second",
                last=number == len(left),
            )
        return note

    def _compared(self, note: MoveNote, work: DayCopy) -> int:
        """Hold what was copied against what the server says; gives how many samples came besides."""
        meanwhile = 0
        for number, day in enumerate(work.days(), 1):
            try:
                meanwhile += work.compare(day, note.days[key_of_day(day)])
            except StoreError as error:
                if error.context.get("day") is not None:
                    rest = {key: found for key, found in note.days.items() if key != key_of_day(day)}
                    keep(self._state, note.model_copy(update={"days": rest}))
                raise
            self._tell(f"compared {number} of {len(note.days)} days", last=number == len(note.days))
        return meanwhile

    def _rolled(self, place: StorePlace) -> int:
        """Make the rollups, unless a hub runs that does it; gives how many stretches wait."""
        if place.influx is None:
            return 0
        with (
            closing(InfluxStore(place.influx, place.business_url, self._clock, self._marker)) as store,
            closing(RecordBook(place.business_url)) as book,
        ):
            try:
                with StateLock(self._state):
                    while store.upkeep():
                        self._tell(f"rollups: {book.rollups.waiting()} stretches to do")
            except StoreLockedError:
                self._say("a hub runs here and makes the rollups; until then answers come from samples")
            return book.rollups.waiting()

    def _tell(self, words: str, *, last: bool = False) -> None:
        now_s = time.monotonic()
        if last or now_s - self._said_s > _SAY_EVERY_S:
            self._said_s = now_s
            self._say(words)
