"""Bodies of the embedded engine's rows: columns as they came from the edge, compressed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgpack
import numpy as np
import zstandard
from numpy.typing import NDArray

from hub.store.port import FloatArray, QualityArray, TimeArray
from protocols.frame import Frame, pack_frame
from protocols.source_time import SourceTimes, unpack_sources


class _Own(threading.local):
    """A compressor is one thread's own: two at once in one spoil what they write."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=1)


_OWN: Final = _Own()
_PLAIN_BYTES: Final = 17
"""Of a point in the last values, without a told time."""


class Columns(NamedTuple):
    """One stored frame: its instant, where it points into the catalogue, values, qualities and told times."""

    wall_ns: int
    indices: NDArray[np.uint16] | None
    values: FloatArray
    qualities: QualityArray
    sources: SourceTimes | None = None

    def time_ns(self, at: int) -> int:
        """Time of the sample at this position."""
        return self.wall_ns if self.sources is None else int(self.sources.times_ns(self.wall_ns)[at])

    def source_ns(self, at: int) -> int:
        """What the device told of it; 0 where it told no time."""
        return 0 if self.sources is None else int(self.sources.told_ns[at])

    def where(self) -> NDArray[np.intp]:
        """Positions in the catalogue, shape (n,)."""
        if self.indices is None:
            return np.arange(len(self.values))
        return self.indices.astype(np.intp)


def pack_frames(frames: Sequence[Frame]) -> bytes:
    """Frames of one catalogue in one body; boot and monotonic time stay, so that a clock can be put right."""
    return _OWN.compressor.compress(bytes(msgpack.packb([pack_frame(frame) for frame in frames])))


class Poll(NamedTuple):
    """One stored frame with the clocks of its edge."""

    boot: str
    mono_ns: int
    columns: Columns


def unpack_frames(body: bytes) -> list[Columns]:
    """Read `pack_frames` back; only ever our own bytes."""
    return [poll.columns for poll in unpack_polls([body])]


def unpack_polls(bodies: Iterable[bytes]) -> Iterator[Poll]:
    """Read many bodies of `pack_frames` back, with the clocks."""
    read = zstandard.ZstdDecompressor()
    for body in bodies:
        for row in msgpack.unpackb(read.decompress(body)):
            yield Poll(row[1], row[2], _columns(*row[3:]))


def _columns(
    wall_ns: int,
    indices: bytes | None,
    values: bytes,
    qualities: bytes | None,
    told: object = None,
) -> Columns:
    numbers = np.frombuffer(values, "<f8")
    marks = np.zeros(len(numbers), np.uint8) if qualities is None else np.frombuffer(qualities, np.uint8)
    sources = None if told is None else unpack_sources(told, wall_ns, len(numbers))
    where = None if indices is None else np.frombuffer(indices, "<u2")
    return Columns(wall_ns, where, numbers, marks, sources)


class LastColumns:
    """Newest sample of every point of one catalogue; `time_ns` 0 where there was none yet."""

    def __init__(
        self, times_ns: TimeArray, values: FloatArray, qualities: QualityArray, source_ns: TimeArray
    ) -> None:
        self.times_ns = times_ns
        self.values = values
        self.qualities = qualities
        self.source_ns = source_ns

    @classmethod
    def empty(cls, count: int) -> LastColumns:
        """For a catalogue of `count` points."""
        none = np.zeros(count, np.int64)
        return cls(none, np.full(count, np.nan), np.zeros(count, np.uint8), none.copy())

    @classmethod
    def decode(cls, body: bytes, count: int) -> LastColumns:
        """Read `encode` back for `count` points, into arrays that may be changed."""
        told = np.zeros(count, np.int64)
        if len(body) > _PLAIN_BYTES * count:
            told = np.frombuffer(body, "<i8", count, _PLAIN_BYTES * count).copy()
        return cls(
            np.frombuffer(body, "<i8", count).copy(),
            np.frombuffer(body, "<f8", count, 8 * count).copy(),
            np.frombuffer(body, np.uint8, count, 16 * count).copy(),
            told,
        )

    def encode(self) -> bytes:
        """Columns one after the other, 17 bytes a point, 25 where a device tells times."""
        told = self.source_ns.tobytes() if self.source_ns.any() else b""
        return self.times_ns.tobytes() + self.values.tobytes() + self.qualities.tobytes() + told

    def take(self, frame: Frame) -> None:
        """Keep what is not older than what is here."""
        where = np.arange(len(frame.values)) if frame.indices is None else frame.indices.astype(np.intp)
        times_ns: TimeArray | np.int64 = np.int64(frame.at.wall_ns)
        if frame.sources is not None:
            times_ns = frame.times_ns()
        newer = self.times_ns[where] <= times_ns
        at = where[newer]
        self.times_ns[at] = np.broadcast_to(times_ns, len(where))[newer]
        self.values[at] = frame.values[newer]
        self.qualities[at] = frame.qualities[newer]
        self.source_ns[at] = 0 if frame.sources is None else frame.sources.told_ns[newer]
