"""Carriers of a plant's own and the machines that turn carriers into each other.

One form covers heat pump, electric boiler, absorption chiller, free cooling, tower, pump, dryer, dump
cooler, electrolyser and fuel cell: along a level each carrier is taken or given by corners. A CHP whose
heat does not follow from its power has an operating polygon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.switching import Commitment

KNOWN: Final = ("electric", "air", "cooling", "heat", "gas")
"""Carriers every plant has; gas is bought as it is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A carrier beside the known ones, such as heat at another temperature, hydrogen, condenser heat."""

    name: str
    need: FloatArray
    """What must be supplied from outside the machines, shape (steps,). [kW, m³/min of air]"""
    short_eur: float = 10.0
    """Price of what is missing. [money per unit and hour]"""
    surplus_eur: float = 1.0
    """Price of what is too much; 0 where it may be thrown away. [money per unit and hour]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What a converter takes (positive) or gives (negative) of one carrier at each corner of its level."""

    carrier: str
    at: FloatArray
    """Shape (steps, K). [kW, m³/min of air]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """A machine whose flows all follow from one level, in straight lines from corner to corner."""

    name: str
    level: FloatArray
    """Corners, rising; below the first it stands; shape (steps, K). [unit of the level]"""
    flows: tuple[Flow, ...]
    commitment: Commitment = field(default_factory=Commitment)

    @property
    def switches(self) -> bool:
        """Whether on and off differ: not where a straight line goes through zero and nothing limits it."""
        through_zero = not self.level[:, 0].any() and not any(flow.at[:, 0].any() for flow in self.flows)
        return not through_zero or self.commitment.lock is not None or self.commitment != Commitment()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cogen:
    """A CHP inside a polygon of power and heat: back-pressure is a narrow one, extraction a wide one."""

    name: str
    corners: tuple[tuple[float, float], ...]
    """(power, heat) in order around the polygon; it need not be convex. [kW]"""
    fuel_planes: tuple[tuple[float, float, float], ...]
    """Fuel is the highest of constant + a·power + b·heat. [kW LHV, kW/kW]"""
    heat_carrier: str = "heat"
    low_heat: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Heat at a lower temperature, given beside: constant + a·power + b·heat. [kW]"""
    low_carrier: str | None = None
    """Carrier of the lower heat."""
    commitment: Commitment = field(default_factory=Commitment)


def interpolate(level: FloatArray, corners: FloatArray, at: FloatArray) -> FloatArray:
    """Value of each step along its own corners; all of shape (steps,) and (steps, K)."""
    rows = zip(level, corners, at, strict=True)
    return np.array([np.interp(here, x, y) for here, x, y in rows])
