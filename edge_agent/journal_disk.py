"""What the journal asks of the disk: transactions of two durabilities, and a reserve for the day it is full.

The reserve is a file of zeros beside the journal. When the disk is full it is given back to the file system,
so that receipts, events and the command store still find room; telemetry waits in memory until the reserve
could be laid aside again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from protocols.errors import StoreError

_log = logging.getLogger(__name__)

RESERVE_BYTES: Final = 8_000_000
"""Room for some ten thousand receipts and the logs of both databases."""

_TRY_AGAIN_S: Final = 5.0


_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


def is_full(error: BaseException | None) -> bool:
    """Whether SQLite failed for want of space; some calls on a full disk end as plain I/O errors."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _FULL


class Reserve:
    """One file that is there to be deleted; used from any thread, each call takes some ms at most."""

    def __init__(
        self, path: Path, size: int = RESERVE_BYTES, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._size = size
        self._now_s = now_s
        self._next_s = now_s()
        self.released = not self._laid_aside() and not self._lay_aside()

    def release(self) -> bool:
        """Give the room back to the file system; False when that was done before, or it takes no changes."""
        if self.released:
            return False
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:  # a disk that turned read-only
            _log.debug("the reserve %s cannot be given back: %s", self._path, error)
            return False
        self.released = True
        self._next_s = self._now_s() + _TRY_AGAIN_S
        _log.error(
            "the disk of %s is full; its reserve of %d MB takes receipts and commands, samples are kept in "
            "memory for ten minutes; free some space, all goes on by itself then",
            self._path.parent, self._size // 1_000_000,
        )  # fmt: skip
        return True

    def restore(self) -> bool:
        """Whether the room is laid aside (again); a full disk is asked at most every 5 s."""
        if not self.released:
            return True
        if self._now_s() < self._next_s:
            return False
        self._next_s = self._now_s() + _TRY_AGAIN_S
        if self._lay_aside():
            self.released = False
            _log.warning("the disk of %s has space again; the reserve is laid aside", self._path.parent)
        return not self.released

    def _laid_aside(self) -> bool:
        return self._path.exists() and self._path.stat().st_size >= self._size

    def _lay_aside(self) -> bool:
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True


class Commit:
    """One transaction with the wanted durability; `after` hears whether it happened.

    Raises:
        StoreError: The disk refused; nothing of it happened.
    """

    def __init__(self, db: sqlite3.Connection, after: Callable[[bool], None], *, durable: bool) -> None:
        self._db = db
        self._after = after
        self._durable = durable

    def __enter__(self) -> None:
        level = "FULL" if self._durable else "NORMAL"
        try:
            self._db.execute(f"PRAGMA synchronous = {level}")
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StoreError(f"the journal cannot be written: {error}") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if (
                self._db.in_transaction
            ):  # SQLite has rolled back by itself after some errors, a full disk first
                self._db.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.Error as refused:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._after(False)  # noqa: FBT003  whether it happened
            raise StoreError(f"the journal cannot be written: {refused}") from refused
        self._after(kind is None)
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"the journal cannot be written: {error}") from error
