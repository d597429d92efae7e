"""What came of learning each machine's curve last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "curve_fit",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("unit", sa.String(32), primary_key=True),
        sa.Column("made_ns", sa.BigInteger, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
