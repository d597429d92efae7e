"""What the embedded engine does beside taking in: seal, roll up, merge, let go; a portion at a time."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hub.store.halting import Halt, HaltedError
from hub.store.merging import Merging, set_aside
from hub.store.parts import PartFiles
from hub.store.retention import Retaining, Retention
from hub.store.rolling import Rolling
from hub.store.schema import open_writer
from hub.store.sealing import Sealing
from hub.store.series import Series
from hub.store.shelf_files import ShelfFiles
from hub.store.snapshot import PART, Part
from protocols.clock import Clock
from protocols.errors import StoreError
from runtime.database import transaction

_log = logging.getLogger(__name__)

_SELDOM_NS: Final = 60_000_000_000


class Upkeep:
    """Works on its own connection, from one thread at a time, also while the store takes in.

    Attributes:
        freed: What retention let go since the start. [bytes]
        halt: Has a portion given up.
    """

    def __init__(
        self, path: Path, series: Series, clock: Clock, lock: threading.Lock, keep: Retention
    ) -> None:
        self._connection = open_writer(path)
        self._lock = lock
        self._clock = clock
        self.halt = Halt()
        self._files = ShelfFiles(series.folder, self.halt)
        self._sealing = Sealing(self._files, series.catalogues, self._writing)
        self._rolling = Rolling(self._files, series, self._writing)
        self._merging = Merging(self._files, PartFiles(series.folder), self._writing)
        self._retaining = Retaining(self._files, self._writing, keep)
        self._seldom_ns = 0
        self.freed = 0
        self._begin()

    def retain(self, keep: Retention) -> None:
        """Keep for other times from the next look on."""
        self._retaining.keep = keep

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def step(self) -> bool:
        """Do one portion of what is due; False when nothing is, so ask again some seconds later.

        Raises:
            StoreError: The disk is full or broken; nothing is lost, and the next call tries again.
        """
        now_ns = self._clock.now().wall_ns
        try:
            self.halt.check()
            return (
                self._sealing.step(self._connection, now_ns)
                or self._rolling.step(self._connection, now_ns)
                or self._merging.step(self._connection, now_ns)
                or self._seldom(now_ns)
            )
        except HaltedError:
            return True
        except (sqlite3.Error, FileNotFoundError) as error:
            raise StoreError(f"the upkeep of the series waits: {error}") from error

    def _seldom(self, now_ns: int) -> bool:
        if now_ns - self._seldom_ns >= _SELDOM_NS:
            self._seldom_ns = now_ns
            self.freed += self._retaining.step(now_ns)
            with self._writing() as connection:
                self._files.bury(connection, now_ns)
        return False

    def _begin(self) -> None:
        """Heal what a kill left, and name files that are not as they were written."""
        for file in self._files.remove_orphans(self._connection):
            _log.info("removed %s: it was being written when the hub was killed", file)
        rows = self._connection.execute(f"SELECT {PART} FROM part WHERE NOT damaged").fetchall()  # noqa: S608  a constant
        for part in (Part(*row) for row in rows):
            path = self._files.folder / part.file
            size = path.stat().st_size if path.exists() else -1
            if size != part.bytes:
                said = "missing" if size < 0 else f"{size} bytes long instead of {part.bytes}"
                set_aside(self._files, self._writing, part, f"the sealed file {part.file} is {said}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with transaction(self._connection) as connection:
                    yield connection
            except sqlite3.Error as error:
                raise StoreError(f"the series database takes no data: {error}") from error
