"""What a backup says of itself: its files with their hashes, and how far it reaches."""

from __future__ import annotations

from typing import Final

from pydantic import Field, ValidationError

from protocols.config import Config, IdPart
from protocols.errors import StoreError

NAME: Final = "manifest.json"
FORMAT: Final = 1
WITH_BUCKETS: Final = 2
"""Format of a backup that holds copies of a server's buckets, which versions that know none must refuse."""

_KNOWN: Final = (FORMAT, WITH_BUCKETS)
MOST_BYTES: Final = 64_000_000


class FileEntry(Config):
    """One file of a backup."""

    path: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_=-][A-Za-z0-9_.=-]*)*$", max_length=300
    )
    """Where it belongs below the hub's folder, with forward slashes."""

    size: int = Field(ge=0)
    """Its length. [bytes]"""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hash of its bytes."""


class JournalRanges(Config):
    """How much of an edge's journal is in the backup."""

    edge: str
    """The edge."""

    journal: str
    """Its journal."""

    ranges: tuple[tuple[int, int], ...]
    """Rows that are in it, as inclusive ranges of their numbers."""


class Manifest(Config):
    """What is in a backup."""

    format: int
    """How the backup is laid out; this version reads 1, and 2 where a server keeps the series."""

    site: IdPart
    """Site of the hub."""

    made_ns: int
    """When it was begun, ns since the epoch."""

    business: str
    """`sqlite`: the file is in it; `postgresql`: a dump of it is."""

    business_schema: str
    """Revision of the business database."""

    series_schema: int
    """Schema of the series database; 0: a server keeps the series, and copies of its buckets are in it."""

    files: tuple[FileEntry, ...]
    """Every file but this one."""

    journals: tuple[JournalRanges, ...]
    """What the edges need not keep any longer."""

    counts: dict[str, int]
    """Rows by table, as `file.table`."""

    without: tuple[str, ...]
    """What is not in it, in words."""


def read_manifest(data: bytes) -> Manifest:
    """Read it back.

    Raises:
        StoreError: It is damaged, or of a later version.
    """
    try:
        found = Manifest.model_validate_json(data)
    except ValidationError as error:
        said = [f'"format":{one},'.encode() in data.replace(b" ", b"") for one in _KNOWN]
        if b'"format":' in data and not any(said):
            raise StoreError(
                "this backup was made by a later version; install that one to restore it"
            ) from error
        raise StoreError("the list of this backup's files is damaged; use another backup") from error
    if found.format not in _KNOWN:
        raise StoreError(f"this backup has format {found.format}, this version reads up to {WITH_BUCKETS}")
    return found
