"""Tables of people and their sessions."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class UserRow(Base):
    """A person who may sign in; `password` is an argon2id hash with its parameters."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str] = mapped_column(String(200))
    changed_ns: Mapped[int] = mapped_column(BigInteger)


class RefreshRow(Base):
    """One refresh token, by its SHA-256; all tokens of one sign-in are a family.

    `used_ns` is set when it was exchanged; seen again after that, the whole family ends (`ended_ns`).
    """

    __tablename__ = "refresh_token"
    __table_args__ = (Index("ix_refresh_family", "family"),)

    hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    family: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    expires_ns: Mapped[int] = mapped_column(BigInteger)
    used_ns: Mapped[int | None] = mapped_column(BigInteger)
    ended_ns: Mapped[int | None] = mapped_column(BigInteger)
