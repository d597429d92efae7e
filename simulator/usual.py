"""Usual values of the points of any device, and how they move, where nothing but a profile is known. Pure."""

from __future__ import annotations

import math
from typing import Final

from protocols.point import PointKind
from protocols.profile import PointSpec
from protocols.units import Seconds

_USUAL: Final = {
    "V": 230.0, "A": 12.5, "kW": 8.4, "kvar": 1.6, "kVA": 8.6, "Hz": 50.0, "1": 0.95, "%": 55.0,
    "kWh": 48_210.5, "kvarh": 8_120.25, "MWh": 48.2, "°C": 41.5, "bar(g)": 7.1, "rpm": 1480.0, "h": 8123.0,
    "m³/h": 18.4, "m³/min": 12.6, "m³": 4210.0, "W/m²": 420.0, "K": 6.0, "kg/h": 310.0,
    "l/s": 5.1, "bar": 0.4,
}  # fmt: skip
_SWAY_FRAC: Final = 0.01
_PERIOD_S: Final = 60.0
_COUNTED_PER_H: Final = 8.4


def start_value(spec: PointSpec) -> float:
    """A usual value of the unit, inside the range of the point, in its unit."""
    value = _USUAL.get(spec.unit, 1.0)
    if spec.low is not None:
        value = max(value, spec.low)
    if spec.high is not None and value > spec.high / (1.0 + _SWAY_FRAC):
        value = (_floor(spec.low, spec.high) + spec.high) / 2.0
    return float(round(value)) if spec.kind is PointKind.STATE else value


def _floor(low: float | None, high: float) -> float:
    """Where the usual half of a range begins: not below 0 unless the range ends there."""
    if high > 0.0:
        return max(low or 0.0, 0.0)
    return 2.0 * high if low is None else low


def moved(spec: PointSpec, start: float, seconds: Seconds) -> float:
    """Value of a point so long after it was `start`: counters count, measurements sway by 1 %, others stand.

    Example:
        >>> from protocols.config import Text
        >>> from protocols.profile import ModbusAddress
        >>> label, at = Text(en="x", zh="x"), ModbusAddress(address=0)
        >>> run = PointSpec(name="run_h", label=label, unit="h", kind=PointKind.COUNTER, address=at)
        >>> moved(run, 100.0, 3600.0)
        108.4
    """
    if spec.kind is PointKind.COUNTER:
        return start + _COUNTED_PER_H * seconds / 3600.0
    if spec.kind is not PointKind.MEASUREMENT:
        return start
    phase = sum(spec.name.encode()) % 7
    return start * (1.0 + _SWAY_FRAC * math.sin(2.0 * math.pi * seconds / _PERIOD_S + phase))
