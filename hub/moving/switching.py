"""The switch from an embedded store to a server: all that is no sample, while no hub runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from hub.database import upgrade
from hub.moving.note import MoveNote, keep, note_of
from hub.moving.standing import StandingSeries
from hub.moving.taking_over import take_over, taken
from hub.store.engine import StorePlace, place_of, prepare_store, remember
from hub.store.influx.place import InfluxPlace
from hub.store.influx.records import RecordBook
from hub.store.influx.rolling import LAG_NS
from hub.store.influx.server import InfluxServer
from hub.store.port import QUARTER_S
from hub.store.schema import FILE
from protocols.clock import Clock
from protocols.errors import ConfigError, StoreDeniedError
from runtime.clock import iso_utc
from runtime.lock import StateLock

Say = Callable[[str], None]

_DAY_NS: Final = 86_400 * 1_000_000_000
_QUARTER_NS: Final = QUARTER_S * 1_000_000_000


class Switch:
    """One switch; one that was cut off is done again from its begin."""

    def __init__(self, state: Path, clock: Clock, say: Say) -> None:
        self._state = state
        self._clock = clock
        self._say = say

    def work(self, to: InfluxPlace, business_url: str) -> None:
        """Take over all that is no sample, and have the hub keep its series on the server from now on.

        Raises:
            ConfigError: There is nothing to move, or the hub keeps its series on a server already.
            StoreDeniedError: The server has something there already, keeps it too short, or lets nobody in.
            StoreError: A database cannot be used now; nothing is changed.
            StoreLockedError: A hub runs on the state folder.
        """
        with StateLock(self._state), closing(StandingSeries(self._state / FILE)) as old:
            self._refuse_what_cannot_be_moved(to, old)
            upgrade(business_url)
            with closing(RecordBook(business_url, writing=True)) as book:
                self._refuse_what_is_there(book, to)
                self._refuse_a_short_memory(to, old)
                keep(self._state, MoveNote(to=to, newest_commit=old.newest_commit()))
                for line in prepare_store(StorePlace(self._state / FILE, to, business_url)):
                    self._say(line)
                take_over(book, old, (self._clock.now().wall_ns - LAG_NS) // _QUARTER_NS * _QUARTER_NS)
            remember(self._state, to)
        self._say(f"the series of {self._state} are on {to.url} from now on; the hub may be started again")

    def _refuse_what_cannot_be_moved(self, to: InfluxPlace, old: StandingSeries) -> None:
        there = place_of(self._state).influx
        if there is not None:
            raise ConfigError(
                f"the hub of {self._state} keeps its series on {there.url} already; only a hub on the "
                "embedded store can be moved"
            )
        if not old.devices():
            raise ConfigError(f"{self._state / FILE} holds no series; start the hub with --store {to.url}")

    def _refuse_what_is_there(self, book: RecordBook, to: InfluxPlace) -> None:
        """Not what a switch that was cut off left in the business database: that is put there again."""
        with closing(InfluxServer(to)) as server:
            full = server.has_samples()
        if full or (note_of(self._state) is None and taken(book)):
            where = f"bucket {to.bucket} of {to.url}" if full else "the business database"
            raise StoreDeniedError(
                f"{where} holds series already, and nothing is mixed with them: name another bucket by "
                "--store-bucket, or a business database that never stood beside a server of series"
            )

    def _refuse_a_short_memory(self, to: InfluxPlace, old: StandingSeries) -> None:
        oldest_ns = old.oldest_ns()
        days = -(-(self._clock.now().wall_ns - (oldest_ns or 0)) // _DAY_NS) + 2
        if to.keep_days and oldest_ns is not None and days > to.keep_days:
            raise StoreDeniedError(
                f"the oldest sample is of {iso_utc(oldest_ns)}, and the server would keep {to.keep_days} "
                f"days: give --store-keep-days {days} or more, 0 for ever"
            )
