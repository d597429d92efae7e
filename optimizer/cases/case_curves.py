"""Curves of a plant's case file are looked at before anything is planned on them: form, order, units.

What no such machine can do is refused with a guess which unit the figures are in, and never converted:

    compressor   1.5 … 25 kW per m³/min at full load      (oil-free and boosters included)
    chiller      COP 1 … 60 at full load                  (with its pumps and fans; dry coolers included)
    CHP, burner  what it gives ≤ 1.1 · fuel by LHV        (condensing)
    heat pump    heat ≤ 12 · electricity
    others       what they give ≤ what they take          (electric boiler, electrolyser, fuel cell)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

_LEAST_CORNERS: Final = 2
_SPECIFIC_KW_PER_M3_MIN: Final = (1.5, 25.0)
_USUAL_KW_PER_M3_MIN: Final = (3.0, 12.0)
_FLOWS: Final = {"m³/h": 60.0, "cfm": 35.3147, "l/s": 1000.0 / 60.0, "m³/s": 1.0 / 60.0}
_POWERS: Final = {"W": 1e3, "MW": 1e-3}
_COP: Final = (1.0, 60.0)
_USUAL_COP: Final = (2.0, 9.0)
_LOADS: Final = {"RT": 1.0 / 3.516853, "W": 1e3, "MW": 1e-3, "kcal/h": 859.845}
_BY_LHV: Final = 1.1
_GIVES_AT_MOST: Final = {
    "electric_boiler": 1.0, "heat_exchanger": 1.0, "electrolyser": 1.0, "fuel_cell": 1.0,
    "gas_boiler": _BY_LHV, "heat_pump": 12.0,
}  # fmt: skip
_ROUNDING: Final = 1e-6


def looked_at(x_name: str, x: Sequence[float], y_name: str, y: Sequence[float]) -> None:
    """Check corners: as many of each, loads that rise, powers that do not fall.

    Raises:
        ValueError: They are no curve; the sentence says which corner.
    """
    if len(x) != len(y) or len(x) < _LEAST_CORNERS:
        raise ValueError(
            f"{x_name} has {len(x)} corners, {y_name} {len(y)}; a curve needs two or more, each with both"
        )
    for name, values in ((x_name, x), (y_name, y)):
        bad = next((at for at, value in enumerate(values) if not 0.0 <= value < math.inf), None)
        if bad is not None:
            raise ValueError(f"corner {bad + 1} of {name} is {values[bad]}; it must be a number from 0 on")
    for at, (low, high) in enumerate(pairwise(x), 2):
        if high <= low:
            raise ValueError(f"{x_name} must rise from corner to corner; corner {at} is {high} after {low}")
    for at, (low, high) in enumerate(pairwise(y), 2):
        if high < low:
            raise ValueError(
                f"{y_name} falls to {high} in corner {at} after {low}; with more load no machine takes less, "
                "leave out the corner that was measured wrong"
            )


def compressor_fits(flow_m3_min: Sequence[float], power_kw: Sequence[float]) -> None:
    """Check the corners of a compressor, and what it takes per flow at full load.

    Raises:
        ValueError: No compressor is like that.
    """
    looked_at("flow_m3_min", flow_m3_min, "power_kw", power_kw)
    specific = power_kw[-1] / flow_m3_min[-1]
    low, high = _SPECIFIC_KW_PER_M3_MIN
    if not low <= specific <= high:
        by_unit = {f"the flow in {unit}": specific * factor for unit, factor in _FLOWS.items()}
        by_unit |= {f"the power in {unit}": specific / factor for unit, factor in _POWERS.items()}
        raise ValueError(
            f"takes {specific:.3g} kW per m³/min at full load, a compressor takes {low:g} to {high:g}"
            + _guess(by_unit, _USUAL_KW_PER_M3_MIN)
        )


def chiller_fits(load_kw: Sequence[float], power_kw: Sequence[float]) -> None:
    """Check the corners of a chiller, and its COP at full load.

    Raises:
        ValueError: No chiller is like that.
    """
    looked_at("load_kw", load_kw, "power_kw", power_kw)
    if not power_kw[-1] > 0.0:
        raise ValueError("power_kw is 0 at full load; give the power of its pumps and fans at the least")
    cop = load_kw[-1] / power_kw[-1]
    low, high = _COP
    if not low <= cop <= high:
        by_unit = {f"the load in {unit}": cop / factor for unit, factor in _LOADS.items()}
        by_unit |= {f"the power in {unit}": cop * factor for unit, factor in _POWERS.items()}
        raise ValueError(
            f"gives {cop:.3g} kW of cooling per kW at full load, a chiller gives {low:g} to {high:g}"
            + _guess(by_unit, _USUAL_COP)
        )


def chp_fits(power_kw: Sequence[float], gas_kw: Sequence[float], heat_kw: Sequence[float]) -> None:
    """Check that a CHP gives no more than its fuel has, at minimum and at full load.

    Raises:
        ValueError: It gives more than it takes, or gives less at full load than at minimum.
    """
    for name, (low, high) in (("power_kw", power_kw), ("gas_kw", gas_kw), ("heat_kw", heat_kw)):
        if not 0.0 <= low <= high < math.inf:
            raise ValueError(
                f"{name} is {low} at minimum and {high} at full load; it must not fall or be negative"
            )
    for where, power, gas, heat in zip(("minimum", "full load"), power_kw, gas_kw, heat_kw, strict=True):
        if power + heat > _BY_LHV * gas + _ROUNDING:
            raise ValueError(
                f"gives {power + heat:g} kW of power and heat out of {gas:g} kW of fuel at {where}, more "
                f"than {_BY_LHV:g} times; gas_kw is by the lower heating value, in kW"
            )


def converter_fits(
    kind: str, takes: Mapping[str, Sequence[float]], gives: Mapping[str, Sequence[float]]
) -> None:
    """Check that a machine gives no more than it can make of what it takes.

    Raises:
        ValueError: It gives more, or one of its corners is no number from 0 on.
    """
    for name, corners in (*takes.items(), *gives.items()):
        bad = next((at for at, value in enumerate(corners) if not 0.0 <= value < math.inf), None)
        if bad is not None:
            raise ValueError(f"corner {bad + 1} of {name} is {corners[bad]}; it must be a number from 0 on")
    most = _GIVES_AT_MOST.get(kind)
    if most is None or "air" in {*takes, *gives}:
        return
    source = [sum(corner) for corner in zip(*takes.values(), strict=True)]
    result = [sum(corner) for corner in zip(*gives.values(), strict=True)]
    for at, (taken, given) in enumerate(zip(source, result, strict=False), 1):
        if given > most * taken + _ROUNDING:
            raise ValueError(
                f"gives {given:g} kW out of {taken:g} kW in corner {at}, a {kind} at most {most:g} times "
                "what it takes; look at the units"
            )


def _guess(by_unit: Mapping[str, float], usual: tuple[float, float]) -> str:
    """The units in which it would be a usual machine."""
    fitting = [unit for unit, value in by_unit.items() if usual[0] <= value <= usual[1]]
    return f"; is {' or '.join(fitting)}?" if fitting else "; look at the units of both"
