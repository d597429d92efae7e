"""Properties of water and of moist air; all in SI units, all on whole arrays.

Sources:
    Moist air: ASHRAE Handbook Fundamentals 2017, chapter 1, equations 5, 6 (saturation pressure, Hyland and
    Wexler 1983), 20 (humidity ratio) and 30 (enthalpy), zero at 0 °C and dry air.
    Water: density of Kell (1975), J. Chem. Eng. Data 20, 97, at 1 atm; enthalpy of the saturated liquid by a
    cubic through 14 values of the steam tables (IAPWS, 0 to 100 °C), within 0.05 kJ/kg, zero at the triple
    point.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ATMOSPHERE_PA: Final = 101_325.0
_ZERO_C_K: Final = 273.15
_VAPOUR_TO_AIR: Final = 0.621945
_OVER_ICE: Final = (
    -5.6745359e3,
    6.3925247,
    -9.677843e-3,
    6.2215701e-7,
    2.0747825e-9,
    -9.484024e-13,
    4.1635019,
)
_OVER_WATER: Final = (-5.8002206e3, 1.3914993, -4.8640239e-2, 4.1764768e-5, -1.4452093e-8, 0.0, 6.5459673)
_KELL: Final = (999.83952, 16.945176, -7.9870401e-3, -46.170461e-6, 105.56302e-9, -280.54253e-12)
_WATER: Final = (-1.1, 4204.474, -0.5627423, 0.004368836)
"""J/kg over °C."""
_KELL_BELOW: Final = 16.879850e-3


def saturation_pressure_pa(air_c: FloatArray) -> FloatArray:
    """Pressure of saturated water vapour, over ice below 0 °C, -100 to 200 °C. [Pa].

    Example:
        >>> round(float(saturation_pressure_pa(np.array(20.0))), 1)
        2338.8
    """
    kelvin = air_c + _ZERO_C_K
    return np.where(air_c < 0.0, _saturation(kelvin, _OVER_ICE), _saturation(kelvin, _OVER_WATER))


def _saturation(kelvin: FloatArray, c: tuple[float, ...]) -> FloatArray:
    exponent = c[0] / kelvin + c[1] + kelvin * (c[2] + kelvin * (c[3] + kelvin * (c[4] + kelvin * c[5])))
    return np.asarray(np.exp(exponent + c[6] * np.log(kelvin)))


def humidity_ratio(
    air_c: FloatArray, relative_frac: FloatArray, air_pa: FloatArray | float = ATMOSPHERE_PA
) -> FloatArray:
    """Water vapour per dry air; NaN for a relative humidity outside 0 to 1. [kg/kg]."""
    vapour_pa = relative_frac * saturation_pressure_pa(air_c)
    possible = (relative_frac >= 0.0) & (relative_frac <= 1.0) & (vapour_pa < air_pa)
    return np.where(possible, _VAPOUR_TO_AIR * vapour_pa / (air_pa - vapour_pa), np.nan)


def air_enthalpy_j_kg(
    air_c: FloatArray, relative_frac: FloatArray, air_pa: FloatArray | float = ATMOSPHERE_PA
) -> FloatArray:
    """Enthalpy of moist air per kilogram of dry air. [J/kg].

    Example:
        >>> round(float(air_enthalpy_j_kg(np.array(25.0), np.array(0.5))) / 1e3, 2)
        50.32
    """
    ratio = humidity_ratio(air_c, relative_frac, air_pa)
    return 1e3 * (1.006 * air_c + ratio * (2501.0 + 1.86 * air_c))


def dew_point_c(air_c: FloatArray, relative_frac: FloatArray) -> FloatArray:
    """Temperature at which the vapour of this air is saturated, by eight Newton steps. [°C].

    Example:
        >>> round(float(dew_point_c(np.array(25.0), np.array(0.5))), 2)
        13.86
    """
    possible = (relative_frac > 0.0) & (relative_frac <= 1.0)
    wanted = np.log(np.where(possible, relative_frac, np.nan) * saturation_pressure_pa(air_c))
    guess = np.asarray(air_c, np.float64)
    for _ in range(8):
        here = np.log(saturation_pressure_pa(guess))
        slope = np.log(saturation_pressure_pa(guess + 0.01)) - here
        guess = guess - 0.01 * (here - wanted) / slope
    return guess


def water_density_kg_m3(water_c: FloatArray) -> FloatArray:
    """Density of liquid water at 1 atm; NaN outside 0 to 100 °C. [kg/m³].

    Example:
        >>> round(float(water_density_kg_m3(np.array(12.0))), 2)
        999.5
    """
    total = np.zeros_like(water_c)
    for coefficient in reversed(_KELL):
        total = total * water_c + coefficient
    return np.where((water_c >= 0.0) & (water_c <= 100.0), total / (1.0 + _KELL_BELOW * water_c), np.nan)  # noqa: PLR2004  liquid


def water_enthalpy_j_kg(water_c: FloatArray) -> FloatArray:
    """Enthalpy of saturated liquid water; NaN outside 0 to 100 °C. [J/kg].

    Example:
        >>> round(float(water_enthalpy_j_kg(np.array(80.0))) / 1e3, 1)
        335.0
    """
    total = np.zeros_like(water_c)
    for coefficient in reversed(_WATER):
        total = total * water_c + coefficient
    return np.where((water_c >= 0.0) & (water_c <= 100.0), total, np.nan)  # noqa: PLR2004  liquid
