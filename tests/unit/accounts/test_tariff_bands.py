from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from accounts.band_check import calendar_faults, compiled
from accounts.bands import TouCalendar
from protocols.errors import ConfigError

BERLIN = ZoneInfo("Europe/Berlin")
LABEL = {"en": "x", "zh": "某"}


def calendar(**fields: object) -> TouCalendar:
    bands = [{"id": name, "label": LABEL} for name in ("sharp", "peak", "valley", "deep")]
    return TouCalendar.model_validate({"bands": bands, **fields})


def window(band: str, *hours: str, **more: object) -> dict[str, object]:
    return {"band": band, "hours": hours, **more}


DAY = [window("peak", "06:00-22:00"), window("valley", "22:00-06:00")]


def at(made: TouCalendar, *local: int, zone: ZoneInfo = BERLIN) -> str:
    bands = compiled(made, zone)
    start = dt.datetime(*local, tzinfo=zone).timestamp()  # type: ignore[arg-type, misc]  # y, m, d, …
    return bands.names[int(bands.at(np.array([round(start) * 10**9]))[0])]


def test_hours_past_midnight_are_both_ends_of_the_same_day() -> None:
    made = calendar(windows=DAY)
    assert [at(made, 2026, 3, 2, hour) for hour in (0, 5, 6, 21, 22, 23)] == [
        "valley", "valley", "peak", "peak", "valley", "valley",
    ]  # fmt: skip


def test_an_override_takes_its_hours_out_of_the_windows() -> None:
    made = calendar(windows=DAY, overrides=[window("sharp", "11:00-13:00", months=[7, 8])])
    assert at(made, 2026, 7, 1, 12) == "sharp"
    assert at(made, 2026, 7, 1, 13) == at(made, 2026, 6, 1, 12) == "peak"


def test_a_holiday_a_weekend_and_a_day_worked_instead_each_have_their_hours() -> None:
    made = calendar(
        windows=[
            window("peak", "00:00-24:00", days=["workday"]),
            window("valley", "00:00-24:00", days=["weekend"]),
            window("deep", "00:00-24:00", days=["holiday"]),
        ],
        holidays=[{"id": "national", "label": LABEL, "first": "2026-10-01", "last": "2026-10-07"}],
        working_days=["2026-10-10"],
    )
    assert not list(calendar_faults(made))
    found = [at(made, 2026, 10, day, 12) for day in (1, 7, 8, 10, 11)]
    assert found == ["deep", "deep", "peak", "peak", "valley"]


def test_a_year_without_declared_holidays_is_refused_where_hours_depend_on_them() -> None:
    made = calendar(
        windows=DAY,
        overrides=[window("deep", "10:00-14:00", days=["national"])],
        holidays=[{"id": "national", "label": LABEL, "first": "2026-10-01"}],
    )
    assert at(made, 2026, 10, 1, 12) == "deep"
    with pytest.raises(ConfigError, match="no holidays of 2027"):
        at(made, 2027, 1, 1)


def test_the_hours_of_the_clock_hold_on_days_of_23_and_25_hours() -> None:
    bands = compiled(calendar(windows=DAY), BERLIN)
    for day, peaks, all_hours in ((dt.date(2026, 3, 29), 16, 23), (dt.date(2026, 10, 25), 16, 25)):
        begin = round(dt.datetime.combine(day, dt.time(), BERLIN).timestamp()) * 10**9
        found = bands.at(begin + np.arange(all_hours * 4, dtype=np.int64) * 900 * 10**9)
        assert int((found == bands.names.index("peak")).sum()) == peaks * 4


def test_every_fault_is_told_at_once_with_its_place() -> None:
    made = calendar(
        windows=[
            window("peak", "06:00-22:00"),
            window("valley", "21:00-06:00"),
            window("flat", "06:00-07:00", days=["xmas"]),
        ],
        overrides=[window("sharp", "10:00-12:00"), window("sharp", "11:00-13:00")],
        holidays=[
            {"id": "a", "label": LABEL, "first": "2026-01-01", "last": "2026-01-03"},
            {"id": "b", "label": LABEL, "first": "2026-01-03"},
        ],
        working_days=["2026-01-02"],
    )
    places = [loc for loc, _ in calendar_faults(made)]
    assert places == [
        ("windows", 2, "band"), ("windows", 2, "days", 0), ("holidays", 1), ("working_days", 0),
        ("windows", 1, "hours"), ("overrides", 1, "hours"),
    ]  # fmt: skip
    said = [text for _, text in calendar_faults(made)]
    assert "overlaps with windows[0] (peak): 21:00-22:00 of mon in month 1" in said[4]


def test_a_gap_is_told_with_its_first_place() -> None:
    made = calendar(
        windows=[window("peak", "00:00-20:00"), window("valley", "20:00-24:00", months=range(2, 13))]
    )
    assert [text for _, text in calendar_faults(made)] == [
        "no window holds 20:00-24:00 of mon in month 1; each minute needs a band"
    ]
