"""Forms of compressors: P = P_rated · (1 + a·(p - p_rated)) · (1 + b·(T - T_rated)) · share(flow)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from plant.learning.forms import Columns, Form, piecewise, prior_of, relative
from plant.learning.robust import FloatArray
from plant.learning.rows import BoolArray, Wanted
from plant.units.compressor import LOADED, FixedCompressor, PowerLaw, VsdCompressor

_SETTLE_S: Final = 120.0
_PRESSURES: Final = (1.0, 16.0)
_INLETS: Final = (-30.0, 60.0)
_FULL_FRAC: Final = 0.97
_LEAST_FULL_ROWS: Final = 20
_FULL_PCT: Final = 98.5
_BEND_FRAC: Final = 0.35
_LEAST_RISE_FRAC: Final = 0.02
_KNOTS: Final = 6


def _wanted(flow_max_m3_min: float, rated_kw: float, hangs: tuple[tuple[str, str], ...]) -> Wanted:
    return Wanted(
        columns=("power_kw", "flow_m3_min", "pressure_bar_g", "inlet_c"),
        ranges={
            "power_kw": (0.02 * rated_kw, 2.0 * rated_kw),
            "flow_m3_min": (0.0, 1.3 * flow_max_m3_min),
            "pressure_bar_g": _PRESSURES,
            "inlet_c": _INLETS,
        },
        hangs=hangs,
        running=frozenset({LOADED}),
        settle_s=_SETTLE_S,
        least_kw=0.1 * rated_kw,
    )


def _law(power: PowerLaw) -> tuple[tuple[float, float, float, float], ...]:
    """Slopes over pressure and inlet temperature, inside what `PowerLaw` takes."""
    return (power.per_bar_frac, 0.015, 0.0, 0.2), (power.per_k_frac, 0.002, -0.02, 0.02)


def _factor(power: PowerLaw, slopes: FloatArray, columns: Columns) -> FloatArray:
    by_pressure = 1.0 + slopes[0] * (columns["pressure_bar_g"] - power.rated_bar_g)
    return np.asarray(by_pressure * (1.0 + slopes[1] * (columns["inlet_c"] - power.rated_inlet_c)))


def _learnt_law(power: PowerLaw, rated_kw: float, slopes: FloatArray) -> PowerLaw:
    return PowerLaw(
        rated_kw=round(rated_kw, 4),
        rated_bar_g=power.rated_bar_g,
        per_bar_frac=round(float(slopes[0]), 6),
        rated_inlet_c=power.rated_inlet_c,
        per_k_frac=round(float(slopes[1]), 6),
    )


def fixed_form(unit: FixedCompressor, flow_m3_min: float) -> Form:
    """A fixed-speed machine while it is loaded; the flow is known before, the power is fitted.

    Args:
        unit: The nominal machine.
        flow_m3_min: What it gives when loaded, from `loaded_flow`.
    """
    law = unit.power

    def power_kw(theta: FloatArray, columns: Columns) -> FloatArray:
        return np.asarray(theta[0] * _factor(law, theta[1:], columns))

    def steady(columns: Columns) -> BoolArray:
        """Loaded from begin to end of the row: a mean over a cycle is no point of this curve."""
        return np.asarray(columns["flow_m3_min"] >= _FULL_FRAC * flow_m3_min)

    def changes(theta: FloatArray) -> dict[str, Any]:
        return {
            "flow_m3_min": round(flow_m3_min, 4),
            "power": _learnt_law(law, float(theta[0]), theta[1:]),
            "unloaded_frac": unit.unloaded_frac,
        }

    return Form(
        kind=unit.kind,
        main="pressure_bar_g",
        drivers=("pressure_bar_g", "inlet_c"),
        prior=prior_of(relative(law.rated_kw), *_law(law)),
        wanted=_wanted(unit.flow_m3_min, law.rated_kw, ()),
        power_kw=power_kw,
        steady=steady,
        changes=changes,
        rated_kw=law.rated_kw,
    )


def vsd_form(unit: VsdCompressor, flow_max_m3_min: float) -> Form:
    """A variable-speed machine between least and full speed; straight lines that rise from knot to knot.

    Args:
        unit: The nominal machine.
        flow_max_m3_min: What it gives at full speed, from `full_flow`.
    """
    law, least_m3_min = unit.power, unit.flow_min_m3_min * flow_max_m3_min / unit.flow_max_m3_min
    low = unit.flow_min_m3_min / unit.flow_max_m3_min
    knots = np.linspace(low, 1.0, _KNOTS)
    shape = law.rated_kw * np.array([unit.part_load.at(float(x)) for x in knots])
    rises = np.maximum(np.diff(shape), _LEAST_RISE_FRAC * law.rated_kw / len(knots))

    def power_kw(theta: FloatArray, columns: Columns) -> FloatArray:
        heights = theta[2] + np.concatenate([[0.0], np.cumsum(theta[3:])])
        share = columns["flow_m3_min"] / flow_max_m3_min
        return np.asarray(np.interp(share, knots, heights) * _factor(law, theta[:2], columns))

    def steady(columns: Columns) -> BoolArray:
        """At or above the least speed: below it the machine cycles."""
        return np.asarray(columns["flow_m3_min"] >= 0.995 * least_m3_min)

    def changes(theta: FloatArray) -> dict[str, Any]:
        heights = theta[2] + np.concatenate([[0.0], np.cumsum(theta[3:])])
        return {
            "flow_max_m3_min": round(flow_max_m3_min, 4),
            "flow_min_m3_min": round(least_m3_min, 4),
            "power": _learnt_law(law, float(heights[-1]), theta[:2]),
            "part_load": piecewise(knots, heights / heights[-1]),
        }

    first = (float(shape[0]), 0.15 * float(shape[0]), 0.2 * float(shape[0]), 2.0 * float(shape[0]))
    steps = [(float(rise), _BEND_FRAC * float(rise), 0.05 * float(rise), 4.0 * float(rise)) for rise in rises]
    return Form(
        kind=unit.kind,
        main="flow_m3_min",
        drivers=("flow_m3_min", "pressure_bar_g", "inlet_c"),
        prior=prior_of(*_law(law), first, *steps),
        wanted=_wanted(
            unit.flow_max_m3_min,
            law.rated_kw,
            (("flow_m3_min", "power_kw"), ("power_kw", "flow_m3_min")),
        ),
        power_kw=power_kw,
        steady=steady,
        changes=changes,
        rated_kw=law.rated_kw,
    )


def loaded_flow(unit: FixedCompressor, columns: Columns) -> float:
    """Free air delivery of a loaded fixed-speed machine by its meter; nominal where no meter tells. [m³/min].

    The median of the rows near the highest flow, so that means over a cycle do not pull it down; a meter that
    tells less than 80 or more than 110 % of the plate is not believed.
    """
    flow = columns["flow_m3_min"]
    if len(flow) < _LEAST_FULL_ROWS:
        return unit.flow_m3_min
    high = float(np.quantile(flow, 0.9))
    found = float(np.median(flow[flow >= _FULL_FRAC * high]))
    return found if 0.8 * unit.flow_m3_min <= found <= 1.1 * unit.flow_m3_min else unit.flow_m3_min


def full_flow(unit: VsdCompressor, columns: Columns) -> float:
    """Free air delivery at full speed: the median of rows at full load, else the nominal one. [m³/min]."""
    load = columns.get("load_pct")
    if load is None:
        return unit.flow_max_m3_min
    with np.errstate(invalid="ignore"):
        full = columns["flow_m3_min"][load >= _FULL_PCT]
    if len(full) < _LEAST_FULL_ROWS:
        return unit.flow_max_m3_min
    found = float(np.median(full))
    near = 0.8 * unit.flow_max_m3_min <= found <= 1.1 * unit.flow_max_m3_min
    return found if near else unit.flow_max_m3_min
