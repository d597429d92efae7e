"""A small plant for tests: two shifts on working days, a holiday, a make-up day, noise that is drawn once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hub.forecast.day_grid import day_grid
from hub.forecast.quarters import QUARTERS_A_DAY, Quarters
from hub.registry.calendars import Calendar, CalendarFile

Array = npt.NDArray[np.float64]
ZONE = "Asia/Shanghai"
START_NS = 1_756_656_000_000_000_000  # Monday, 1 September 2025, 00:00 in Shanghai
NAME = {"en": "x", "zh": "x"}
CALENDAR = Calendar(
    CalendarFile.model_validate(
        {
            "shifts": [
                {"id": "day", "label": NAME, "begins": "08:00", "ends": "16:00"},
                {
                    "id": "late",
                    "label": NAME,
                    "begins": "16:00",
                    "ends": "22:00",
                    "days": ["mon", "tue", "wed"],
                },
            ],
            "holidays": [{"first": "2025-10-01", "last": "2025-10-08", "label": NAME}],
            "working_days": [
                {"date": "2025-09-28", "like": "tue", "label": NAME},
                {"date": "2025-10-11", "like": "wed", "label": NAME},
            ],
        }
    )
)


def load(days: int, seed: int = 3) -> Array:
    """Means of a load that follows the shifts [kW]."""
    grid = day_grid(CALENDAR, ZONE, START_NS, days * QUARTERS_A_DAY)
    shift = grid.columns[:, -3]
    level = np.where(shift == 0.0, 400.0, np.where(shift == 1.0, 250.0, 60.0))
    chance = np.random.default_rng(seed)
    by_day = np.exp(chance.normal(size=days + 1) * 0.08)
    means: Array = level * by_day[grid.day - grid.day[0]] * (1.0 + 0.03 * chance.normal(size=len(level)))
    return means


def past(days: int) -> Quarters:
    """The load, and a station whose sun never shines."""
    count = days * QUARTERS_A_DAY
    hour = np.arange(count) % QUARTERS_A_DAY / 4.0
    return Quarters(
        START_NS,
        {
            "process_kw": load(days),
            "outdoor_c": 15.0 + 5.0 * np.sin((hour - 9.0) / 12.0 * np.pi),
            "wet_bulb_c": np.full(count, 10.0) + 0.1 * np.sin(hour),
            "irradiance_w_m2": np.zeros(count),
        },
    )
