"""Configurations wanted of edges, what edges report of theirs, and how far reports were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Make the tables of the registry."""
    op.create_table(
        "edge_configuration",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("edge", sa.String(32), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("made_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("detail", sa.String(2000), nullable=False),
        sa.Column("changed_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "edge_reported",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("edge", sa.String(32), primary_key=True),
        sa.Column("heard_ns", sa.BigInteger, nullable=False),
        sa.Column("agent_epoch", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("trial", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("edited", sa.JSON, nullable=False),
    )
    op.create_table(
        "configuration_cursor",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("row_id", sa.BigInteger, nullable=False),
    )
