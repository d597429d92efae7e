"""What stands beside the series, out of the embedded store into the business database; in one transaction.

Receipts keep their numbers, so that the ledger goes on where it was. Reports that the registry has taken in
get numbers below zero, so that it takes none of them in again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgpack
from sqlalchemy import Connection, delete, func, insert, select, text

from hub.database import Base
from hub.moving.standing import Record, StandingSeries
from hub.registry.tables import ConfigurationCursorRow
from hub.store.influx.records import RecordBook
from hub.store.influx.tables import (
    CatalogueRow,
    ClockNoteRow,
    CommitRow,
    FrontRow,
    HeartbeatTableRow,
    LateRow,
    RecordRow,
    SourceRow,
)

_TABLES: Final = (
    SourceRow, CatalogueRow, CommitRow, RecordRow, ClockNoteRow, HeartbeatTableRow, FrontRow, LateRow
)  # fmt: skip
_AT_ONCE: Final = 1000


def taken(book: RecordBook) -> bool:
    """Whether the tables beside a server hold anything."""
    with book.transaction() as connection:
        counts = (connection.execute(select(func.count()).select_from(table)).scalar() for table in _TABLES)
        return any(counts)


def take_over(book: RecordBook, old: StandingSeries, front_ns: int) -> None:
    """Put catalogues, ranges and records of an embedded store there, instead of all that is there.

    Args:
        book: The business database.
        old: The embedded store.
        front_ns: Where rollups made by samples to come begin. [ns]

    Raises:
        StoreError: One of the two cannot be used now; nothing is changed.
    """
    with book.transaction() as connection:
        for old_rows in _TABLES:
            connection.execute(delete(old_rows))
        for table, rows in _rows(connection, old, front_ns):
            some: list[Mapping[str, Any]] = []
            for row in rows:
                some.append(row)
                if len(some) == _AT_ONCE:
                    connection.execute(insert(table), some)
                    some = []
            if some:
                connection.execute(insert(table), some)
        if connection.dialect.name == "postgresql":
            connection.execute(
                text(
                    "SELECT setval(pg_get_serial_sequence('series_record', 'number'),"
                    " (SELECT max(number) FROM series_record))"
                )
            )


def _rows(
    connection: Connection, old: StandingSeries, front_ns: int
) -> Iterator[tuple[type[Base], Iterator[Mapping[str, Any]]]]:
    yield (
        CatalogueRow,
        (
            {"name": one.hash(), "site": one.site, "device": one.device, "body": one.encode()}
            for one in old.catalogues()
        ),
    )
    yield (
        SourceRow,
        (
            {"edge": edge, "journal": journal, "ranges": msgpack.packb(ranges)}
            for edge, journal, ranges in old.sources()
        ),
    )
    yield RecordRow, _numbered(old, _reports_taken(connection))
    yield (
        ClockNoteRow,
        (
            {"edge": one.edge, "boot": one.boot, "mono_ns": one.mono_ns, "wall_ns": one.wall_ns}
            for one in old.clock_notes()
        ),
    )
    yield (
        HeartbeatTableRow,
        ({"edge": one.edge, "received_ns": one.received_ns, "body": one.body} for one in old.heartbeats()),
    )
    yield (
        FrontRow,
        (
            {"site": site, "device": device, "from_ns": front_ns, "until_ns": front_ns}
            for site, device in old.devices()
        ),
    )


def _reports_taken(connection: Connection) -> int:
    """Up to which number all sites have taken in reports of configurations."""
    return int(connection.execute(select(func.min(ConfigurationCursorRow.row_id))).scalar() or 0)


def _numbered(old: StandingSeries, reports_taken: int) -> Iterator[Mapping[str, Any]]:
    """Records with the numbers they get; the last is none of an edge and keeps what comes above them all."""
    newest = 0
    for record in old.records():
        if record.kind == "configured" and record.number <= reports_taken:
            yield _values(record, record.number - reports_taken - 1)
            continue
        newest = record.number if record.kind == "receipt" else max(newest, record.number) + 1
        yield _values(record, newest)
    moved = Record("moved", newest + 1, "", "", 0, b"")
    yield _values(moved, max(newest, reports_taken) + 1)


def _values(record: Record, number: int) -> Mapping[str, Any]:
    return {
        "number": number, "kind": record.kind, "edge": record.edge, "journal": record.journal,
        "seq": record.seq, "body": record.body,
    }  # fmt: skip
