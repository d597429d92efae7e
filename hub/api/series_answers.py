"""From what the store and `hub/values` give to answers: arrays side by side, NaN as null."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from hub.api.models import number, told_time
from hub.api.series_models import Comparison, PointSeries, SampleSource, Trace
from hub.store.port import FloatArray, Origins, Raw, SeriesReader, TimeArray, Windows
from hub.values.cleaning import RuleMarker
from hub.values.reading import Compared
from protocols.point import PointId
from protocols.units import UNITS, convert

_NS: Final = 1_000_000_000
_SLICE_NS: Final = 86_400 * _NS
_MOST_SLICES: Final = 31
"""Days one answer looks at, however few samples are in them."""


class Page(NamedTuple):
    """Samples, their marks, and where the rest begins (None: nowhere)."""

    found: Raw
    marks: list[int]
    next_ns: int | None


def page(reader: SeriesReader, marker: RuleMarker, point: PointId, ask: tuple[int, int, int]) -> Page:
    """Samples from a time on, at most so many, read a day at a time; marks; where the rest begins."""
    start_ns, end_ns, limit = ask
    parts = [reader.raw(point, start_ns, min(start_ns + _SLICE_NS, end_ns))]
    count, at = len(parts[0].times_ns), start_ns + _SLICE_NS
    while at < end_ns and count <= limit and len(parts) < _MOST_SLICES:
        parts.append(reader.raw(point, at, min(at + _SLICE_NS, end_ns)))
        count += len(parts[-1].times_ns)
        at += _SLICE_NS
    times = np.concatenate([part.times_ns for part in parts])
    following = int(times[limit]) if count > limit else at if at < end_ns else None
    found = Raw(
        times[:limit],
        np.concatenate([part.values for part in parts])[:limit],
        np.concatenate([part.qualities for part in parts])[:limit],
        np.concatenate([part.source_ns for part in parts])[:limit],
    )
    return Page(found, _marks(reader, marker, point, found), following)


def _marks(reader: SeriesReader, marker: RuleMarker, point: PointId, found: Raw) -> list[int]:
    margin_ns = marker.margin_ns(point)
    if not len(found.times_ns) or not margin_ns:
        plain: list[int] = marker.marks(point, found).tolist()
        return plain
    first, last = int(found.times_ns[0]), int(found.times_ns[-1])
    wide = reader.raw(point, first - margin_ns, last + margin_ns)
    inside = (wide.times_ns >= first) & (wide.times_ns <= last)
    marks: list[int] = marker.marks(point, wide)[inside].tolist()
    return marks


def trace_of(found: Origins) -> Trace:
    """Rows that samples came in, as an answer."""
    known = (found.source >= 0).tolist()
    return Trace(
        sources=[SampleSource(edge=edge, journal=journal) for edge, journal in found.sources],
        source=[at if there else None for at, there in zip(found.source.tolist(), known, strict=True)],
        seqs=[seq if there else None for seq, there in zip(found.seqs.tolist(), known, strict=True)],
        polled=[told_time(polled_ns) for polled_ns in found.polled_ns.tolist()],
        exact=found.exact.tolist(),
    )


def point_series(point: PointId, unit: str, found: Windows, edges: TimeArray) -> PointSeries:
    """Windows of one point as an answer; only our own numbers, so they are not checked again."""
    power = UNITS[unit].quantity == "power"
    energy = found.mean * found.covered_s * (convert(1.0, unit, "kW") / 3600.0) if power else None
    return PointSeries.model_construct(
        point=str(point),
        unit=unit,
        mean=numbers(found.mean),
        min=numbers(found.low),
        max=numbers(found.high),
        energy_kwh=None if energy is None else numbers(energy),
        complete_pct=complete(found.covered_s, edges),
        worst=found.worst.tolist(),
        completeness_pct=overall(found.covered_s, edges),
    )


def comparison(power: str, found: Compared, edges: TimeArray) -> Comparison:
    """Counter against integral as an answer."""
    difference = found.counted_kwh - found.integral_kwh
    return Comparison(
        power=power,
        counted_kwh=found.counted_kwh,
        integral_kwh=found.integral_kwh,
        difference_kwh=difference,
        difference_pct=100.0 * difference / found.counted_kwh if found.counted_kwh else None,
        compared_pct=100.0 * found.compared_s * _NS / float(edges[-1] - edges[0]),
    )


def complete(covered_s: FloatArray, edges: TimeArray) -> list[float]:
    """Covered part of each window. [%]."""
    length_s = np.diff(edges) / _NS
    found: list[float] = np.minimum(100.0, 100.0 * covered_s / length_s).round(3).tolist()
    return found


def overall(covered_s: FloatArray, edges: TimeArray) -> float:
    """Covered part of the whole range; 0 of no time. [%]."""
    asked_s = float(edges[-1] - edges[0]) / _NS if len(edges) else 0.0
    return 100.0 * float(np.sum(covered_s)) / asked_s if asked_s else 0.0


def numbers(values: FloatArray) -> list[float | None]:
    """What is no number as None, one a window."""
    if not np.isfinite(values).all():
        return [number(value) for value in values.tolist()]
    whole: list[float | None] = values.tolist()
    return whole


def ms(edges: TimeArray) -> list[int]:
    """Edges in milliseconds since 1970 UTC, cut."""
    found: list[int] = (edges // 1_000_000).tolist()
    return found
