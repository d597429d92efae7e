"""Versions of the site's configuration, which of them an edge was sent, and how far backups reach."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "registry_version",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("made_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("back_to", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "registry_file",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("path", sa.String(200), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "registry_body",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "backup_mark",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("edge", sa.String(32), primary_key=True),
        sa.Column("journal", sa.String(32), primary_key=True),
        sa.Column("ranges", sa.LargeBinary, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )
