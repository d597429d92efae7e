"""Brings people, orders, audit, plans and configuration from one business database to an empty one.

All of it in one transaction of the new database, and counted and compared there before it ends: the hub
goes by the old one, or by the new one with every row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Integer, Table, func, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from hub.api import app as _api
from hub.database import Base, create_sync_engine, known_url, remember, upgrade
from hub.store.influx import tables as _series
from protocols.errors import ConfigError, StoreDeniedError, StoreError
from runtime.lock import StateLock

Say = Callable[[str], None]

_LOADED: Final = (_api, _series)
"""Who has these has the models of every table."""

_AT_ONCE: Final = 1000
_VERSION: Final = "alembic_version"


class Digest(NamedTuple):
    """Rows of a table, whatever their order: how many, and the sum of their hashes."""

    rows: int
    total: int


def move_business(state: Path, to: str, say: Say) -> int:
    """Copy every table, and have the hub go by the new database; gives how many rows there are.

    Args:
        state: The hub's own folder.
        to: Address of the new database, as `hub.database.checked_url` gives it.
        say: Tells a person.

    Raises:
        ConfigError: There is no hub, or it goes by this database already.
        StoreDeniedError: The new database holds something.
        StoreError: One of the two cannot be used now, or a row is another there; nothing is changed.
        StoreLockedError: A hub runs on the state folder.
    """
    with StateLock(state):
        old = known_url(state)
        if old == to:
            raise ConfigError(f"the hub of {state} keeps its business data in {to} already")
        upgrade(old)
        upgrade(to)
        with _transaction(old, writing=False) as source, _transaction(to, writing=True) as target:
            _refuse_what_is_there(target, to)
            rows = 0
            for table in _tables(source):
                found = _copied(source, target, table)
                if _digest(target, table) != found:
                    raise StoreError(
                        f"table {table.name} is not in {to} as it is in {old}; nothing was changed"
                    )
                rows += found.rows
                say(f"{table.name}: {found.rows:,} rows")
        remember(state, to)
    return rows


@contextmanager
def _transaction(url: str, *, writing: bool) -> Iterator[Connection]:
    engine = create_sync_engine(url, writing=writing)
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise StoreError(f"the business database {url} cannot be used: {error}") from error
    finally:
        engine.dispose()


def _refuse_what_is_there(target: Connection, to: str) -> None:
    for table in Base.metadata.sorted_tables:
        if target.execute(select(func.count()).select_from(table)).scalar():
            raise StoreDeniedError(
                f"{to} holds rows in {table.name} already, and nothing is mixed with them: "
                "give an empty database"
            )


def _tables(source: Connection) -> list[Table]:
    """All tables, those that others refer to first.

    Raises:
        StoreError: The database has one that this version does not know.
    """
    unknown = set(inspect(source).get_table_names()) - set(Base.metadata.tables) - {_VERSION}
    if unknown:
        raise StoreError(f"the business database has unknown tables: {', '.join(sorted(unknown))}")
    return list(Base.metadata.sorted_tables)


def _copied(source: Connection, target: Connection, table: Table) -> Digest:
    count, total = 0, 0
    answer = source.execute(select(table).execution_options(yield_per=_AT_ONCE))
    for some in answer.mappings().partitions(_AT_ONCE):
        target.execute(insert(table), [dict(row) for row in some])
        count += len(some)
        total += sum(_hash(row) for row in some)
    _count_on(target, table)
    return Digest(count, total)


def _digest(target: Connection, table: Table) -> Digest:
    count, total = 0, 0
    answer = target.execute(select(table).execution_options(yield_per=_AT_ONCE))
    for some in answer.mappings().partitions(_AT_ONCE):
        count += len(some)
        total += sum(_hash(row) for row in some)
    return Digest(count, total)


def _hash(row: Mapping[Any, Any]) -> int:
    body = json.dumps({str(name): value for name, value in row.items()}, sort_keys=True, default=repr)
    return int.from_bytes(hashlib.sha256(body.encode()).digest(), "big")


def _count_on(target: Connection, table: Table) -> None:
    """PostgreSQL counts keys by a sequence, which rows that bring theirs do not move."""
    if target.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        if not isinstance(column.type, Integer):
            continue
        named = {"table": table.name, "column": column.name}
        sequence = target.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), named).scalar()
        newest = target.execute(select(func.max(column))).scalar()
        if sequence is not None and newest is not None and newest > 0:
            target.execute(
                text("SELECT setval(:sequence, :newest)"), {"sequence": sequence, "newest": newest}
            )
