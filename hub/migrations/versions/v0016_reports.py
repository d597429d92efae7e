"""Reports: what is asked for and how far it is, their files, schedules, and the mails that bring them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "report",
        sa.Column("id", sa.String(32), primary_key=True),
        _text("site", 32), _text("kind", 16), _text("period", 32), _text("language", 2),
        sa.Column("formats", sa.JSON, nullable=False),
        _text("asked_by", 64), _time("asked_ns"),
        sa.Column("schedule", sa.String(32), nullable=True),
        _text("state", 16), _text("step", 16),
        sa.Column("progress_frac", sa.Float, nullable=False),
        _text("holder", 32), _time("held_until_ns"),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("completeness_pct", sa.Float, nullable=True),
        _text("digest", 64), _text("error_en", 1000), _text("error_zh", 1000),
        _time("done_ns", nullable=True),
        sa.UniqueConstraint("schedule", "period"),
    )  # fmt: skip
    op.create_index("ix_report_site_asked", "report", ["site", "asked_ns"])
    op.create_index("ix_report_open", "report", ["site", "state"])
    op.create_table(
        "report_file",
        sa.Column("report", sa.String(32), primary_key=True),
        sa.Column("form", sa.String(8), primary_key=True),
        _text("name", 160),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "report_schedule",
        sa.Column("id", sa.String(32), primary_key=True),
        _text("site", 32), _text("kind", 16), _text("every", 8),
        sa.Column("at_min", sa.Integer, nullable=False),
        _text("language", 2),
        sa.Column("formats", sa.JSON, nullable=False),
        _text("sender", 32),
        sa.Column("to", sa.JSON, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        _text("made_by", 64), _time("made_ns"), _time("looked_ns"),
    )  # fmt: skip
    op.create_table(
        "report_mail",
        sa.Column("report", sa.String(32), primary_key=True),
        _text("site", 32), _text("sender", 32),
        sa.Column("to", sa.JSON, nullable=False),
        _text("state", 16), _time("first_ns"), _time("due_ns"), _time("held_until_ns"),
        sa.Column("tries", sa.Integer, nullable=False),
        _text("error", 300), _time("done_ns", nullable=True),
    )  # fmt: skip
    op.create_index("ix_report_mail_due", "report_mail", ["site", "state", "due_ns"])
