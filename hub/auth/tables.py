"""Tables of people, of what they may do where, and of every way they come in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class UserRow(Base):
    """A person who may sign in; `password` is an argon2id hash with its parameters, empty: none fits.

    `role` is theirs at every site where `site_role` says nothing else; empty: none.
    """

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str] = mapped_column(String(200))
    changed_ns: Mapped[int] = mapped_column(BigInteger)


class SiteRoleRow(Base):
    """The role of a person at one site; empty: none there, whatever they have elsewhere."""

    __tablename__ = "site_role"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class RefreshRow(Base):
    """One refresh token, by its SHA-256; all tokens of one sign-in are a family.

    `used_ns` is set when it was exchanged; seen again after that, the whole family ends (`SignInRow`).
    """

    __tablename__ = "refresh_token"
    __table_args__ = (Index("ix_refresh_family", "family"),)

    hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    family: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    expires_ns: Mapped[int] = mapped_column(BigInteger)
    used_ns: Mapped[int | None] = mapped_column(BigInteger)
    ended_ns: Mapped[int | None] = mapped_column(BigInteger)


class SignInRow(Base):
    """A sign-in: where it came from, and its end (`ended_ns`), which counts for all of its tokens."""

    __tablename__ = "sign_in"

    family: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    made_ns: Mapped[int] = mapped_column(BigInteger)
    way: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))
    ended_ns: Mapped[int | None] = mapped_column(BigInteger)


class ApiTokenRow(Base):
    """A token of a program, by its SHA-256; it does what its person may at the site, and its scope may."""

    __tablename__ = "api_token"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    site: Mapped[str] = mapped_column(String(32))
    label: Mapped[str] = mapped_column(String(64))
    scope: Mapped[str] = mapped_column(String(16))
    made_ns: Mapped[int] = mapped_column(BigInteger)
    expires_ns: Mapped[int] = mapped_column(BigInteger)
    used_ns: Mapped[int | None] = mapped_column(BigInteger)


class SecondFactorRow(Base):
    """The secret of a person's code generator, sealed; it counts once a first code has proven it.

    `step` is the newest step of 30 s whose code was taken: no code is taken twice.
    """

    __tablename__ = "second_factor"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    begun_ns: Mapped[int] = mapped_column(BigInteger)
    proven: Mapped[bool] = mapped_column(Boolean)
    step: Mapped[int] = mapped_column(BigInteger)


class IdentityRow(Base):
    """Who a person is at a provider of identities: issuer and subject, never an e-mail address."""

    __tablename__ = "identity"

    issuer: Mapped[str] = mapped_column(String(200), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))


class OnceRow(Base):
    """A question that was asked with a key, and its answer once there is one.

    `key` is the HMAC-SHA256 of person and key, `asked` that of the question, both by a secret of the
    installation; `body` is empty where the answer
    held a secret.
    """

    __tablename__ = "once"
    __table_args__ = (Index("ix_once_made", "made_ns"),)

    key: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    asked: Mapped[bytes] = mapped_column(LargeBinary(32))
    made_ns: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
