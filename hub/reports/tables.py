"""Tables of the reports: what is asked for and how far it is, its files, schedules, and mails."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Float, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class ReportRow(Base):
    """A report that was asked for, or is due; a schedule has one a period, whoever looks.

    Attributes:
        kind: `energy`, `carbon`, `alarms` or `plan`.
        period: Name of its time, as `hub.accounts.periods` knows it.
        formats: `xlsx`, `pdf`.
        schedule: Which schedule it belongs to; None: a person asked.
        state: `waiting`, `running`, `done` or `failed`.
        step: What is done now.
        holder: Who makes it.
        held_until_ns: Until when nobody else takes it over.
        tries: How often it was begun.
        digest: SHA-256 of what it says.
        error_en: Why there is none.
        error_zh: The same in Chinese.
    """

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("schedule", "period"),
        Index("ix_report_site_asked", "site", "asked_ns"),
        Index("ix_report_open", "site", "state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    site: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    period: Mapped[str] = mapped_column(String(32))
    language: Mapped[str] = mapped_column(String(2))
    formats: Mapped[list[str]] = mapped_column(JSON)
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_ns: Mapped[int] = mapped_column(BigInteger)
    schedule: Mapped[str | None] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    step: Mapped[str] = mapped_column(String(16))
    progress_frac: Mapped[float] = mapped_column(Float)
    holder: Mapped[str] = mapped_column(String(32))
    held_until_ns: Mapped[int] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(Integer)
    completeness_pct: Mapped[float | None] = mapped_column(Float)
    digest: Mapped[str] = mapped_column(String(64))
    error_en: Mapped[str] = mapped_column(String(1000))
    error_zh: Mapped[str] = mapped_column(String(1000))
    done_ns: Mapped[int | None] = mapped_column(BigInteger)


class ReportFileRow(Base):
    """A file of a report that is done."""

    __tablename__ = "report_file"

    report: Mapped[str] = mapped_column(String(32), primary_key=True)
    form: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(160))
    size: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ReportScheduleRow(Base):
    """Reports that are made by themselves.

    Attributes:
        every: `day`, `week`, `month` or `year`: of which time each report is.
        at_min: Minutes after midnight, on the site's clock, of the first day after that time.
        sender: Name of an entry of `senders.yaml`; empty: nobody is told.
        to: Addresses.
        looked_ns: What was due up to then has been asked for.
    """

    __tablename__ = "report_schedule"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    site: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    every: Mapped[str] = mapped_column(String(8))
    at_min: Mapped[int] = mapped_column(Integer)
    language: Mapped[str] = mapped_column(String(2))
    formats: Mapped[list[str]] = mapped_column(JSON)
    sender: Mapped[str] = mapped_column(String(32))
    to: Mapped[list[str]] = mapped_column(JSON)
    active: Mapped[bool] = mapped_column(Boolean)
    made_by: Mapped[str] = mapped_column(String(64))
    made_ns: Mapped[int] = mapped_column(BigInteger)
    looked_ns: Mapped[int] = mapped_column(BigInteger)


class ReportMailRow(Base):
    """The message that brings a report, one a report, kept with it.

    Attributes:
        state: `held` until the report is done or has failed, `waiting`, `sent` or `failed`.
        held_until_ns: Until when nobody else sends it.
        error: Why it was not taken, or will not be.
    """

    __tablename__ = "report_mail"
    __table_args__ = (Index("ix_report_mail_due", "site", "state", "due_ns"),)

    report: Mapped[str] = mapped_column(String(32), primary_key=True)
    site: Mapped[str] = mapped_column(String(32))
    sender: Mapped[str] = mapped_column(String(32))
    to: Mapped[list[str]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    first_ns: Mapped[int] = mapped_column(BigInteger)
    due_ns: Mapped[int] = mapped_column(BigInteger)
    held_until_ns: Mapped[int] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(String(300))
    done_ns: Mapped[int | None] = mapped_column(BigInteger)
