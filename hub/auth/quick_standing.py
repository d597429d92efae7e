"""How people stand, read from the embedded database in the loop itself.

Each request asks it, and the answer is one row by its key: some 30 µs. By way of a thread, as everything else
is read, it took longer than what most requests are about.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.auth.roles import STANDING, Standing
from protocols.errors import StoreError


def quick_standing(engine: AsyncEngine) -> QuickStanding | None:
    """For the file an engine has open; None: its business data is on a server, which no thread is needed for.

    Raises:
        StoreError: It cannot be opened.
    """
    place = engine.url.database if engine.dialect.name == "sqlite" else None
    return None if place is None else QuickStanding(Path(place))


class QuickStanding:
    """A connection for these questions alone; it reads, and waits for nobody."""

    def __init__(self, file: Path) -> None:
        """Open the file.

        Raises:
            StoreError: It cannot be opened.
        """
        self._question = str(STANDING.compile(dialect=sqlite.dialect(paramstyle="named")))
        address = f"{file.resolve().as_uri()}?mode=ro"
        try:
            self._connection = sqlite3.connect(address, uri=True, timeout=0.0, isolation_level=None)
        except sqlite3.Error as error:
            raise StoreError(f"no business database can be opened at {file}: {error}") from error

    def at(self, site: str, name: str, family: str) -> Standing | None:
        """As `standing_at`.

        Raises:
            StoreError: It cannot be read at this moment.
        """
        told = {"site": site, "name": name, "family": family}
        try:
            row = self._connection.execute(self._question, told).fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"the business database cannot be read: {error}") from error
        return None if row is None else Standing(int(row[2]), str(row[1]))

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
