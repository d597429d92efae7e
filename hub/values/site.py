"""What a site declares about its values, ready for use; read and checked in `hub/values/load.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hub.values.config import Balance, Cleaning, Counter, VirtualPoint
from protocols.config import Text
from protocols.expression import Expression
from protocols.point import PointId, PointKind


class Known(NamedTuple):
    """What has to be known of a measured point."""

    unit: str
    kind: PointKind


@dataclass(frozen=True, slots=True)
class Virtual:
    """A virtual point, ready to be evaluated.

    Attributes:
        declared: As the file has it.
        id: Its full name.
        expression: Over measured points alone: other virtual points are put in.
        inputs: Those points.
        units: Units of the inputs, by `device/point`.
    """

    declared: VirtualPoint
    id: PointId
    expression: Expression
    inputs: tuple[PointId, ...]
    units: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Balanced:
    """A balance, its three sides over the same inputs, so over the same time.

    Attributes:
        declared: As the file has it.
        parent: What the meter above sees.
        children: Sum of what is below.
        residual: What is not accounted for.
    """

    declared: Balance
    parent: Virtual
    children: Virtual
    residual: Virtual


@dataclass(frozen=True, slots=True)
class SiteValues:
    """Everything a site declares about its values.

    Attributes:
        devices: Devices that only have virtual points.
        virtual: Virtual points.
        balances: By name.
        counters: Counters of which more is known.
        cleaning: Rules of each measured point that has some.
    """

    devices: Mapping[str, Text] = field(default_factory=dict)
    virtual: Mapping[PointId, Virtual] = field(default_factory=dict)
    balances: Mapping[str, Balanced] = field(default_factory=dict)
    counters: Mapping[PointId, Counter] = field(default_factory=dict)
    cleaning: Mapping[PointId, tuple[Cleaning, ...]] = field(default_factory=dict)
