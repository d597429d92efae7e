"""What a site declares about its values: `configs/sites/<site>/values.yaml`. The file need not be there.

virtual:
  - id: plant/air_specific_kw_m3_min
    label: {en: Specific power of the air, zh: 压缩空气比功率}
    unit: kW/(m³/min)
    expression: meter_air.power_kw / sum(comp1.flow_m3_min, comp2.flow_m3_min)
balances:
  - {id: power, label: {en: Power, zh: 电}, parent: meter_main/power_kw, children: [meter_air/power_kw]}
counters:
  - {point: meter_main/import_kwh, rolls_over_at: 10000000, power: meter_main/power_kw}
cleaning:
  - {points: [weather1/outdoor_c], low: -40, high: 50, most_per_min: 3, flat_s: 7200}
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocols.config import Config, IdPart, Text
from protocols.expression import MOST_CHARACTERS
from protocols.rules import DevicePoint
from protocols.units import Seconds

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class VirtualPoint(Config):
    """A point that is calculated from others."""

    id: DevicePoint
    """`device/point` of its own; the device is one of the site or one of `devices`."""

    label: Text
    """What people call it."""

    unit: str
    """Symbol from the table of units; the id ends in its suffix."""

    expression: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
    """How it is calculated, over points as `device.point`; see docs/values.md."""


class Balance(Config):
    """What a meter sees against the sum of what is metered below it."""

    id: IdPart
    """Its name."""

    label: Text
    """What people call it."""

    parent: DevicePoint
    """The meter above: power or another flow."""

    children: Annotated[tuple[DevicePoint, ...], Field(min_length=1, max_length=63)]
    """What is metered below; virtual points may be among them."""


class Counter(Config):
    """How a counter behaves, and what its differences are held against."""

    point: DevicePoint
    """A point of kind counter."""

    rolls_over_at: Positive | None = None
    """It begins anew from 0 after this reading; without it a drop is a new meter. [unit]"""

    most_per_h: Positive | None = None
    """More than this in an hour is no consumption; None: unknown. [unit/h]"""

    power: DevicePoint | None = None
    """Power whose integral should be the same; None: nothing to compare with."""


class Spike(Config):
    """A value far from the median of its neighbours (Hampel's filter)."""

    neighbours: Annotated[int, Field(ge=2, le=20)] = 3
    """How many on each side."""

    sigmas: Annotated[float, Field(ge=2, le=20)] = 5.0
    """How many scaled median deviations are far."""

    least: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Nothing nearer than this to the median is a spike, however quiet the neighbours. [unit]"""


class Cleaning(Config):
    """Rules that mark samples of some points; the samples stay as they came."""

    points: Annotated[tuple[DevicePoint, ...], Field(min_length=1)]
    """The points they are for."""

    low: Number | None = None
    """Below it: bad, out of range. [unit]"""

    high: Number | None = None
    """Above it: bad, out of range. [unit]"""

    most_per_min: Positive | None = None
    """Farther from the last accepted value than it can have gone: bad, too fast. [unit/min]"""

    flat_s: Annotated[Seconds, Field(ge=60, le=86_400)] | None = None
    """Not moved for this long: uncertain, flat."""

    flat_except: Number | None = None
    """A value that may stand as long as it likes, such as 0 for a machine that stopped. [unit]"""

    spike: Spike | None = None
    """Far from its neighbours on both sides: bad, spike."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        rules = (self.low, self.high, self.most_per_min, self.flat_s, self.spike)
        if all(rule is None for rule in rules):
            raise ValueError("no rule; give low, high, most_per_min, flat_s or spike")
        if self.flat_except is not None and self.flat_s is None:
            raise ValueError("flat_except without flat_s has no effect; give flat_s or leave it out")
        return self


class ValuesFile(Config):
    """`configs/sites/<site>/values.yaml`."""

    version: Literal[1] = 1
    """Layout of the file."""

    devices: dict[IdPart, Text] = Field(default_factory=dict)
    """Devices that only have virtual points, with their labels."""

    virtual: Annotated[tuple[VirtualPoint, ...], Field(max_length=1000)] = ()
    """Calculated points."""

    balances: Annotated[tuple[Balance, ...], Field(max_length=200)] = ()
    """Meters against what is below them."""

    counters: Annotated[tuple[Counter, ...], Field(max_length=1000)] = ()
    """Counters of which more is known than their profile says."""

    cleaning: Annotated[tuple[Cleaning, ...], Field(max_length=1000)] = ()
    """Marks of samples that cannot be right."""
