"""Engineering units of BACnet as units of the house; a unit that says too little is not guessed.

A pressure unit of BACnet does not say whether it is gauge, absolute or a difference, so a person says it.

Source: ANSI/ASHRAE 135-2020, clause 21, BACnetEngineeringUnits.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Pressure(StrEnum):
    """What the pressures of a device mean."""

    GAUGE = "gauge"
    ABSOLUTE = "absolute"
    DIFFERENCE = "difference"


class HouseUnit(NamedTuple):
    """Symbol from `protocols.units` and the factor that turns a raw number into it."""

    symbol: str
    scale: float = 1.0


NO_UNITS: Final = 95

_PRESSURE_BAR: Final[dict[int, float]] = {53: 1e-5, 54: 1e-2, 55: 1.0, 56: 0.0689475729, 133: 1e-3, 134: 1e-3}
"""Pressure units with their factor to bar; psi by NIST SP 811."""

_PRESSURE_SYMBOL: Final = {
    Pressure.GAUGE: "bar(g)",
    Pressure.ABSOLUTE: "bar(a)",
    Pressure.DIFFERENCE: "bar",
}

_TABLE: Final[dict[int, HouseUnit]] = {
    2: HouseUnit("A", 1e-3),
    3: HouseUnit("A"),
    5: HouseUnit("V"),
    6: HouseUnit("V", 1e3),
    8: HouseUnit("kVA", 1e-3),
    9: HouseUnit("kVA"),
    10: HouseUnit("kVA", 1e3),
    11: HouseUnit("kvar", 1e-3),
    12: HouseUnit("kvar"),
    13: HouseUnit("kvar", 1e3),
    15: HouseUnit("1"),
    17: HouseUnit("MJ", 1e-3),
    18: HouseUnit("Wh"),
    19: HouseUnit("kWh"),
    27: HouseUnit("Hz"),
    29: HouseUnit("%"),
    35: HouseUnit("W/m²"),
    39: HouseUnit("kg"),
    42: HouseUnit("kg/h", 3600.0),
    44: HouseUnit("kg/h"),
    47: HouseUnit("W"),
    48: HouseUnit("kW"),
    49: HouseUnit("MW"),
    52: HouseUnit("RT"),
    62: HouseUnit("°C"),
    64: HouseUnit("°F"),
    71: HouseUnit("h"),
    72: HouseUnit("min"),
    73: HouseUnit("s"),
    74: HouseUnit("m/s"),
    80: HouseUnit("m³"),
    82: HouseUnit("m³", 1e-3),
    85: HouseUnit("m³/h", 3600.0),
    87: HouseUnit("l/s"),
    88: HouseUnit("l/s", 1 / 60),
    95: HouseUnit(""),
    98: HouseUnit("%"),
    104: HouseUnit("rpm"),
    121: HouseUnit("K"),
    124: HouseUnit("V", 1e-3),
    126: HouseUnit("MJ"),
    135: HouseUnit("m³/h"),
    136: HouseUnit("l/s", 1 / 3600),
    146: HouseUnit("MWh"),
    165: HouseUnit("m³/h", 60.0),
    243: HouseUnit("kvarh"),
}


def house_unit(code: int, pressure: Pressure | None) -> HouseUnit | str:
    """Unit of the house for a code of BACnet, or a sentence why there is none.

    Example:
        >>> house_unit(48, None)
        HouseUnit(symbol='kW', scale=1.0)
        >>> house_unit(55, Pressure.GAUGE)
        HouseUnit(symbol='bar(g)', scale=1.0)
        >>> house_unit(55, None)
        'unit code 55 is a pressure; say whether pressures are gauge, absolute or difference'
    """
    if code in _PRESSURE_BAR:
        if pressure is None:
            return f"unit code {code} is a pressure; say whether pressures are gauge, absolute or difference"
        return HouseUnit(_PRESSURE_SYMBOL[pressure], _PRESSURE_BAR[code])
    found = _TABLE.get(code)
    if found is None:
        return f"unit code {code} has no unit here; allowed are {', '.join(map(str, known_codes()))}"
    return found


def known_codes() -> tuple[int, ...]:
    """Codes that can be used, in their order."""
    return tuple(sorted((*_TABLE, *_PRESSURE_BAR)))
