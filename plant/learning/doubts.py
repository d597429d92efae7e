"""Rows that are not what their names say: another unit or meter. Refused with a guess, never converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from plant.learning.forms import Form
from plant.learning.reasons import out_of_range, out_of_ratio
from plant.learning.robust import FloatArray
from plant.learning.rows import BoolArray, Rows
from protocols.config import Text

_MOST_OUT: Final = 0.5
_INSIDE: Final = 0.9
_RATIO: Final = (0.8, 1.25)
_GUESS: Final = (0.87, 1.15)
_LEAST: Final = 20

_TEMPERATURE: Final[Mapping[str, Callable[[FloatArray], FloatArray]]] = {
    "°F": lambda x: (x - 32.0) / 1.8,
    "K": lambda x: x - 273.15,
    "tenths of °C": lambda x: x / 10.0,
}
_CONVERSIONS: Final[Mapping[str, Mapping[str, Callable[[FloatArray], FloatArray]]]] = {
    "power_kw": {
        "W": lambda x: x / 1e3,
        "MW": lambda x: x * 1e3,
        "hp": lambda x: x * 0.7457,
        "tenths of kW": lambda x: x / 10.0,
        "kW with its sign turned round": lambda x: -x,
    },
    "flow_m3_min": {
        "cfm": lambda x: x / 35.3147,
        "m³/h": lambda x: x / 60.0,
        "l/s": lambda x: x * 0.06,
        "m³/s": lambda x: x * 60.0,
    },
    "pressure_bar_g": {
        "psi": lambda x: x / 14.5038,
        "kPa": lambda x: x / 100.0,
        "MPa": lambda x: x * 10.0,
        "mbar": lambda x: x / 1e3,
    },
    "flow_m3_h": {"l/s": lambda x: x * 3.6, "m³/min": lambda x: x * 60.0, "gpm": lambda x: x * 0.22712},
    "cooling_kw": {
        "RT": lambda x: x * 3.516853,
        "MW": lambda x: x * 1e3,
        "W": lambda x: x / 1e3,
        "kcal/h": lambda x: x / 859.845,
    },
    "inlet_c": _TEMPERATURE,
    "supply_c": _TEMPERATURE,
    "condenser_c": _TEMPERATURE,
}


def doubts(form: Form, nominal: Callable[[Mapping[str, FloatArray]], FloatArray], rows: Rows) -> list[Text]:
    """What speaks against the rows as a whole, in plant words; none: they may be used.

    Args:
        form: The machine's form; its ranges are what such a machine can show.
        nominal: Power by the nominal curve. [kW]
        rows: All rows.
    """
    working = _working(form, rows)
    seen = rows.where(working)
    if len(seen) < _LEAST:
        return []
    found = [text for name in form.wanted.columns if (text := _of_range(form, seen, name)) is not None]
    return found or _of_ratio(form, nominal, seen)


def _working(form: Form, rows: Rows) -> BoolArray:
    state = rows.values.get("state_code")
    with np.errstate(invalid="ignore"):
        if state is not None and form.wanted.running:
            return np.isin(state, sorted(form.wanted.running))
        power = rows.values["power_kw"]
        known = power[np.isfinite(power) & (power > 0.0)]
        return power > 0.3 * float(np.quantile(known, 0.9)) if len(known) else np.zeros(len(rows), np.bool_)


def _of_range(form: Form, seen: Rows, name: str) -> Text | None:
    """A column that lies outside what such a machine shows in most rows."""
    low, high = form.wanted.ranges.get(name, (-np.inf, np.inf))
    column = seen.values[name][np.isfinite(seen.values[name])]
    if len(column) < _LEAST:
        return None

    def inside(values: FloatArray) -> float:
        return float(np.mean((values >= low) & (values <= high)))

    if inside(column) >= 1.0 - _MOST_OUT:
        return None
    guess = next(
        (unit for unit, turn in _CONVERSIONS.get(name, {}).items() if inside(turn(column)) >= _INSIDE), None
    )
    return out_of_range(name, float(np.median(column)), (low, high), guess)


def _of_ratio(
    form: Form, nominal: Callable[[Mapping[str, FloatArray]], FloatArray], seen: Rows
) -> list[Text]:
    """Power far from the nominal curve in the middle of all rows: more than a worn machine explains."""
    names = [name for name in form.wanted.columns if name in seen.values]
    usable = np.all([np.isfinite(seen.values[name]) for name in names], axis=0)
    columns = {name: seen.values[name][usable] for name in seen.values}
    columns = _only(columns, form.steady(columns))
    if len(columns["power_kw"]) < _LEAST:
        return []
    ratio = _ratio(nominal, columns)
    if _RATIO[0] <= ratio <= _RATIO[1]:
        return []
    guesses = [
        (name, unit)
        for name in names
        for unit, turn in _CONVERSIONS.get(name, {}).items()
        if _GUESS[0] <= _ratio(nominal, columns | {name: turn(columns[name])}) <= _GUESS[1]
    ]
    return [out_of_ratio(ratio, guesses[0] if guesses else None)]


def _ratio(
    nominal: Callable[[Mapping[str, FloatArray]], FloatArray], columns: Mapping[str, FloatArray]
) -> float:
    expected = nominal(columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = columns["power_kw"] / expected
    known = share[np.isfinite(share)]
    return float(np.median(known)) if len(known) else np.inf


def _only(columns: Mapping[str, FloatArray], kept: BoolArray) -> dict[str, FloatArray]:
    return {name: column[kept] for name, column in columns.items()}
