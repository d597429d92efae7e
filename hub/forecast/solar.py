"""The sun over a field: its place, what a clear sky gives in the plane, and a forecast turned into it.

Solar position, clear sky (simplified Solis, Ineichen 2008), decomposition (Erbs 1982) and transposition (Hay
and Davies 1980) are pvlib's; it is loaded by the process that learns alone. What the real field makes of it
(dirt, shade, a plane that is not quite the declared one) is learnt from what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from hub.forecast.quarters import QUARTER_NS, FloatArray

_LEAST_W_M2: Final = 20.0
_LOWEST_SUN_DEG: Final = 3.0
_MOST_CLEARNESS: Final = 1.5
_SKY_DAYS: Final = 5
_QUARTERS: Final = 96
_PRESSURE_HPA: Final = 1013.25
_AIR_C: Final = 12.0
_DELTA_T_S: Final = 69.0
"""Earth's turning lags behind atomic time by this since 2016, within a second until 2035. [s]"""
_REFRACTION_DEG: Final = 0.5667


class _Sun(NamedTuple):
    """The sun at instants: angles in degrees, and the day of the year."""

    apparent_zenith_deg: FloatArray
    zenith_deg: FloatArray
    height_deg: FloatArray
    azimuth_deg: FloatArray
    day_of_year: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plane:
    """Where the field lies and how it is turned.

    Attributes:
        latitude: Degrees north.
        longitude: Degrees east.
        tilt_deg: 0 lies flat.
        azimuth_deg: Degrees from north over east; 180 looks south.
    """

    latitude: float
    longitude: float
    tilt_deg: float = 30.0
    azimuth_deg: float = 180.0


def clear_sky(plane: Plane, start_ns: int, count: int) -> FloatArray:
    """Clear-sky irradiance in the plane [W/m²], height and azimuth of the sun [°], shape (count, 3)."""
    from pvlib.clearsky import simplified_solis  # noqa: PLC0415  heavy; only where forecasts are made

    sun = _sun(plane, start_ns, count)
    sky = simplified_solis(np.maximum(sun.height_deg, 0.0))
    up = sun.height_deg > 0.0
    parts = {name: np.where(up, np.asarray(sky[name]), 0.0) for name in ("dni", "ghi", "dhi")}
    return np.column_stack([_in_plane(plane, sun, parts), sun.height_deg, sun.azimuth_deg])


def in_plane(plane: Plane, start_ns: int, horizontal_w_m2: FloatArray) -> FloatArray:
    """Turn global horizontal irradiance of quarters into that of the plane [W/m²]; NaN stays NaN."""
    from pvlib.irradiance import erbs  # noqa: PLC0415  as above

    sun = _sun(plane, start_ns, len(horizontal_w_m2))
    given = np.where(np.isfinite(horizontal_w_m2), horizontal_w_m2, 0.0)
    split = erbs(given, sun.zenith_deg, sun.day_of_year)
    parts = {"ghi": given, "dni": np.asarray(split["dni"]), "dhi": np.asarray(split["dhi"])}
    return np.where(np.isfinite(horizontal_w_m2), _in_plane(plane, sun, parts), np.nan)


def sky_course(values: FloatArray, clear_w_m2: FloatArray) -> FloatArray:
    """Clear sky by the share of it that came through in the last five days, each at least a day old [W/m²].

    Args:
        values: Measured in the plane, shape (n,); NaN where unknown.
        clear_w_m2: Clear sky of the same quarters.
    """
    bright = np.isfinite(values) & (clear_w_m2 > _LEAST_W_M2)
    came = np.concatenate([[0.0], np.cumsum(np.where(bright, values, 0.0))])
    clear = np.concatenate([[0.0], np.cumsum(np.where(bright, clear_w_m2, 0.0))])
    at = np.arange(len(values))
    low, high = np.maximum(at - (_SKY_DAYS + 1) * _QUARTERS, 0), np.maximum(at - _QUARTERS, 0)
    given = clear[high] - clear[low]
    share = (came[high] - came[low]) / np.maximum(given, 1.0)
    return np.where(given > 0.0, clear_w_m2 * np.minimum(share, _MOST_CLEARNESS), np.nan)


def _sun(plane: Plane, start_ns: int, count: int) -> _Sun:
    """The sun at the middles of the quarters, by the algorithm of NREL (Reda and Andreas 2004)."""
    from pvlib.spa import solar_position  # noqa: PLC0415  as above

    at_s = (start_ns + QUARTER_NS // 2) / 1e9 + np.arange(count) * (QUARTER_NS / 1e9)
    low, high, up, _, azimuth, _ = solar_position(
        at_s, plane.latitude, plane.longitude, 0.0, _PRESSURE_HPA, _AIR_C, _DELTA_T_S, _REFRACTION_DEG
    )
    day = at_s.astype("datetime64[s]")
    in_year = (day.astype("datetime64[D]") - day.astype("datetime64[Y]")).astype(np.int64) + 1
    return _Sun(low, high, up, azimuth, in_year)


def _in_plane(plane: Plane, sun: _Sun, parts: dict[str, FloatArray]) -> FloatArray:
    from pvlib.irradiance import get_extra_radiation, get_total_irradiance  # noqa: PLC0415  as above

    total = get_total_irradiance(
        plane.tilt_deg, plane.azimuth_deg, sun.apparent_zenith_deg, sun.azimuth_deg,
        parts["dni"], parts["ghi"], parts["dhi"],
        dni_extra=get_extra_radiation(sun.day_of_year), model="haydavies",
    )["poa_global"]  # fmt: skip
    up = sun.height_deg > _LOWEST_SUN_DEG
    return np.maximum(np.where(up, np.nan_to_num(np.asarray(total)), parts["ghi"]), 0.0)
