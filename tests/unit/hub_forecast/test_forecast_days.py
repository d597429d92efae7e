from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hub.forecast.day_grid import day_grid
from hub.registry.calendars import Calendar, CalendarFile
from tests.unit.hub_forecast.forecast_plant import CALENDAR, NAME, START_NS, ZONE

DAYS = 60
GRID = day_grid(CALENDAR, ZONE, START_NS, DAYS * 96)


def of(text: str) -> int:
    return dt.date.fromisoformat(text).toordinal()


def test_a_make_up_day_is_like_the_weekday_it_is_worked_for() -> None:
    sunday, tuesday = of("2025-09-28"), of("2025-09-30")
    assert (GRID.day_class[sunday], GRID.weekday[sunday]) == (GRID.day_class[tuesday], GRID.weekday[tuesday])
    assert GRID.worked[sunday]
    assert GRID.day_class[sunday] != GRID.day_class[of("2025-09-21")]


def test_a_holiday_on_which_nobody_works_is_like_a_sunday() -> None:
    assert GRID.day_class[of("2025-10-02")] == GRID.day_class[of("2025-09-21")]
    assert not GRID.worked[of("2025-10-02")]


def test_a_holiday_that_is_worked_through_is_like_any_other_day() -> None:
    shift = {"id": "all", "label": NAME, "begins": "00:00", "ends": "24:00", "on_holidays": True}
    holiday = {"first": "2025-10-01", "label": NAME}
    through = Calendar(CalendarFile.model_validate({"shifts": [shift], "holidays": [holiday]}))
    grid = day_grid(through, ZONE, START_NS, DAYS * 96)
    assert grid.day_class[of("2025-10-01")] == grid.day_class[of("2025-09-24")]


@pytest.mark.parametrize("later", [1, 5, 6, 30])
def test_a_class_has_the_same_number_in_every_window(later: int) -> None:
    grid = day_grid(CALENDAR, ZONE, START_NS + later * 86_400_000_000_000, (DAYS - later) * 96)
    assert all(GRID.day_class[day] == number for day, number in grid.day_class.items())
    assert np.array_equal(grid.columns, GRID.columns[later * 96 :])


def test_without_shifts_days_are_worked_or_off() -> None:
    grid = day_grid(Calendar(), "UTC", START_NS, 14 * 96)
    assert len(set(grid.day_class.values())) == 2


@pytest.mark.parametrize(("date", "quarters"), [("2025-10-26", 100), ("2026-03-29", 92)])
def test_days_of_a_clock_change_have_their_own_length(date: str, quarters: int) -> None:
    midnight = dt.datetime.combine(dt.date.fromisoformat(date), dt.time(), ZoneInfo("Europe/Berlin"))
    grid = day_grid(Calendar(), "Europe/Berlin", round(midnight.timestamp()) * 1_000_000_000, 200)
    assert int((grid.day == of(date)).sum()) == quarters
    assert set(grid.quarter) <= set(range(96))


def test_each_quarter_knows_its_shift_and_how_long_it_lasts_on() -> None:
    at = 8 * 4  # Monday, eight o'clock
    shift, since_h, until_h = GRID.columns[at, -3:]
    assert (shift, since_h, until_h) == (0.0, 0.0, 8.0)
    assert GRID.columns[at - 1, -3] == -1.0
    assert np.isfinite(GRID.columns).all()
