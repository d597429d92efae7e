"""Leader epoch, plans, commands and the receipt cursor."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Make the tables of the ledger."""
    op.create_table(
        "leader_epoch",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("taken_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "receipt_cursor",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("row_id", sa.BigInteger, nullable=False),
    )
    _make_plan()
    _make_command()


def _make_plan() -> None:
    numbers = ("gap", "bound", "cost", "baseline_cost", "co2_kg", "solve_s")
    op.create_table(
        "plan",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("site", sa.String(32), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        *[sa.Column(name, sa.Float, nullable=False) for name in numbers],
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("binary_steps", sa.Integer, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_plan_site_created", "plan", ["site", "created_ns"])


def _make_command() -> None:
    op.create_table(
        "command",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("site", sa.String(32), nullable=False),
        sa.Column("edge", sa.String(32), nullable=False),
        sa.Column("point", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("unit", sa.String(16)),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("plan_id", sa.String(32)),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("issued_ns", sa.BigInteger, nullable=False),
        sa.Column("lease_s", sa.Float, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16)),
        sa.Column("code", sa.String(24)),
        sa.Column("lease_until_ns", sa.BigInteger),
        sa.Column("readback", sa.Float),
        sa.Column("readback_ns", sa.BigInteger),
    )
    op.create_index("ix_command_site_issued", "command", ["site", "issued_ns"])
    op.create_index("ix_command_open", "command", ["site", "verdict"])
