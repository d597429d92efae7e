"""Values on both engines: virtual points, marks, counters, calendar windows, before and after rolling up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hub.store.engine import StorePlace, open_store
from hub.store.port import Received, SeriesStore, TimeArray, Windows
from hub.values.calendar import Calendar, calendar_edges
from hub.values.cleaning import RuleMarker
from hub.values.config import Cleaning, Counter, Spike
from hub.values.counters import consumption
from hub.values.kept import FILE, bring_up
from hub.values.load import load_values, values_file
from hub.values.site import Known, Virtual
from hub.values.virtual import windows_of
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId, PointKind
from protocols.quality import Quality
from runtime.clock import VirtualClock
from tests.influx import new_place

S = 1_000_000_000
MINUTE = 60 * S
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BERLIN = ZoneInfo("Europe/Berlin")
POWER, FLOW, COUNT = (PointId("demo", "m", name) for name in ("power_kw", "flow_m3_min", "import_kwh"))
METER = Catalogue(
    "demo", "m", ("power_kw", "flow_m3_min", "import_kwh"), ("kW", "m³/min", "kWh"), ("measurement",) * 3
)
SPECIFIC = ("kW/(m³/min)", "_kw_m3_min", "m.power_kw / m.flow_m3_min")
Row = tuple[int, float, float, float]
Fill = Callable[[list[Row]], SeriesStore]


@pytest.fixture(params=["embedded", "influx"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StorePlace:
    if request.param == "embedded":
        return StorePlace(tmp_path / "series.db")
    return new_place(request.getfixturevalue("influx"), tmp_path)


def append(store: SeriesStore, rows: Sequence[Row], seq: int = 1) -> None:
    frames = []
    for at, *numbers in rows:
        values = np.array(numbers)
        quality = np.where(np.isnan(values), Quality.BAD_UNREACHABLE, 0).astype(np.uint8)
        frames.append(Frame(METER.hash(), Instant("b", at, at), values, quality))
    store.append([Received("edge1", "j", seq, tuple(frames))])


@pytest.fixture
def fill(place: StorePlace) -> Iterator[Fill]:
    """A store with rows of (time, power, flow, counter); NaN is bad."""
    store = open_store(place, VirtualClock(wall_ns=100 * HOUR))
    store.add_catalogue(METER)

    def work(rows: list[Row]) -> SeriesStore:
        append(store, rows)
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


def upkeep(store: SeriesStore) -> None:
    """Do all that is due."""
    for _ in range(500):
        if not store.upkeep():
            return
    raise AssertionError("never done")


def same(one: Windows, other: Windows) -> None:
    for name in ("mean", "low", "high", "first", "last", "covered_s"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-9, err_msg=name
        )
    assert one.worst.tolist() == other.worst.tolist()


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


def test_marks_count_in_windows_and_raw_data_stay(fill: Fill, place: StorePlace) -> None:
    values = [5.0] * 10 + [500.0] + [5.0] * 10
    fill([(at * MINUTE, value, 1.0, 0.0) for at, value in enumerate(values)])
    marker = RuleMarker({POWER: (Cleaning(points=("m/power_kw",), spike=Spike(least=1.0)),)})
    store = open_store(place, VirtualClock(), marker)
    # the spike is the last sample of the window: only a look beyond its edge can tell
    found = store.over([POWER, FLOW], np.array([9, 11, 12]) * MINUTE)
    assert found[POWER].mean.tolist() == [5.0, 5.0]
    assert found[POWER].covered_s.tolist() == [60.0, 60.0]
    assert found[POWER].worst.tolist() == [Quality.BAD_SPIKE, 0]
    assert found[FLOW].covered_s.tolist() == [120.0, 60.0]
    assert 500.0 in store.raw(POWER, 0, 30 * MINUTE).values
    store.close()


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


SPRING = datetime(2026, 3, 27, 23, tzinfo=ZoneInfo("UTC"))
"""Midnight in Berlin, two days before clocks have gone forward."""
RULES = {POWER: (Cleaning(points=("m/power_kw",), high=90.0, most_per_min=5.0, flat_s=3600.0),)}


def weekend() -> list[Row]:
    """Four days of 5-min samples with a gap, bad ones, one that stands, leaps, a counter rolling over."""
    begin, draw = int(SPRING.timestamp()) * S, np.random.default_rng(4)
    rows, power, count = [], 50.0, 9_900.0
    for step in range(4 * 288):
        if 300 <= step < 330:
            continue
        power = 50.0 if 700 <= step < 760 else float(np.clip(power + draw.normal(), 0, 80))
        count = (count + power / 12) % 10_000.0
        shown = 99.0 if step % 97 == 0 else power + (40.0 if step % 101 == 0 else 0.0)
        rows.append((begin + step * 5 * MINUTE, np.nan if step % 50 == 0 else shown, 10.0, count))
    return rows


@pytest.mark.timeout(60)
def test_days_of_the_site_s_clock_are_the_same_before_and_after_rolling_up_on_both_engines(
    tmp_path: Path, place: StorePlace
) -> None:
    rows = weekend()
    clock = VirtualClock(wall_ns=rows[0][0])
    store = open_store(place, clock, RuleMarker(RULES))
    store.add_catalogue(METER)
    upkeep(store)
    append(store, rows)
    clock.shift_wall(6 * 86_400.0)
    one, calendars = virtual(tmp_path, *SPECIFIC), {}
    asked: list[Calendar] = ["hour", "day", "week"]
    for window in asked:
        edges = calendar_edges(rows[0][0], rows[-1][0], window, BERLIN, 1000)
        calendars[window] = edges, windows_of(store, [one], edges)[one.id], store.over([POWER], edges)[POWER]
    counter = Counter(point="m/import_kwh", rolls_over_at=10_000.0)
    days = calendars["day"][0]
    assert (np.diff(days) // HOUR).tolist() == [24, 23, 24, 24, 24]
    counted = consumption(store, COUNT, counter, days)
    upkeep(store)
    for edges, drawn, plain in calendars.values():
        same(windows_of(store, [one], edges)[one.id], drawn)
        same(store.over([POWER], edges)[POWER], plain)
    again = consumption(store, COUNT, counter, days)
    np.testing.assert_allclose(again.amount, counted.amount)
    assert [event.kind for event in again.events] == [event.kind for event in counted.events]
    assert "rolled_over" in [event.kind for event in again.events]
    worst = calendars["hour"][2].worst
    assert {Quality.BAD_RANGE, Quality.BAD_RATE, Quality.UNCERTAIN_FLAT} <= set(worst.tolist())
    store.close()


@pytest.mark.timeout(60)
def test_other_rules_make_other_windows_of_their_points_and_leave_the_samples(place: StorePlace) -> None:
    rows = weekend()
    clock = VirtualClock(wall_ns=rows[0][0])
    edges = np.arange(rows[0][0] // HOUR * HOUR, rows[-1][0] // HOUR * HOUR, HOUR)
    with_rules = open_store(place, clock, RuleMarker(RULES))
    with_rules.add_catalogue(METER)
    upkeep(with_rules)
    append(with_rules, rows)
    clock.shift_wall(6 * 86_400.0)
    upkeep(with_rules)
    marked, flow = (with_rules.over([point], edges)[point] for point in (POWER, FLOW))
    raw = with_rules.raw(POWER, rows[0][0], rows[-1][0])
    with_rules.close()
    plain = open_store(place, clock)
    plain.forget_rollups([POWER])
    at_once = plain.over([POWER, FLOW], edges)
    upkeep(plain)
    later = plain.over([POWER, FLOW], edges)
    same(at_once[POWER], later[POWER])
    same(flow, later[FLOW])
    assert not np.array_equal(later[POWER].covered_s, marked.covered_s)
    assert later[POWER].covered_s.sum() > marked.covered_s.sum()
    np.testing.assert_array_equal(plain.raw(POWER, rows[0][0], rows[-1][0]).values, raw.values)
    plain.close()
