"""Alembic's entry: one connection, every step in its own transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine

from hub.auth import tables as _auth_tables
from hub.database import Base

_LOADED = (_auth_tables,)


def run() -> None:
    """Run the steps that are missing."""
    engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "")
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            render_as_batch=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
