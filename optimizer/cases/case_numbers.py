"""Numbers of a case file: what is none, or larger than any plant has, is refused where it stands.

A switch (`true`, or YAML's `on` and `yes`) is no number. Of a series a value may also be none at all (NaN):
that is told later, with the time of its step.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

_MOST: Final = 1e7
"""No machine, limit or price of a plant is larger; beyond it the solver's sums lose what a limit is about."""
_MOST_OF_STEP: Final = 1e6
"""Need or price of a step: 1 GW."""
_MOST_TOTAL: Final = 1e9
_MOST_KG_PER_KWH: Final = 10.0
_WATER_C: Final = (-60.0, 200.0)
_DAY_MIN: Final = 1440
_WRITTEN: Final = "2026-06-15T08:00:00+08:00"
_YEARS: Final = range(2000, 2100)


def _no_switch(value: Any) -> Any:  # noqa: ANN401  whatever a file says
    if isinstance(value, bool):
        raise ValueError(f"a number is wanted, {str(value).lower()} is none")  # noqa: TRY004  a fault of the file
    return value


def _at_most(most: float) -> Callable[[float], float]:
    def looked_at(value: float) -> float:
        if math.isfinite(value) and abs(value) > most:
            raise ValueError(f"{value:g} is more than a plant has, at most {most:g}; look at its unit")
        return value

    return looked_at


def _factor(value: float) -> float:
    if math.isfinite(value) and not 0.0 <= value <= _MOST_KG_PER_KWH:
        raise ValueError(
            f"{value:g} kg/kWh is no emission factor, they lie between 0 and {_MOST_KG_PER_KWH:g}; "
            "is it in g/kWh or kg/MWh?"
        )
    return value


def _water(value: float) -> float:
    low, high = _WATER_C
    if math.isfinite(value) and not low <= value <= high:
        raise ValueError(f"{value:g} °C is no temperature of water, they lie between {low:g} and {high:g}")
    return value


def _written(value: Any) -> Any:  # noqa: ANN401  as above
    if isinstance(value, bool | int | float):
        raise ValueError(  # noqa: TRY004  a fault of the file
            f"{value} is no time; write it as {_WRITTEN}, with its offset from UTC"
        )
    return value


def _in_use(start: dt.datetime) -> dt.datetime:
    if start.tzinfo is None:
        raise ValueError(f"{start.isoformat()} has no offset from UTC; write it as {_WRITTEN}")
    if start.year not in _YEARS:
        raise ValueError(
            f"the year {start.year} cannot be planned; give one from {_YEARS[0]} to {_YEARS[-1]}"
        )
    return start


def _one_or_each(value: Any) -> str:  # noqa: ANN401  as above
    return "each" if isinstance(value, list | tuple) else "one"


_PLAIN: Final = BeforeValidator(_no_switch)
_SIZED: Final = AfterValidator(_at_most(_MOST))

Number = Annotated[float, Field(allow_inf_nan=False), _PLAIN, _SIZED]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _PLAIN, _SIZED]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _PLAIN, _SIZED]
Total = Annotated[float, Field(ge=0, allow_inf_nan=False), _PLAIN, AfterValidator(_at_most(_MOST_TOTAL))]
"""An amount of a window or month, or a limit so high that it is none."""
Unending = Annotated[float, Field(ge=0), _PLAIN]
"""A limit that may be without end."""
Rate = Annotated[float, Field(gt=0), _PLAIN]
"""A speed that may be without limit."""
Reserve = Annotated[float, Field(ge=0, le=10), _PLAIN]
"""Of the need. [-]"""
Share = Annotated[float, Field(ge=0, le=1), _PLAIN]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1), _PLAIN]
ShareAboveZero = Annotated[float, Field(gt=0, le=1), _PLAIN]
StorageEfficiency = Annotated[float, Field(ge=0.01, le=1), _PLAIN]
Efficiency = Annotated[float, Field(ge=0.01, le=1.1), _PLAIN]
"""Condensing boilers by lower heating value included."""
Factor = Annotated[float, Field(allow_inf_nan=False), _PLAIN, AfterValidator(_factor)]
"""Emission factor. [kg/kWh]"""
Water = Annotated[float, Field(allow_inf_nan=False), _PLAIN, AfterValidator(_water)]
"""Temperature. [°C]"""

Count = Annotated[int, Field(ge=0, le=100_000), _PLAIN]
Steps = Annotated[int, Field(ge=1, le=1000), _PLAIN]
StepMinutes = Annotated[float, Field(ge=0.1, le=_DAY_MIN), _PLAIN]
WindowMinutes = Annotated[int, Field(ge=1, le=_DAY_MIN), _PLAIN]
Minutes = Annotated[float, Field(ge=0, le=7 * _DAY_MIN), _PLAIN]
"""Of a phase or shortest time of a machine: up to a week."""
Start = Annotated[dt.datetime, BeforeValidator(_written), AfterValidator(_in_use)]

_OfStep = Annotated[float, _PLAIN, AfterValidator(_at_most(_MOST_OF_STEP))]
_FactorOfStep = Annotated[float, _PLAIN, AfterValidator(_factor)]
_WaterOfStep = Annotated[float, _PLAIN, AfterValidator(_water)]
_EITHER: Final = Discriminator(_one_or_each)

Series = Annotated[Annotated[_OfStep, Tag("one")] | Annotated[tuple[_OfStep, ...], Tag("each")], _EITHER]
"""One value per step, or one number for all of them."""
Amounts = Annotated[Annotated[Number, Tag("one")] | Annotated[tuple[Number, ...], Tag("each")], _EITHER]
"""As a series, of numbers alone."""
Factors = Annotated[
    Annotated[_FactorOfStep, Tag("one")] | Annotated[tuple[_FactorOfStep, ...], Tag("each")], _EITHER
]
Waters = Annotated[
    Annotated[_WaterOfStep, Tag("one")] | Annotated[tuple[_WaterOfStep, ...], Tag("each")], _EITHER
]
