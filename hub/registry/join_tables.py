"""Table of join tokens: what brings a box in, once."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class JoinTokenRow(Base):
    """One token; of its secret only a hash. `used_ns` and `public_key` are set once, in one commit."""

    __tablename__ = "join_token"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    site: Mapped[str] = mapped_column(String(32))
    edge: Mapped[str] = mapped_column(String(32))
    bus_folder: Mapped[str] = mapped_column(String(1000))
    actor: Mapped[str] = mapped_column(String(64))
    made_ns: Mapped[int] = mapped_column(BigInteger)
    expires_ns: Mapped[int] = mapped_column(BigInteger)
    used_ns: Mapped[int] = mapped_column(BigInteger)
    public_key: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
