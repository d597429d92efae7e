"""What a sensor makes of a true value: constant bias, noise, and counters that roll over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from protocols.point import PointKind
from protocols.profile import PointSpec

_NOISE: Final[Mapping[str, tuple[float, float]]] = {
    "kW": (0.05, 0.002),
    "m³/min": (0.01, 0.003),
    "bar(g)": (0.004, 0.0),
    "°C": (0.02, 0.0),
    "V": (0.3, 0.0),
    "A": (0.1, 0.002),
    "Hz": (0.01, 0.0),
    "rpm": (2.0, 0.0),
    "W/m²": (0.5, 0.005),
}
"""Standard deviation of the noise by unit: a fixed part [unit] and a fraction of the value."""

_COUNTER_START: Final[Mapping[str, float]] = {
    "meter_main/import_kwh": 4_812_345.0,
    "meter_main/export_kwh": 31_207.0,
    "meter_air/import_kwh": 9_999_995.0,  # rolls over in the first minutes
    "meter_cooling/import_kwh": 1_534_880.0,
    "meter_process/import_kwh": 2_990_101.0,
    "meter_main/reactive_kvarh": 1_592_044.0,
    "meter_air/reactive_kvarh": 3_120_480.0,
    "meter_cooling/reactive_kvarh": 504_490.0,
    "meter_process/reactive_kvarh": 982_799.0,
    "meter_process/pulses_count": 2_410_772.0,
    "pv1/energy_kwh": 902_417.0,
    "comp1/run_h": 21_480.0,
    "comp2/run_h": 19_022.0,
    "comp3/run_h": 11_904.0,
    "comp4/run_h": 15_337.0,
    "comp1/starts_count": 8_120.0,
    "comp2/starts_count": 9_871.0,
    "comp3/starts_count": 6_402.0,
    "comp4/starts_count": 2_210.0,
}
"""What the counters of the demo had run up before the simulation began."""


class Sensors:
    """The sensors of a plant, with their own random stream."""

    def __init__(self, bias: Mapping[str, float], seed: int) -> None:
        self._bias = bias
        self._random = np.random.default_rng([seed, 2])

    def read(self, ref: str, spec: PointSpec, true: float) -> float:
        """What the register of `device/point` shows for a true value, inside the valid range of the point."""
        if spec.kind is PointKind.COUNTER:
            total = _COUNTER_START.get(ref, 0.0) + true
            return total if spec.high is None else total % spec.high
        if spec.kind is not PointKind.MEASUREMENT:
            return true
        shown = true + self._bias.get(ref, 0.0)
        if spec.unit in _NOISE and true != 0.0:
            fixed, share = _NOISE[spec.unit]
            shown += float(self._random.standard_normal()) * (fixed + share * abs(true))
        low = shown if spec.low is None else spec.low
        high = shown if spec.high is None else spec.high
        return min(max(shown, low), high)
