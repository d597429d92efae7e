"""Virtual points and counters over a real store; calendar edges and cleaning rules as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store.engine import StorePlace, open_store
from hub.store.port import LastValue, Raw, Received, SeriesStore, TimeArray
from hub.values.calendar import Calendar, calendar_edges, pixel_edges
from hub.values.cleaning import RuleMarker, marked
from hub.values.config import Cleaning, Counter, Spike
from hub.values.counters import Readings, consumption, counted
from hub.values.kept import FILE, bring_up
from hub.values.load import load_values, values_file
from hub.values.site import Known, Virtual
from hub.values.virtual import newest_of, windows_of
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId, PointKind
from protocols.quality import Quality
from runtime.clock import VirtualClock

S = 1_000_000_000
MINUTE = 60 * S
HOUR = 60 * MINUTE
BERLIN = ZoneInfo("Europe/Berlin")
POWER, FLOW, COUNT = (PointId("demo", "m", name) for name in ("power_kw", "flow_m3_min", "import_kwh"))
METER = Catalogue(
    "demo", "m", ("power_kw", "flow_m3_min", "import_kwh"), ("kW", "m³/min", "kWh"), ("measurement",) * 3
)
Row = tuple[int, float, float, float]
Fill = Callable[[list[Row]], SeriesStore]


@pytest.fixture
def fill(tmp_path: Path) -> Iterator[Fill]:
    """A store with rows of (time, power, flow, counter); NaN is bad."""
    store = open_store(StorePlace(tmp_path / "series.db"), VirtualClock(wall_ns=100 * HOUR))
    store.add_catalogue(METER)

    def work(rows: list[Row]) -> SeriesStore:
        frames = []
        for at, *numbers in rows:
            values = np.array(numbers)
            quality = np.where(np.isnan(values), Quality.BAD_UNREACHABLE, 0).astype(np.uint8)
            frames.append(Frame(METER.hash(), Instant("b", at, at), values, quality))
        store.append([Received("edge1", "j", 1, tuple(frames))])
        return store

    yield work
    store.close()


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


def test_a_virtual_window_is_the_expression_of_time_weighted_means(tmp_path: Path, fill: Fill) -> None:
    store = fill([(at * MINUTE, power, 1.0, 0.0) for at, power in ((0, 5.0), (1, 10.0), (5, 5.0), (6, 0.0))])
    one = virtual(tmp_path, *SPECIFIC)
    found = windows_of(store, [one], np.array([0, 6 * MINUTE]))[one.id]
    assert found.mean[0] == pytest.approx(8.333, abs=1e-3)
    assert (found.low[0], found.high[0], found.covered_s[0]) == (5.0, 10.0, 360.0)
    assert (found.first[0], found.last[0]) == (5.0, 5.0)


def test_only_time_in_which_all_inputs_are_covered_counts_and_the_worst_quality_shows(
    tmp_path: Path, fill: Fill
) -> None:
    rows = [(0, 60.0), (2, np.nan), (4, 30.0), (6, 30.0)]
    store = fill([(at * MINUTE, power, 10.0, 0.0) for at, power in rows])
    one = virtual(tmp_path, *SPECIFIC)
    found = windows_of(store, [one], np.array([0, 6 * MINUTE, 20 * HOUR, 21 * HOUR]))[one.id]
    assert found.mean[0] == pytest.approx((60.0 * 2 + 30.0 * 2) / 4 / 10)
    assert found.covered_s.tolist()[0] == 240.0
    assert found.worst.tolist() == [Quality.BAD_UNREACHABLE, 0, 0]
    assert np.isnan(found.mean[2])


def test_a_division_by_zero_is_bad_and_not_covered(tmp_path: Path, fill: Fill) -> None:
    store = fill([(0, 5.0, 0.0, 0.0), (MINUTE, 5.0, 0.0, 0.0)])
    one = virtual(tmp_path, *SPECIFIC)
    found = windows_of(store, [one], np.array([0, MINUTE]))[one.id]
    assert np.isnan(found.mean[0])
    assert (found.covered_s[0], found.worst[0]) == (0.0, Quality.BAD_NOT_AVAILABLE)


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


def test_marks_count_in_windows_and_raw_data_stay(tmp_path: Path, fill: Fill) -> None:
    values = [5.0] * 10 + [500.0] + [5.0] * 10
    fill([(at * MINUTE, value, 1.0, 0.0) for at, value in enumerate(values)])
    marker = RuleMarker({POWER: (Cleaning(points=("m/power_kw",), spike=Spike(least=1.0)),)})
    store = open_store(StorePlace(tmp_path / "series.db"), VirtualClock(), marker)
    # the spike is the last sample of the window: only a look beyond its edge can tell
    found = store.over([POWER, FLOW], np.array([9, 11, 12]) * MINUTE)
    assert found[POWER].mean.tolist() == [5.0, 5.0]
    assert found[POWER].covered_s.tolist() == [60.0, 60.0]
    assert found[POWER].worst.tolist() == [Quality.BAD_SPIKE, 0]
    assert found[FLOW].covered_s.tolist() == [120.0, 60.0]
    assert 500.0 in store.raw(POWER, 0, 30 * MINUTE).values
    store.close()


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


def test_consumption_by_windows_adds_up_and_a_gap_over_an_edge_is_told(fill: Fill) -> None:
    rows = [(at * MINUTE, 60.0, 1.0, 1000.0 + at) for at in (*range(50), *range(150, 241))]
    found = consumption(fill(rows), COUNT, None, np.array([0, 1, 2, 3, 4]) * HOUR)
    assert found.amount.tolist()[0] == pytest.approx(49.0)
    assert found.amount.tolist()[1] == 0.0  # the last reading still stands for some minutes
    assert found.amount[3] == pytest.approx(60.0)
    gap = found.events[0]
    assert gap.kind == "gap"
    assert found.amount.sum() + gap.amount == pytest.approx(240.0)
    assert found.covered_s.tolist()[1] == 240.0


def test_a_roll_over_inside_a_stored_window_is_found_in_the_samples(fill: Fill) -> None:
    rows = [(at * MINUTE, 60.0, 1.0, (990.0 + at) % 1000.0) for at in range(121)]
    store = fill(rows)
    edges: TimeArray = np.array([0, 1, 2]) * HOUR
    rolls = consumption(store, COUNT, Counter(point="m/import_kwh", rolls_over_at=1000.0), edges)
    assert rolls.amount.tolist() == pytest.approx([60.0, 60.0])
    assert rolls.covered_s.tolist() == [3600.0, 3600.0]
    assert [event.kind for event in rolls.events] == ["rolled_over"]
    undeclared = consumption(store, COUNT, None, edges)
    assert undeclared.amount.tolist() == pytest.approx([59.0, 60.0])
    assert [event.kind for event in undeclared.events] == ["new_meter"]


def test_rollups_are_made_anew_when_rules_change_and_only_then(tmp_path: Path, fill: Fill) -> None:
    store = fill([(at * MINUTE, 5.0, 1.0, 0.0) for at in range(30)])
    wide, narrow = (Cleaning(points=("m/power_kw",), high=high) for high in (10.0, 4.0))
    assert bring_up(store, {}, tmp_path) == []
    assert bring_up(store, {POWER: (wide,), FLOW: (wide,)}, tmp_path) == [FLOW, POWER]
    assert bring_up(store, {POWER: (wide,), FLOW: (wide,)}, tmp_path) == []
    assert bring_up(store, {POWER: (narrow,)}, tmp_path) == [FLOW, POWER]
    (tmp_path / FILE).write_text("[damaged", encoding="utf-8")
    assert bring_up(store, {POWER: (narrow,)}, tmp_path) == [POWER]
