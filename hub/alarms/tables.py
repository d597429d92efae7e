"""Tables of the alarms: office, states, journal, acts of people, and messages to the outside."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class AlarmOfficeRow(Base):
    """Who watches a site: the claim of the one in office, changed by compare-and-set.

    `commits` counts what was committed in this office or before; `watched_ns` is when the watch looked last.
    """

    __tablename__ = "alarm_office"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    ballot: Mapped[str] = mapped_column(String(32))
    claim: Mapped[bytes] = mapped_column(LargeBinary)
    commits: Mapped[int] = mapped_column(BigInteger)
    watched_ns: Mapped[int] = mapped_column(BigInteger)


class AlarmStateRow(Base):
    """An alarm that is, or was, otherwise than normal; `changed` is the commit that wrote it."""

    __tablename__ = "alarm_state"
    __table_args__ = (Index("ix_alarm_state_changed", "site", "changed"),)

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    alarm: Mapped[str] = mapped_column(String(100), primary_key=True)
    changed: Mapped[int] = mapped_column(BigInteger)
    phase: Mapped[str] = mapped_column(String(16))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class AlarmLineRow(Base):
    """A line of the journal; rows are only ever added."""

    __tablename__ = "alarm_journal"
    __table_args__ = (
        Index("ix_alarm_journal_time", "site", "time_ns"),
        Index("ix_alarm_journal_alarm", "site", "alarm", "number"),
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    site: Mapped[str] = mapped_column(String(32))
    alarm: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    time_ns: Mapped[int] = mapped_column(BigInteger)
    priority: Mapped[int] = mapped_column(Integer)
    occurrence: Mapped[int] = mapped_column(Integer)
    label_en: Mapped[str] = mapped_column(String(200))
    label_zh: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(64))
    words: Mapped[str] = mapped_column(String(500))
    value: Mapped[float | None] = mapped_column(Float)
    quiet: Mapped[bool] = mapped_column(Boolean)


class AlarmActRow(Base):
    """What a person wants with an alarm; open until `done_ns`."""

    __tablename__ = "alarm_act"
    __table_args__ = (Index("ix_alarm_act_open", "site", "done_ns"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    site: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    alarm: Mapped[str] = mapped_column(String(100))
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))
    until_ns: Mapped[int] = mapped_column(BigInteger)
    occurrence: Mapped[int] = mapped_column(Integer)
    asked_ns: Mapped[int] = mapped_column(BigInteger)
    done_ns: Mapped[int | None] = mapped_column(BigInteger)
    refused: Mapped[str] = mapped_column(String(200))


class AlarmNoticeRow(Base):
    """One message to the outside, kept in the transaction of what it tells of."""

    __tablename__ = "alarm_notice"
    __table_args__ = (
        UniqueConstraint("site", "alarm", "occurrence", "kind", "rule"),
        Index("ix_alarm_notice_due", "site", "state", "due_ns"),
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    site: Mapped[str] = mapped_column(String(32))
    alarm: Mapped[str] = mapped_column(String(100))
    occurrence: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))
    rule: Mapped[int] = mapped_column(Integer)
    sender: Mapped[str] = mapped_column(String(32))
    to: Mapped[list[str]] = mapped_column(JSON)
    text: Mapped[str] = mapped_column(String(1000))
    language: Mapped[str] = mapped_column(String(2))
    escalation: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[str] = mapped_column(String(16))
    due_ns: Mapped[int] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(String(300))
    done_ns: Mapped[int | None] = mapped_column(BigInteger)
