"""Frames: the samples of one poll in columns; bundles: what the journal keeps and the bus carries.

A frame names its points by the hash of a `Catalogue`, which is sent once. On the wire a bundle is zstd over

    [schema, edge, journal, seq, sent_unix_ns, [frame, …]]
    frame = [catalogue_hash (8 bytes), boot, mono_ns, wall_ns, indices | nil, values, qualities | nil
             (, source times)]

with `indices` little-endian u2 into the catalogue (nil: all points in order), `values` little-endian f8 (NaN
where bad), `qualities` u1 (nil: all good) and, from schema 2 on, the times of `source_time.py`; a frame whose
samples have none ends before them. Nothing per sample is a Python object on the hot path.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
import numpy as np
import zstandard
from numpy.typing import NDArray

from protocols.clock import Instant
from protocols.errors import ContractError
from protocols.point import is_part
from protocols.source_time import SourceTimes, Times, pack_sources, unpack_sources

SCHEMA: Final = 2
"""Number of the layout above; a reader takes this one and the one before, which has no source times."""

CATALOGUE_SCHEMA: Final = 1
"""Number of the layout of a catalogue; it is part of the hash, so it changes with that layout alone."""

MAX_BUNDLE_BYTES: Final = 64_000
"""A bundle is closed before it grows beyond this (uncompressed)."""

_MAX_DECODED_BYTES: Final = 1_000_000
_HASH_BYTES: Final = 8
_COLUMNS: Final = {1: 7, 2: 8}
"""Most parts of a frame, by schema."""

Values = NDArray[np.float64]
Qualities = NDArray[np.uint8]
Indices = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The points of one poll group of a device, in the order of its frames.

    Attributes:
        site: Site id.
        device: Device id.
        points: Point names (third id part).
        units: Symbols from the table of units, one a point.
        kinds: `PointKind` values, one a point.
    """

    site: str
    device: str
    points: tuple[str, ...]
    units: tuple[str, ...]
    kinds: tuple[str, ...]

    def encode(self) -> bytes:
        """Canonical bytes: equal catalogues have equal bytes."""
        return bytes(
            msgpack.packb([CATALOGUE_SCHEMA, self.site, self.device, self.points, self.units, self.kinds])
        )

    def hash(self) -> bytes:
        """Name of the catalogue in frames: first 8 bytes of SHA-256 over `encode()`."""
        return hashlib.sha256(self.encode()).digest()[:_HASH_BYTES]


def decode_catalogue(data: bytes) -> Catalogue:
    """Read `Catalogue.encode()` back.

    Raises:
        ContractError: Not a catalogue of a known schema.
    """
    row = _unpack(data)
    try:
        schema, site, device, points, units, kinds = row
        if schema != CATALOGUE_SCHEMA:
            raise ContractError(f"a catalogue of schema {schema!r}; known is {CATALOGUE_SCHEMA}")
        if not all(is_part(name) for name in (site, device, *points)):
            raise ContractError("a catalogue with a name that is no part of a point id: [a-z0-9_]")
        return Catalogue(site, device, tuple(points), tuple(units), tuple(kinds))
    except (TypeError, ValueError) as error:
        raise ContractError("not a catalogue") from error


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One poll of one group of points.

    Attributes:
        catalogue: Hash of the `Catalogue` the indices point into.
        at: When the poll was made.
        values: Shape (n,); NaN where the quality is bad.
        qualities: Shape (n,); codes of `protocols.quality.Quality`.
        indices: Shape (n,) into the catalogue, or None for all points in order.
        sources: When the device says the values were taken; None where it tells no times.
    """

    catalogue: bytes
    at: Instant
    values: Values
    qualities: Qualities
    indices: Indices | None = None
    sources: SourceTimes | None = None

    def times_ns(self) -> Times:
        """Time of each sample, Unix ns, shape (n,): the told one where it can be right, else the poll's."""
        if self.sources is None:
            return np.full(len(self.values), self.at.wall_ns, np.int64)
        return self.sources.times_ns(self.at.wall_ns)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one journal row holds.

    Attributes:
        edge: Id of the edge.
        journal: Random id of the journal file, hex.
        seq: Key of the row in that journal.
        sent_unix_ns: Wall clock of the edge when the bundle was closed.
        frames: In the order they were polled.
    """

    edge: str
    journal: str
    seq: int
    sent_unix_ns: int
    frames: tuple[Frame, ...] = field(default=())

    @property
    def samples(self) -> int:
        """How many samples are inside."""
        return sum(len(frame.values) for frame in self.frames)


def pack_frame(frame: Frame) -> list[object]:
    """Turn a frame into the nested list of the wire; arrays become bytes."""
    row: list[object] = [
        frame.catalogue,
        frame.at.boot,
        frame.at.mono_ns,
        frame.at.wall_ns,
        None if frame.indices is None else frame.indices.astype("<u2", copy=False).tobytes(),
        frame.values.astype("<f8", copy=False).tobytes(),
        None if not frame.qualities.any() else frame.qualities.tobytes(),
    ]
    if frame.sources is not None:
        row.append(pack_sources(frame.sources, frame.at.wall_ns))
    return row


def encode_bundle(bundle: Bundle) -> bytes:
    """Pack and compress a bundle."""
    row = [
        SCHEMA,
        bundle.edge,
        bundle.journal,
        bundle.seq,
        bundle.sent_unix_ns,
        [pack_frame(frame) for frame in bundle.frames],
    ]
    return _OWN.compressor.compress(bytes(msgpack.packb(row)))


def decode_bundle(data: bytes) -> Bundle:
    """Read a bundle; never trusts a length.

    Raises:
        ContractError: Not zstd, not msgpack, unknown schema, or columns of unequal length.
    """
    raw = _decompress(data)
    try:
        schema, edge, journal, seq, sent_unix_ns, rows = _unpack(raw)
        most = _known(schema)
        frames = tuple(_unpack_frame(row, most) for row in rows)
        return Bundle(str(edge), str(journal), int(seq), int(sent_unix_ns), frames)
    except (TypeError, ValueError) as error:
        raise ContractError("a bundle does not follow its schema") from error


def _decompress(data: bytes) -> bytes:
    # the library ignores `max_output_size` where the frame states a size, so that one is checked here
    try:
        stated = zstandard.get_frame_parameters(data).content_size
        if stated != zstandard.CONTENTSIZE_UNKNOWN and stated > _MAX_DECODED_BYTES:
            raise ContractError("a bundle unpacks beyond its bound")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_DECODED_BYTES)
    except zstandard.ZstdError as error:
        raise ContractError("a bundle is not zstd or unpacks beyond its bound") from error


def _unpack_frame(row: Sequence[object], most: int) -> Frame:
    if not isinstance(row, list) or len(row) > most:
        raise ContractError("a frame with more parts than its schema has")
    catalogue, boot, mono_ns, wall_ns, indices_raw, values_raw, qualities_raw, *more = row
    if not (isinstance(catalogue, bytes) and len(catalogue) == _HASH_BYTES and isinstance(values_raw, bytes)):
        raise ContractError("a frame without catalogue hash or values")
    if not (isinstance(boot, str) and isinstance(mono_ns, int) and isinstance(wall_ns, int)):
        raise ContractError("a frame without an instant")
    values = np.frombuffer(values_raw, "<f8")
    qualities = np.zeros(len(values), np.uint8)
    if isinstance(qualities_raw, bytes):
        qualities = np.frombuffer(qualities_raw, np.uint8)
    indices = np.frombuffer(indices_raw, "<u2") if isinstance(indices_raw, bytes) else None
    if len(qualities) != len(values) or (indices is not None and len(indices) != len(values)):
        raise ContractError("a frame with columns of unequal length")
    sources = unpack_sources(more[0], wall_ns, len(values)) if more else None
    return Frame(catalogue, Instant(boot, mono_ns, wall_ns), values, qualities, indices, sources)


def _unpack(data: bytes) -> list[Any]:
    try:
        row = msgpack.unpackb(data, raw=False, use_list=True)
    except (ValueError, msgpack.exceptions.UnpackException, UnicodeDecodeError) as error:
        raise ContractError("not msgpack") from error
    if not isinstance(row, list):
        raise ContractError("a message must be a list")
    return row


def _known(schema: object) -> int:
    """Most parts of a frame of this schema."""
    most = _COLUMNS.get(schema) if isinstance(schema, int) else None
    if most is None:
        raise ContractError(f"schema {schema!r} is not known here; known are {SCHEMA - 1} and {SCHEMA}")
    return most


class _Own(threading.local):
    """A compressor is one thread's own: two at once in one spoil what they write."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=3)


_OWN: Final = _Own()
