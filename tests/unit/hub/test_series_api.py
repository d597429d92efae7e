"""Questions about history at the API: windows of every kind, pages of samples, consumption, balances."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub.store.port import LastValue
from hub.values.live import LiveVirtual
from protocols.quality import Quality
from runtime.clock import iso_utc
from tests.unit.hub.series_asking import HOUR, MINUTE, NOW, START, Asker, S, asker_of


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asker]:
    async with asker_of(tmp_path) as made:
        yield made


def span(start: int = START, end: int = NOW) -> dict[str, str]:
    return {"from": iso_utc(start), "to": iso_utc(end)}


async def test_a_day_of_the_calendar_has_25_hours_and_now_ends_the_last_one(ask: Asker) -> None:
    ask.put("comp1", {"power_kw": [60.0] * 26 * 60})
    found = await ask.get("series", point="demo/comp1/power_kw", calendar="day", **span())
    assert np.diff(found["edges_ms"]).tolist() == [25 * 3_600_000, 3_600_000]
    (row,) = found["points"]
    assert row["mean"] == [60.0, 60.0]
    assert row["energy_kwh"] == pytest.approx([1500.0, 60.0])
    assert row["complete_pct"] == [100.0, 100.0]


async def test_windows_tell_completeness_worst_quality_and_gaps(ask: Asker) -> None:
    ask.put("comp1", {"power_kw": [5.0, 10.0, 10.0, 10.0, 10.0, 5.0, float("nan"), float("nan")]})
    found = await ask.get(
        "series", point="demo/comp1/power_kw", window_s=360, **span(START, START + 18 * MINUTE)
    )
    (row,) = found["points"]
    assert row["mean"] == [pytest.approx(8.3333, abs=1e-3), None, None]
    assert (row["min"][0], row["max"][0]) == (5.0, 10.0)
    assert row["complete_pct"] == [100.0, 0.0, 0.0]
    assert row["worst"] == [0, Quality.BAD_UNREACHABLE, Quality.BAD_UNREACHABLE]
    assert row["completeness_pct"] == pytest.approx(100 / 3)


async def test_a_chart_of_pixels_has_measured_and_virtual_points_on_one_axis(ask: Asker) -> None:
    flows = {f"comp{n}": [10.0] * 26 * 60 for n in (1, 2, 3, 4)}
    for name, flow in flows.items():
        ask.put(name, {"flow_m3_min": flow})
    ask.put("meter_air", {"power_kw": [240.0] * 26 * 60})
    points = ["demo/plant/air_specific_kw_m3_min", "demo/meter_air/power_kw", "demo/plant/air_flow_m3_min"]
    found = await ask.get("series", point=points, pixels=300, **span(START, START + 25 * HOUR))
    assert len(found["edges_ms"]) == 301
    assert [row["unit"] for row in found["points"]] == ["kW/(m³/min)", "kW", "m³/min"]
    assert set(found["points"][0]["mean"]) == {6.0}
    assert set(found["points"][2]["max"]) == {40.0}
    assert found["points"][0]["energy_kwh"] is None


async def test_a_virtual_point_is_a_point_like_others_and_names_its_inputs(ask: Asker) -> None:
    ask.put("chiller1", {"power_kw": [100.0], "cooling_kw": [520.0], "supply_c": [7.0]}, start=NOW - MINUTE)
    cop = next(one for one in await ask.get("points") if one["id"] == "demo/chiller1/cop")
    assert (cop["kind"], cop["unit"]) == ("virtual", "1")
    assert set(cop["inputs"]) == {"demo/chiller1/power_kw", "demo/chiller1/cooling_kw"}
    value = next(one for one in await ask.get("values") if one["point"] == "demo/chiller1/cop")
    assert (value["value"], value["quality_class"], value["age_s"]) == (5.2, "good", 60.0)
    assert any(one["id"] == "plant" and one["kind"] == "virtual" for one in await ask.get("devices"))
    assert "demo/chiller1/cooling_kw" in await ask.refusal("samples", point="demo/chiller1/cop", **span())
    history = await ask.get("history", point="demo/chiller1/cop", window_s=60, **span(NOW - MINUTE, NOW))
    assert (history["mean"], history["complete_pct"], history["worst"]) == ([5.2], [100.0], [0])


async def test_samples_come_in_pages_with_the_marks_of_rules_beside_them(ask: Asker) -> None:
    values = [10.0] * 10 + [45.0] + [10.0] * 14
    ask.put("weather1", {"outdoor_c": values})
    pages: list[dict[str, Any]] = []
    query = span()
    while not pages or pages[-1]["next_from"] is not None:
        pages.append(await ask.get("samples", point="demo/weather1/outdoor_c", limit=10, **query))
        query["from"] = pages[-1]["next_from"]
    assert [len(page["values"]) for page in pages] == [10, 10, 5]
    assert [value for page in pages for value in page["values"]] == values
    assert {mark for page in pages for mark in page["qualities"]} == {0}
    assert [mark for page in pages for mark in page["marks"]] == [0] * 10 + [Quality.BAD_RATE] + [0] * 14


async def test_years_without_samples_are_pages_too(ask: Asker) -> None:
    ask.put("comp1", {"power_kw": [1.0]})
    page = await ask.get("samples", point="demo/comp1/power_kw", **span(START - 365 * 24 * HOUR))
    assert page["values"] == []
    assert datetime.fromisoformat(page["next_from"]).timestamp() * S == START - 334 * 24 * HOUR


async def test_a_counter_is_held_against_the_integral_of_its_power(ask: Asker) -> None:
    counted = [(9_999_970.4 + 1.9 * at) % 10_000_000.0 for at in range(181)]
    ask.put("meter_air", {"power_kw": [120.0] * 181, "import_kwh": counted})
    found = await ask.get(
        "consumption", point="demo/meter_air/import_kwh", calendar="hour", **span(START, START + 3 * HOUR)
    )
    assert found["amount"] == pytest.approx([114.0] * 3)
    assert found["total"] == pytest.approx(342.0)
    assert [(event["kind"], event["amount"]) for event in found["events"]] == [
        ("rolled_over", pytest.approx(1.9))
    ]
    compared = found["comparison"]
    assert compared["power"] == "demo/meter_air/power_kw"
    assert compared["counted_kwh"] == pytest.approx(342.0)
    assert compared["integral_kwh"] == pytest.approx(360.0)
    assert compared["difference_kwh"] == pytest.approx(-18.0)
    assert compared["difference_pct"] == pytest.approx(-5.263, abs=1e-3)
    assert compared["compared_pct"] == 100.0


async def test_a_balance_shows_what_is_not_accounted_for(ask: Asker) -> None:
    powers = {"meter_main": 700.0, "meter_air": 300.0, "meter_cooling": 200.0, "meter_process": 250.0}
    for name, power in powers.items():
        ask.put(name, {"power_kw": [power] * 61})
    ask.put("battery1", {"power_kw": [20.0] * 61})
    ask.put("chp1", {"power_kw": [-50.0] * 61})
    ask.put("pv1", {"power_kw": [-40.0] * 61})
    (name,) = await ask.get("balances")
    assert (name["id"], name["parent"], len(name["children"])) == ("power", "demo/meter_main/power_kw", 6)
    found = await ask.get("balance", id="power", window_s=1800, **span(START, START + HOUR))
    assert (found["parent"], found["children"], found["residual"]) == ([700.0] * 2, [680.0] * 2, [20.0] * 2)
    assert found["residual_pct"] == pytest.approx([20 / 7, 20 / 7])
    assert found["complete_pct"] == [100.0, 100.0]
    gone = await ask.get("balance", id="power", window_s=3600, **span(START + 10 * HOUR, START + 11 * HOUR))
    assert (gone["residual"], gone["residual_pct"], gone["complete_pct"]) == ([None], [None], [0.0])


async def test_samples_name_their_rows_when_asked_and_marks_leave_the_value_as_it_came(ask: Asker) -> None:
    ask.put("chiller1", {"supply_c": [7.0, 7.1, 55.0, 7.0]})
    point = "demo/chiller1/supply_c"
    plain = await ask.get("samples", point=point, **span(START, START + HOUR))
    assert plain["trace"] is None
    found = await ask.get("samples", point=point, trace=True, **span(START, START + HOUR))
    assert (found["values"], found["qualities"]) == ([7.0, 7.1, 55.0, 7.0], [0] * 4)
    assert found["marks"] == [0, 0, Quality.BAD_RANGE, 0]
    trace = found["trace"]
    assert trace["sources"] == [{"edge": "edge1", "journal": "j"}]
    assert (trace["source"], trace["seqs"], trace["exact"]) == ([0] * 4, [ask.seq] * 4, [True] * 4)
    assert trace["polled"] == found["times"]
    refusal = await ask.refusal("samples", point=point, trace=True, **span(START - 48 * HOUR, NOW))
    assert "two days at most" in refusal


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("series", {"point": "demo/comp1/power_kw"}, "give one of `window_s`, `calendar` and `pixels`"),
        ("series", {"point": "demo/comp1/power_kw", "pixels": 9, "window_s": 9}, "give one of"),
        ("series", {"point": "demo/comp1/power_kw", "window_s": 1}, "more than 5000 windows"),
        ("series", {"point": "demo/comp1/power_kw", "calendar": "fortnight"}, "calendar"),
        ("series", {"point": "demo/comp1/nothing", "pixels": 9}, "there is no point"),
        ("series", {"point": "../etc/passwd", "pixels": 9}, "is no point id"),
        ("consumption", {"point": "demo/comp1/power_kw", "calendar": "day"}, "is no counter"),
        ("consumption", {"point": "demo/plant/cooling_kw", "calendar": "day"}, "is no counter"),
        (
            "balance",
            {"id": "water", "calendar": "day"},
            "there is no balance 'water' on this site; there are: power",
        ),
    ],
)
async def test_a_wrong_question_is_refused_with_a_sentence(
    ask: Asker, path: str, query: dict[str, Any], words: str
) -> None:
    assert words in await ask.refusal(path, **query, **span())


async def test_centuries_are_refused_and_the_future_is_empty(ask: Asker) -> None:
    point = "demo/comp1/power_kw"
    years = {"from": "1900-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert "more than 10000 windows" in await ask.refusal("series", point=point, calendar="day", **years)
    ahead = span(NOW + HOUR, NOW + 2 * HOUR)
    for way in ({"pixels": 10}, {"calendar": "day"}, {"window_s": 60}):
        found = await ask.get("series", point=point, **way, **ahead)
        assert (found["edges_ms"], found["points"][0]["mean"]) == ([], [])
    assert "has not come yet" in await ask.refusal(
        "consumption", point="demo/meter_air/import_kwh", calendar="day", **ahead
    )


async def test_a_virtual_value_follows_its_inputs_live(ask: Asker) -> None:
    live = LiveVirtual(ask.deps.values)
    assert live.hear([("demo/chiller1/power_kw", LastValue(100.0, 0, 5 * S))]) == []
    heard = live.hear(
        [("demo/chiller1/cooling_kw", LastValue(500.0, 0, 6 * S)), ("demo/x/y", LastValue(1.0, 0, 1))]
    )
    assert ("demo/chiller1/cop", LastValue(5.0, 0, 5 * S)) in heard
    assert live.hear([("demo/chiller1/power_kw", LastValue(50.0, 0, 4 * S))]) == []
    late = dict(live.hear([("demo/chiller1/power_kw", LastValue(float("nan"), 129, 7 * S))]))
    assert late["demo/chiller1/cop"].quality == Quality.BAD_UNREACHABLE


async def test_a_newest_value_out_of_its_range_is_bad_at_once(ask: Asker) -> None:
    ask.put("weather1", {"outdoor_c": [99.0], "wet_bulb_c": [20.0]}, start=NOW - MINUTE)
    found = {one["point"]: one for one in await ask.get("values")}
    assert (found["demo/weather1/outdoor_c"]["value"], found["demo/weather1/outdoor_c"]["quality"]) == (
        None,
        133,
    )
    assert found["demo/weather1/wet_bulb_c"]["value"] == 20.0
    live = LiveVirtual(ask.deps.values)
    ((_, judged), (_, other)) = live.judge(
        [("demo/weather1/outdoor_c", LastValue(99.0, 0, 5)), ("demo/comp1/power_kw", LastValue(1e9, 0, 5))]
    )
    assert judged.quality == Quality.BAD_RANGE
    assert np.isnan(judged.value)
    assert other == LastValue(1e9, 0, 5)
