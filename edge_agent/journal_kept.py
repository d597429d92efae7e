"""Rows the hub has but no backup of it: kept for the day the hub is restored, as far as there is room.

Nothing is kept before the hub has told of a backup once. Then a covered row moves here in the transaction
that would delete it. It is deleted when a backup has it or room is wanted, and goes back among the rows that
wait when the hub says, twice running, that it does not have it any more. A disk with less than `LEAST_FREE`
free keeps nothing here: what waits comes first. Blocking; in the thread of the journal.
"""

from __future__ import annotations

import logging
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from protocols.coverage import Mark, RangeSet

_log = logging.getLogger(__name__)
_META: Final = "keeps"
_PART: Final = 500
_COLUMNS: Final = "seq, journal, kind, samples, body"
_TO_KEPT: Final = f"INSERT OR IGNORE INTO kept SELECT {_COLUMNS} FROM entry"  # noqa: S608  fixed words
_TO_ENTRY: Final = f"INSERT OR IGNORE INTO entry SELECT {_COLUMNS} FROM kept"  # noqa: S608  fixed words

LEAST_FREE: Final = 0.1
"""Share of the disk that has to be free for rows to be kept."""

_LOOK_S: Final = 10.0


class Kept:
    """The table `kept`; every method that changes it belongs into a transaction of the journal."""

    def __init__(self, db: sqlite3.Connection, folder: Path) -> None:
        self._db = db
        self._folder = folder
        self._looked_s = -math.inf
        self._room = True
        self._marked: dict[str, RangeSet] = {}
        self._looked_to: dict[str, int] = {}
        self.on = bool(db.execute("SELECT 1 FROM meta WHERE name = ?", (_META,)).fetchone())
        self.bytes = 0
        self.recount()

    def recount(self) -> None:
        """Count the bytes anew, as after a transaction that did not happen."""
        (size,) = self._db.execute("SELECT coalesce(sum(length(body)), 0) FROM kept").fetchone()
        self.bytes = int(size)

    def take(self, seqs: Iterable[int]) -> None:
        """Take rows over that are about to be deleted, but for those a backup has."""
        if not self.on:
            return
        if not self._has_room():
            self.make_room(0)
            return
        for seq in seqs:
            row = self._db.execute("SELECT journal, length(body) FROM entry WHERE seq = ?", (seq,)).fetchone()
            if row is not None and seq not in self._marked.get(row[0], RangeSet()):
                self._db.execute(f"{_TO_KEPT} WHERE seq = ?", (seq,))
                self.bytes += int(row[1])

    def mark(self, told: Mark) -> list[int]:
        """Note what the hub tells; returns the rows that it lost, which wait again from now on."""
        if told.marked is not None:
            if not self.on:
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (_META,))
                self.on = True
            self._marked[told.journal] = RangeSet(list(told.marked))
            self._drop(told.journal, told.marked)
        return self._back(told)

    def _has_room(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._looked_s >= _LOOK_S:
            disk = os.statvfs(self._folder)
            self._looked_s, self._room = now_s, disk.f_bavail >= LEAST_FREE * disk.f_blocks
        return self._room

    def make_room(self, most_bytes: int) -> None:
        """Forget the oldest until what is left takes at most `most_bytes`; the hub has them."""
        if self.bytes <= most_bytes:
            return
        gone: list[tuple[int]] = []
        for seq, size in self._db.execute("SELECT seq, length(body) FROM kept ORDER BY seq"):
            if self.bytes <= most_bytes:
                break
            gone.append((seq,))
            self.bytes -= size
        self._db.executemany("DELETE FROM kept WHERE seq = ?", gone)

    def _drop(self, journal: str, ranges: Sequence[tuple[int, int]]) -> None:
        for first, last in ranges:
            self._db.execute(
                "DELETE FROM kept WHERE journal = ? AND seq BETWEEN ? AND ?", (journal, first, last)
            )
        self.recount()

    def _back(self, told: Mark) -> list[int]:
        """Rows that were here when the hub told last time already: it has had them, and has not now."""
        covered = RangeSet(list(told.covered))
        looked_to = self._looked_to.get(told.journal, 0)
        kept = self._db.execute(
            "SELECT seq FROM kept WHERE journal = ? ORDER BY seq", (told.journal,)
        ).fetchall()
        self._looked_to[told.journal] = max((seq for (seq,) in kept), default=0)
        lost = [seq for (seq,) in kept if seq <= looked_to and seq not in covered]
        if lost:
            lost = sorted({*lost, *self._of_others()})
            _log.warning(
                "the hub has lost %d rows that it had, from %d to %d; they are sent again",
                len(lost),
                lost[0],
                lost[-1],
            )
        for start in range(0, len(lost), _PART):
            part = [(seq,) for seq in lost[start : start + _PART]]
            self._db.executemany(f"{_TO_ENTRY} WHERE seq = ?", part)
            self._db.executemany("DELETE FROM kept WHERE seq = ?", part)
        if lost:
            self.recount()
        return lost

    def _of_others(self) -> list[int]:
        """Rows of journals the hub tells nothing of: a hub that was restored may never have seen them."""
        told = list(self._looked_to)
        marks = ", ".join("?" * len(told))
        rows = self._db.execute(f"SELECT seq FROM kept WHERE journal NOT IN ({marks})", told)  # noqa: S608  only question marks
        return [seq for (seq,) in rows]
