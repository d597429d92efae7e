"""Orders of people, the audit chain, and which order a command carries out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.add_column("command", sa.Column("order_id", sa.String(32)))
    op.create_index("ix_command_order", "command", ["order_id"])
    _make_order()
    _make_audit()


def _make_order() -> None:
    op.create_table(
        "person_order",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("site", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("target", sa.String(100), nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("unit", sa.String(16)),
        sa.Column("expect", sa.Float),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("confirm", sa.String(64)),
        sa.Column("asked_ns", sa.BigInteger, nullable=False),
        sa.Column("until_ns", sa.BigInteger),
        sa.Column("of", sa.String(32)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.String(24)),
        sa.Column("ended_ns", sa.BigInteger),
    )
    op.create_index("ix_person_order_open", "person_order", ["site", "state"])


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("target", sa.String(100), nullable=False),
        sa.Column("body", sa.String(2000), nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
    )
    op.create_index("ix_audit_site_time", "audit", ["site", "time_ns"])
    op.create_table(
        "audit_head",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
    )
