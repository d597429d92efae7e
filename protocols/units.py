"""Units: one closed table, conversions, and annotations that carry a unit into the schema.

A field carries its unit twice: as a suffix, which the reader sees at every use, and as an annotation, which
the schema, the web page and the store see. A unit of a *difference* (kelvin) never converts to a unit of a
level (degree Celsius): 5 K warmer is not 5 °C.

Reference states:
    Air flow is free air delivery (ISO 1217): 20 °C, 1 bar absolute, dry.
    Gas flow is normal (DIN 1343): 0 °C, 1.01325 bar absolute; heating value stated as LHV or HHV.
    A ton of refrigeration is the US ton, 3.516853 kW.
    Money carries its ISO 4217 code beside the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from protocols.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: `value_in_base = value * scale + offset`.

    Attributes:
        symbol: For people, as in the table of `UNITS`.
        suffix: For names, with the leading underscore.
        quantity: Only units of one quantity convert into each other.
        scale: Base units per unit.
        offset: Base value of zero in this unit.
        difference: Whether it measures a difference of two levels.
    """

    symbol: str
    suffix: str
    quantity: str
    scale: float = 1.0
    offset: float = 0.0
    difference: bool = False

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add `unit` next to `type` and `minimum`."""
        return handler(schema) | {"unit": self.symbol}


_BAR_G_OFFSET_BAR_A: Final = 1.01325
_TABLE: Final = (
    Unit("1", "_frac", "ratio"),
    Unit("%", "_pct", "ratio", 0.01),
    Unit("kW", "_kw", "power"),
    Unit("W", "_w", "power", 1e-3),
    Unit("MW", "_mw", "power", 1e3),
    Unit("RT", "_rt", "power", 3.516853),
    Unit("kvar", "_kvar", "reactive power"),
    Unit("kVA", "_kva", "apparent power"),
    Unit("kWh", "_kwh", "energy"),
    Unit("Wh", "_wh", "energy", 1e-3),
    Unit("MWh", "_mwh", "energy", 1e3),
    Unit("MJ", "_mj", "energy", 1 / 3.6),
    Unit("GJ", "_gj", "energy", 1e3 / 3.6),
    Unit("kvarh", "_kvarh", "reactive energy"),
    Unit("°C", "_c", "temperature"),
    Unit("°F", "_f", "temperature", 5 / 9, -160 / 9),
    Unit("K", "_k", "temperature difference", difference=True),
    Unit("bar(a)", "_bar_a", "pressure"),
    Unit("bar(g)", "_bar_g", "pressure", 1.0, _BAR_G_OFFSET_BAR_A),
    Unit("kPa(a)", "_kpa_a", "pressure", 0.01),
    Unit("bar", "_bar", "pressure difference", difference=True),
    Unit("Pa", "_pa", "pressure difference", 1e-5, difference=True),
    Unit("m³/min", "_m3_min", "free air flow"),
    Unit("m³/h", "_m3_h", "volume flow"),
    Unit("l/s", "_l_s", "volume flow", 3.6),
    Unit("Nm³/h", "_nm3_h", "normal gas flow"),
    Unit("Nm³", "_nm3", "normal gas volume"),
    Unit("m³", "_m3", "volume"),
    Unit("kg/h", "_kg_h", "mass flow"),
    Unit("kg", "_kg", "mass"),
    Unit("s", "_s", "time"),
    Unit("min", "_min", "time", 60.0),
    Unit("h", "_h", "time", 3600.0),
    Unit("V", "_v", "voltage"),
    Unit("A", "_a", "current"),
    Unit("Hz", "_hz", "frequency"),
    Unit("rpm", "_rpm", "rotation", 1 / 60),
    Unit("W/m²", "_w_m2", "irradiance"),
    Unit("m/s", "_m_s", "speed"),
    Unit("kg/kWh", "_kg_kwh", "emission factor"),
    Unit("kW/(m³/min)", "_kw_m3_min", "specific power"),
    Unit("kW/RT", "_kw_rt", "power for cooling", 1 / 3.516853),
    Unit("kJ/kg", "_kj_kg", "specific enthalpy"),
    Unit("code", "_code", "code"),
    Unit("", "_count", "count"),
)
UNITS: Final = {unit.symbol: unit for unit in _TABLE}
"""The closed table by symbol; a symbol that is not here is refused."""


def unit(symbol: str) -> Unit:
    """Look a unit up.

    Raises:
        ConfigError: The symbol is not in the table; the message lists what is.
    """
    found = UNITS.get(symbol)
    if found is None:
        known = ", ".join(sorted(s for s in UNITS if s))
        raise ConfigError(f"unknown unit {symbol!r}; known are: {known}")
    return found


def convert(value: float, source: str, target: str) -> float:
    """Convert between two units of one quantity.

    Raises:
        ConfigError: Unknown unit, or two quantities (a level and a difference are two).

    Example:
        >>> round(convert(100.0, "RT", "kW"), 1)
        351.7
        >>> convert(0.0, "bar(g)", "bar(a)")
        1.01325
    """
    of, to = unit(source), unit(target)
    if of.quantity != to.quantity:
        raise ConfigError(f"{source} ({of.quantity}) cannot become {target} ({to.quantity})")
    return (value * of.scale + of.offset - to.offset) / to.scale


Kilowatts = Annotated[float, Field(allow_inf_nan=False), UNITS["kW"]]
KilowattHours = Annotated[float, Field(allow_inf_nan=False), UNITS["kWh"]]
Celsius = Annotated[float, Field(ge=-273.15, allow_inf_nan=False), UNITS["°C"]]
Kelvins = Annotated[float, Field(allow_inf_nan=False), UNITS["K"]]
BarGauge = Annotated[float, Field(ge=-1.01325, allow_inf_nan=False), UNITS["bar(g)"]]
Bars = Annotated[float, Field(allow_inf_nan=False), UNITS["bar"]]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False), UNITS["s"]]
Hours = Annotated[float, Field(ge=0, allow_inf_nan=False), UNITS["h"]]
CubicMetres = Annotated[float, Field(ge=0, allow_inf_nan=False), UNITS["m³"]]
FreeAirFlow = Annotated[float, Field(allow_inf_nan=False), UNITS["m³/min"]]
Fraction = Annotated[float, Field(ge=0, le=1), UNITS["1"]]
