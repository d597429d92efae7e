"""Tables of what people ask for, and of who did what: orders and the audit chain."""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class OrderRow(Base):
    """What a person asked for; commands that carry it out name it in `order_id`.

    `kind` is a word of `CommandKind`; `target` a point, or the scope of an act. `state` is asked, taken (the
    dispatcher acts on it), refused (it never went out; `code` says why) or ended (`code` says how).
    """

    __tablename__ = "person_order"
    __table_args__ = (Index("ix_person_order_open", "site", "state"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    site: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    target: Mapped[str] = mapped_column(String(100))
    value: Mapped[float | None] = mapped_column(Float)
    unit: Mapped[str | None] = mapped_column(String(16))
    expect: Mapped[float | None] = mapped_column(Float)
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(64))
    confirm: Mapped[str | None] = mapped_column(String(64))
    asked_ns: Mapped[int] = mapped_column(BigInteger)
    until_ns: Mapped[int | None] = mapped_column(BigInteger)
    """End of an override or of a timed opt-out; None: an act without an end."""

    of: Mapped[str | None] = mapped_column(String(32))
    """The selection an operate completes."""

    state: Mapped[str] = mapped_column(String(16))
    code: Mapped[str | None] = mapped_column(String(24))
    ended_ns: Mapped[int | None] = mapped_column(BigInteger)


class AuditRow(Base):
    """One act: who, what, on what, from which value to which, why, and how it went.

    `chain` is SHA-256 over the chain value of the row before and `body`; `body` is all of the row as JSON.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_site_time", "site", "time_ns"),
        Index("ix_audit_site_category", "site", "category"),
    )

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    time_ns: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(64))
    category: Mapped[str] = mapped_column(String(16))
    target: Mapped[str] = mapped_column(String(100))
    body: Mapped[str] = mapped_column(String(2000))
    chain: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditHeadRow(Base):
    """End of the audit chain of a site: whoever adds a row locks this one first."""

    __tablename__ = "audit_head"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    chain: Mapped[bytes] = mapped_column(LargeBinary(32))
