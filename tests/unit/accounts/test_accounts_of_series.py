"""A year of a site's accounts from its store, against a recomputation that shares no code with them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from accounts.used import Period
from hub.accounts.billing import invoice_of, month_use
from hub.accounts.closed_periods import may_close
from hub.accounts.making import PeriodStatement, goals_of, statement_of
from hub.accounts.periods import named
from hub.accounts.site import SiteAccounts
from protocols.errors import ConfigError
from tests.unit.accounts.site_series import BERLIN, QUARTER, Filling, accounts_with, at, filling

START, END = at("2026-01-01"), at("2027-01-01")
COUNT = (END - START) // QUARTER
BOOK = """\
meters:
  - {id: main, point: meter_main/import_kwh}
  - {id: air_station, point: meter_air/import_kwh, below: main, area: compressor_room, device: meter_air}
  - {id: process, point: meter_process/import_kwh, below: main, area: production, product: parts}
  - {id: gas, carrier: natural_gas, basis: hhv, point: boiler1/fuel_kw, area: utilities}
  - {id: chp_power, point: plant/chp_kw, bought: false}
  - {id: chp_gas, carrier: natural_gas, basis: hhv, point: chp1/fuel_kw, below: gas}
  - {id: chp_heat, carrier: heat, point: chp1/heat_kw, bought: false}
  - {id: air_made, carrier: air, unit: m³, point: comp1/flow_m3_min}
products:
  - {id: parts, label: {en: Parts, zh: 零件}, unit: pieces, counter: parts_made, point: comp1/starts_count}
media:
  - {id: air, label: {en: Air, zh: 压缩空气}, made: air_made, inputs: [air_station]}
chp:
  - {id: chp1, label: {en: CHP, zh: 热电联产}, fuel: chp_gas, power: chp_power, heat: chp_heat,
     method: energy}
prices: [{carrier: natural_gas, per_unit: 0.05, source: made up}]
factors:
  - {id: grid, carrier: electricity, kg_per_unit: 0.363, year: 2024, source: Umweltbundesamt}
  - {id: gas, carrier: natural_gas, kg_per_unit: 0.2, basis: lhv, hhv_per_lhv: 1.1, year: 2006,
     source: IPCC 2006}
goals:
  - {id: use, label: {en: Use, zh: 用量}, figure: main, first: 2026-01-01, last: 2026-12-31, at_most: 600000}
  - {id: money, label: {en: Money, zh: 费用}, figure: cost, first: 2026-03-01, last: 2026-03-31, at_most: 1}
  - {id: carbon, label: {en: CO2, zh: 碳}, figure: co2_kg, first: 2026-03-01, last: 2026-03-31, at_most: 1}
  - {id: coal, label: {en: Coal, zh: 标煤}, figure: tce, per: parts_made, first: 2026-03-01, last: 2026-03-31,
     at_most: 1}
"""
RATES = {"day": Fraction(25, 100), "night": Fraction(125, 1000)}
CONTRACT = """\
id: made
label: {en: made, zh: 自制}
currency: EUR
time_zone: Europe/Berlin
calendar:
  bands: [{id: day, label: {en: day, zh: 日}}, {id: night, label: {en: night, zh: 夜}}]
  windows: [{band: day, hours: ["06:00-22:00"]}, {band: night, hours: ["22:00-06:00"]}]
sheets:
  - first: 2026-01-01
    last: 2026-12-31
    source: made up
    parts:
      - {id: energy, kind: energy, group: energy, label: {en: e, zh: 电}, by_band: {day: 0.25, night: 0.125}}
      - {id: demand, kind: demand, group: basic, label: {en: d, zh: 需}, per_kw: 9, ratchet: {share: 0.8}}
      - {id: tax, kind: tax, group: tax, label: {en: t, zh: 税}, percent: 19}
"""


def loads() -> dict[str, NDArray[np.float64]]:
    """Energy of each quarter, in steps that binary numbers hold exactly. [kWh]."""
    chance = np.random.default_rng(7)
    air = chance.integers(8, 40, COUNT) / 8
    process = chance.integers(0, 80, COUNT) / 8
    rest = chance.integers(1, 16, COUNT) / 8
    return {"air": air, "process": process, "main": air + process + rest}


LOADS = loads()
LOST = slice(20_000, 20_008)
"""Readings of the air's meter that failed: two hours."""


def fill(into: Filling) -> None:
    for device, name, begin in (("meter_main", "main", 9_800_000.0), ("meter_process", "process", 0.0)):
        counted = begin + np.concatenate([[0.0], np.cumsum(LOADS[name])])
        into.put(device, START, {"import_kwh": counted % 10_000_000.0})
    counted = np.concatenate([[0.0], np.cumsum(LOADS["air"])])
    counted[LOST] = np.nan
    into.put("meter_air", START, {"import_kwh": counted})
    hours = np.arange(COUNT + 1, dtype=np.float64)
    into.put("boiler1", START, {"fuel_kw": np.full(COUNT + 1, 96.0)})
    into.put(
        "chp1", START, {name: np.full(COUNT + 1, value) for name, value in
                        (("fuel_kw", 64.0), ("power_kw", -24.0), ("heat_kw", 32.0))}
    )  # fmt: skip
    into.put("comp1", START, {"flow_m3_min": np.full(COUNT + 1, 6.0), "starts_count": hours * 2.0})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteAccounts:
    return accounts_with(tmp_path_factory.mktemp("site"), BOOK, CONTRACT)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filling]:
    with filling(tmp_path_factory.mktemp("store"), END) as into:
        fill(into)
        while into.store.upkeep():
            pass
        yield into


def quarters() -> Iterator[tuple[int, dt.datetime]]:
    """Each quarter of the year with its local begin."""
    first = dt.datetime(2026, 1, 1, tzinfo=BERLIN).timestamp()
    for index in range(COUNT):
        yield index, dt.datetime.fromtimestamp(first + 900 * index, BERLIN)


def known_air(index: int) -> bool:
    """Whether what the air's meter counted in a quarter is known: the readings at both its ends are."""
    return not LOST.start - 1 <= index < LOST.stop


pytestmark = pytest.mark.timeout(180)  # a year of readings of nine devices is written once


def made_of(year: Filling, site: SiteAccounts, name: str, *by: str) -> PeriodStatement:
    return statement_of(year.store, site, named(name), by, (END, None))  # type: ignore[arg-type]  # dimensions


def test_a_year_by_area_is_what_its_counters_counted(year: Filling, site: SiteAccounts) -> None:
    made = made_of(year, site, "2026", "area")
    power = {one.key[0]: one for one in made.statement.accounts if one.carrier == "electricity"}
    air = sum(LOADS["air"][index] for index in range(COUNT) if known_air(index))
    assert float(power["production"].amount) == pytest.approx(LOADS["process"].sum(), rel=1e-9)
    assert float(power["compressor_room"].amount) == pytest.approx(air, rel=1e-9)
    cost = Fraction(0)
    for index, local in quarters():
        rate = RATES["day" if 6 <= local.hour < 22 else "night"] * Fraction(119, 100)
        cost += Fraction(LOADS["process"][index]) * rate
    assert float(power["production"].cost or 0) == pytest.approx(float(cost), rel=1e-9)
    whole = next(
        one for one in made_of(year, site, "2026").statement.accounts if one.carrier == "electricity"
    )
    assert float(whole.amount) == pytest.approx(LOADS["main"].sum(), rel=1e-9)
    assert whole.missing == 0.0
    kept = made.counted.kept
    assert kept["main"].known_frac == 1.0
    assert kept["air_station"].known_frac == pytest.approx(1 - 8 / COUNT)
    lost = LOADS["air"].sum() - air
    assert kept["air_station"].across_gaps == pytest.approx(lost)


def test_a_year_by_shift_is_split_by_the_clock_of_the_site(year: Filling, site: SiteAccounts) -> None:
    made = made_of(year, site, "2026-10", "shift")
    found = {one.key[0]: float(one.amount) for one in made.statement.accounts if one.carrier == "natural_gas"}
    hours: defaultdict[str, float] = defaultdict(float)
    day = dt.date(2026, 10, 1)
    while day < dt.date(2026, 11, 1):
        if day.weekday() < 5 and day != dt.date(2026, 10, 3):
            hours["early"] += 8
            hours["late"] += 8
            hours["night"] += 8 if day != dt.date(2026, 10, 31) else 2
        day += dt.timedelta(days=1)
    # the night shift of Wednesday, 30 September, ends on 1 October: six hours more

    assert found["early"] == pytest.approx(96.0 * hours["early"])
    assert found["night"] == pytest.approx(96.0 * (hours["night"] + 6.0))
    assert sum(found.values()) == pytest.approx(96.0 * (31 * 24 + 1))


def test_carbon_coal_media_chp_and_products_of_a_year(year: Filling, site: SiteAccounts) -> None:
    made = made_of(year, site, "2026", "carrier").statement
    gas = 96.0 * COUNT / 4
    kwh = LOADS["main"].sum()
    carbon = {row.scope: float(row.kg) for row in made.carbon}
    assert carbon["1"] == pytest.approx(gas / 1.1 * 0.2, abs=1e-3)
    assert carbon["2_location"] == carbon["2_market"] == pytest.approx(kwh * 0.363, abs=1e-3)
    assert float(made.coal_kg["electricity"]) == pytest.approx(kwh * 0.1229, rel=1e-9)
    assert float(made.coal_kg["natural_gas"]) == pytest.approx(gas / 1.1 * 3600 / 29307.6, rel=1e-9)
    (air,) = made.media
    assert air.made == pytest.approx(6.0 * 15 * COUNT)
    assert air.kg_per_unit is not None
    assert air.kg_per_unit * air.made == pytest.approx(
        sum(LOADS["air"][index] for index in range(COUNT) if known_air(index)) * 0.363, rel=1e-9
    )
    (chp,) = made.chp
    assert chp.method == "energy"
    assert chp.power_frac == pytest.approx(24 / 56)
    assert chp.cost == pytest.approx(64.0 * COUNT / 4 * 0.05)
    (parts,) = made.products
    assert float(parts.count) == pytest.approx(2 * COUNT)
    assert float(parts.kwh_per_unit or 0) == pytest.approx(LOADS["process"].sum() / (2 * COUNT), abs=1e-6)


def test_every_invoice_of_the_year_is_right_to_the_cent(year: Filling, site: SiteAccounts) -> None:
    kwh: defaultdict[int, defaultdict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    peak: defaultdict[int, Fraction] = defaultdict(Fraction)
    for index, local in quarters():
        energy = Fraction(LOADS["main"][index])
        kwh[local.month]["day" if 6 <= local.hour < 22 else "night"] += energy
        peak[local.month] = max(peak[local.month], energy * 4)
    for month in (1, 3, 10, 12):
        made = invoice_of(year.store, site, named(f"2026-{month:02}"), END)
        charged = max(peak[month], *(peak[other] * Fraction(8, 10) for other in range(1, month)), Fraction(0))
        lines = [cents(kwh[month][band] * rate) for band, rate in RATES.items()] + [cents(charged * 9)]
        lines.append(cents(sum(lines, Fraction(0)) * Fraction(19, 100)))
        assert [Fraction(line.amount) for line in made.invoice.lines] == lines
        assert made.over
        assert made.invoice.missing == 0


def test_an_invoice_that_goes_by_months_that_are_not_known_is_not_final(
    year: Filling, site: SiteAccounts
) -> None:
    made = invoice_of(year.store, site, named("2026-10"), END)  # its ratchet looks back to November 2025
    assert (made.final, made.before_known_frac, made.invoice.missing) == (False, 0.0, 0)
    assert ["0.00 %" in text for note in made.notes for text in (note.text.en, note.text.zh)] == [True, True]
    whole = statement_of(year.store, site, named("2026-10"), ("carrier",), (END, None))
    with pytest.raises(ConfigError, match=r"earlier months, of which 0\.00 % are known"):
        may_close(whole, made, over=True, despite_gaps=False)
    may_close(whole, made, over=True, despite_gaps=True)
    made = invoice_of(year.store, site, named("2026-12"), END)
    assert (made.final, made.before_known_frac, made.notes) == (True, 1.0, [])


def cents(money: Fraction) -> Fraction:
    return Fraction((money * 100 + Fraction(1, 2)) // 1, 100)


def test_a_month_that_goes_on_is_provisional_and_says_how_much_of_it_is_known(
    year: Filling, site: SiteAccounts
) -> None:
    now_ns = at("2026-10-11T00:07")
    made = invoice_of(year.store, site, named("2026-10"), now_ns)
    assert (made.final, made.over, made.known_frac) == (False, False, 1.0)
    assert made.until_ns == at("2026-10-11")
    assert made.invoice.missing == (at("2026-11-01") - made.until_ns) // QUARTER
    use = month_use(year.store, site, named("2026-10"), now_ns)
    first, last = (at("2026-10-01") - START) // QUARTER, (made.until_ns - START) // QUARTER
    assert float(use.kwh) == pytest.approx(LOADS["main"][first:last].sum())
    so_far = statement_of(year.store, site, named("2026-10"), ("carrier",), (now_ns, None))
    assert so_far.until_ns == made.until_ns
    with pytest.raises(ConfigError, match="2026-11 has not begun"):
        statement_of(year.store, site, named("2026-11"), ("carrier",), (now_ns, None))


def test_an_invoice_is_shared_out_to_the_cent(year: Filling, site: SiteAccounts) -> None:
    billed = invoice_of(year.store, site, named("2026-03"), END)
    made = statement_of(year.store, site, named("2026-03"), ("area",), (END, billed.invoice.total))
    assert sum(made.statement.shared.values()) == billed.invoice.total


def test_goals_stand_by_their_whole_days(year: Filling, site: SiteAccounts) -> None:
    found = goals_of(year.store, site, at("2026-07-01T12:00"))["use"]
    half = LOADS["main"][: (at("2026-07-01") - START) // QUARTER].sum()
    assert float(found.so_far or 0) == pytest.approx(half)
    assert found.elapsed == pytest.approx(181 / 365)


def test_budgets_of_money_and_carbon_are_those_of_the_statement(year: Filling, site: SiteAccounts) -> None:
    goals = goals_of(year.store, site, END)
    made = made_of(year, site, "2026-03", "carrier").statement
    cost = sum(float(one.cost) for one in made.accounts if one.cost is not None)
    assert float(goals["money"].so_far or 0) == pytest.approx(cost, rel=1e-9)
    carbon = sum(float(row.kg) for row in made.carbon if row.scope != "2_market")
    assert float(goals["carbon"].so_far or 0) == pytest.approx(carbon, rel=1e-6)
    coal = sum(float(kg) for kg in made.coal_kg.values()) / 1000
    count = float(made.products[0].count)
    assert float(goals["coal"].so_far or 0) == pytest.approx(coal / count, abs=1e-6)
    assert goals["money"].state == "missed"


@pytest.mark.parametrize(
    ("text", "first", "days"),
    [
        ("2026-03-29", dt.date(2026, 3, 29), 1),
        ("2026-W01", dt.date(2025, 12, 29), 7),
        ("2024-02", dt.date(2024, 2, 1), 29),
        ("2026", dt.date(2026, 1, 1), 365),
        ("2026-01-10..2026-01-12", dt.date(2026, 1, 10), 3),
    ],
)
def test_a_period_has_a_name(text: str, first: dt.date, days: int) -> None:
    assert named(text).days == Period(first, first + dt.timedelta(days=days))


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("2026-10-01..2026-10-31", "2026-10", "month"),
        ("2026-10-19..2026-10-25", "2026-W43", "week"),
        ("2025-12-29..2026-01-04", "2026-W01", "week"),
        ("2024-01-01..2024-12-31", "2024", "year"),
        ("2026-10-22..2026-10-22", "2026-10-22", "day"),
        ("2026-10-01..2026-10-30", "2026-10-01..2026-10-30", "range"),
        ("2027-02-01..2027-02-28", "2027-02", "month"),
    ],
)
def test_a_range_that_is_a_whole_period_has_the_name_of_it(text: str, name: str, kind: str) -> None:
    found = named(text)
    assert (found.name, found.kind, found) == (name, kind, named(name))


@pytest.mark.parametrize(
    "text", ["", "26", "2026-13", "2026-W54", "2026-02-30", "2026-02-02..2026-02-01",
             "2020-01-01..2026-01-01",
             "1970", "9999", "9999-12-31", "0000-01", "2026-1-1", "2026-01-01..", "\uff12026"]
)  # fmt: skip
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="period"):
        named(text)
