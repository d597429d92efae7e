"""What stands beside series that a server keeps: ranges, catalogues, records of the edges, rollups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Make the tables."""
    _make_sources()
    _make_records()
    _make_rollups()


def _make_sources() -> None:
    op.create_table(
        "series_source",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("edge", sa.String(64), nullable=False),
        sa.Column("journal", sa.String(64), nullable=False),
        sa.Column("ranges", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("edge", "journal"),
    )
    op.create_table(
        "series_catalogue",
        sa.Column("name", sa.LargeBinary(64), primary_key=True),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "series_commit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("done_ns", sa.BigInteger, nullable=False),
        sa.Column("frames", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_series_commit_source", "series_commit", ["source", "last_seq"])


def _make_records() -> None:
    op.create_table(
        "series_record",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("edge", sa.String(64), nullable=False),
        sa.Column("journal", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.String(500)),
    )
    op.create_index("ix_series_record_kind", "series_record", ["kind", "number"])
    op.create_table(
        "series_clock_note",
        sa.Column("edge", sa.String(64), primary_key=True),
        sa.Column("boot", sa.String(64), primary_key=True),
        sa.Column("mono_ns", sa.BigInteger, nullable=False),
        sa.Column("wall_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "series_heartbeat",
        sa.Column("edge", sa.String(64), primary_key=True),
        sa.Column("received_ns", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def _make_rollups() -> None:
    op.create_table(
        "series_front",
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("device", sa.String(64), primary_key=True),
        sa.Column("from_ns", sa.BigInteger, nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "series_late",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("from_ns", sa.BigInteger, nullable=False),
        sa.Column("to_ns", sa.BigInteger, nullable=False),
    )
