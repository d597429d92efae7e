"""Line protocol by hand, 16 times as fast as the client's `Point`: what never changes of a line is made once.

A sample is `sample,point=<site/device/point> v=<float>,q=<int>i,n=<int>i[,t=<int>i] <ns>`: value (left out
where there is none: NaN and infinity are no numbers to the server), quality, number of its row
(`row_number`), told time where a device tells one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from hub.store.port import Raw, Received, TimeArray, Windows
from protocols.frame import Catalogue, Frame
from protocols.point import PointId

SAMPLE: Final = "sample"
ROLLUP: Final = "rollup"
SEED: Final = "seed"
_SEQ_BITS: Final = 40
_ESCAPED: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


def row_number(source: int, seq: int) -> int | None:
    """One number of a row of one journal, to count samples by; None for a seq no box ever reaches."""
    return source << _SEQ_BITS | seq if 0 <= seq < 1 << _SEQ_BITS else None


class Row(NamedTuple):
    """Number of a journal, and key of a row in it."""

    source: int
    seq: int


def row_of(number: int) -> Row:
    """`row_number` read back.

    Example:
        >>> row_of(row_number(3, 17))
        Row(source=3, seq=17)
    """
    return Row(number >> _SEQ_BITS, number & (1 << _SEQ_BITS) - 1)


def key_of(measurement: str, point: PointId) -> str:
    """Measurement and tag of a point."""
    return f"{measurement},point={str(point).translate(_ESCAPED)} "


class LineFormat:
    """The heads of the lines of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._keys = [
            key_of(SAMPLE, PointId(catalogue.site, catalogue.device, name)) for name in catalogue.points
        ]
        self._heads = [f"{key}v=" for key in self._keys]

    def lines(self, frame: Frame, number: int | None) -> bytes:
        """The lines of a frame; one a sample, each with its line feed."""
        row = "" if number is None else f",n={number}i"
        numbers = bool(np.isfinite(frame.values).all())
        if frame.sources is None and numbers:
            return self._plain(frame, row)
        return self._each(frame, row)

    def _plain(self, frame: Frame, row: str) -> bytes:
        """All of one instant, all numbers."""
        count = len(frame.values)
        tail = f"{row} {frame.at.wall_ns}\n"
        parts = [f",q=0i{tail}"] * (3 * count)
        parts[0::3] = self._heads if frame.indices is None else [self._heads[at] for at in frame.indices]
        parts[1::3] = map(repr, frame.values.tolist())
        if frame.qualities.any():
            parts[2::3] = [f",q={quality}i{tail}" for quality in frame.qualities.tolist()]
        return "".join(parts).encode()

    def _each(self, frame: Frame, row: str) -> bytes:
        """Line by line: some are no numbers, or have instants of their own."""
        keys = self._keys if frame.indices is None else [self._keys[at] for at in frame.indices]
        times_ns = np.broadcast_to(np.int64(frame.at.wall_ns), len(keys))
        told_ns: TimeArray = np.zeros(len(keys), np.int64)
        if frame.sources is not None:
            times_ns, told_ns = frame.times_ns(), frame.sources.told_ns
        finite = np.isfinite(frame.values).tolist()
        columns = (
            frame.values.tolist(),
            frame.qualities.tolist(),
            finite,
            times_ns.tolist(),
            told_ns.tolist(),
        )
        return "".join(
            f"{key}{f'v={value!r},' if number else ''}q={quality}i{row}{f',t={told}i' if told else ''} {at}\n"
            for key, value, quality, number, at, told in zip(keys, *columns, strict=True)
        ).encode()


def sample_lines(point: PointId, raw: Raw, numbers: Sequence[int | None]) -> list[str]:
    """Lines of samples of one point, each with its line feed.

    Args:
        point: The point.
        raw: Samples, n of them.
        numbers: Number of the row of each, as of `row_number`; None where nothing is known of it.
    """
    key = key_of(SAMPLE, point)
    finite = np.isfinite(raw.values).tolist()
    columns = (raw.values.tolist(), raw.qualities.tolist(), raw.times_ns.tolist(), raw.source_ns.tolist())
    return [
        f"{key}{f'v={value!r},' if known else ''}q={quality}i{f',n={number}i' if number is not None else ''}"
        f"{f',t={told}i' if told else ''} {at}\n"
        for value, quality, at, told, known, number in zip(*columns, finite, numbers, strict=True)
    ]


def window_lines(measurement: str, point: PointId, windows: Windows) -> bytes:
    """Windows of a rollup, one line each; also those in which nothing stood, over what was there before."""
    key = key_of(measurement, point)
    columns = (
        windows.mean, windows.low, windows.high, windows.first, windows.last, windows.covered_s,
        windows.worst, windows.starts_ns,
    )  # fmt: skip
    lines = []
    for mean, low, high, first, last, covered_s, worst, start in zip(
        *(c.tolist() for c in columns), strict=True
    ):
        numbers = (
            f"mean={mean!r},low={low!r},high={high!r},first={first!r},last={last!r},"
            if covered_s > 0.0
            else ""
        )
        lines.append(f"{key}{numbers}covered={covered_s!r},worst={worst}i {start}\n")
    return "".join(lines).encode()


def blocks_of(rows: Sequence[Received], most_samples: int) -> Iterator[list[Received]]:
    """Rows with samples that go into one request: consecutive ones, up to so many samples, at least one."""
    block: list[Received] = []
    room = most_samples
    for row in rows:
        count = sum(len(frame.values) for frame in row.frames)
        if block and count > room:
            yield block
            block, room = [], most_samples
        if count:
            block.append(row)
            room -= count
    if block:
        yield block
