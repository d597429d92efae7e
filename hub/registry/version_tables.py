"""Tables of the site's configuration: versions, the files of each, and their bodies, each kept once."""

from __future__ import annotations

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class VersionRow(Base):
    """One accepted state of all files of a site; never changed afterwards. The highest one is in force."""

    __tablename__ = "registry_version"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    made_ns: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 over paths and bodies: the same for the same files."""

    back_to: Mapped[int] = mapped_column(BigInteger)
    """Version whose files it has again; 0: it is no roll-back."""


class FileRow(Base):
    """Which body stands at a path in a version."""

    __tablename__ = "registry_file"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    path: Mapped[str] = mapped_column(String(200), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))


class BodyRow(Base):
    """Bytes of a file, by their hash."""

    __tablename__ = "registry_body"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
