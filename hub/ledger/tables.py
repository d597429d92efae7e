"""Tables of the ledger: leader epoch, plans, commands, and how far receipts have been read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class LeaderEpochRow(Base):
    """Highest term of office ever taken for a site; only grows."""

    __tablename__ = "leader_epoch"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    taken_ns: Mapped[int] = mapped_column(BigInteger)


class PlanRow(Base):
    """An accepted plan; `body` holds its series in the shape of the API."""

    __tablename__ = "plan"
    __table_args__ = (Index("ix_plan_site_created", "site", "created_ns"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    site: Mapped[str] = mapped_column(String(32))
    revision: Mapped[int] = mapped_column(Integer)
    created_ns: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    gap: Mapped[float] = mapped_column(Float)
    bound: Mapped[float] = mapped_column(Float)
    cost: Mapped[float] = mapped_column(Float)
    baseline_cost: Mapped[float] = mapped_column(Float)
    co2_kg: Mapped[float] = mapped_column(Float)
    solve_s: Mapped[float] = mapped_column(Float)
    currency: Mapped[str] = mapped_column(String(3))
    steps: Mapped[int] = mapped_column(Integer)
    binary_steps: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class CommandRow(Base):
    """One set-point or release.

    `state` is where it is now; `verdict` is how the order ended: verified, refused or failed, once and for
    good. `body` is the command as first issued; a re-send changes `epoch` and `seq` alone. `chain` is SHA-256
    over the chain value of the row before and this row's body.
    """

    __tablename__ = "command"
    __table_args__ = (
        Index("ix_command_site_issued", "site", "issued_ns"),
        Index("ix_command_open", "site", "verdict"),
        Index("ix_command_order", "order_id"),
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    site: Mapped[str] = mapped_column(String(32))
    edge: Mapped[str] = mapped_column(String(32))
    point: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[float | None] = mapped_column(Float)
    unit: Mapped[str | None] = mapped_column(String(16))
    level: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(64))
    plan_id: Mapped[str | None] = mapped_column(String(32))
    order_id: Mapped[str | None] = mapped_column(String(32))
    """Order of a person that it carries out."""

    epoch: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    issued_ns: Mapped[int] = mapped_column(BigInteger)
    lease_s: Mapped[float] = mapped_column(Float)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    chain: Mapped[bytes] = mapped_column(LargeBinary(32))
    state: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str | None] = mapped_column(String(16))
    code: Mapped[str | None] = mapped_column(String(24))
    lease_until_ns: Mapped[int | None] = mapped_column(BigInteger)
    readback: Mapped[float | None] = mapped_column(Float)
    readback_ns: Mapped[int | None] = mapped_column(BigInteger)


class ReceiptCursorRow(Base):
    """Highest `receipt.rowid` of the series store that the ledger has taken in."""

    __tablename__ = "receipt_cursor"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    row_id: Mapped[int] = mapped_column(BigInteger)
