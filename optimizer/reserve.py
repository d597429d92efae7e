"""Capacity kept ready: for a need that seldom comes, and for the largest machine that runs (N-1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.outlook import Outlook
from optimizer.planned import planned_header_bar_g
from optimizer.problem import DispatchProblem
from plant.state import Plant
from plant.units.air import drawn

Reserved = Literal["air", "cooling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InHand:
    """What is to be kept ready.

    Attributes:
        air_m3_min: Flow of the compressors that is seldom exceeded, as in an outlook, (steps,). [m³/min]
        cooling_kw: Cooling that is seldom exceeded, (steps,). [kW]
        without_largest: Carriers that are met without the largest running machine.
    """

    air_m3_min: FloatArray | None = None
    cooling_kw: FloatArray | None = None
    without_largest: tuple[Reserved, ...] = ()


def with_reserve(problem: DispatchProblem, plant: Plant, outlook: Outlook, kept: InHand) -> DispatchProblem:
    """The problem of a site with capacity kept in hand; the usual share of the need stays below it."""
    air = None if kept.air_m3_min is None else _air(plant, replace(outlook, air_m3_min=kept.air_m3_min))
    limits = replace(
        problem.limits,
        air_least_m3_min=air,
        cooling_least_kw=kept.cooling_kw,
        without_largest=kept.without_largest,
    )
    return replace(problem, limits=limits)


def _air(plant: Plant, high: Outlook) -> FloatArray | None:
    """Users and leaks at the planned pressure."""
    if plant.receiver is None:
        return None
    header_bar_g = planned_header_bar_g(plant)
    loads = (high.loads(plant, step).air_m3_min for step in range(high.steps))
    return np.array([sum(drawn(plant.receiver, header_bar_g, load)) for load in loads])
