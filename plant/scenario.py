"""Days and weeks of a mid-size factory: loads and weather from a season and a seed.

Shift profiles by hour of the week, a daily wave of temperature, clear-sky sun with passing clouds, and noise
that remembers itself (first-order autoregression). Time 0 is Monday 00:00 local; the same season and seed
give the same series on every machine. Shapes are plausible, not measured; sizes fit the demo flowsheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from plant.state import Loads, Weather
from protocols.errors import ConfigError

FloatArray = NDArray[np.float64]
Season = Literal["winter", "summer", "transition", "spring", "autumn"]
SEASONS: Final = ("winter", "summer", "transition", "spring", "autumn")

GRID_S: Final = 60.0
_PER_HOUR: Final = 60
_PER_DAY: Final = 24 * _PER_HOUR

# fraction of full production per hour of day; two shifts and a thin night
_WORKDAY: Final = (
    *(0.28, 0.27, 0.27, 0.28, 0.32, 0.55, 0.82, 0.93, 0.98, 1.00, 0.99, 0.90),
    *(0.88, 0.96, 0.98, 0.95, 0.90, 0.86, 0.84, 0.82, 0.78, 0.68, 0.45, 0.32),
)
_SATURDAY: Final = tuple(0.24 + 0.55 * (value - 0.24) for value in _WORKDAY)
_SUNDAY: Final = (0.22,) * 24


@dataclass(frozen=True, slots=True)
class _Climate:
    mean_c: float
    swing_c: float
    humidity_k: float
    sunrise_h: float
    sunset_h: float
    noon_w_m2: float


_CLIMATES: Final = {
    "winter": _Climate(3.0, 4.0, 2.0, 7.3, 17.2, 620.0),
    "summer": _Climate(28.5, 5.0, 4.5, 5.2, 19.2, 980.0),
    "transition": _Climate(16.0, 6.0, 3.5, 6.2, 18.3, 850.0),
    "spring": _Climate(13.0, 7.0, 4.0, 5.8, 19.4, 920.0),
    "autumn": _Climate(15.0, 5.0, 2.5, 6.8, 17.8, 740.0),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """Series on a grid of `GRID_S` seconds; build it with `make_scenario`.

    Attributes:
        outdoor_c: Dry bulb. [°C]
        wet_bulb_c: Wet bulb. [°C]
        irradiance_w_m2: In the plane of the PV field. [W/m²]
        electric_kw: Process and building without the machines. [kW]
        air_m3_min: Users' air at rated pressure, without leaks. [m³/min]
        cooling_kw: Cooling. [kW]
        heat_kw: Heat. [kW]
    """

    outdoor_c: FloatArray
    wet_bulb_c: FloatArray
    irradiance_w_m2: FloatArray
    electric_kw: FloatArray
    air_m3_min: FloatArray
    cooling_kw: FloatArray
    heat_kw: FloatArray

    @property
    def length_s(self) -> float:
        """How long the series are [s]; `at` repeats them afterwards."""
        return len(self.outdoor_c) * GRID_S

    def at(self, t_s: float) -> tuple[Weather, Loads]:
        """Weather and loads at a time since Monday 00:00, straight lines between the minutes."""
        place = t_s / GRID_S
        whole = int(place)
        count = len(self.outdoor_c)
        i, j, share = whole % count, (whole + 1) % count, place - whole
        now = [
            float(series[i]) * (1.0 - share) + float(series[j]) * share
            for series in (
                self.outdoor_c,
                self.wet_bulb_c,
                self.irradiance_w_m2,
                self.electric_kw,
                self.air_m3_min,
                self.cooling_kw,
                self.heat_kw,
            )
        ]
        return Weather(*now[:3]), Loads(*now[3:])

    def rows(self) -> list[tuple[Weather, Loads]]:
        """One weather and loads per minute, for long runs."""
        weather = zip(
            self.outdoor_c.tolist(), self.wet_bulb_c.tolist(), self.irradiance_w_m2.tolist(), strict=True
        )
        loads = zip(
            self.electric_kw.tolist(),
            self.air_m3_min.tolist(),
            self.cooling_kw.tolist(),
            self.heat_kw.tolist(),
            strict=True,
        )
        return [(Weather(*w), Loads(*q)) for w, q in zip(weather, loads, strict=True)]


def make_scenario(season: str, seed: int, days: int = 7) -> Scenario:
    """Series of `days` days that begin on a Monday.

    Args:
        season: One of `SEASONS`.
        seed: Any whole number ≥ 0; two seeds give two different weeks of the same kind.
        days: Length, at least 1.

    Raises:
        ConfigError: Unknown season or no day.
    """
    if season not in _CLIMATES or days < 1:
        raise ConfigError(
            f"a scenario needs one of {', '.join(SEASONS)} and at least 1 day, got {season!r}, {days}"
        )
    rng = np.random.default_rng([seed, SEASONS.index(cast("Season", season))])
    hours = np.arange(days * _PER_DAY) / _PER_HOUR
    climate = _CLIMATES[season]
    outdoor = _outdoor(rng, climate, hours, days)
    wet_bulb = outdoor - climate.humidity_k - 0.12 * np.maximum(outdoor - climate.mean_c, 0.0)
    sun = _sun(rng, climate, hours, days)
    shift = _production(rng, hours, days)
    warm = np.maximum(outdoor - 12.0, 0.0)
    cold = np.maximum(18.0 - outdoor, 0.0)
    return Scenario(
        outdoor_c=outdoor,
        wet_bulb_c=wet_bulb,
        irradiance_w_m2=sun,
        electric_kw=np.clip((230.0 + 430.0 * shift) * _noise(rng, hours, 0.03, 20.0), 200.0, 750.0),
        air_m3_min=np.clip((8.0 + 37.0 * shift) * _noise(rng, hours, 0.05, 8.0), 10.0, 55.0),
        cooling_kw=np.clip(
            (110.0 + 190.0 * shift + 25.0 * warm) * _noise(rng, hours, 0.03, 30.0), 100.0, 950.0
        ),
        heat_kw=np.clip((70.0 + 110.0 * shift + 24.0 * cold) * _noise(rng, hours, 0.03, 30.0), 50.0, 850.0),
    )


def _outdoor(rng: np.random.Generator, climate: _Climate, hours: FloatArray, days: int) -> FloatArray:
    wave = -climate.swing_c * np.cos((hours - 3.0) / 24.0 * 2.0 * np.pi)
    front = np.interp(hours, np.arange(days + 2) * 24.0, rng.normal(0.0, 2.5, days + 2))
    return climate.mean_c + wave + front + 0.3 * _walk(rng, len(hours), 120.0)


def _sun(rng: np.random.Generator, climate: _Climate, hours: FloatArray, days: int) -> FloatArray:
    of_day = hours % 24.0
    height = np.sin(np.pi * (of_day - climate.sunrise_h) / (climate.sunset_h - climate.sunrise_h))
    clear = (
        climate.noon_w_m2
        * np.where((of_day > climate.sunrise_h) & (of_day < climate.sunset_h), np.maximum(height, 0.0), 0.0)
        ** 1.2
    )
    sky = np.repeat(rng.uniform(0.35, 1.0, days), _PER_DAY)
    clouds = np.clip(sky + 0.25 * (1.0 - sky) * _walk(rng, len(hours), 15.0) * 2.0, 0.08, 1.0)
    return np.asarray(clear * clouds, dtype=np.float64)


def _production(rng: np.random.Generator, hours: FloatArray, days: int) -> FloatArray:
    table = [_day(day) for day in range(days + 1)]
    level = np.concatenate([np.asarray(day) * rng.normal(1.0, 0.03) for day in table])
    return np.asarray(np.interp(hours, np.arange(len(level)), level), dtype=np.float64)


def _day(day: int) -> Sequence[float]:
    saturday = 5
    weekday = day % 7
    return _WORKDAY if weekday < saturday else _SATURDAY if weekday == saturday else _SUNDAY


def _noise(rng: np.random.Generator, hours: FloatArray, size_frac: float, memory_min: float) -> FloatArray:
    return 1.0 + size_frac * _walk(rng, len(hours), memory_min)


def _walk(rng: np.random.Generator, count: int, memory_min: float) -> FloatArray:
    """Autoregression x' = a·x + √(1-a²)·e with standard deviation 1 and a memory in minutes."""
    keep = float(np.exp(-1.0 / memory_min))
    shocks = (rng.standard_normal(count) * np.sqrt(1.0 - keep * keep)).tolist()
    value, values = float(rng.standard_normal()), []
    for shock in shocks:
        value = keep * value + shock
        values.append(value)
    return np.asarray(values)
