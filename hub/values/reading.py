"""Measured and virtual points of a site, read alike; energy by counter held against the integral of power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hub.store.port import LastValue, SeriesReader, TimeArray, Windows
from hub.values.config import Counter
from hub.values.counters import consumption
from hub.values.site import SiteValues
from hub.values.virtual import newest_of, pieces, windows_of
from protocols.point import PointId
from protocols.units import convert

_WHOLE_FRAC = 0.999


class Compared(NamedTuple):
    """Energy by counter and by integral, over the time in which both are known.

    Attributes:
        counted_kwh: By the counter.
        integral_kwh: By the integral of the power.
        compared_s: That time.
    """

    counted_kwh: float
    integral_kwh: float
    compared_s: float


def windows(
    reader: SeriesReader, values: SiteValues, points: Sequence[PointId], edges_ns: TimeArray
) -> dict[PointId, Windows]:
    """Windows of points of both kinds.

    Raises:
        StoreError: The series cannot be read now.
    """
    measured = [point for point in points if point not in values.virtual]
    found = reader.over(measured, edges_ns) if measured else {}
    virtual = [values.virtual[point] for point in points if point in values.virtual]
    return found | windows_of(reader, virtual, edges_ns)


def newest(values: SiteValues, last: Mapping[PointId, LastValue]) -> dict[PointId, LastValue]:
    """Newest values of virtual points; one with an input never seen is left out."""
    found = {point: newest_of(one, last) for point, one in values.virtual.items()}
    return {point: value for point, value in found.items() if value is not None}


def compare(
    reader: SeriesReader, values: SiteValues, units: Mapping[PointId, str], place: tuple[Counter, PointId],
    edges_ns: TimeArray,
) -> Compared:  # fmt: skip
    """What a counter and the integral of its power say of the same time, piece by piece.

    Args:
        reader: The series.
        values: What the site declares.
        units: Units of all points.
        place: The counter with a power, and the point it stands in.
        edges_ns: What is compared; only pieces of it in which both are known count.

    Raises:
        StoreError: The series cannot be read now.
    """
    counter, point = place
    power = PointId(point.site, *str(counter.power).split("/"))
    fine = pieces(edges_ns)
    counted = consumption(reader, point, counter, fine)
    drawn = windows(reader, values, [power], fine)[power]
    length_s = np.diff(fine) / 1e9
    whole = (counted.covered_s >= _WHOLE_FRAC * length_s) & (drawn.covered_s >= _WHOLE_FRAC * length_s)
    kilowatts = convert(1.0, units[power], "kW")
    return Compared(
        float(counted.amount[whole].sum()) * convert(1.0, units[point], "kWh"),
        float((drawn.mean * drawn.covered_s)[whole].sum()) * kilowatts / 3600.0,
        float(length_s[whole].sum()),
    )
