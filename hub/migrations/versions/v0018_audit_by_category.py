"""The audit by category: what closed which period is looked up beside the periods."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision: str | None = "0016"


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_audit_site_category", "audit", ["site", "category"])
