"""Table of the backup mark: what of each edge's journal is in the newest backup."""

from __future__ import annotations

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class MarkRow(Base):
    """Ranges of a journal that the newest backup holds; `ranges` is msgpack of inclusive pairs."""

    __tablename__ = "backup_mark"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    edge: Mapped[str] = mapped_column(String(32), primary_key=True)
    journal: Mapped[str] = mapped_column(String(32), primary_key=True)
    ranges: Mapped[bytes] = mapped_column(LargeBinary)
    at_ns: Mapped[int] = mapped_column(BigInteger)
