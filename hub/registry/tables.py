"""Tables of the registry: configurations wanted of edges, beside what the edges report of theirs."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class ConfigurationRow(Base):
    """One version wanted of an edge, as signed.

    `state` is wanted, superseded, trying, accepted, refused or rolled_back; the last four are what the edge
    said, with the code and the detail it gave.
    """

    __tablename__ = "edge_configuration"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    edge: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    made_ns: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(16))
    envelope: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(String(2000))
    changed_ns: Mapped[int] = mapped_column(BigInteger)


class ReportedRow(Base):
    """What an edge goes by, by its newest heartbeat."""

    __tablename__ = "edge_reported"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    edge: Mapped[str] = mapped_column(String(32), primary_key=True)
    heard_ns: Mapped[int] = mapped_column(BigInteger)
    agent_epoch: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(BigInteger)
    trial: Mapped[int] = mapped_column(BigInteger)
    seen: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(16))
    edited: Mapped[list[str]] = mapped_column(JSON)


class ConfigurationCursorRow(Base):
    """How far the reports of edges were read from the series store."""

    __tablename__ = "configuration_cursor"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    row_id: Mapped[int] = mapped_column(BigInteger)
