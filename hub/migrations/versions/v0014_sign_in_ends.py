"""A sign-in ends in its own row; who signed in before there were such rows signs in once more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"


def upgrade() -> None:
    """Add the column."""
    op.add_column("sign_in", sa.Column("ended_ns", sa.BigInteger))
