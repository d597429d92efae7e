"""The business database of the simulation: the real tables in memory, waited for in virtual time.

Stands where the product has `async_sessionmaker`; each transaction has a step before and after its commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from sqlalchemy import Engine, Table, create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from hub.auth.tables import SiteRoleRow, UserRow
from hub.database import Base, Sessions
from hub.ledger import order_tables, tables
from tests.simulation.timeline import Process, pause

_TABLES: Final = (
    tables.LeaderEpochRow, tables.PlanRow, tables.CommandRow, tables.ReceiptCursorRow,
    UserRow, SiteRoleRow,
    order_tables.OrderRow, order_tables.AuditRow, order_tables.AuditHeadRow,
)  # fmt: skip


def new_database() -> Engine:
    """An empty database that outlives every process of the simulation."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine, tables=[cast(Table, table.__table__) for table in _TABLES])
    return engine


class _Session:
    """The part of an `AsyncSession` that the ledger uses."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def execute(self, *args: Any) -> Any:  # noqa: ANN401  SQLAlchemy's own
        return self._session.execute(*args)

    async def get(self, *args: Any) -> Any:  # noqa: ANN401  SQLAlchemy's own
        return self._session.get(*args)

    def get_bind(self) -> Engine:
        return cast(Engine, self._session.get_bind())

    async def flush(self) -> None:
        self._session.flush()

    def add(self, row: object) -> None:
        self._session.add(row)

    def add_all(self, rows: Any) -> None:  # noqa: ANN401  SQLAlchemy's own
        self._session.add_all(rows)


class _Factory:
    def __init__(self, engine: Engine, owner: Process, wait_s: Callable[[], float]) -> None:
        self._engine = engine
        self._owner = owner
        self._wait_s = wait_s

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[_Session]:
        with Session(self._engine, expire_on_commit=False) as session:
            yield _Session(session)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[_Session]:
        """Waits stand outside the transaction: two hubs share the database, not a lock."""
        await pause(self._wait_s())
        with Session(self._engine, expire_on_commit=False) as session:
            yield _Session(session)
            self._owner.step("before a commit")
            session.commit()
        self._owner.step("after a commit")
        await pause(self._wait_s())


def sessions_of(engine: Engine, owner: Process, wait_s: Callable[[], float]) -> Sessions:
    """Sessions of one process; `wait_s` is drawn anew for each wait."""
    return cast(Sessions, _Factory(engine, owner, wait_s))
