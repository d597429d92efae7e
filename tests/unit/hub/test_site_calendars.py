"""Calendars: what a day is, which shifts begin on it, and each slip with its line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hub.registry.calendars import Calendar, load_calendar
from protocols.errors import ConfigError

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NATIONAL_DAY = """
shifts:
  - {id: day, label: {en: Day, zh: 白班}, begins: "08:00", ends: 20:00}
  - {id: night, label: {en: Night, zh: 夜班}, begins: 20:00, ends: "08:00", days: [mon, tue, wed, thu], on_holidays: true}
holidays:
  - {first: 2026-10-01, last: 2026-10-07, label: {en: National Day, zh: 国庆节}}
working_days:
  - {date: 2026-09-20, like: tue, label: {en: Works for National Day, zh: 国庆节调休上班}}
  - {date: 2026-10-10, like: fri, label: {en: Works for National Day, zh: 国庆节调休上班}}
"""  # noqa: E501  one shift a line


def calendar(folder: Path, text: str) -> Calendar:
    path = folder / "calendars" / "s1.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_calendar(folder, "s1")


def test_days_around_a_chinese_holiday_are_what_the_state_council_says(tmp_path: Path) -> None:
    found = calendar(tmp_path, NATIONAL_DAY)
    kinds = {
        day: found.day(dt.date.fromisoformat(f"2026-{day}")).kind
        for day in ("09-19", "09-20", "09-30", "10-01", "10-04", "10-07", "10-08", "10-10", "10-11")
    }
    assert kinds == {
        "09-19": "rest", "09-20": "make_up", "09-30": "working", "10-01": "holiday", "10-04": "holiday",
        "10-07": "holiday", "10-08": "working", "10-10": "make_up", "10-11": "rest",
    }  # fmt: skip
    label = found.day(dt.date(2026, 10, 1)).label
    assert label is not None
    assert label.zh == "国庆节"


@pytest.mark.parametrize(
    ("date", "names"),
    [
        (dt.date(2026, 9, 20), ["day", "night"]),  # a Sunday that is worked like a Tuesday
        (dt.date(2026, 10, 10), ["day"]),  # a Saturday like a Friday
        (dt.date(2026, 10, 1), ["night"]),  # a holiday on a Thursday
        (dt.date(2026, 10, 2), []),
        (dt.date(2026, 10, 11), []),
    ],
)
def test_a_make_up_day_has_the_shifts_of_the_day_it_is_like(
    date: dt.date, names: list[str], tmp_path: Path
) -> None:
    found = calendar(tmp_path, NATIONAL_DAY).shifts(date, SHANGHAI)
    assert [one.shift.id for one in found] == names


def test_a_time_without_quotes_is_the_same_time(tmp_path: Path) -> None:
    day, night = calendar(tmp_path, NATIONAL_DAY).shifts(dt.date(2026, 9, 30), SHANGHAI)
    assert (day.start.isoformat(), day.end.isoformat()) == (
        "2026-09-30T00:00:00+00:00", "2026-09-30T12:00:00+00:00",
    )  # fmt: skip
    assert night.start == day.end
    assert night.end - night.start == dt.timedelta(hours=12)


@pytest.mark.parametrize(("date", "hours"), [((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 7, 4), 8)])
def test_a_night_shift_over_a_clock_change_is_as_long_as_the_clock_makes_it(
    date: tuple[int, int, int], hours: int, tmp_path: Path
) -> None:
    text = 'shifts: [{id: n, label: {en: N, zh: N}, begins: "22:00", ends: "06:00", days: [sat]}]\n'
    (night,) = calendar(tmp_path, text).shifts(dt.date(*date), BERLIN)
    assert night.end - night.start == dt.timedelta(hours=hours)


def test_a_site_without_the_file_works_from_monday_to_friday(tmp_path: Path) -> None:
    found = load_calendar(tmp_path, "s1")
    assert [found.day(dt.date(2026, 1, day)).kind for day in (2, 3, 4, 5)] == [
        "working", "rest", "rest", "working",
    ]  # fmt: skip
    assert found.shifts(dt.date(2026, 1, 2), BERLIN) == []


_SHIFT = 'shifts:\n  - {id: a, label: {en: A, zh: A}, begins: "06:00", ends: "14:00"}\n'
_DAY = "{date: 2026-10-10, label: {en: W, zh: W}}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            _SHIFT + '  - {id: a, label: {en: A, zh: A}, begins: "15:00", ends: "16:00"}\n',
            "3: shifts.1.id: found",
        ),
        (
            _SHIFT + '  - {id: b, label: {en: B, zh: B}, begins: "13:59", ends: "16:00"}\n',
            "shifts.1.begins: it overlaps with 'a'",
        ),
        (
            (
                'shifts:\n  - {id: a, label: {en: A, zh: A}, begins: "23:00", ends: "02:00", days: [sun]}\n'
                '  - {id: b, label: {en: B, zh: B}, begins: "01:00", ends: "03:00", days: [mon]}\n'
            ),
            "shifts.1.begins: it overlaps with 'a'",
        ),
        (_SHIFT.replace("14:00", "25:00"), "shifts.0.ends: String should match"),
        (_SHIFT.replace('"06:00"', "1500"), "shifts.0.begins: Input should be a valid string; found 1500"),
        (
            "holidays:\n  - {first: 2026-02-30, label: {en: A, zh: A}}\n",
            "s1.yaml:2: day is out of range for month",
        ),
        (
            "holidays:\n  - {first: 2026-10-07, last: 2026-10-01, label: {en: A, zh: A}}\n",
            "holidays.0.last: found 2026-10-01, -5 days; allowed are 1 to 60",
        ),
        (
            "holidays:\n  - {first: 2026-01-01, last: 9999-12-31, label: {en: A, zh: A}}\n",
            "allowed are 1 to 60",
        ),
        (
            (
                "holidays:\n  - {first: 2026-10-01, last: 2026-10-07, label: {en: A, zh: A}}\n"
                "  - {first: 2026-10-07, label: {en: B, zh: B}}\n"
            ),
            "3: holidays.1: 2026-10-07 is in 'A' already",
        ),
        (f"working_days:\n  - {_DAY}\n  - {_DAY}\n", "3: working_days.1.date: found 2026-10-10 twice"),
        (f"working_days:\n  - {_DAY.replace('10-10', '10-08')}\n", "a thu, which is worked anyway"),
        (
            f"holidays:\n  - {{first: 2026-10-10, label: {{en: A, zh: A}}}}\nworking_days:\n  - {_DAY}\n",
            "4: working_days.0.date: found 2026-10-10, which is a day of 'A'",
        ),
        ("working_week: [monday]\n", "working_week.0: Input should be 'mon', 'tue'"),
    ],
)
def test_each_slip_is_told_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        calendar(tmp_path, text)
    assert words in str(refused.value)
    assert "s1.yaml:" in str(refused.value)
