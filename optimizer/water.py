"""Curves of chillers at pairs of water temperatures, from their EIR curves; pumps and fans beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.levels import CoolingLevels
from optimizer.problem import BoolArray, FloatArray
from plant.eir import EirCurve
from protocols.errors import SolveError

_CORNERS: Final = 7
"""Corners of a curve over part load; a quadratic one is then hit within 0.2 % of full power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Water:
    """One pair of water temperatures and what it takes beside the chillers, each series (steps,)."""

    supply_c: float
    """Chilled-water supply. [°C]"""
    condenser_c: float
    """Condenser-water supply. [°C]"""
    extra_kw: FloatArray
    """Pumps and fans while any chiller runs. [kW]"""
    extra_frac: FloatArray
    """Pumps and fans per cooling supplied. [kW/kW]"""
    allowed: BoolArray
    """Whether tower, rooms and machines permit it."""


def levels_of(chillers: Mapping[str, EirCurve], waters: Sequence[Water]) -> CoolingLevels:
    """Corners of each chiller's curve at every pair, from its least load to its capacity there.

    A pair that no step of the fit covers for some machine is not permitted at all: outside its range a curve
    holds its edge, and a plan would be told savings nobody has measured.

    Raises:
        SolveError: There is no pair, or no chiller.
    """
    if not waters or not chillers:
        raise SolveError(
            "water temperatures to choose from need at least one pair and one chiller",
            zh="可选水温至少需要一对水温和一台冷水机组",
        )
    steps = len(waters[0].extra_kw)
    loads: dict[str, FloatArray] = {}
    powers: dict[str, FloatArray] = {}
    for name, eir in sorted(chillers.items()):
        curves = [corners_of(eir, water.supply_c, water.condenser_c) for water in waters]
        loads[name] = np.repeat(np.array([load for load, _ in curves])[:, None, :], steps, axis=1)
        powers[name] = np.repeat(np.array([power for _, power in curves])[:, None, :], steps, axis=1)
    covered = [
        all(eir.covers(water.supply_c, water.condenser_c) for eir in chillers.values()) for water in waters
    ]
    return CoolingLevels(
        supply_c=tuple(water.supply_c for water in waters),
        condenser_c=tuple(water.condenser_c for water in waters),
        load_kw=loads,
        power_kw=powers,
        extra_kw=np.array([water.extra_kw for water in waters]),
        extra_frac=np.array([water.extra_frac for water in waters]),
        allowed=np.array([water.allowed & fits for water, fits in zip(waters, covered, strict=True)]),
    )


def corners_of(eir: EirCurve, supply_c: float, condenser_c: float) -> tuple[FloatArray, FloatArray]:
    """Loads and powers of a machine from its least part load to its capacity at two temperatures. [kW]."""
    capacity_kw = eir.available_kw(supply_c, condenser_c)
    load = np.linspace(eir.plr_min_frac, 1.0, _CORNERS) * capacity_kw
    return load, np.array([eir.power_kw(float(at), supply_c, condenser_c) for at in load])
