"""Alarms: office, states, journal, acts of people, and messages to the outside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """Make the tables."""
    _make_office_and_states()
    _make_journal()
    _make_acts()
    _make_notices()


def _make_office_and_states() -> None:
    op.create_table(
        "alarm_office",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("ballot", sa.String(32), nullable=False),
        sa.Column("claim", sa.LargeBinary, nullable=False),
        sa.Column("commits", sa.BigInteger, nullable=False),
        sa.Column("watched_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "alarm_state",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("alarm", sa.String(100), primary_key=True),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_alarm_state_changed", "alarm_state", ["site", "changed"])


def _make_journal() -> None:
    op.create_table(
        "alarm_journal",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("site", sa.String(32), nullable=False),
        sa.Column("alarm", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("occurrence", sa.Integer, nullable=False),
        sa.Column("label_en", sa.String(200), nullable=False),
        sa.Column("label_zh", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("words", sa.String(500), nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("quiet", sa.Boolean, nullable=False),
    )
    op.create_index("ix_alarm_journal_time", "alarm_journal", ["site", "time_ns"])
    op.create_index("ix_alarm_journal_alarm", "alarm_journal", ["site", "alarm", "number"])


def _make_acts() -> None:
    op.create_table(
        "alarm_act",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("site", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("alarm", sa.String(100), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
        sa.Column("occurrence", sa.Integer, nullable=False),
        sa.Column("asked_ns", sa.BigInteger, nullable=False),
        sa.Column("done_ns", sa.BigInteger),
        sa.Column("refused", sa.String(200), nullable=False),
    )
    op.create_index("ix_alarm_act_open", "alarm_act", ["site", "done_ns"])


def _make_notices() -> None:
    op.create_table(
        "alarm_notice",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("site", sa.String(32), nullable=False),
        sa.Column("alarm", sa.String(100), nullable=False),
        sa.Column("occurrence", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("rule", sa.Integer, nullable=False),
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("to", sa.JSON, nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("escalation", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due_ns", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("error", sa.String(300), nullable=False),
        sa.Column("done_ns", sa.BigInteger),
        sa.UniqueConstraint("site", "alarm", "occurrence", "kind", "rule"),
    )
    op.create_index("ix_alarm_notice_due", "alarm_notice", ["site", "state", "due_ns"])
