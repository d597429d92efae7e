"""Which plan people let each machine in the mode `approve` follow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "plan_approval",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("machine", sa.String(32), primary_key=True),
        sa.Column("plan_id", sa.String(32), nullable=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )
