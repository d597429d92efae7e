"""Two outputs of one machine inside a polygon, such as power and heat of a CHP, times its on-variable.

A polygon that is not convex is cut into convex parts, of which one is chosen; the hull would promise points
the machine cannot reach. A cost that is convex over both outputs is bounded from below by tangent planes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from optimizer.matrix import MatrixBuilder
from optimizer.problem import BoolArray, FloatArray, IntArray

Point = tuple[float, float]
_FLAT: Final = 1e-9
"""Turns below this share of the polygon's size squared count as straight."""
_TRIANGLE: Final = 3


@dataclass(frozen=True, slots=True)
class RegionColumns:
    """Column indices of the two outputs, each (steps,)."""

    first: IntArray
    second: IntArray


def convex_parts(corners: Sequence[Point]) -> list[list[Point]]:
    """Convex polygons that make up a simple one, each counter-clockwise.

    Triangles by cutting off ears (Meisters 1975), joined again where the two stay convex together (Hertel
    and Mehlhorn 1983).

    Raises:
        ValueError: Fewer than three corners that are no line.

    Example:
        >>> len(convex_parts([(0, 0), (4, 0), (4, 4), (0, 4)]))
        1
    """
    ring = _cleaned(corners)
    parts: list[list[Point]] = []
    while len(ring) > _TRIANGLE:
        ear = next((k for k in range(len(ring)) if _is_ear(ring, k)), None)
        if ear is None:
            raise ValueError("the polygon crosses itself; give its corners in order around it")
        parts.append([ring[ear - 1], ring[ear], ring[(ear + 1) % len(ring)]])
        ring = _cleaned([*ring[:ear], *ring[ear + 1 :]])
    parts.append(ring)
    joined = True
    while joined:
        joined = _join_two(parts)
    return parts


def add_region(
    builder: MatrixBuilder,
    name: str,
    on: IntArray,
    parts: Sequence[Sequence[Point]],
    whole: BoolArray,
) -> RegionColumns:
    """Add both outputs, inside one of the convex parts while on and zero while off."""
    count = len(on)
    ends = np.array([corner for part in parts for corner in part])
    low, high = np.minimum(ends.min(axis=0), 0.0), np.maximum(ends.max(axis=0), 0.0)
    outputs = RegionColumns(
        builder.columns(f"{name}.first", count, (low[0], high[0])),
        builder.columns(f"{name}.second", count, (low[1], high[1])),
    )
    if len(parts) == 1:
        _add_inside(builder, name, on, outputs, parts[0])
        return outputs
    one = builder.rows(f"{name}.one_part", count, 0.0, 0.0)
    builder.add(one, on, -1.0)
    totals = [builder.rows(f"{name}.total_{axis}", count, 0.0, 0.0) for axis in ("first", "second")]
    builder.add(totals[0], outputs.first, -1.0)
    builder.add(totals[1], outputs.second, -1.0)
    for k, part in enumerate(parts):
        chosen = builder.columns(f"{name}.part{k}", count, (0.0, 1.0), integer=whole)
        own = RegionColumns(
            builder.columns(f"{name}.first{k}", count, (low[0], high[0])),
            builder.columns(f"{name}.second{k}", count, (low[1], high[1])),
        )
        builder.add(one, chosen, 1.0)
        builder.add(totals[0], own.first, 1.0)
        builder.add(totals[1], own.second, 1.0)
        _add_inside(builder, f"{name}.{k}", chosen, own, part)
    return outputs


def add_planes(
    builder: MatrixBuilder,
    name: str,
    on: IntArray,
    columns: tuple[RegionColumns, IntArray],
    planes: FloatArray,
) -> None:
    """Cost above each plane a + b·first + c·second, times on; planes have shape (planes, 3)."""
    outputs, cost = columns
    for k, (constant, by_first, by_second) in enumerate(planes):
        row = builder.rows(f"{name}.plane{k}", len(on), 0.0, np.inf)
        builder.add(row, cost, 1.0)
        builder.add(row, outputs.first, -by_first)
        builder.add(row, outputs.second, -by_second)
        builder.add(row, on, -constant)


def _add_inside(
    builder: MatrixBuilder, name: str, on: IntArray, outputs: RegionColumns, part: Sequence[Point]
) -> None:
    for k, ((x0, y0), (x1, y1)) in enumerate(zip(part, (*part[1:], part[0]), strict=True)):
        length = float(np.hypot(x1 - x0, y1 - y0))
        across, along = (y1 - y0) / length, (x0 - x1) / length
        row = builder.rows(f"{name}.side{k}", len(on), -np.inf, 0.0)
        builder.add(row, outputs.first, across)
        builder.add(row, outputs.second, along)
        builder.add(row, on, -(across * x0 + along * y0))


def _turn(a: Point, b: Point, c: Point) -> float:
    """Twice the area of a triangle, positive where it turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cleaned(corners: Sequence[Point]) -> list[Point]:
    """Corners counter-clockwise, without repeated ones and those on a straight side."""
    ring = [(float(x), float(y)) for x, y in corners]
    size = float(np.ptp(np.array(ring), axis=0).max()) ** 2 if ring else 0.0
    area = sum(_turn(ring[0], a, b) for a, b in pairwise(ring)) if ring else 0.0
    if area < 0:
        ring.reverse()
    found = True
    while found and len(ring) >= _TRIANGLE:
        turns = [_turn(ring[k - 1], ring[k], ring[(k + 1) % len(ring)]) for k in range(len(ring))]
        flat = [k for k, turn in enumerate(turns) if abs(turn) <= _FLAT * size]
        found = bool(flat)
        if found:
            del ring[flat[0]]
    if len(ring) < _TRIANGLE:
        raise ValueError("a polygon needs three corners that are no line")
    return ring


def _is_ear(ring: list[Point], k: int) -> bool:
    a, b, c = ring[k - 1], ring[k], ring[(k + 1) % len(ring)]
    if _turn(a, b, c) <= 0:
        return False
    others = (p for p in ring if p not in (a, b, c))
    return not any(_turn(a, b, p) >= 0 and _turn(b, c, p) >= 0 and _turn(c, a, p) >= 0 for p in others)


def _join_two(parts: list[list[Point]]) -> bool:
    """Join the first two parts with a common side that are convex together; whether there were any."""
    for i, one in enumerate(parts):
        for j in range(i + 1, len(parts)):
            both = _joined(one, parts[j])
            if both is not None:
                parts[i] = both
                del parts[j]
                return True
    return False


def _joined(one: list[Point], other: list[Point]) -> list[Point] | None:
    for k in range(len(one)):
        a, b = one[k], one[(k + 1) % len(one)]
        if a in other and b in other and (other.index(a) - other.index(b)) % len(other) == 1:
            at = other.index(a)
            rest = [other[(at + m) % len(other)] for m in range(1, len(other) - 1)]
            ring = [*one[: k + 1], *rest, *one[k + 1 :]]
            turns = (_turn(ring[m - 1], ring[m], ring[(m + 1) % len(ring)]) for m in range(len(ring)))
            return ring if all(turn >= -_FLAT for turn in turns) else None
    return None
