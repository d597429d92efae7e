"""Does a number look like what it is said to be? Pure: usual ranges by unit.

The ranges are those of industrial low-voltage plants. They decide nothing; they tell a person beside the
machine which of several readings of the same bytes is worth comparing with the display.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple


class Usual(NamedTuple):
    """What a quantity usually reads; zero is usual for each of them when `zero` says so.

    Attributes:
        low: Lowest usual size. [unit]
        high: Highest usual size. [unit]
        signed: Whether a negative reading is usual too.
        zero: Whether 0 is usual: a machine that stands still.
        name: What people call it.
    """

    low: float
    high: float
    signed: bool
    zero: bool
    name: str


USUAL: Final = {
    "V": Usual(90.0, 760.0, signed=False, zero=False, name="a voltage"),
    "A": Usual(0.01, 5000.0, signed=True, zero=True, name="a current"),
    "Hz": Usual(45.0, 65.0, signed=False, zero=False, name="a mains frequency"),
    "1": Usual(0.05, 1.0, signed=True, zero=True, name="a power factor or share"),
    "%": Usual(0.1, 100.0, signed=False, zero=True, name="a percentage"),
    "W": Usual(0.5, 5e6, signed=True, zero=True, name="a power"),
    "kW": Usual(0.001, 5000.0, signed=True, zero=True, name="a power"),
    "MW": Usual(0.001, 500.0, signed=True, zero=True, name="a power"),
    "kvar": Usual(0.001, 5000.0, signed=True, zero=True, name="a reactive power"),
    "kVA": Usual(0.001, 5000.0, signed=False, zero=True, name="an apparent power"),
    "Wh": Usual(1.0, 1e13, signed=False, zero=True, name="an energy"),
    "kWh": Usual(0.01, 1e10, signed=False, zero=True, name="an energy"),
    "MWh": Usual(0.001, 1e7, signed=False, zero=True, name="an energy"),
    "kvarh": Usual(0.01, 1e10, signed=False, zero=True, name="a reactive energy"),
    "°C": Usual(0.5, 250.0, signed=True, zero=True, name="a temperature"),
    "K": Usual(0.1, 100.0, signed=True, zero=True, name="a temperature difference"),
    "bar(g)": Usual(0.2, 60.0, signed=True, zero=True, name="a pressure"),
    "bar(a)": Usual(0.5, 60.0, signed=False, zero=False, name="a pressure"),
    "bar": Usual(0.005, 60.0, signed=True, zero=True, name="a pressure difference"),
    "m³/h": Usual(0.01, 5000.0, signed=True, zero=True, name="a flow"),
    "m³/min": Usual(0.05, 1000.0, signed=False, zero=True, name="an air flow"),
    "rpm": Usual(5.0, 30000.0, signed=True, zero=True, name="a speed"),
    "h": Usual(0.1, 500_000.0, signed=False, zero=True, name="a running time"),
}
"""Usual readings by unit."""

_GUESSED: Final = ("Hz", "V", "1", "°C", "kW", "A")
"""Units that are tried when nobody says what a number is; the narrowest first."""

_TINY: Final = 1e-6


def is_usual(unit: str, value: float) -> bool:
    """Whether a reading is usual for its unit; a unit without a range is always usual.

    Example:
        >>> is_usual("V", 230.4), is_usual("V", 4.6e-41), is_usual("V", math.nan)
        (True, False, False)
    """
    if not math.isfinite(value):
        return False
    usual = USUAL.get(unit)
    if usual is None:
        return value == 0.0 or abs(value) >= _TINY
    if value == 0.0:
        return usual.zero
    return usual.low <= abs(value) <= usual.high and (usual.signed or value > 0.0)


def looks_like(value: float) -> str:
    """What a number of unknown meaning may be; empty when nothing comes to mind.

    Example:
        >>> looks_like(49.98)
        'a mains frequency, a temperature, a power'
        >>> looks_like(1.2e-38)
        ''
    """
    if value == 0.0:
        return ""
    names = dict.fromkeys(USUAL[unit].name for unit in _GUESSED if is_usual(unit, value))
    return ", ".join(list(names)[:3])
