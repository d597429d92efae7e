"""How long what is kept: whole sealed files go when their newest row is older than its kind may be."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Annotated

from pydantic import Field

from hub.store.parts import POLLS, RAW
from hub.store.sealing import DAY_NS
from hub.store.shelf_files import ShelfFiles, Writing
from hub.store.snapshot import PART, Part
from protocols.config import Config
from runtime.clock import iso_utc
from runtime.yaml_config import load_config

_log = logging.getLogger(__name__)

Days = Annotated[int, Field(ge=1)]


class Retention(Config):
    """How many days samples and rollups are kept; without a number, for ever."""

    raw_days: Days | None = 800
    """Samples as they came, and the instants of their polls. [d]"""

    minute_days: Days | None = 1600
    """Windows of a minute, which exist where samples are denser. [d]"""

    quarter_days: Days | None = None
    """Windows of 15 minutes. [d]"""

    hour_days: Days | None = None
    """Windows of an hour. [d]"""

    day_days: Days | None = None
    """Windows of a day. [d]"""

    def days_of(self) -> dict[str, int | None]:
        """Days by kind of file."""
        return {
            RAW.name: self.raw_days, POLLS.name: self.raw_days, "m1": self.minute_days,
            "m15": self.quarter_days, "h1": self.hour_days, "d1": self.day_days,
        }  # fmt: skip


def load_retention(config_dir: Path, site: str) -> Retention:
    """What `sites/<site>/retention.yaml` says; without the file, the defaults.

    Raises:
        ConfigError: The file cannot be read or has a fault; it says where.
    """
    path = config_dir / "sites" / site / "retention.yaml"
    return load_config(path, Retention) if path.exists() else Retention()


class Retaining:
    """Lets files go.

    Attributes:
        keep: How long what is kept; another one holds from the next step on.
    """

    def __init__(self, files: ShelfFiles, writing: Writing, keep: Retention) -> None:
        self._files = files
        self._writing = writing
        self.keep = keep

    def step(self, now_ns: int) -> int:
        """Let files of all kinds go whose time is over; says how much is free then.

        Returns:
            What the files take, free a minute later. [bytes]

        Raises:
            StoreError: The database takes no changes now.
        """
        freed = 0
        with self._writing() as connection:
            for kind, days in self.keep.days_of().items():
                if days is None:
                    continue
                before_ns = now_ns - days * DAY_NS
                gone = _older(connection, kind, before_ns)
                for part in gone:
                    self._files.drop(connection, part, now_ns)
                freed += _tell(kind, gone, before_ns)
                if kind == RAW.name:
                    _note_start(connection, gone)
        return freed


def _older(connection: sqlite3.Connection, kind: str, before_ns: int) -> list[Part]:
    rows = connection.execute(
        f"SELECT {PART} FROM part WHERE kind = ? AND until_ns <= ? ORDER BY id",  # noqa: S608  a constant
        (kind, before_ns),
    ).fetchall()
    return [Part(*row) for row in rows]


def _tell(kind: str, gone: list[Part], before_ns: int) -> int:
    freed = sum(part.bytes for part in gone)
    if gone:
        _log.info(
            "let %d files of %s go, all before %s: %d rows, %d bytes",
            len(gone), kind, iso_utc(before_ns), sum(part.rows for part in gone), freed,
        )  # fmt: skip
    return freed


def _note_start(connection: sqlite3.Connection, gone: list[Part]) -> None:
    """From where on there are samples: rollups of what is before are never made anew."""
    for part in gone:
        connection.execute(
            "UPDATE shelf SET raw_from_ns = max(raw_from_ns, ?) WHERE id = ?", (part.until_ns, part.shelf)
        )
        connection.execute("DELETE FROM todo WHERE shelf = ? AND hour_ns < ?", (part.shelf, part.until_ns))
        connection.execute("DELETE FROM remake WHERE shelf = ? AND day_ns < ?", (part.shelf, part.until_ns))
