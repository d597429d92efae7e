"""Set-points to choose from: temperatures of chilled and condenser water, pressure of the air network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.arrays import BoolArray, FloatArray

_SAME_BAR: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingLevels:
    """Pairs of water temperatures, one of which holds for all chillers in a step."""

    supply_c: tuple[float, ...]
    """Chilled-water supply of each level. [°C]"""
    condenser_c: tuple[float, ...]
    """Condenser water of each level. [°C]"""
    load_kw: dict[str, FloatArray]
    """Corners of each chiller's curve, shape (levels, steps, K). [kW]"""
    power_kw: dict[str, FloatArray]
    """Electric power at these corners, shape (levels, steps, K). [kW]"""
    extra_kw: FloatArray
    """Pumps and fans that run whenever a chiller does, shape (levels, steps). [kW]"""
    extra_frac: FloatArray
    """Pumps and fans per cooling supplied, shape (levels, steps). [kW/kW]"""
    allowed: BoolArray
    """Where the weather and the rooms permit a level, shape (levels, steps)."""
    stays: BoolArray | None = None
    """Where one that was chosen before holds, the only one permitted, shape (steps,); None: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AirLevels:
    """Pressures of the network, one of which holds in a step."""

    pressure_bar_g: tuple[float, ...]
    """Of each level, rising. [bar g]"""
    power_frac: tuple[float, ...]
    """Power of the compressors over that of their curves. [-]"""
    need_m3_min: FloatArray
    """Need and leaks on top of the forecast, less below it, shape (levels, steps). [m³/min]"""
    least_bar_g: FloatArray
    """Pressure the users need, shape (steps,). [bar g]"""
    most_bar_g: FloatArray | None = None
    """Pressure that is held at most, shape (steps,); None: no bound. [bar g]"""
    move_eur: float = 0.0
    """Price of another level from one step to the next. [money]"""
    set_by: tuple[str, ...] | None = None
    """Compressors that hold any of these pressures when they trim; None: all."""
    own_bar_g: float | None = None
    """Pressure the others hold when they trim, one of the levels. [bar g]"""

    @property
    def allowed(self) -> BoolArray:
        """Whether a level is permitted, shape (levels, steps)."""
        bars = np.array(self.pressure_bar_g)[:, None]
        found: BoolArray = bars >= self.least_bar_g - _SAME_BAR
        return found if self.most_bar_g is None else found & (bars <= self.most_bar_g + _SAME_BAR)

    def may_trim(self, name: str, place: int) -> bool:
        """Whether a compressor can hold the pressure of a level."""
        if self.set_by is None or name in self.set_by:
            return True
        return self.own_bar_g is not None and abs(self.pressure_bar_g[place] - self.own_bar_g) < _SAME_BAR
