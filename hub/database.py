"""Business data: users, sessions, plans and the ledger, over SQLAlchemy; SQLite embedded.

Tables stand beside their part (`hub/auth/tables.py`, `hub/ledger/tables.py`); `hub/migrations` makes them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from protocols.errors import StoreError

FILE: Final = "business.db"
Sessions = async_sessionmaker[AsyncSession]


class Base(DeclarativeBase):
    """Parent of every table of the business data."""


def embedded_url(state: Path) -> str:
    """Address of the embedded database in a state folder."""
    return f"sqlite+aiosqlite:///{(state / FILE).resolve()}"


def create_engine(url: str, *, durable: bool = True) -> AsyncEngine:
    """Engine for the running roles; SQLite gets WAL, FULL and a busy time-out of 10 s.

    Args:
        url: Address of the database.
        durable: Whether a commit waits for the disk. Without it a power cut may take back the newest commits,
            all that follow each other: for what is read again from elsewhere after that.

    Raises:
        StoreError: The address is none SQLAlchemy knows.
    """
    try:
        engine = create_async_engine(url)
    except (SQLAlchemyError, ImportError) as error:
        raise StoreError(f"no business database can be opened at {url}: {error}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", partial(_set_pragmas, "FULL" if durable else "NORMAL"))
    return engine


def sessions_of(engine: AsyncEngine) -> Sessions:
    """Factory of sessions; objects stay usable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


def upgrade(url: str) -> None:
    """Bring the database to the newest schema; run once, before the roles start and outside an event loop.

    Raises:
        StoreError: A step failed; the database stays at the step before.
    """
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", url.replace("+aiosqlite", "").replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise StoreError(f"the business database cannot be brought to this version: {error}") from error


def _set_pragmas(synchronous: str, connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own connection
    cursor = connection.cursor()
    sync = f"synchronous = {synchronous}"
    for pragma in ("journal_mode = WAL", sync, "busy_timeout = 10000", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
