"""Business data: users, sessions, plans and the ledger, over SQLAlchemy; SQLite embedded, or PostgreSQL.

Tables stand beside their part (`hub/auth/tables.py`, `hub/ledger/tables.py`); `hub/migrations` makes them.
What both databases do not do alike is here alone: who changes a row first waits for nobody, who comes second
waits for the first (`locked`, `one_at_a_time`; docs/adr/0026).
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, event, func, inspect, make_url, select
from sqlalchemy import create_engine as create_plain_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from protocols.errors import ConfigError, StoreDeniedError, StoreError

FILE: Final = "business.db"
PLACE_FILE: Final = "business.url"
"""In the state folder, where the business data is not in `FILE`: the address of its database."""

POSTGRES: Final = "postgresql+psycopg"
Sessions = async_sessionmaker[AsyncSession]

_POSTGRES_ARGUMENTS: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A server that is gone is known within 20 s, as one whose file is locked is after 10 s."""

_SETTINGS: Final = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c synchronous_commit="
_Row = TypeVar("_Row", bound="Base")


class Base(DeclarativeBase):
    """Parent of every table of the business data."""


def embedded_url(state: Path) -> str:
    """Address of the embedded database in a state folder."""
    return f"sqlite+aiosqlite:///{(state / FILE).resolve()}"


def checked_url(text: str) -> str:
    """The address of a business database as given by a person, `sqlite` for the file in the state folder.

    Raises:
        ConfigError: No address of SQLite or PostgreSQL, or one with a password: others see a command line.
    """
    if text == "sqlite":
        return ""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(f"--db {text!r}: write sqlite, or {POSTGRES}://user@host:5432/name") from error
    if url.drivername != POSTGRES or not url.database:
        raise ConfigError(f"--db {text!r}: write sqlite, or {POSTGRES}://user@host:5432/name")
    if url.password is not None:
        raise ConfigError("--db holds a password that others can see; put it into the file PGPASSFILE names")
    return text


def remember(state: Path, url: str) -> None:
    """Note in the state folder where its business data is; empty: in the file beside.

    Raises:
        OSError: The folder cannot be written to.
    """
    if url:
        (state / PLACE_FILE).write_text(url + "\n", encoding="utf-8")
    else:
        (state / PLACE_FILE).unlink(missing_ok=True)


def url_of(state: Path) -> str:
    """Address of the business database of a state folder: the remembered one, else the file in it."""
    place = state / PLACE_FILE
    return place.read_text(encoding="utf-8").strip() if place.exists() else embedded_url(state)


def known_url(state: Path, option: str = "--state") -> str:
    """Address of the business database of a hub that is there.

    Args:
        state: The state folder.
        option: How the caller's command line names it.

    Raises:
        ConfigError: There is no hub in the folder.
    """
    if not (state / PLACE_FILE).exists() and not (state / FILE).exists():
        raise ConfigError(f"there is no hub in {state}; run `ems hub init` first or give another {option}")
    return url_of(state)


def create_engine(url: str, *, durable: bool = True) -> AsyncEngine:
    """Engine for the running roles; SQLite gets WAL, FULL and a busy time-out of 10 s.

    PostgreSQL waits as long for a lock; its password comes from the file that PGPASSFILE names, by libpq.

    Args:
        url: Address of the database.
        durable: Whether a commit waits for the disk. Without it a power cut may take back the newest commits,
            all that follow each other: for what is read again from elsewhere after that.

    Raises:
        StoreError: The address is none SQLAlchemy knows.
    """
    try:
        engine = create_async_engine(url, **_arguments(url, durable=durable))
    except (SQLAlchemyError, ImportError) as error:
        raise StoreError(f"no business database can be opened at {url}: {error}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", partial(_set_pragmas, "FULL" if durable else "NORMAL"))
    return engine


def create_sync_engine(url: str, *, writing: bool) -> Engine:
    """Engine for one thread of a store, with the same drivers and settings; a commit waits for the disk.

    Args:
        url: Address of the database.
        writing: Whether transactions write: those of SQLite then wait for others at their begin.

    Raises:
        StoreError: The address is none SQLAlchemy knows.
    """
    try:
        engine = create_plain_engine(url.replace("+aiosqlite", ""), **_arguments(url, durable=True))
    except (SQLAlchemyError, ImportError) as error:
        raise StoreError(f"no business database can be opened at {url}: {error}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_set_pragmas, "FULL"))
        event.listen(engine, "connect", _leave_transactions_alone)
        event.listen(engine, "begin", partial(_begin, "BEGIN IMMEDIATE" if writing else "BEGIN"))
    return engine


def _leave_transactions_alone(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own
    connection.isolation_level = None


def _begin(how: str, connection: Connection) -> None:
    connection.exec_driver_sql(how)


def _arguments(url: str, *, durable: bool) -> dict[str, Any]:
    if not url.startswith("postgresql"):
        return {"hide_parameters": True}
    settings = _POSTGRES_ARGUMENTS | {"options": _SETTINGS + ("on" if durable else "off")}
    pool = {"pool_pre_ping": True, "pool_size": 4, "max_overflow": 8}
    return {"hide_parameters": True, **pool, "connect_args": settings}


def sessions_of(engine: AsyncEngine) -> Sessions:
    """Factory of sessions; objects stay usable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


async def locked(session: AsyncSession, fresh: _Row) -> _Row:
    """The row with the primary key of `fresh`, which is put there if there is none, locked to the end.

    Who asks for the same row in another transaction waits until this one is over, and reads what it wrote.
    """
    kind = type(fresh)
    columns = {name: value for name, value in vars(fresh).items() if not name.startswith("_")}
    insert = postgresql.insert if _is_postgres(session) else sqlite.insert
    await session.execute(insert(kind).values(columns).on_conflict_do_nothing())
    mine = [column == columns[str(column.key)] for column in inspect(kind).primary_key]
    wanted = select(kind).where(*mine).with_for_update().execution_options(populate_existing=True)
    return (await session.execute(wanted)).scalar_one()


async def one_at_a_time(session: AsyncSession, *name: str) -> None:
    """Until the end of the transaction nobody else who gives this name is past this line.

    The embedded database has one hub, whose roles never write the same table; it needs no such lock.
    """
    if _is_postgres(session):
        digest = hashlib.sha256("/".join(name).encode()).digest()
        number = int.from_bytes(digest[:8], "big", signed=True)
        await session.execute(select(func.pg_advisory_xact_lock(number)))


def _is_postgres(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def upgrade(url: str, to: str = "head") -> None:
    """Bring the database to a schema, all steps in one transaction; run it outside an event loop.

    A kill at any moment leaves the old schema whole. Two that start together wait for each other.

    Raises:
        StoreError: A step failed, or the schema is one of a newer version; the database stays as it was.
        StoreDeniedError: It keeps text in an encoding that has not every character.
    """
    from alembic import command  # noqa: PLC0415  0.2 s that no role needs
    from alembic.config import Config as AlembicConfig  # noqa: PLC0415  as above
    from alembic.util import CommandError  # noqa: PLC0415  as above

    refuse_other_encodings(url)
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", url.replace("+aiosqlite", "").replace("%", "%%"))
    try:
        command.upgrade(config, to)
    except SQLAlchemyError as error:
        raise StoreError(f"the business database cannot be brought to this version: {error}") from error
    except CommandError as error:
        raise StoreError(
            f"the business database has a schema that this version does not know ({error}); "
            "run the version that made it, or restore a backup"
        ) from error


def refuse_other_encodings(url: str) -> None:
    """Labels and reasons are in any language: a database of another encoding would fail at the first one.

    Raises:
        StoreError: The database cannot be asked.
        StoreDeniedError: It keeps text in an encoding that has not every character.
    """
    if not url.startswith("postgresql"):
        return
    import psycopg  # noqa: PLC0415  only who has such a server

    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(address, connect_timeout=5) as connection:
            found = connection.info.parameter_status("server_encoding") or "UTF8"
    except psycopg.Error as error:
        raise StoreError(f"the business database cannot be brought to this version: {error}") from error
    if found.upper() not in {"UTF8", "UTF-8"}:
        name = make_url(url).database
        raise StoreDeniedError(
            f"the business database {name!r} keeps text as {found}, which has not every character; make one "
            f"with: createdb --encoding=UTF8 --template=template0 {name}"
        )


def _set_pragmas(synchronous: str, connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own connection
    cursor = connection.cursor()
    sync = f"synchronous = {synchronous}"
    for pragma in ("busy_timeout = 10000", "journal_mode = WAL", sync, "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
