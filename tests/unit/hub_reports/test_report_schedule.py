"""When reports are due: by the site's clock, over summer time, weeks of two years, downtimes."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from hub.reports.schedule import CATCH_UP, Every, due, name_of, next_due_ns

BERLIN = ZoneInfo("Europe/Berlin")
S = 1_000_000_000


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * S


@pytest.mark.parametrize(
    ("every", "before", "after", "period"),
    [
        ("day", "2026-03-29T05:59", "2026-03-29T06:00", "2026-03-28"),
        ("day", "2026-10-26T05:59", "2026-10-26T06:00", "2026-10-25"),
        ("week", "2026-01-05T05:59", "2026-01-05T06:00", "2026-W01"),
        ("week", "2027-01-04T05:59", "2027-01-04T06:00", "2026-W53"),
        ("month", "2026-03-01T05:59", "2026-03-01T06:00", "2026-02"),
        ("year", "2027-01-01T05:59", "2027-01-01T06:00", "2026"),
    ],
)
def test_a_report_is_due_at_its_minute_on_the_wall(
    every: Every, before: str, after: str, period: str
) -> None:
    assert due(every, 360, (at(before) - S, at(before)), BERLIN) == []
    [one] = due(every, 360, (at(before), at(after)), BERLIN)
    assert (one.period, one.at_ns) == (period, at(after))
    assert due(every, 360, (at(after), at(after) + 3600 * S), BERLIN) == []


@pytest.mark.parametrize("every", ["day", "week", "month", "year"])
def test_a_long_downtime_is_made_up_for_by_the_newest(every: Every) -> None:
    found = due(every, 0, (at("2010-01-01T00:00"), at("2026-11-22T12:00")), BERLIN)
    assert len(found) == CATCH_UP[every]
    assert [one.at_ns for one in found] == sorted(one.at_ns for one in found)
    assert found[-1].period == name_of(every, dt.date(2026, 11, 22) - _back(every))


def _back(every: Every) -> dt.timedelta:
    return {
        "day": dt.timedelta(1),
        "week": dt.timedelta(7),
        "month": dt.timedelta(31),
        "year": dt.timedelta(366),
    }[every]


def test_a_time_that_the_clock_skips_is_due_once() -> None:
    span = (at("2026-03-29T00:00"), at("2026-03-30T00:00"))
    assert [one.period for one in due("day", 150, span, BERLIN)] == ["2026-03-28"]


def test_a_time_that_comes_twice_is_due_once() -> None:
    span = (at("2026-10-25T00:00"), at("2026-10-26T00:00"))
    assert [one.period for one in due("day", 150, span, BERLIN)] == ["2026-10-24"]


@pytest.mark.parametrize("every", ["day", "week", "month", "year"])
def test_the_next_is_the_first_after_now(every: Every) -> None:
    now_ns = at("2026-01-31T06:00")
    next_ns = next_due_ns(every, 360, now_ns, BERLIN)
    assert next_ns > now_ns
    assert [one.at_ns for one in due(every, 360, (now_ns, next_ns), BERLIN)] == [next_ns]
