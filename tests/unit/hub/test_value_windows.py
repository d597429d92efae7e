"""What needs no store of values: calendar edges, cleaning rules, counters, newest virtual values."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store.port import LastValue, Raw
from hub.values.calendar import Calendar, calendar_edges, pixel_edges
from hub.values.cleaning import marked
from hub.values.config import Cleaning, Counter, Spike
from hub.values.counters import Readings, counted
from hub.values.load import load_values, values_file
from hub.values.site import Known, Virtual
from hub.values.virtual import newest_of
from protocols.point import PointId, PointKind
from protocols.quality import Quality

S = 1_000_000_000
MINUTE = 60 * S
HOUR = 60 * MINUTE
BERLIN = ZoneInfo("Europe/Berlin")
POWER, FLOW, COUNT = (PointId("demo", "m", name) for name in ("power_kw", "flow_m3_min", "import_kwh"))


def virtual(folder: Path, unit: str, suffix: str, expression: str) -> Virtual:
    path = values_file(folder, "demo")
    path.parent.mkdir(parents=True)
    path.write_text(
        f"virtual:\n  - {{id: m/v{suffix}, label: {{en: x, zh: x}}, unit: '{unit}',"
        f" expression: '{expression}'}}\n",
        encoding="utf-8",
    )
    points = {
        POWER: Known("kW", PointKind.MEASUREMENT),
        FLOW: Known("m³/min", PointKind.MEASUREMENT),
        COUNT: Known("kWh", PointKind.COUNTER),
    }
    return next(iter(load_values(folder, "demo", points).virtual.values()))


SPECIFIC = ("kW/(m³/min)", "_kw_m3_min", "m.power_kw / m.flow_m3_min")


def test_the_newest_virtual_value_is_as_old_and_as_good_as_its_worst_input(tmp_path: Path) -> None:
    one = virtual(tmp_path, *SPECIFIC)
    last = {POWER: LastValue(60.0, Quality.UNCERTAIN_DEVICE, 50), FLOW: LastValue(10.0, 0, 70)}
    assert newest_of(one, last) == LastValue(6.0, Quality.UNCERTAIN_DEVICE, 50)
    assert newest_of(one, {POWER: last[POWER]}) is None
    no_answer = newest_of(one, last | {FLOW: LastValue(0.0, 0, 70)})
    assert no_answer is not None
    assert np.isnan(no_answer.value)
    assert no_answer.quality == Quality.BAD_NOT_AVAILABLE


@pytest.mark.parametrize(
    ("first", "window", "hours"),
    [
        (datetime(2026, 3, 28, tzinfo=BERLIN), "day", [24, 23, 24]),
        (datetime(2026, 10, 24, tzinfo=BERLIN), "day", [24, 25, 24]),
        (datetime(2026, 3, 29, tzinfo=BERLIN), "hour", [1, 1, 1]),
        (datetime(2026, 3, 2, tzinfo=BERLIN), "week", [168, 168, 168]),
        (datetime(2026, 3, 23, tzinfo=BERLIN), "week", [167, 168, 168]),
        (datetime(2026, 2, 1, tzinfo=BERLIN), "month", [28 * 24, 31 * 24 - 1, 30 * 24]),
        (datetime(2024, 1, 1, tzinfo=BERLIN), "year", [366 * 24, 365 * 24, 365 * 24]),
        (datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Kolkata")), "hour", [1, 1, 1]),
    ],
)
def test_calendar_windows_are_those_of_the_site_s_clock(
    first: datetime, window: Calendar, hours: list[int]
) -> None:
    zone = first.tzinfo
    assert isinstance(zone, ZoneInfo)
    start = int(first.timestamp()) * S
    edges = calendar_edges(start + S, start + sum(hours) * HOUR - S, window, zone, 10)
    assert edges[0] == start
    assert (np.diff(edges) / HOUR).tolist() == hours


def test_a_year_of_hours_is_8760_and_too_many_windows_are_refused() -> None:
    start = int(datetime(2026, 1, 1, tzinfo=BERLIN).timestamp()) * S
    end = int(datetime(2027, 1, 1, tzinfo=BERLIN).timestamp()) * S
    assert len(calendar_edges(start, end, "hour", BERLIN, 9000)) == 8761
    for window in ("hour", "day"):
        with pytest.raises(ValueError, match="more than 100 windows"):
            calendar_edges(start, end, window, BERLIN, 100)


@given(st.integers(1, 400 * 86_400), st.integers(1, 3000), st.integers(0, 10**15))
def test_pixels_of_a_chart_are_ascending_and_end_where_they_should(
    length_s: int, pixels: int, start_ns: int
) -> None:
    edges = pixel_edges(start_ns, start_ns + length_s * S, pixels)
    assert (edges[0], edges[-1]) == (start_ns, start_ns + length_s * S)
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= pixels + 1


def raw(values: list[float], step_s: int = 60) -> Raw:
    count = len(values)
    numbers = np.array(values)
    bad = np.where(np.isnan(numbers), Quality.BAD_UNREACHABLE, 0).astype(np.uint8)
    return Raw(np.arange(count) * step_s * S, numbers, bad, np.zeros(count, np.int64))


@pytest.mark.parametrize(
    ("rule", "values", "marks"),
    [
        ({"low": 0, "high": 10}, [-1, 0, 10, 11], [133, 0, 0, 133]),
        ({"most_per_min": 1}, [20, 20.5, 90, 90, 21, 21.5], [0, 0, 135, 135, 0, 0]),
        ({"most_per_min": 1}, [20, 24, 24, 24, 24, 24], [0, 135, 135, 135, 0, 0]),
        ({"flat_s": 180}, [1, 2, 2, 2, 2, 3], [0, 68, 68, 68, 68, 0]),
        ({"flat_s": 180, "flat_except": 2}, [1, 2, 2, 2, 2, 3], [0, 0, 0, 0, 0, 0]),
        ({"spike": {"least": 1}}, [5, 5.1, 5, 50, 5, 5.1, 5, 5], [0, 0, 0, 136, 0, 0, 0, 0]),
        ({"spike": {"least": 1}}, [5, 5, 5, 5, 9, 9, 9, 9], [0] * 8),
        ({"high": 10, "most_per_min": 1}, [5, float("nan"), 99, 5], [0, 129, 133, 0]),
    ],
)
def test_rules_mark_what_cannot_be_right(
    rule: dict[str, object], values: list[float], marks: list[int]
) -> None:
    cleaning = Cleaning.model_validate({"points": ["m/power_kw"], **rule})
    given_ = raw(values)
    before = given_.values.copy(), given_.qualities.copy()
    assert marked(cleaning, given_, given_.qualities).tolist() == marks
    assert np.array_equal(given_.values, before[0], equal_nan=True)
    assert np.array_equal(given_.qualities, before[1])


def test_after_the_time_a_value_stands_a_new_level_is_accepted() -> None:
    marks = marked(
        Cleaning(points=("m/power_kw",), most_per_min=0.1),
        raw([20.0] + [90.0] * 20),
        raw([0.0] * 21).qualities,
    )
    assert marks.tolist() == [0] + [135] * 15 + [0] * 5


@given(st.lists(st.floats(0, 100) | st.just(float("nan")), max_size=40))
def test_no_rule_makes_a_sample_better_than_it_came(values: list[float]) -> None:
    rule = Cleaning(points=("m/x",), low=5, high=90, most_per_min=3, flat_s=120, spike=Spike(least=1))
    given_ = raw(values)
    assert (marked(rule, given_, given_.qualities) >= given_.qualities).all()


def minutes(*values: float) -> Readings:
    return Readings(np.arange(len(values)) * 10 * MINUTE, np.array(values))


@pytest.mark.parametrize(
    ("values", "counter", "amount", "kinds"),
    [
        ([100, 110, 125], {}, 25, []),
        ([990, 998, 6, 10], {"rolls_over_at": 1000}, 20, ["rolled_over"]),
        ([990, 998, 6, 10], {}, 12, ["new_meter"]),
        ([990, 998, 600, 610], {"rolls_over_at": 1000}, 18, ["new_meter"]),
        ([990, 998, 0, 0, 1001, 1010], {}, 20, ["glitch"]),
        ([990, 998, 0, 1001, 1010], {"rolls_over_at": 100000}, 20, ["glitch"]),
        ([990, 998, 65535, 1001, 1010], {}, 20, ["glitch"]),
        ([990, 998, 50000, 50010], {"most_per_h": 60}, 18, ["new_meter"]),
        ([990, 998, 50000, 1003, 1010], {"most_per_h": 60}, 20, ["glitch"]),
        ([5000, 5010, 0, 5, 12], {}, 22, ["new_meter"]),
        ([5], {}, 0, []),
        ([], {}, 0, []),
    ],
)
def test_consumption_survives_what_counters_do(
    values: list[float], counter: dict[str, float], amount: float, kinds: list[str]
) -> None:
    declared = Counter.model_validate({"point": "m/import_kwh", **counter})
    found, events = counted(minutes(*values), declared, np.array([0, HOUR]))
    assert found.tolist() == [amount]
    assert [event.kind for event in events] == kinds


@given(st.lists(st.floats(0, 50), min_size=1, max_size=60), st.integers(100, 1000))
def test_a_declared_roll_over_never_changes_what_was_counted(steps: list[float], width: int) -> None:
    width *= 10
    total = np.cumsum([width - 30.0, *steps])
    edges = np.array([0, len(total) * 10 * MINUTE])
    rolls = Counter(point="m/import_kwh", rolls_over_at=float(width), most_per_h=600.0)
    amount, _ = counted(minutes(*(total % width)), rolls, edges)
    assert amount[0] == pytest.approx(sum(steps), abs=1e-6)
