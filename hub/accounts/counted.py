"""A table of what meters counted in equal intervals, from the series store.

Counters are joined over roll-overs and new meters by `hub/values`; powers and flows are integrated. An
interval that is not known well enough is empty: nothing is filled in, and what a counter counted across a gap
is told beside the table, since nobody knows in which of its intervals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from accounts.readings import FloatArray
from hub.accounts.gauges import amount_of_one
from hub.accounts.site import SiteAccounts
from hub.accounts.tables import Table
from hub.store.port import SeriesReader, TimeArray
from hub.values.counters import consumption
from hub.values.reading import windows

STEP_S: Final = 900
"""Interval of accounts. [s]"""
_COUNTED_FRAC: Final = 0.90
"""Part of an interval that a counter must be known in: what it counted may belong to its neighbours."""
_DRAWN_FRAC: Final = 0.99
"""Part of an interval that a power must be known in."""
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is wanted.

    Attributes:
        name: Its name.
        point: Point it is read from, as "device/point"; None: nothing reads it.
        unit: Unit it is wanted in.
    """

    name: str
    point: str | None
    unit: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is told of a column beside its intervals.

    Attributes:
        point: Point it was read from; None: nothing reads it.
        known_frac: Share of its intervals that are known. [-]
        across_gaps: Counted, but in no interval. [unit of the column]
        new_meters: How often another meter took over: what ran between is not known.
    """

    point: str | None
    known_frac: float
    across_gaps: float = 0.0
    new_meters: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A table and what is told of its columns."""

    table: Table
    kept: Mapping[str, Kept] = field(default_factory=dict)

    def known_frac(self, names: Sequence[str]) -> float:
        """The smallest known share of some columns; 1 of none. [-]."""
        return min((self.kept[name].known_frac for name in names), default=1.0)


def counted(
    reader: SeriesReader, site: SiteAccounts, columns: Sequence[Column], span_ns: tuple[int, int, int]
) -> Counted:
    """Read columns in equal intervals between two instants.

    Args:
        reader: The series; asked point by point, so that others come in between.
        site: The site.
        columns: What is wanted.
        span_ns: Begin, end, and length of an interval; the end is the end of one. [ns]

    Raises:
        StoreError: The series cannot be read now.
        ConfigError: A point counts something else than its column wants.
    """
    start_ns, end_ns, step_ns = span_ns
    edges = edges_of(start_ns, end_ns, step_ns)
    found, kept = between(reader, site, columns, edges)
    return Counted(Table(start_ns, step_ns // _NS, found), kept)


def edges_of(start_ns: int, end_ns: int, step_ns: int) -> TimeArray:
    """Edges of whole intervals between two instants, counted in whole numbers."""
    return start_ns + step_ns * np.arange((end_ns - start_ns) // step_ns + 1, dtype=np.int64)


def between(
    reader: SeriesReader, site: SiteAccounts, columns: Sequence[Column], edges: TimeArray
) -> tuple[dict[str, FloatArray], dict[str, Kept]]:
    """Read columns between any edges, as the days of a calendar.

    Raises:
        StoreError: As `counted`.
        ConfigError: As `counted`.
    """
    found = {column.name: _column(reader, site, column, edges) for column in columns}
    return {name: one[0] for name, one in found.items()}, {name: one[1] for name, one in found.items()}


def _column(
    reader: SeriesReader, site: SiteAccounts, column: Column, edges: TimeArray
) -> tuple[FloatArray, Kept]:
    if column.point is None or column.point not in site.gauges or len(edges) < 2:  # noqa: PLR2004  two edges
        return np.full(max(len(edges) - 1, 0), math.nan), Kept(column.point, 0.0)
    gauge = site.gauges[column.point]
    one = amount_of_one(gauge, column.unit)
    if gauge.counts:
        return _differences(reader, site, column.point, (edges, one))
    return _integral(reader, site, column.point, (edges, one))


def _differences(
    reader: SeriesReader, site: SiteAccounts, point: str, asked: tuple[TimeArray, float]
) -> tuple[FloatArray, Kept]:
    edges, one = asked
    ident = site.point(point)
    found = consumption(reader, ident, site.values.counters.get(ident), edges)
    known = found.covered_s >= _COUNTED_FRAC * np.diff(edges) / _NS
    lost = float(np.nansum(np.where(known, 0.0, found.amount)))
    across = sum(event.amount for event in found.events if event.kind == "gap")
    new = sum(event.kind == "new_meter" for event in found.events)
    kept = Kept(point, float(known.mean()), one * (lost + across), new)
    return np.where(known, found.amount * one, math.nan), kept


def _integral(
    reader: SeriesReader, site: SiteAccounts, point: str, asked: tuple[TimeArray, float]
) -> tuple[FloatArray, Kept]:
    edges, one = asked
    ident = site.point(point)
    found = windows(reader, site.values, [ident], edges)[ident]
    known = found.covered_s >= _DRAWN_FRAC * np.diff(edges) / _NS
    amount = found.mean * found.covered_s * one
    lost = float(np.nansum(np.where(known, 0.0, amount)))
    return np.where(known, amount, math.nan), Kept(point, float(known.mean()), lost)


def columns_wanted(site: SiteAccounts) -> list[Column]:
    """Columns of the book: a meter each, and what is made of each product."""
    meters = [Column(meter.id, meter.point, meter.unit) for meter in site.book.meters]
    return meters + [Column(one.counter, one.point, one.unit) for one in site.book.products]
