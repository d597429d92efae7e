"""Tables beside the series on a server; migrations `v0007_series.py`, `v0009_late_points.py` make them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class SourceRow(Base):
    """One (edge, journal) with its committed ranges, the key against doubles; `number` is in its samples."""

    __tablename__ = "series_source"
    __table_args__ = (UniqueConstraint("edge", "journal"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    edge: Mapped[str] = mapped_column(String(64))
    journal: Mapped[str] = mapped_column(String(64))
    ranges: Mapped[bytes] = mapped_column(LargeBinary)


class CatalogueRow(Base):
    """The points behind a hash."""

    __tablename__ = "series_catalogue"

    name: Mapped[bytes] = mapped_column(LargeBinary(64), primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(64))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class CommitRow(Base):
    """When rows of a source were durable, and instants and sizes of their frames; the newest only."""

    __tablename__ = "series_commit"
    __table_args__ = (Index("ix_series_commit_source", "source", "last_seq"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    source: Mapped[int] = mapped_column(Integer)
    first_seq: Mapped[int] = mapped_column(BigInteger)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    done_ns: Mapped[int] = mapped_column(BigInteger)
    frames: Mapped[bytes] = mapped_column(LargeBinary)


class RecordRow(Base):
    """A receipt, report, gap record, unreadable row or refused line, in order of arrival."""

    __tablename__ = "series_record"
    __table_args__ = (Index("ix_series_record_kind", "kind", "number"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(16))
    edge: Mapped[str] = mapped_column(String(64))
    journal: Mapped[str] = mapped_column(String(64))
    seq: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str | None] = mapped_column(String(500))


class ClockNoteRow(Base):
    """How the clock of a boot of an edge stood when a time source last disciplined it."""

    __tablename__ = "series_clock_note"

    edge: Mapped[str] = mapped_column(String(64), primary_key=True)
    boot: Mapped[str] = mapped_column(String(64), primary_key=True)
    mono_ns: Mapped[int] = mapped_column(BigInteger)
    wall_ns: Mapped[int] = mapped_column(BigInteger)


class HeartbeatTableRow(Base):
    """The newest heartbeat of each edge."""

    __tablename__ = "series_heartbeat"

    edge: Mapped[str] = mapped_column(String(64), primary_key=True)
    received_ns: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class FrontRow(Base):
    """Between which instants the rollups of a device are final, but for what is in `series_late`."""

    __tablename__ = "series_front"

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    device: Mapped[str] = mapped_column(String(64), primary_key=True)
    from_ns: Mapped[int] = mapped_column(BigInteger)
    until_ns: Mapped[int] = mapped_column(BigInteger)


class LateRow(Base):
    """A stretch of a device's time whose rollups are to be made anew: samples came late, or rules changed."""

    __tablename__ = "series_late"
    __table_args__ = (Index("ix_series_late_device", "site", "device", "from_ns"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    site: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(64))
    point: Mapped[str | None] = mapped_column(String(64))
    """The one point whose rollups it is about; None: all of the device."""
    from_ns: Mapped[int] = mapped_column(BigInteger)
    to_ns: Mapped[int] = mapped_column(BigInteger)
