"""Bands of a contract whose hours change with its price sheets: each day by the calendar in force on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from accounts.bands import BandArray, Bands, IntArray, local_clock


@dataclass(frozen=True, slots=True)
class Span:
    """Days that go by one calendar.

    Attributes:
        first: First day.
        last: Last day.
        bands: The calendar.
    """

    first: dt.date
    last: dt.date
    bands: Bands


@dataclass(frozen=True, slots=True)
class DatedBands:
    """Calendars one after the other, asked like one.

    Attributes:
        spans: In the order of time.
        names: Ids of the bands of all, in the order they first stand in.
        zone: Zone of the clock.
    """

    spans: tuple[Span, ...]
    names: tuple[str, ...]
    zone: ZoneInfo

    def at(self, starts_ns: IntArray) -> BandArray:
        """Index of the band of each instant, shape as given; beyond the spans by the nearest of them.

        Raises:
            ConfigError: As `Bands.at`.
        """
        found = np.empty(len(starts_ns), np.int16)
        for span, inside in self._cut(starts_ns):
            index = np.array([self.names.index(name) for name in span.bands.names], np.int16)
            found[inside] = index[span.bands.at(starts_ns[inside])]
        return found

    def never_within(self, starts_ns: IntArray, step_s: int) -> bool:
        """Whether no band can begin within intervals that begin at these instants."""
        return all(
            span.bands.never_within(starts_ns[inside], step_s) for span, inside in self._cut(starts_ns)
        )

    def _cut(self, starts_ns: IntArray) -> list[tuple[Span, IntArray]]:
        days, _ = local_clock(starts_ns, self.zone)
        firsts = np.array([span.first.toordinal() for span in self.spans], np.int64)
        which = np.maximum(np.searchsorted(firsts, days, side="right") - 1, 0)
        cut = [(span, np.flatnonzero(which == at)) for at, span in enumerate(self.spans)]
        return [(span, inside) for span, inside in cut if len(inside)]


def dated(spans: Sequence[Span], zone: ZoneInfo) -> DatedBands:
    """Put calendars one after the other."""
    names = dict.fromkeys(name for span in spans for name in span.bands.names)
    return DatedBands(tuple(spans), tuple(names), zone)
