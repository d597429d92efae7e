"""Virtual points over windows and on newest values.

A window of a virtual point is the expression of the means of its inputs over the time in which *all* of them
are covered: a specific power is energy by volume, not a mean of ratios. That time is found on a finer grid
(a minute, a quarter, an hour, by the length of what is asked); of a piece in which inputs are covered only in
part, as much counts as is covered in all of them for sure. Extremes and ends are those of the pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from hub.store.port import FloatArray, LastValue, QualityArray, SeriesReader, TimeArray, Windows
from hub.store.rollup import blank, combine
from hub.values.site import Virtual
from protocols.point import PointId
from protocols.quality import Quality, is_bad

_NS: Final = 1_000_000_000
_GRIDS_S: Final = ((60, 2 * 86_400), (900, 62 * 86_400), (3_600, 800 * 86_400), (86_400, None))
"""Length of the pieces, and up to which length of a question they are used. [s]"""


def windows_of(
    reader: SeriesReader, virtual: Sequence[Virtual], edges_ns: TimeArray
) -> dict[PointId, Windows]:
    """Windows of virtual points between any edges; `low` and `high` are those of the pieces.

    Raises:
        StoreError: The series cannot be read now.
    """
    pieces_ns = pieces(edges_ns)
    inputs = sorted({point for one in virtual for point in one.inputs})
    if not inputs or len(edges_ns) < 2:  # noqa: PLR2004  two edges make a window
        return {one.id: blank(edges_ns[:-1]) for one in virtual}
    found = reader.over(inputs, pieces_ns)
    return {one.id: evaluate(one, found, pieces_ns, edges_ns) for one in virtual}


def pieces(edges_ns: TimeArray) -> TimeArray:
    """The edges with a grid of UTC between them, ascending.

    Example:
        >>> (pieces(np.array([90, 270]) * 1_000_000_000) // 1_000_000_000).tolist()
        [90, 120, 180, 240, 270]
    """
    if not len(edges_ns):
        return edges_ns
    first, last = int(edges_ns[0]), int(edges_ns[-1])
    grid_ns = next(s for s, most_s in _GRIDS_S if most_s is None or last - first <= most_s * _NS) * _NS
    grid = np.arange(-(-first // grid_ns) * grid_ns, last, grid_ns, dtype=np.int64)
    return np.unique(np.concatenate([edges_ns, grid]))


def evaluate(
    virtual: Virtual, inputs: Mapping[PointId, Windows], pieces_ns: TimeArray, edges_ns: TimeArray
) -> Windows:
    """Windows between `edges_ns` of what was read between `pieces_ns`, which hold all edges."""
    parts = {point.local: inputs[point] for point in virtual.inputs}
    length_s = np.diff(pieces_ns) / _NS
    missing_s = np.sum([length_s - part.covered_s for part in parts.values()], axis=0)
    common_s = np.maximum(length_s - missing_s, 0.0)
    common_s[common_s < length_s * 1e-9] = 0.0
    worst: QualityArray = np.max([part.worst for part in parts.values()], axis=0)
    shared = {name: _only(part, common_s) for name, part in parts.items()}
    fine = {name: part.mean for name, part in shared.items()}
    value = virtual.expression.evaluate(fine, virtual.units, virtual.declared.unit)
    usable_s = np.where(np.isnan(value), 0.0, common_s)
    drawn = combine(Windows(pieces_ns[:-1], value, value, value, value, value, usable_s, worst), edges_ns)
    means = {name: combine(part, edges_ns) for name, part in shared.items()}
    mean = virtual.expression.evaluate(
        {name: part.mean for name, part in means.items()}, virtual.units, virtual.declared.unit
    )
    covered_s = next(iter(means.values())).covered_s
    lost = np.isnan(mean) & (covered_s > 0.0)
    return Windows(
        edges_ns[:-1], mean, drawn.low, drawn.high, drawn.first, drawn.last, np.where(lost, 0.0, covered_s),
        np.where(lost, np.maximum(drawn.worst, Quality.BAD_NOT_AVAILABLE), drawn.worst).astype(np.uint8),
    )  # fmt: skip


def newest_of(virtual: Virtual, last: Mapping[PointId, LastValue]) -> LastValue | None:
    """The value by the newest samples of the inputs, as old as the oldest of them.

    None where an input was never seen. Quality is the worst of the inputs', bad where there is no answer.
    """
    found = [last.get(point) for point in virtual.inputs]
    known = [one for one in found if one is not None]
    if len(known) < len(found) or not known:
        return None
    inputs: dict[str, FloatArray] = {
        point.local: np.array([np.nan if is_bad(one.quality) else one.value])
        for point, one in zip(virtual.inputs, known, strict=True)
    }
    value = float(virtual.expression.evaluate(inputs, virtual.units, virtual.declared.unit)[0])
    quality = max(one.quality for one in known)
    if np.isnan(value) and not is_bad(quality):
        quality = int(Quality.BAD_NOT_AVAILABLE)
    return LastValue(value, quality, min(one.time_ns for one in known))


def _only(windows: Windows, covered_s: FloatArray) -> Windows:
    """The same windows as if only so much of each were covered."""
    some = covered_s > 0.0
    mean, low, high, first, last = (
        np.where(some, column, np.nan)
        for column in (windows.mean, windows.low, windows.high, windows.first, windows.last)
    )
    return Windows(windows.starts_ns, mean, low, high, first, last, covered_s, windows.worst)
