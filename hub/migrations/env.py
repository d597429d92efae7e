"""Alembic's entry: one connection, and one transaction around all steps and the note of the version.

SQLite's driver begins no transaction before a change of the schema unless told to.
"""

from __future__ import annotations

from typing import Any, Final

from alembic import context
from sqlalchemy import Connection, create_engine, event, text

from hub.auth import tables as _auth_tables
from hub.database import Base

_LOADED = (_auth_tables,)
_LOCK: Final = 0x656D73
"""PostgreSQL's advisory lock of whoever changes the schema."""


def run() -> None:
    """Run the steps that are missing."""
    engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_alone)
        event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                transactional_ddl=True,
                render_as_batch=True,
            )
            context.run_migrations()
    finally:
        engine.dispose()


def _leave_transactions_alone(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 10000")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


run()
