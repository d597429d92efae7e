"""One PostgreSQL server for all tests that ask for it, and a database for each of them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from hub.database import upgrade
from runtime.children import free_port
from runtime.postgres_server import PostgresServer, programs
from tests.needs import missing

NEWEST = "newest"
_SHARED = "shared"


@contextmanager
def server_of_tests() -> Iterator[PostgresServer]:
    """A running server with a database `newest` that has the newest schema; skips where there is none."""
    if programs() is None:
        missing("postgres", "its server programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="ems-postgres-"))
    server = PostgresServer(folder, free_port(), durable=False)
    try:
        server.start()
        upgrade(server.make_database(NEWEST))
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: PostgresServer, *, empty: bool = False) -> str:
    """Make a database with the newest schema, or without any; gives its address."""
    return server.make_database("t" + secrets.token_hex(6), "template1" if empty else NEWEST)


def emptied_database(server: PostgresServer) -> str:
    """The one database that tests share, with the newest schema and without rows; gives its address."""
    admin = server.url("postgres").replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_SHARED]).fetchone()
    if there is None:
        return server.make_database(_SHARED, NEWEST)
    url = server.url(_SHARED)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        tables = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename != 'alembic_version'"
        ).fetchall()
        connection.execute(f"TRUNCATE {', '.join(name for (name,) in tables)} RESTART IDENTITY CASCADE")
    return url
