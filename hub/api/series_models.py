"""Answers about series: windows, samples, consumption, balances; arrays side by side, no object a sample."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from hub.api.models import Number
from protocols.config import Config, Text


class SampleSource(Config):
    """A journal that samples came in."""

    edge: str
    """The edge that read the device."""

    journal: str
    """Id of its journal, made with the file and renewed at each start of the box."""


class Trace(Config):
    """Where samples came from; arrays have one entry a sample, None where that is not kept any more."""

    sources: list[SampleSource]
    """The journals."""

    source: list[int | None]
    """Which of `sources`."""

    seqs: list[int | None]
    """Row of that journal, a number that is never used twice."""

    polled: list[datetime | None]
    """When the edge read the device."""

    exact: list[bool]
    """Whether it is that row for sure; else it is the first one that can have brought the sample."""


class Samples(Config):
    """Samples of a point as they came, sorted by time."""

    point: str
    """`site/device/point`."""

    unit: str
    """Symbol."""

    times: list[datetime]
    """When they were so."""

    values: list[Number | None]
    """None where the quality it came with is bad. [unit]"""

    qualities: list[int]
    """Codes of the quality, as they came."""

    marks: list[int]
    """Codes of the quality by the site's cleaning rules, which windows go by."""

    source_times: list[datetime | None]
    """What the device itself told, right or wrong; None where it told no time."""

    next_from: datetime | None
    """Ask from here on for the rest; None when this is all."""

    trace: Trace | None = None
    """Where they came from; None unless it was asked for."""


class History(Config):
    """Time-weighted windows of a point; None where nothing is covered."""

    point: str
    """`site/device/point`."""

    unit: str
    """Symbol."""

    window_s: int
    """Length of a window. [s]"""

    times: list[datetime]
    """Starts of the windows."""

    mean: list[Number | None]
    """Time-weighted mean. [unit]"""

    min: list[Number | None]
    """Lowest held value. [unit]"""

    max: list[Number | None]
    """Highest held value. [unit]"""

    complete_pct: list[Number]
    """Covered part of each window. [%]"""

    worst: list[int]
    """Worst quality of the samples that stood in each window."""

    completeness_pct: Number
    """Covered part of the whole range. [%]"""


class PointSeries(Config):
    """One point of a `Series`; arrays have one entry a window, None where nothing is covered."""

    point: str
    """`site/device/point`."""

    unit: str
    """Symbol."""

    mean: list[Number | None]
    """Time-weighted mean. [unit]"""

    min: list[Number | None]
    """Lowest held value. [unit]"""

    max: list[Number | None]
    """Highest held value. [unit]"""

    energy_kwh: list[Number | None] | None
    """Integral over the covered time; None for what is no power. [kWh]"""

    complete_pct: list[Number]
    """Covered part of each window. [%]"""

    worst: list[int]
    """Worst quality of the samples that stood in each window."""

    completeness_pct: Number
    """Covered part of the whole range. [%]"""


class Series(Config):
    """Windows of several points between the same edges."""

    edges_ms: list[int]
    """Edges of the windows, milliseconds since 1970 UTC: one more than windows; none after now."""

    points: list[PointSeries]
    """In the order they were asked for."""


class CounterEvent(Config):
    """Something in the readings of a counter a person has to know of."""

    kind: Literal["rolled_over", "new_meter", "glitch", "gap"]
    """What: a gap is what was counted over an edge of windows, known only as a whole."""

    time_from: datetime
    """Last reading before it."""

    time_to: datetime
    """First reading after it."""

    before: Number
    """That reading. [unit]"""

    after: Number
    """That reading. [unit]"""

    amount: Number | None
    """What was counted between; None where nobody can know. [unit]"""


class Comparison(Config):
    """Energy by counter and by integral of the power, over the time in which both are known."""

    power: str
    """The power, `site/device/point`."""

    counted_kwh: Number
    """By the counter. [kWh]"""

    integral_kwh: Number
    """By the integral. [kWh]"""

    difference_kwh: Number
    """Counter less integral. [kWh]"""

    difference_pct: Number | None
    """The same as a share of the counter; None where it counted nothing. [%]"""

    compared_pct: Number
    """Share of the asked time that could be compared. [%]"""


class Consumption(Config):
    """What a counter counted in each window."""

    point: str
    """`site/device/point`."""

    unit: str
    """Symbol."""

    edges_ms: list[int]
    """Edges of the windows, milliseconds since 1970 UTC: one more than windows."""

    amount: list[Number | None]
    """Counted in each window; None without readings. [unit]"""

    total: Number
    """Over all windows, with what was counted across gaps. [unit]"""

    complete_pct: list[Number]
    """Part of each window with readings. [%]"""

    events: list[CounterEvent]
    """Roll-overs, new meters, readings left out, gaps."""

    comparison: Comparison | None
    """Against the power; None where the site declares none."""


class BalanceName(Config):
    """A balance of a site."""

    id: str
    """Id part."""

    label: Text
    """What people call it."""

    unit: str
    """Symbol."""

    parent: str
    """The meter above, `site/device/point`."""

    children: list[str]
    """What is below, `site/device/point`."""


class Balance(Config):
    """A meter against the sum of what is metered below it, over the time in which all are covered."""

    id: str
    """Id part."""

    unit: str
    """Symbol."""

    edges_ms: list[int]
    """Edges of the windows, milliseconds since 1970 UTC: one more than windows."""

    parent: list[Number | None]
    """Mean of the meter above. [unit]"""

    children: list[Number | None]
    """Mean of the sum below. [unit]"""

    residual: list[Number | None]
    """What is not accounted for. [unit]"""

    residual_pct: list[Number | None]
    """The same as a share of the meter above; None where that is 0. [%]"""

    complete_pct: list[Number]
    """Part of each window in which all are covered. [%]"""

    worst: list[int]
    """Worst quality of any of them in each window."""
