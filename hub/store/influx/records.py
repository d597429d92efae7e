"""What stands beside the samples, in the business database: ranges, catalogues, what edges tell, proofs.

SQLite or PostgreSQL. Several ingest processes may write: a source's row is locked before its ranges are
read for good, and who writes records holds a lock, so that they become visible in the order of their numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgpack
from sqlalchemy import Connection, Engine, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from hub.database import create_sync_engine
from hub.store.influx.fronts import FrontBook, add_late
from hub.store.influx.rolling import Stretch
from hub.store.influx.tables import (
    CatalogueRow,
    ClockNoteRow,
    CommitRow,
    HeartbeatTableRow,
    RecordRow,
    SourceRow,
)
from hub.store.port import HeartbeatRow, ReceiptRow, Received, Span
from protocols.clock_note import ClockNote
from protocols.coverage import Coverage, RangeSet
from protocols.errors import StoreError
from protocols.frame import Catalogue, decode_catalogue
from protocols.gap import Gap, decode_gap

_RECORDS_LOCK: Final = 0x656D73_5245
"""PostgreSQL's advisory lock of whoever adds records."""

_MOST_COMMITS: Final = 50_000
_SWEEP_EVERY: Final = 1000
_Source = tuple[str, str]


class Refusal(NamedTuple):
    """Lines the server will never take, the row they came with, and what it said."""

    row: Received
    lines: bytes
    message: str


class CommitNote(NamedTuple):
    """Rows of a commit of one source, and (poll instant, samples) of their frames."""

    number: int
    done_ns: int
    frames: list[tuple[int, int]]


class Notes(NamedTuple):
    """What goes with a commit: when it was, by source, and late stretches, by (site, device)."""

    commits: Mapping[tuple[str, str], CommitNote]
    late: Mapping[tuple[str, str], Sequence[Stretch]]


class RecordBook:
    """One process's view of it; used from one thread at a time.

    Attributes:
        rollups: How far rollups are.
    """

    def __init__(self, url: str, *, writing: bool = False) -> None:
        self._engine: Engine = create_sync_engine(url, writing=writing)
        self._commits = 0
        self.rollups = FrontBook(self.transaction)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction.

        Raises:
            StoreError: The database cannot be used now.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"the business database does not take or give data: {error}") from error

    def new_source(self, source: _Source) -> tuple[int, RangeSet]:
        """Number and committed ranges of a journal that gets its number now, or just did by another."""
        with self.transaction() as connection:
            return self._source(connection, source)

    def commit(self, rows: Sequence[Received], refusals: Sequence[Refusal], notes: Notes) -> list[Coverage]:
        """Commit the ranges of rows whose samples the server has, with what else the rows hold.

        Returns:
            The ranges of every journal in the rows.
        """
        by_source: dict[_Source, list[Received]] = defaultdict(list)
        for row in rows:
            by_source[row.edge, row.journal].append(row)
        with self.transaction() as connection:
            if self._has_records(rows, refusals) and connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _RECORDS_LOCK})
            coverage = []
            for source in sorted(by_source):
                number, ranges = self._source(connection, source)
                fresh = [row for row in by_source[source] if row.seq not in ranges]
                for row in fresh:
                    if row.seq not in ranges:
                        ranges.add(row.seq)
                        self._add_records(connection, row)
                packed = msgpack.packb(ranges.ranges)
                connection.execute(update(SourceRow).where(SourceRow.number == number).values(ranges=packed))
                coverage.append(Coverage(*source, tuple(ranges.ranges)))
            self._add_refusals(connection, refusals)
            self._note(connection, by_source, notes.commits)
            add_late(connection, notes.late)
        return coverage

    def keep_heartbeats(self, newest: Mapping[str, tuple[int, bytes]]) -> None:
        """Keep the newest heartbeat of each edge."""
        with self.transaction() as connection:
            for edge, (received_ns, body) in sorted(newest.items()):
                row = {"edge": edge, "received_ns": received_ns, "body": body}
                insert = _insert(connection, HeartbeatTableRow).values(row)
                connection.execute(insert.on_conflict_do_update(index_elements=["edge"], set_=row))

    def add_catalogue(self, catalogue: Catalogue) -> None:
        """Keep a catalogue."""
        row = {
            "name": catalogue.hash(), "site": catalogue.site, "device": catalogue.device,
            "body": catalogue.encode(),
        }  # fmt: skip
        with self.transaction() as connection:
            connection.execute(_insert(connection, CatalogueRow).values(row).on_conflict_do_nothing())

    def catalogues(self) -> list[Catalogue]:
        """All catalogues."""
        with self.transaction() as connection:
            return [decode_catalogue(body) for (body,) in connection.execute(select(CatalogueRow.body))]

    def records(self, kind: str, after: int, limit: int) -> list[ReceiptRow]:
        """Records of a kind in order of arrival."""
        wanted = (
            select(RecordRow.number, RecordRow.edge, RecordRow.body)
            .where(RecordRow.kind == kind, RecordRow.number > after)
            .order_by(RecordRow.number)
            .limit(limit)
        )
        with self.transaction() as connection:
            return [ReceiptRow(*row) for row in connection.execute(wanted)]

    def gaps(self) -> list[Gap]:
        """What edges had to give up, in order of arrival."""
        wanted = select(RecordRow.body).where(RecordRow.kind == "gap").order_by(RecordRow.number)
        with self.transaction() as connection:
            return [decode_gap(body) for (body,) in connection.execute(wanted)]

    def heartbeats(self) -> list[HeartbeatRow]:
        """The newest heartbeat of each edge."""
        columns = (HeartbeatTableRow.edge, HeartbeatTableRow.received_ns, HeartbeatTableRow.body)
        with self.transaction() as connection:
            return [
                HeartbeatRow(*row)
                for row in connection.execute(select(*columns).order_by(HeartbeatTableRow.edge))
            ]

    def ranges(self, edge: str, journal: str) -> list[tuple[int, int]]:
        """Committed ranges of a journal."""
        known = self.number_of(edge, journal)
        return [] if known is None else list(known[1].ranges)

    def all_ranges(self) -> dict[tuple[str, str], list[tuple[int, int]]]:
        """Committed ranges of every journal, by (edge, journal)."""
        wanted = select(SourceRow.edge, SourceRow.journal, SourceRow.ranges)
        with self.transaction() as connection:
            rows = connection.execute(wanted.order_by(SourceRow.edge, SourceRow.journal)).all()
        return {(edge, journal): list(_ranges(packed).ranges) for edge, journal, packed in rows}

    def newest_poll_ns(self) -> int:
        """Instant of the newest poll whose samples are committed; 0: there is none. [ns]."""
        wanted = select(CommitRow.frames).order_by(CommitRow.number.desc()).limit(1)
        with self.transaction() as connection:
            packed = connection.execute(wanted).scalar()
        return 0 if packed is None else max((at for at, _ in msgpack.unpackb(packed)), default=0)

    def number_of(self, edge: str, journal: str) -> tuple[int, RangeSet] | None:
        """Number and ranges of a journal; None when it was never seen."""
        wanted = select(SourceRow.number, SourceRow.ranges).where(
            SourceRow.edge == edge, SourceRow.journal == journal
        )
        with self.transaction() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else (row[0], _ranges(row[1]))

    def sources(self) -> dict[int, tuple[str, str]]:
        """(edge, journal) by number."""
        wanted = select(SourceRow.number, SourceRow.edge, SourceRow.journal)
        with self.transaction() as connection:
            return {number: (edge, journal) for number, edge, journal in connection.execute(wanted)}

    def clock_notes(self) -> list[ClockNote]:
        """The newest disciplined clock note of every boot of every edge."""
        columns = (ClockNoteRow.edge, ClockNoteRow.boot, ClockNoteRow.mono_ns, ClockNoteRow.wall_ns)
        with self.transaction() as connection:
            return [ClockNote(*row, synced=True) for row in connection.execute(select(*columns))]

    def commits(self, span: Span) -> list[CommitNote]:
        """Commits that hold rows of a span, oldest first; only the newest are kept."""
        known = self.number_of(span.edge, span.journal)
        if known is None:
            return []
        wanted = (
            select(CommitRow.source, CommitRow.done_ns, CommitRow.frames)
            .where(CommitRow.source == known[0], CommitRow.last_seq >= span.first_seq)
            .where(CommitRow.first_seq <= span.last_seq)
            .order_by(CommitRow.number)
        )
        with self.transaction() as connection:
            return [CommitNote(row[0], row[1], msgpack.unpackb(row[2])) for row in connection.execute(wanted)]

    @staticmethod
    def _source(connection: Connection, source: _Source) -> tuple[int, RangeSet]:
        """Number and ranges; the row is locked to the end of the transaction."""
        mine = (SourceRow.edge == source[0], SourceRow.journal == source[1])
        wanted = select(SourceRow.number, SourceRow.ranges).where(*mine).with_for_update()
        row = connection.execute(wanted).one_or_none()
        if row is None:
            fresh = {"edge": source[0], "journal": source[1], "ranges": msgpack.packb([])}
            connection.execute(_insert(connection, SourceRow).values(fresh).on_conflict_do_nothing())
            row = connection.execute(wanted).one()
        return row[0], _ranges(row[1])

    @staticmethod
    def _has_records(rows: Sequence[Received], refusals: Sequence[Refusal]) -> bool:
        return bool(refusals) or any(_bodies_of(row) for row in rows)

    @staticmethod
    def _add_records(connection: Connection, row: Received) -> None:
        if row.note is not None and row.note.synced:
            note = row.note
            values = {"edge": note.edge, "boot": note.boot, "mono_ns": note.mono_ns, "wall_ns": note.wall_ns}
            insert = _insert(connection, ClockNoteRow).values(values)
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["edge", "boot"], set_=values, where=ClockNoteRow.mono_ns < note.mono_ns
                )
            )
        for kind, body in _bodies_of(row).items():
            values = {"kind": kind, "edge": row.edge, "journal": row.journal, "seq": row.seq, "body": body}
            connection.execute(_insert(connection, RecordRow).values(values))

    @staticmethod
    def _add_refusals(connection: Connection, refusals: Sequence[Refusal]) -> None:
        for row, lines, message in refusals:
            values = {
                "kind": "dead", "edge": row.edge, "journal": row.journal, "seq": row.seq, "body": lines,
                "note": message[:500],
            }  # fmt: skip
            connection.execute(_insert(connection, RecordRow).values(values))

    def _note(
        self,
        connection: Connection,
        rows: Mapping[_Source, Sequence[Received]],
        notes: Mapping[_Source, CommitNote],
    ) -> None:
        for source, note in notes.items():
            seqs = [row.seq for row in rows[source]]
            values = {
                "source": note.number, "first_seq": min(seqs), "last_seq": max(seqs),
                "done_ns": note.done_ns, "frames": msgpack.packb(note.frames),
            }  # fmt: skip
            connection.execute(_insert(connection, CommitRow).values(values))
        self._commits += 1
        if self._commits % _SWEEP_EVERY == 0:
            newest = connection.execute(select(func.max(CommitRow.number))).scalar() or 0
            connection.execute(delete(CommitRow).where(CommitRow.number <= newest - _MOST_COMMITS))


def _bodies_of(row: Received) -> dict[str, bytes]:
    bodies = {"receipt": row.receipt, "gap": row.gap, "configured": row.configured, "rejected": row.rejected}
    return {kind: body for kind, body in bodies.items() if body is not None}


def _ranges(packed: bytes) -> RangeSet:
    return RangeSet([(int(first), int(last)) for first, last in msgpack.unpackb(packed)])


def _insert(connection: Connection, table: Any) -> Any:  # noqa: ANN401  one shape in both dialects
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
