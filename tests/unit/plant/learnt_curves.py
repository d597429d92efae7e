"""Learnt curves as they stand in `curves.yaml`, for tests."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from plant.learning.rows import Rows
from plant.learnt import LearntChiller, LearntFixed, LearntVsd, Span
from plant.units.compressor import FixedCompressor, VsdCompressor
from plant.units.cooling import Chiller

EVERY_S: Final = 120
DAYS: Final = 7
TRUE_FRAC: Final = 1.06
LEARNING: Final[dict[str, Any]] = {
    "begin": "2026-06-01T00:00:00Z",
    "end": "2026-06-10T00:00:00Z",
    "rows": 900,
    "days": 6,
    "held_days": 3,
    "error_kw": 0.5,
    "nominal_error_kw": 3.5,
    "residual_low_kw": -0.7,
    "residual_high_kw": 0.7,
    "uncertainty_frac": 0.004,
}


def dearer(
    unit: FixedCompressor | VsdCompressor | Chiller, factor: float = 1.05, **valid: tuple[float, float]
) -> LearntFixed | LearntVsd | LearntChiller:
    """The nominal curve times a factor, learnt in the ranges given."""
    told: dict[str, Any] = {
        "version": 2,
        "learning": LEARNING,
        "valid": {name: Span(low=low, high=high) for name, (low, high) in valid.items()},
    }
    if isinstance(unit, Chiller):
        eir = unit.eir.model_copy(update={"cop": unit.eir.cop / factor})
        return LearntChiller.model_validate(told | {"eir": eir.model_dump()})
    power = unit.power.model_copy(update={"rated_kw": unit.power.rated_kw * factor})
    told["power"] = power.model_dump()
    if isinstance(unit, FixedCompressor):
        fields = {"flow_m3_min": unit.flow_m3_min, "unloaded_frac": unit.unloaded_frac}
        return LearntFixed.model_validate(told | fields)
    flows = {"flow_max_m3_min": unit.flow_max_m3_min, "flow_min_m3_min": unit.flow_min_m3_min}
    return LearntVsd.model_validate(told | flows | {"part_load": unit.part_load.model_dump()})


def worn_week(unit: VsdCompressor) -> dict[str, list[float]]:
    """A week, row by row every two minutes, of a machine that takes 6 % more than its plate says."""
    rng = np.random.default_rng(4)
    at = np.arange(DAYS * 86_400 // EVERY_S)
    flow = 16.0 + 7.0 * np.sin(at / 61.0) + rng.normal(0.0, 0.05, len(at))
    inlet = 22.0 + 6.0 * np.sin(at / 114.0)
    pressure = 7.1 + rng.normal(0.0, 0.03, len(at))
    power = [
        TRUE_FRAC * unit.loaded_kw(float(q), float(p), float(t)) + float(noise)
        for q, p, t, noise in zip(flow, pressure, inlet, rng.normal(0.0, 0.4, len(at)), strict=True)
    ]
    return {
        "power_kw": power,
        "flow_m3_min": flow.tolist(),
        "pressure_bar_g": pressure.tolist(),
        "state_code": [2.0] * len(at),
        "load_pct": (100.0 * flow / unit.flow_max_m3_min).tolist(),
        "outdoor_c": inlet.tolist(),
    }


def rows_of_week(unit: VsdCompressor) -> Rows:
    """The same as rows that teach."""
    values = {name: np.array(column) for name, column in worn_week(unit).items()}
    count = len(values["power_kw"])
    times = 1_780_000_000 * 10**9 + EVERY_S * 10**9 * np.arange(count, dtype=np.int64)
    return Rows(times, values | {"inlet_c": values["outdoor_c"]})
