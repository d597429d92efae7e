from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.contract import Contract, contract_faults
from accounts.invoice import Beside, Courses, Invoice, bill, midnight_ns, month_of
from accounts.power_factor import Standard, adjustment_pct, foreseen, power_factor
from accounts.power_parts import BasicPart, advice
from accounts.pricing import price_series
from accounts.readings import FloatArray, Metering, Readings, peak_kw
from accounts.used import Before, Period
from hub.accounts.contracts import load_contract
from protocols.errors import ConfigError

LABEL = {"en": "x", "zh": "某"}
DAY_S = 86_400
CONTRACTS = Path(__file__).parents[3] / "configs" / "contracts"


def contract(*parts: dict[str, Any], **more: object) -> Contract:
    given_parts = [{"id": f"part{at}", "label": LABEL, **part} for at, part in enumerate(parts)]
    sheet = {"first": "2026-01-01", "last": "2026-12-31", "source": "made up", "parts": given_parts}
    return Contract.model_validate(
        {
            "id": "made",
            "label": LABEL,
            "currency": "EUR",
            "time_zone": "Europe/Berlin",
            "sheets": [sheet],
            **more,
        }
    )


def readings(kwh: float = 1.0, days: int = 31, step_s: int = 900, **more: FloatArray) -> Readings:
    start = midnight_ns(dt.date(2026, 1, 1), contract({"kind": "standing", "amount": 1}).zone)
    return Readings(start, step_s, np.full(days * DAY_S // step_s, kwh), **more)


def january(*parts: dict[str, Any], read: Readings | None = None, beside: Beside | None = None) -> Invoice:
    return bill(contract(*parts), read or readings(), month_of(2026, 1), beside)


@pytest.mark.parametrize(
    ("factor", "standard", "percent"),
    [
        ("1.00", "0.90", "-0.75"),
        ("0.95", "0.90", "-0.75"),
        ("0.91", "0.90", "-0.15"),
        ("0.90", "0.90", "0"),
        ("0.89", "0.90", "0.5"),
        ("0.70", "0.90", "10"),
        ("0.65", "0.90", "15"),
        ("0.64", "0.90", "17"),
        ("0.98", "0.85", "-1.10"),
        ("0.90", "0.85", "-0.5"),
        ("0.60", "0.85", "15"),
        ("0.59", "0.85", "17"),
        ("0.95", "0.80", "-1.30"),
        ("0.91", "0.80", "-1.15"),
        ("0.55", "0.80", "15"),
        ("0.54", "0.80", "17"),
    ],
)
def test_the_power_factor_moves_the_bill_as_the_table_of_1983_says(
    factor: str, standard: Standard, percent: str
) -> None:
    assert adjustment_pct(Decimal(factor), standard) == Decimal(percent)


def test_a_month_without_use_has_the_best_factor() -> None:
    assert power_factor(Decimal(0), Decimal(0)) == 1
    assert power_factor(Decimal(0), Decimal(5)) == 0


@pytest.mark.parametrize("standard", ["0.90", "0.85", "0.80"])
def test_what_is_compensated_until_the_end_brings_the_factor_that_was_promised(standard: Standard) -> None:
    so_far, to_come = (Decimal(60_000), Decimal(40_000)), (Decimal(40_000), Decimal(35_000))
    seen = foreseen(so_far, to_come, standard)
    assert (seen.factor, seen.percent) == (Decimal("0.80"), adjustment_pct(Decimal("0.80"), standard))
    for less, percent in (
        (seen.to_standard_kvarh, Decimal(0)),
        (seen.to_best_kvarh, adjustment_pct(Decimal(1), standard)),
    ):
        after = foreseen(so_far, (to_come[0], to_come[1] - less), standard)
        assert after.percent == percent
        if less:
            assert foreseen(so_far, (to_come[0], to_come[1] - less + 200), standard).percent > percent


def test_an_amount_is_rounded_half_away_from_zero_and_the_total_adds_up() -> None:
    quarter = {"kind": "energy", "per_kwh": "0.0001680107526881720430"}
    made = january(quarter, {"kind": "standing", "amount": "2.345"}, {"kind": "standing", "amount": "-2.345"})
    assert [str(line.amount) for line in made.lines] == ["0.50", "2.35", "-2.35"]
    assert made.total == sum(line.amount for line in made.lines)


def test_a_day_of_23_hours_is_billed_as_23_hours() -> None:
    made = contract({"kind": "energy", "per_kwh": 1}, {"kind": "standing", "per": "day", "amount": 1})
    begin = midnight_ns(dt.date(2026, 3, 29), made.zone)
    one_day = Period(dt.date(2026, 3, 29), dt.date(2026, 3, 30))
    invoice = bill(made, Readings(begin, 3600, np.ones(23)), one_day)
    assert [line.quantity for line in invoice.lines] == [23, 1]


def test_a_leap_year_shares_a_years_price_by_366_days() -> None:
    made = contract({"kind": "standing", "per": "year", "amount": 366}).model_dump()
    made["sheets"] = [{**made["sheets"][0], "first": "2024-01-01", "last": "2024-12-31"}]
    leap = Contract.model_validate(made)
    begin = midnight_ns(dt.date(2024, 2, 1), leap.zone)
    february = bill(leap, Readings(begin, 3600, np.ones(29 * 24)), month_of(2024, 2))
    assert february.total == 29


def test_a_sliding_demand_finds_what_blocks_cut_in_two() -> None:
    kwh = np.full(120, 1.0)
    kwh[52:67] = 3.0  # 15 minutes of 180 kW across a quarter hour
    read = Readings(0, 60, kwh)
    assert peak_kw(read, Metering(slide=True)) == pytest.approx(180)
    assert peak_kw(read, Metering()) == pytest.approx(60 + 120 * 8 / 15)
    assert peak_kw(read, Metering(window_s=1800, slide=True)) == pytest.approx(120)


def test_a_window_with_a_missing_minute_sets_no_demand() -> None:
    kwh = np.full(60, 1.0)
    kwh[10:25] = 9.0
    kwh[17] = np.nan
    assert peak_kw(Readings(0, 60, kwh), Metering(slide=True)) < 9 * 60


def test_a_sliding_demand_cannot_be_known_from_quarter_hours() -> None:
    with pytest.raises(ConfigError, match=r"cannot be known from intervals of 900 s"):
        peak_kw(readings(), Metering(slide=True))


def test_a_ratchet_charges_a_share_of_an_earlier_demand() -> None:
    part = {"kind": "demand", "per_kw": 10, "ratchet": {"share": "0.8", "months": 2}}
    before = Before(peaks_kw=(Decimal(900), Decimal(10), Decimal(20)))
    assert january(part, beside=Beside(before=before)).lines[0].quantity == Decimal(16)  # 80 % of 20
    assert january(part).lines[0].quantity == 4


def test_tiers_go_on_where_the_year_stands() -> None:
    part = {"kind": "tiers", "tiers": [{"until_kwh": 1000, "per_kwh": 2}, {"per_kwh": 1}]}
    made = january(part, beside=Beside(before=Before(year_kwh=Decimal(400))))
    assert [line.quantity for line in made.lines] == [600, 2376]
    assert [line.amount for line in made.lines] == [1200, 2376]


def test_hours_of_use_need_a_year() -> None:
    with pytest.raises(ConfigError, match="a billing period of a whole year"):
        january({"kind": "energy", "per_kwh": 1, "hours_of_use": {"least": 2500}})


def test_reactive_energy_beyond_its_free_share_is_charged() -> None:
    part = {"kind": "reactive", "per_kvarh": 1, "free_share": "0.5"}
    made = january(part, read=readings(kvarh=np.full(31 * 96, 0.7)))
    assert made.lines[0].quantity == Decimal("595.2")
    with pytest.raises(ConfigError, match="the readings have no kvarh"):
        january(part)


def test_feed_in_comes_off_the_invoice_by_a_course() -> None:
    read = readings(export_kwh=np.full(31 * 96, 0.5))
    course = Courses(read.start_ns, 3600, np.full(31 * 24, 0.1))
    part = {"kind": "feed_in", "course": "spot", "per_kwh": "0.02"}
    assert january(part, read=read, beside=Beside({"spot": course})).total == Decimal("-178.56")


def test_a_course_that_lacks_an_hour_is_refused() -> None:
    read = readings()
    course = Courses(read.start_ns, 3600, np.full(31 * 24 - 1, 0.1))
    with pytest.raises(ConfigError, match="lack interval 2972 of the period"):
        january({"kind": "course", "course": "spot"}, read=read, beside=Beside({"spot": course}))
    with pytest.raises(ConfigError, match="'spot', which were not given"):
        january({"kind": "course", "course": "spot"}, read=read)


def test_gaps_are_refused_unless_a_provisional_invoice_is_asked_for() -> None:
    kwh = np.full(31 * 96, 1.0)
    kwh[7] = np.nan
    read = Readings(readings().start_ns, 900, kwh)
    with pytest.raises(ConfigError, match="1 of 2976 intervals have no reading"):
        january({"kind": "energy", "per_kwh": 1}, read=read)
    made = january({"kind": "energy", "per_kwh": 1}, read=read, beside=Beside(gaps=True))
    assert made.missing == 1
    assert made.total == 2975


def test_prices_that_change_within_the_period_are_refused() -> None:
    with pytest.raises(ConfigError, match="no prices for 2027-01-01"):
        bill(contract({"kind": "standing", "amount": 1}), readings(), month_of(2027, 1))
    with pytest.raises(ConfigError, match="change after 2026-12-31"):
        long = Period(dt.date(2026, 12, 1), dt.date(2027, 2, 1))
        bill(contract({"kind": "standing", "amount": 1}), readings(), long)


def test_readings_of_an_hour_are_refused_where_a_band_begins_within() -> None:
    bands = [{"id": name, "label": LABEL} for name in ("a", "b")]
    windows = [{"band": "a", "hours": ["00:00-11:30"]}, {"band": "b", "hours": ["11:30-24:00"]}]
    made = contract({"kind": "energy", "per_kwh": 1}, calendar={"bands": bands, "windows": windows})
    with pytest.raises(ConfigError, match="30 min into interval 11 of 60 min"):
        bill(made, readings(step_s=3600), month_of(2026, 1))
    assert bill(made, readings(step_s=1800), month_of(2026, 1)).total == 31 * 48


def test_hours_that_change_with_a_sheet_hold_while_it_does() -> None:
    bands = [{"id": name, "label": LABEL} for name in ("dear", "cheap")]
    hours = {"dear": ["08:00-20:00"], "cheap": ["20:00-08:00"]}
    later = {"dear": ["16:00-24:00"], "cheap": ["00:00-16:00"], "deep": ["10:00-14:00"]}
    plain = contract({"kind": "energy", "by_band": {"dear": 2, "cheap": 1}}).model_dump(mode="json")
    plain["calendar"] = {"bands": bands, "windows": [{"band": b, "hours": h} for b, h in hours.items()]}
    part = {**plain["sheets"][0]["parts"][0], "by_band": {"dear": 3, "cheap": 1, "deep": 0}}
    plain["sheets"] = [
        {**plain["sheets"][0], "last": "2026-01-14"},
        {
            **plain["sheets"][0],
            "first": "2026-01-15",
            "parts": [part],
            "calendar": {
                "bands": [*bands, {"id": "deep", "label": LABEL}],
                "windows": [{"band": b, "hours": later[b]} for b in ("dear", "cheap")],
                "overrides": [{"band": "deep", "hours": later["deep"]}],
            },
        },
    ]
    made = Contract.model_validate(plain)
    assert not list(contract_faults(made))
    first = bill(made, readings(), Period(dt.date(2026, 1, 1), dt.date(2026, 1, 15)))
    second = bill(made, readings(), Period(dt.date(2026, 1, 15), dt.date(2026, 2, 1)))
    assert [line.quantity for line in first.lines] == [14 * 48, 14 * 48]
    assert [line.band for line in second.lines] == ["dear", "cheap", "deep"]
    assert [line.quantity for line in second.lines] == [17 * 32, 17 * 48, 17 * 16]
    noon = midnight_ns(dt.date(2026, 1, 14), made.zone) + 12 * 3600 * 10**9
    told = price_series(made, np.array([noon, noon + DAY_S * 10**9], np.int64))
    assert told.tolist() == [2.0, 0.0]


def test_plans_over_the_end_of_the_last_sheet_go_by_its_prices_and_invoices_do_not() -> None:
    made = contract({"kind": "energy", "per_kwh": 2})
    at = np.array([midnight_ns(dt.date(2027, 1, 1), made.zone)], np.int64)
    assert price_series(made, at, beyond=True).tolist() == [2.0]
    with pytest.raises(ConfigError, match="no prices for 2027-01-01"):
        price_series(made, at)


BASIC = BasicPart.model_validate(
    {
        "id": "basic",
        "label": LABEL,
        "mode": "contract",
        "capacity_kva": 1000,
        "per_kva": 30,
        "per_kw": 40,
        "contract_kw": 600,
    }
)


@pytest.mark.parametrize(
    ("peak", "charged"), [(500, [600]), (630, [600]), (730, [600, 200])], ids=["below", "at 105 %", "over"]
)
def test_a_contract_demand_is_paid_in_full_and_beyond_105_percent_twice(
    peak: int, charged: list[int]
) -> None:
    found = BASIC.quantities("contract", Decimal(peak), BASIC.contract_kw)
    assert [kw for kw, _ in found] == charged


def test_a_contract_below_40_percent_of_the_capacity_is_lifted() -> None:
    assert BASIC.quantities("contract", Decimal(100), Decimal(150)) == [
        (Decimal(400), "40 % of the capacity")
    ]


def test_a_month_with_260_kwh_for_each_kva_lowers_the_demand_price() -> None:
    assert BASIC.demand_price(Decimal(259_999)) == 40
    assert BASIC.demand_price(Decimal(260_000)) == 36


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 1500), st.integers(0, 400), st.integers(0, 400_000))
def test_no_way_to_be_charged_is_cheaper_than_the_advised(expected: int, more: int, kwh: int) -> None:
    ways = advice(BASIC, Decimal(expected), Decimal(expected + more), Decimal(kwh))
    price = BASIC.demand_price(Decimal(kwh))
    others = [Decimal(30_000), expected * price]
    for contract_kw in range(400, 1500, 50):
        charged = BASIC.quantities("contract", Decimal(expected), Decimal(contract_kw))
        others.append(sum(kw for kw, _ in charged) * price)
    assert ways[0].expected <= min(others) + price  # contracts are agreed in whole kilowatts


def test_the_planner_is_told_the_price_that_the_invoice_asks() -> None:
    """One more kilowatt-hour in an hour costs what the price series says, taxes on taxes and all."""
    course = Courses(readings().start_ns, 3600, np.linspace(0.05, 0.2, 31 * 24))
    parts = (
        {"kind": "course", "course": "spot", "factor": "1.03", "plus_per_kwh": "0.004", "group": "energy"},
        {"kind": "energy", "per_kwh": "0.0146", "group": "grid"},
        {"kind": "tax", "percent": "5.11269632", "of": ["energy", "grid"], "group": "tax"},
        {"kind": "tax", "percent": 19, "group": "tax"},
    )
    made, beside = contract(*parts, rounding={"money": 4, "energy": 6}), Beside({"spot": course})
    at = 500 * 4
    more = readings().import_kwh.copy()
    more[at] += 1000
    cost = [
        bill(made, Readings(readings().start_ns, 900, kwh), month_of(2026, 1), beside).total
        for kwh in (readings().import_kwh, more)
    ]
    told = price_series(made, readings().starts_ns[at : at + 1], {"spot": course})[0]
    assert float(cost[1] - cost[0]) / 1000 == pytest.approx(told, abs=2e-6)


def test_all_faults_of_a_contract_are_told_at_once_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    path.write_text(
        """\
id: made
label: {en: x, zh: 某}
currency: CNY
time_zone: Asia/Shanghai
calendar:
  bands:
    - {id: peak, label: {en: x, zh: 某}}
    - {id: valley, label: {en: x, zh: 某}}
  windows:
    - {band: peak, hours: ["08:00-22:00"]}
    - {band: valley, hours: ["21:00-06:00"]}
sheets:
  - first: 2026-01-01
    last: 2026-01-31
    source: made up
    parts:
      - {id: energy, kind: energy, label: {en: x, zh: 某}, by_band: {peak: 1}}
      - {id: energy, kind: energy, label: {en: x, zh: 某}, by_band: {flat: 1, peak: 1, valley: 2}}
  - first: 2026-01-31
    last: 2026-02-28
    source: made up
    parts:
      - {id: b, kind: basic, label: {en: x, zh: 某}, mode: contract, capacity_kva: 1, per_kva: 1, per_kw: 1}
""",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as told:
        load_contract(path)
    lines = [line.removeprefix(f"{path}:") for line in str(told.value).splitlines()]
    assert [line.split(": ")[:2] for line in lines] == [
        ["10", "calendar.windows"],
        ["11", "calendar.windows.1.hours"],
        ["17", "sheets.0.parts.0.by_band"],
        ["18", "sheets.0.parts.1.by_band"],
        ["18", "sheets.0.parts.1.id"],
        ["19", "sheets.1.first"],
        ["23", "sheets.1.parts.0.mode"],
    ]


def test_an_unknown_zone_a_gap_and_overlapping_hours_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    body = (CONTRACTS / "cn_hubei_10kv.yaml").read_text(encoding="utf-8")
    body = body.replace("Asia/Shanghai", "Asia/Peking").replace(
        '"14:00-16:00"', '"14:00-15:00", "05:00-06:00"'
    )
    path.write_text(body, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        load_contract(path)
    texts = str(told.value).splitlines()
    assert len(texts) == 3
    for words in (
        "'Asia/Peking', no time zone",
        "no window holds 15:00-16:00",
        "overlaps with windows[1] (flat)",
    ):
        assert sum(words in text for text in texts) == 1, words
    path.write_text(body.replace("per_kwh: 0.1263", "per_kwh: much"), encoding="utf-8")
    with pytest.raises(ConfigError) as more:
        load_contract(path)
    assert "per_kwh" in str(more.value)
    assert "overlaps with windows[1] (flat)" in str(more.value)
    with pytest.raises(ConfigError, match="no time zone; allowed are IANA names"):
        bill(
            contract({"kind": "standing", "amount": 1}, time_zone="Asia/Peking"),
            readings(),
            month_of(2026, 1),
        )


def test_what_cannot_be_a_reading_is_refused() -> None:
    with pytest.raises(ConfigError, match="import_kwh of interval 1 is -1"):
        Readings(0, 900, np.array([1.0, -1.0]))
    with pytest.raises(ConfigError, match="kvarh has another number of intervals"):
        Readings(0, 900, np.ones(2), kvarh=np.ones(3))
    with pytest.raises(ConfigError, match="intervals of 90 s"):
        Readings(0, 90, np.ones(2))
    with pytest.raises(ConfigError, match="1 intervals are missing before and 0 after"):
        Readings(900 * 10**9, 900, np.ones(9)).between(0, 1800 * 10**9)
