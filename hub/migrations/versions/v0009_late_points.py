"""Rollups of single points can be made anew: a changed cleaning rule costs its own points alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    """Say of a stretch whose it is; without a point it is the whole device's."""
    op.add_column("series_late", sa.Column("point", sa.String(64), nullable=True))
    op.create_index("ix_series_late_device", "series_late", ["site", "device", "from_ns"])
