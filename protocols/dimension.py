"""What a unit measures, as exponents of base units: products and quotients of units can be checked by it.

Base units are those of the SI and some of our own that keep apart what has the same dimension and yet must
not be added: free and normal volumes of gas (two reference states), reactive and apparent power, turns.

A level (°C, bar(a)) is no amount: levels may be compared, averaged and subtracted, the difference is an
amount (K, bar). A code is a name, not a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocols.units import UNITS

_BASE: Final = ("kg", "m", "s", "K", "A", "free", "normal", "var", "va", "turn")
Dimension = tuple[int, ...]
"""Exponents of the base units, in their order."""

NONE: Final[Dimension] = (0,) * len(_BASE)


class Kind(StrEnum):
    """What may be done with a value."""

    AMOUNT = "amount"
    """Added to its like, multiplied with anything."""
    LEVEL = "level"
    """Compared, averaged, subtracted from its like."""
    CODE = "code"
    """Compared with a number."""
    TRUTH = "truth"
    """Answer of a comparison."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a value measures.

    Attributes:
        dimension: Exponents of the base units.
        kind: What may be done with it.
        text: Its unit for people.
        zero: Whether it is a bare 0, which is an amount of anything.
    """

    dimension: Dimension
    kind: Kind = Kind.AMOUNT
    text: str = "1"
    zero: bool = False


PLAIN: Final = Meaning(NONE)
TRUTH: Final = Meaning(NONE, Kind.TRUTH, "yes or no")


def _dimension(**exponents: int) -> Dimension:
    return tuple(exponents.get(base, 0) for base in _BASE)


_POWER: Final = _dimension(kg=1, m=2, s=-3)
_ENERGY: Final = _dimension(kg=1, m=2, s=-2)
_PRESSURE: Final = _dimension(kg=1, m=-1, s=-2)
_QUANTITIES: Final[dict[str, tuple[Dimension, float]]] = {
    "ratio": (NONE, 1.0),
    "count": (NONE, 1.0),
    "code": (NONE, 1.0),
    "power for cooling": (NONE, 1.0),
    "power": (_POWER, 1e3),
    "reactive power": (_dimension(kg=1, m=2, s=-3, var=1), 1e3),
    "apparent power": (_dimension(kg=1, m=2, s=-3, va=1), 1e3),
    "energy": (_ENERGY, 3.6e6),
    "reactive energy": (_dimension(kg=1, m=2, s=-2, var=1), 3.6e6),
    "temperature": (_dimension(K=1), 1.0),
    "temperature difference": (_dimension(K=1), 1.0),
    "pressure": (_PRESSURE, 1e5),
    "pressure difference": (_PRESSURE, 1e5),
    "free air flow": (_dimension(m=3, s=-1, free=1), 1 / 60),
    "volume flow": (_dimension(m=3, s=-1), 1 / 3600),
    "normal gas flow": (_dimension(m=3, s=-1, normal=1), 1 / 3600),
    "normal gas volume": (_dimension(m=3, normal=1), 1.0),
    "volume": (_dimension(m=3), 1.0),
    "mass flow": (_dimension(kg=1, s=-1), 1 / 3600),
    "mass": (_dimension(kg=1), 1.0),
    "time": (_dimension(s=1), 1.0),
    "voltage": (_dimension(kg=1, m=2, s=-3, A=-1), 1.0),
    "current": (_dimension(A=1), 1.0),
    "frequency": (_dimension(s=-1), 1.0),
    "rotation": (_dimension(s=-1, turn=1), 1.0),
    "irradiance": (_dimension(kg=1, s=-3), 1.0),
    "speed": (_dimension(m=1, s=-1), 1.0),
    "emission factor": (_dimension(m=-2, s=2), 1 / 3.6e6),
    "specific power": (_dimension(kg=1, m=-1, s=-2, free=-1), 6e4),
    "specific enthalpy": (_dimension(m=2, s=-2), 1e3),
}
"""Quantity of the table of units to its dimension and to base units per unit of the quantity."""

ZERO_C_K: Final = 273.15
"""Temperature levels are counted from absolute zero in base units. [K]"""

_LEVELS: Final = frozenset({"temperature", "pressure"})
_FAVOURITES: Final = (
    "kW", "kWh", "K", "bar", "m³/min", "m³/h", "Nm³/h", "Nm³", "m³", "kg/h", "kg", "h", "V", "A", "kvar",
    "kVA", "kvarh", "kg/kWh", "kW/(m³/min)", "kJ/kg", "1",
)  # fmt: skip


def meaning(symbol: str) -> Meaning:
    """What a unit of the table measures.

    Raises:
        KeyError: It is not in the table.

    Example:
        >>> meaning("°C").kind.value, meaning("K").kind.value
        ('level', 'amount')
    """
    unit = UNITS[symbol]
    dimension, _ = _QUANTITIES[unit.quantity]
    kind = Kind.LEVEL if unit.quantity in _LEVELS else Kind.CODE if unit.quantity == "code" else Kind.AMOUNT
    return Meaning(dimension, kind, symbol or "1")


def factor(symbol: str) -> tuple[float, float]:
    """`scale` and `offset` with which `value * scale + offset` is in base units.

    Raises:
        KeyError: It is not in the table.

    Example:
        >>> factor("kWh")
        (3600000.0, 0.0)
    """
    unit = UNITS[symbol]
    _, base = _QUANTITIES[unit.quantity]
    zero_k = ZERO_C_K if unit.quantity == "temperature" else 0.0
    return unit.scale * base, unit.offset * base + zero_k


def product(a: Meaning, b: Meaning) -> Meaning:
    """Meaning of `a * b`, two amounts.

    Example:
        >>> product(meaning("kW"), meaning("h")).text
        'kWh'
    """
    return of(tuple(x + y for x, y in zip(a.dimension, b.dimension, strict=True)))


def quotient(a: Meaning, b: Meaning) -> Meaning:
    """Meaning of `a / b`, two amounts.

    Example:
        >>> quotient(meaning("kW"), meaning("m³/min")).text
        'kW/(m³/min)'
    """
    return of(tuple(x - y for x, y in zip(a.dimension, b.dimension, strict=True)))


def root(a: Meaning) -> Meaning | None:
    """Meaning of the square root of an amount; None where there is none."""
    return None if any(x % 2 for x in a.dimension) else of(tuple(x // 2 for x in a.dimension))


def of(dimension: Dimension) -> Meaning:
    """An amount of this dimension, named by a unit of the table where one fits."""
    for symbol in _FAVOURITES:
        known = meaning(symbol)
        if known.dimension == dimension:
            return known
    parts = [
        base + (_raised(power) if power != 1 else "")
        for base, power in zip(_BASE, dimension, strict=True)
        if power
    ]
    return Meaning(dimension, Kind.AMOUNT, "·".join(parts))


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
