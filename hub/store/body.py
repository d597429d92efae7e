"""Bodies of the embedded engine's rows: columns as they came from the edge, compressed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgpack
import numpy as np
import zstandard
from numpy.typing import NDArray

from hub.store.port import FloatArray, QualityArray, TimeArray
from protocols.frame import Frame, pack_frame

_COMPRESS: Final = zstandard.ZstdCompressor(level=1)


class Columns(NamedTuple):
    """One stored frame: its instant, where it points into the catalogue, values and qualities."""

    wall_ns: int
    indices: NDArray[np.uint16] | None
    values: FloatArray
    qualities: QualityArray

    def where(self) -> NDArray[np.intp]:
        """Positions in the catalogue, shape (n,)."""
        if self.indices is None:
            return np.arange(len(self.values))
        return self.indices.astype(np.intp)


def pack_frames(frames: Sequence[Frame]) -> bytes:
    """Frames of one catalogue in one body; boot and monotonic time stay, so that a clock can be put right."""
    return _COMPRESS.compress(bytes(msgpack.packb([pack_frame(frame) for frame in frames])))


def unpack_frames(body: bytes) -> list[Columns]:
    """Read `pack_frames` back; only ever our own bytes."""
    rows = msgpack.unpackb(zstandard.ZstdDecompressor().decompress(body))
    return [_columns(*row[3:]) for row in rows]


def _columns(wall_ns: int, indices: bytes | None, values: bytes, qualities: bytes | None) -> Columns:
    numbers = np.frombuffer(values, "<f8")
    marks = np.zeros(len(numbers), np.uint8) if qualities is None else np.frombuffer(qualities, np.uint8)
    return Columns(wall_ns, None if indices is None else np.frombuffer(indices, "<u2"), numbers, marks)


class LastColumns:
    """Newest sample of every point of one catalogue; `time_ns` 0 where there was none yet."""

    def __init__(self, times_ns: TimeArray, values: FloatArray, qualities: QualityArray) -> None:
        self.times_ns = times_ns
        self.values = values
        self.qualities = qualities

    @classmethod
    def empty(cls, count: int) -> LastColumns:
        """For a catalogue of `count` points."""
        return cls(np.zeros(count, np.int64), np.full(count, np.nan), np.zeros(count, np.uint8))

    @classmethod
    def decode(cls, body: bytes) -> LastColumns:
        """Read `encode` back into arrays that may be changed."""
        count = len(body) // 17
        return cls(
            np.frombuffer(body, "<i8", count).copy(),
            np.frombuffer(body, "<f8", count, 8 * count).copy(),
            np.frombuffer(body, np.uint8, count, 16 * count).copy(),
        )

    def encode(self) -> bytes:
        """Columns one after the other, 17 bytes a point."""
        return self.times_ns.tobytes() + self.values.tobytes() + self.qualities.tobytes()

    def take(self, frame: Frame) -> None:
        """Keep what is not older than what is here."""
        where = np.arange(len(frame.values)) if frame.indices is None else frame.indices.astype(np.intp)
        newer = self.times_ns[where] <= frame.at.wall_ns
        at = where[newer]
        self.times_ns[at] = frame.at.wall_ns
        self.values[at] = frame.values[newer]
        self.qualities[at] = frame.qualities[newer]
