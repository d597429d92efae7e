"""Calendars of provinces whose hours are the hardest to say, with the hours of a day by their notices."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from accounts.band_check import calendar_faults, compiled
from accounts.bands import TouCalendar

CHINA = ZoneInfo("Asia/Shanghai")


def window(
    band: str, months: list[int] | None = None, *hours: str, days: list[str] | None = None
) -> dict[str, Any]:
    return {"band": band, "hours": hours, "months": months or list(range(1, 13)), "days": days or []}


SPRING = {
    "id": "spring",
    "label": {"en": "Spring Festival", "zh": "春节"},
    "first": "2026-02-15",
    "last": "2026-02-23",
}
NATIONAL = {
    "id": "national",
    "label": {"en": "National Day", "zh": "国庆节"},
    "first": "2026-10-01",
    "last": "2026-10-07",
}

JIANGXI = {  # 赣发改价管[2025]463号
    "windows": [
        window("peak", [1, 12], "09:00-12:00", "18:00-21:00"),
        window("valley", [1, 12], "00:00-06:00"),
        window("flat", [1, 12], "06:00-09:00", "12:00-18:00", "21:00-24:00"),
        window("peak", [2], "16:00-22:00"),
        window("valley", [2], "00:00-06:00"),
        window("flat", [2], "06:00-16:00", "22:00-24:00"),
        window("peak", [7, 8, 9], "17:00-23:00"),
        window("peak", [3, 4, 5, 6, 10, 11], "16:00-22:00"),
        window("valley", [3, 4, 5, 6, 7, 8, 9, 10, 11], "01:00-05:00", "11:30-14:30"),
        window("flat", [7, 8, 9], "23:00-01:00", "05:00-11:30", "14:30-17:00"),
        window("flat", [3, 4, 5, 6, 10, 11], "22:00-01:00", "05:00-11:30", "14:30-16:00"),
    ],
    "overrides": [
        window("sharp", [1, 12], "18:00-20:00"),
        window("sharp", [7, 8], "20:30-22:30"),
        window("deep", [3, 4, 5, 6, 7, 8, 9, 10, 11], "12:00-14:00"),
        window("deep", [1, 2, 12], "12:00-14:00", days=["spring"]),
    ],
    "holidays": [SPRING],
}
SHANDONG = {  # 鲁发改价格[2023]914号, hours of 2025
    "windows": [
        window("valley", [1, 2, 12], "02:00-06:00", "10:00-15:00"),
        window("peak", [1, 2, 12], "07:00-09:00", "16:00-21:00"),
        window("flat", [1, 2, 12], "21:00-02:00", "06:00-07:00", "09:00-10:00", "15:00-16:00"),
        window("valley", [3, 4, 5, 9, 10, 11], "10:00-15:00"),
        window("peak", [3, 4, 5], "17:00-22:00"),
        window("flat", [3, 4, 5], "22:00-10:00", "15:00-17:00"),
        window("peak", [9, 10, 11], "16:00-21:00"),
        window("flat", [9, 10, 11], "21:00-10:00", "15:00-16:00"),
        window("valley", [6], "07:00-12:00"),
        window("peak", [6, 7, 8], "16:00-23:00"),
        window("flat", [6], "23:00-07:00", "12:00-16:00"),
        window("valley", [7, 8], "01:00-06:00"),
        window("flat", [7, 8], "23:00-01:00", "06:00-16:00"),
    ],
    "overrides": [
        window("deep", [1, 2, 3, 4, 5, 9, 10, 11, 12], "11:00-14:00"),
        window("sharp", [1, 2, 12], "16:00-19:00"),
        window("sharp", [3, 4, 5], "17:00-20:00"),
        window("sharp", [6, 7, 8], "17:00-22:00"),
        window("sharp", [9, 10, 11], "17:00-19:00"),
    ],
}
ZHEJIANG = {  # 浙发改价格[2024]21号
    "windows": [
        window("peak", [2, 3, 4, 5, 6, 9, 10, 11], "08:00-11:00", "13:00-17:00"),
        window("flat", [2, 3, 4, 5, 6, 9, 10, 11], "17:00-24:00"),
        window("valley", None, "00:00-08:00", "11:00-13:00"),
        window("sharp", [1, 7, 8, 12], "09:00-11:00", "15:00-17:00"),
        window("peak", [1, 7, 8, 12], "08:00-09:00", "17:00-23:00"),
        window("flat", [1, 7, 8, 12], "13:00-15:00", "23:00-24:00"),
    ],
    "overrides": [window("deep", None, "10:00-14:00", days=["spring", "national"])],
    "holidays": [SPRING, NATIONAL],
}


@pytest.mark.parametrize(
    ("plain", "day", "hours"),
    [
        (JIANGXI, "2026-01-20", {"sharp": 2, "peak": 4, "valley": 6, "flat": 12}),
        (JIANGXI, "2026-02-16", {"deep": 2, "peak": 6, "valley": 6, "flat": 10}),
        (JIANGXI, "2026-07-20", {"sharp": 2, "peak": 4, "deep": 2, "valley": 5, "flat": 11}),
        (JIANGXI, "2026-10-20", {"peak": 6, "deep": 2, "valley": 5, "flat": 11}),
        (SHANDONG, "2025-01-20", {"sharp": 3, "peak": 4, "deep": 3, "valley": 6, "flat": 8}),
        (SHANDONG, "2025-04-20", {"sharp": 3, "peak": 2, "deep": 3, "valley": 2, "flat": 14}),
        (SHANDONG, "2025-06-20", {"sharp": 5, "peak": 2, "valley": 5, "flat": 12}),
        (SHANDONG, "2025-10-20", {"sharp": 2, "peak": 3, "deep": 3, "valley": 2, "flat": 14}),
        (ZHEJIANG, "2026-07-20", {"sharp": 4, "peak": 7, "valley": 10, "flat": 3}),
        (ZHEJIANG, "2026-05-20", {"peak": 7, "valley": 10, "flat": 7}),
        (ZHEJIANG, "2026-10-02", {"deep": 4, "peak": 5, "valley": 8, "flat": 7}),
    ],
)
def test_a_day_has_the_hours_that_its_province_set(
    plain: dict[str, Any], day: str, hours: dict[str, float]
) -> None:
    label = {"en": "x", "zh": "某"}
    bands = [{"id": name, "label": label} for name in ("sharp", "peak", "flat", "valley", "deep")]
    calendar = TouCalendar.model_validate({"bands": bands, **plain})
    assert not list(calendar_faults(calendar))
    made = compiled(calendar, CHINA)
    begin = round(dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), CHINA).timestamp()) * 10**9
    found = made.at(begin + np.arange(48, dtype=np.int64) * 1800 * 10**9)
    assert {
        name: count / 2 for name, count in Counter(made.names[int(index)] for index in found).items()
    } == hours
