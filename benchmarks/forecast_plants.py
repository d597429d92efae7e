"""Two plants that never were, a year and a half each: shifts, holidays of two countries, weather, mishaps.

Each need is made from what people do (shifts, starts, breaks, Monday mornings), from the weather, from orders
that come and go over weeks, and from chance; then meters fail: gaps, hours of one number, spikes. The
forecaster is told what a site would have: calendar, measurements, a weather forecast with its errors.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from hub.forecast.day_grid import DayGrid, day_grid
from hub.forecast.quarters import QUARTERS_A_DAY, FloatArray
from hub.registry.calendars import Calendar, CalendarFile

DAYS: Final = 540
"""Length of each past. [days]"""

_NS: Final = 1_000_000_000
_LAST_H: Final = 0.75
_ELEVEN: Final = 44


@dataclass(frozen=True, slots=True)
class Made:
    """A plant with its past.

    Attributes:
        name: What it is called.
        calendar: What its site declares.
        zone: Its time zone.
        start_ns: Start of the first quarter, a local midnight.
        measured: Series to what the meters showed, shape (n,); NaN in gaps.
        true: Series to what was needed.
        foreseen: Weather as it was foreseen a day before, shape (n,).
    """

    name: str
    calendar: Calendar
    zone: str
    start_ns: int
    measured: dict[str, FloatArray]
    true: dict[str, FloatArray]
    foreseen: dict[str, FloatArray]


def plants(seed: int = 1) -> list[Made]:
    """Both plants, the same for the same seed."""
    return [_made("two_shifts_china", _CHINA, "Asia/Shanghai", (seed, 0)),
            _made("three_shifts_germany", _GERMANY, "Europe/Berlin", (seed, 1))]  # fmt: skip


def _text(name: str) -> dict[str, str]:
    return {"en": name, "zh": name}


def _days(name: str, first: str, last: str | None = None) -> dict[str, object]:
    return {"first": first, **({"last": last} if last else {}), "label": _text(name)}


_CHINA: Final = Calendar(CalendarFile.model_validate({
    "shifts": [
        {"id": "day", "label": _text("day"), "begins": "08:00", "ends": "16:30"},
        {"id": "late", "label": _text("late"), "begins": "16:30", "ends": "00:30",
         "days": ["mon", "tue", "wed", "thu"]},
    ],
    "holidays": [
        _days("New Year", "2024-12-30", "2025-01-01"), _days("Spring Festival", "2025-01-28", "2025-02-04"),
        _days("Qingming", "2025-04-04", "2025-04-06"), _days("Labour Day", "2025-05-01", "2025-05-05"),
        _days("Dragon Boat", "2025-05-31", "2025-06-02"), _days("National Day", "2025-10-01", "2025-10-08"),
        _days("New Year", "2026-01-01", "2026-01-03"), _days("Spring Festival", "2026-02-15", "2026-02-23"),
        _days("Qingming", "2026-04-04", "2026-04-06"), _days("Labour Day", "2026-05-01", "2026-05-05"),
        _days("Dragon Boat", "2026-06-19", "2026-06-21"),
    ],
    "working_days": [
        {"date": "2025-01-26", "like": "mon", "label": _text("Spring Festival")},
        {"date": "2025-02-08", "like": "tue", "label": _text("Spring Festival")},
        {"date": "2025-04-27", "like": "fri", "label": _text("Labour Day")},
        {"date": "2025-09-28", "like": "tue", "label": _text("National Day")},
        {"date": "2025-10-11", "like": "wed", "label": _text("National Day")},
        {"date": "2026-01-04", "like": "fri", "label": _text("New Year")},
        {"date": "2026-02-14", "like": "mon", "label": _text("Spring Festival")},
        {"date": "2026-02-28", "like": "fri", "label": _text("Spring Festival")},
        {"date": "2026-05-09", "like": "tue", "label": _text("Labour Day")},
    ],
}))  # fmt: skip

_GERMANY: Final = Calendar(CalendarFile.model_validate({
    "shifts": [
        {"id": "early", "label": _text("early"), "begins": "06:00", "ends": "14:00",
         "days": ["mon", "tue", "wed", "thu", "fri", "sat"]},
        {"id": "late", "label": _text("late"), "begins": "14:00", "ends": "22:00"},
        {"id": "night", "label": _text("night"), "begins": "22:00", "ends": "06:00",
         "days": ["sun", "mon", "tue", "wed", "thu"], "on_holidays": True},
    ],
    "holidays": [
        _days("Works holidays", "2024-12-23", "2025-01-06"), _days("Easter", "2025-04-18", "2025-04-21"),
        _days("Labour Day", "2025-05-01"), _days("Ascension", "2025-05-29"),
        _days("Whit Monday", "2025-06-09"), _days("Corpus Christi", "2025-06-19"),
        _days("Summer", "2025-08-04", "2025-08-15"), _days("German Unity", "2025-10-03"),
        _days("Works holidays", "2025-12-22", "2026-01-06"), _days("Easter", "2026-04-03", "2026-04-06"),
        _days("Labour Day", "2026-05-01"), _days("Ascension", "2026-05-14"),
        _days("Whit Monday", "2026-05-25"), _days("Corpus Christi", "2026-06-04"),
    ],
}))  # fmt: skip


def _made(name: str, calendar: Calendar, zone: str, seed: tuple[int, int]) -> Made:
    chance = np.random.default_rng(seed)
    start = dt.datetime(2025, 1, 8, tzinfo=ZoneInfo(zone))
    start_ns = round(start.timestamp()) * _NS
    count = DAYS * QUARTERS_A_DAY
    grid = day_grid(calendar, zone, start_ns, count)
    weather = _weather(chance, count)
    people = _people(grid, chance)
    outdoor_c = weather["outdoor_c"]
    cool = np.maximum(outdoor_c - 14.0, 0.0) / 12.0
    cold = np.maximum(15.0 - outdoor_c, 0.0) / 15.0
    true = {
        "process_kw": _noisy(900.0 * (0.22 + people) * _orders(chance, count, 0.06), 0.05, chance),
        "air_m3_min": _noisy(60.0 * (0.25 + 0.9 * people) * _orders(chance, count, 0.05), 0.07, chance),
        "cooling_kw": _noisy(
            700.0 * (0.1 + (0.25 + people) * cool) * _orders(chance, count, 0.03), 0.07, chance
        ),
        "heat_kw": _noisy(500.0 * (0.08 + (0.6 + 0.4 * people) * cold), 0.07, chance),
    }
    measured = {key: _meter(values, chance) for key, values in true.items()} | weather
    foreseen = {
        "outdoor_c": outdoor_c + _wander(chance, count, 1.3, 12.0),
        "wet_bulb_c": weather["wet_bulb_c"] + _wander(chance, count, 1.2, 12.0),
        "irradiance_w_m2": np.maximum(
            weather["irradiance_w_m2"] * (1.0 + _wander(chance, count, 0.25, 6.0)), 0.0
        ),
    }
    return Made(name, calendar, zone, start_ns, measured, true | weather, foreseen)


def _people(grid: DayGrid, chance: np.random.Generator) -> FloatArray:
    """Activity, 0 … about 1: in shifts, with ramps, breaks, late starts, and days on which less is done."""
    shift, until_h = grid.columns[:, -3], grid.columns[:, -1]
    shifts = np.where(shift >= 0.0, 1.0 - 0.18 * np.maximum(shift, 0.0), 0.0)
    break_ = 0.25 * (np.abs(grid.quarter % 32 - 16) <= 1)
    ending = np.where((until_h < _LAST_H) & (shift >= 0.0), 0.35, 0.0)
    by_day = np.exp(_wander(chance, int(grid.day[-1] - grid.day[0]) + 1, 0.06, 1.0))
    monday = np.array([grid.weekday[int(day)] == 0 for day in grid.days])
    level = by_day[grid.day - grid.day[0]] * np.where(
        monday[grid.day - grid.day[0]] & (grid.quarter < _ELEVEN), 1.12, 1.0
    )
    target = shifts * (1.0 - break_ - ending) * level
    active = np.empty(len(target))
    held = 0.0
    for at, wanted in enumerate(target.tolist()):
        held += 0.6 * (wanted - held)
        active[at] = held
    return active


def _weather(chance: np.random.Generator, count: int) -> dict[str, FloatArray]:
    day = np.arange(count) / QUARTERS_A_DAY
    hour = (np.arange(count) % QUARTERS_A_DAY) / 4.0
    season = -np.cos((day + 8.0 - 25.0) / 365.25 * 2.0 * np.pi)
    outdoor_c = 12.0 + 11.0 * season + 4.0 * np.sin((hour - 9.0) / 24.0 * 2.0 * np.pi)
    outdoor_c = outdoor_c + _wander(chance, count, 3.5, 60.0)
    height = np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0) * (0.6 + 0.35 * season)
    cloud = np.clip(0.65 + _wander(chance, count, 0.3, 20.0), 0.05, 1.0)
    return {
        "outdoor_c": outdoor_c,
        "wet_bulb_c": outdoor_c - 3.0 - np.abs(_wander(chance, count, 1.5, 30.0)),
        "irradiance_w_m2": 1000.0 * height * cloud,
    }


def _wander(chance: np.random.Generator, count: int, size: float, tau_h: float) -> FloatArray:
    """Noise that remembers: standard deviation `size`, halved in memory after about `tau_h` quarters × 4."""
    keep = float(np.exp(-1.0 / (4.0 * tau_h)))
    steps = chance.normal(size=count) * size * np.sqrt(1.0 - keep * keep)
    course = np.empty(count)
    held = float(chance.normal()) * size
    for at, step in enumerate(steps.tolist()):
        held = keep * held + step
        course[at] = held
    return course


def _orders(chance: np.random.Generator, count: int, size: float) -> FloatArray:
    """How busy the plant is: over weeks, and once for good."""
    busy: FloatArray = 1.0 + _wander(chance, count, size, 24.0 * 15.0)
    at = int(chance.integers(count // 2, count - 30 * QUARTERS_A_DAY))
    busy[at:] *= float(chance.choice([0.9, 1.12]))
    return busy


def _noisy(values: FloatArray, size: float, chance: np.random.Generator) -> FloatArray:
    quick = chance.normal(size=len(values)) * size * 0.6
    return np.maximum(values * (1.0 + quick + _wander(chance, len(values), size, 3.0)), 0.0)


def _meter(true: FloatArray, chance: np.random.Generator) -> FloatArray:
    """Gaps of hours and days, hours of one number, single spikes."""
    shown = true.copy()
    for _ in range(14):
        at, length = int(chance.integers(len(shown) - 300)), int(chance.integers(2, 60))
        shown[at : at + length] = np.nan
    for _ in range(4):
        at, length = int(chance.integers(len(shown) - 300)), int(chance.integers(16, 60))
        shown[at : at + length] = shown[at]
    for at in chance.integers(len(shown), size=6):
        shown[at] *= 12.0
    return shown


def midnights(made: Made) -> list[int]:
    """Quarter of each local midnight on the grid of the plant."""
    count = len(next(iter(made.measured.values())))
    grid = day_grid(made.calendar, made.zone, made.start_ns, count)
    return [int(at) for at in np.flatnonzero(grid.quarter == 0)]
