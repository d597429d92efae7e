"""What is ahead for a site: its power factor, and the tariff of a site that has no contract."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from accounts.contract import contract_faults
from accounts.invoice import bill
from accounts.pricing import price_series
from accounts.readings import Readings
from hub.accounts.gauges import Gauge, amount_of_one
from hub.accounts.outlook import factor_outlook
from hub.accounts.periods import named
from hub.accounts.site import SiteAccounts, supply_of
from hub.accounts.tariff_contract import contract_of_tariff
from optimizer import tariff as planner
from protocols.errors import ConfigError
from runtime.yaml_config import load_config
from tests.unit.accounts.site_series import CONFIGS, QUARTER, Filling, accounts_with, at, filling

START, NOW = at("2026-09-01"), at("2026-10-11")
BOOK = """\
meters: [{id: main, point: meter_main/import_kwh}]
supply: {meter: main, kvarh_point: meter_main/reactive_kvarh}
"""
CONTRACT = """\
id: made
label: {en: made, zh: 自制}
currency: CNY
time_zone: Europe/Berlin
sheets:
  - first: 2026-01-01
    last: 2026-12-31
    source: made up
    parts:
      - {id: energy, kind: energy, group: energy, label: {en: e, zh: 电}, per_kwh: 0.5}
      - {id: pf, kind: factor, group: factor, label: {en: f, zh: 力调}, standard: "0.90", of: [energy]}
"""


@pytest.fixture
def site(tmp_path: Path) -> SiteAccounts:
    found = accounts_with(tmp_path, BOOK, CONTRACT)
    return replace(found, gauges={**found.gauges, "meter_main/reactive_kvarh": Gauge("kvarh", counts=True)})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Filling]:
    with filling(tmp_path, NOW) as into:
        steps = np.arange((NOW - START) // QUARTER + 1, dtype=np.float64)
        into.put("meter_main", START, {"import_kwh": 25.0 * steps, "reactive_kvarh": 12.5 * steps})
        yield into


def test_the_month_ends_as_its_days_went_and_says_what_to_compensate(
    store: Filling, site: SiteAccounts
) -> None:
    found = factor_outlook(store.store, site, NOW)
    assert found.so_far == (Decimal("24000.000"), Decimal("12000.000"))
    assert found.to_come == (Decimal("50400.000"), Decimal("25200.000"))  # 21 mean days
    assert (found.now.factor, found.end.factor, found.end.percent) == (
        Decimal("0.89"),
        Decimal("0.89"),
        Decimal("0.5"),
    )
    least = 0.895  # what rounds to 0.90
    allowed = 74400 * math.tan(math.acos(least))
    assert float(found.end.to_standard_kvarh) == pytest.approx(37200 - allowed, abs=1.0)
    assert (found.billed, found.days, found.known_frac) == (True, 28, 1.0)


def test_a_site_without_reactive_energy_or_without_days_says_so(store: Filling, site: SiteAccounts) -> None:
    without = replace(site, book=site.book.model_copy(update={"supply": None}))
    with pytest.raises(ConfigError, match="name its counter as kvarh_point"):
        factor_outlook(store.store, without, NOW)
    with pytest.raises(ConfigError, match="no whole day of the last four weeks"):
        factor_outlook(store.store, site, at("2027-06-15T12:00"))
    assert supply_of(without.book) is not None


def test_a_tariff_as_a_contract_has_the_prices_the_planner_goes_by() -> None:
    tariff = load_config(CONFIGS / "tariffs/demo.yaml", planner.Tariff)
    contract = contract_of_tariff(tariff, exports=True)
    assert list(contract_faults(contract)) == []
    start, days = at("2026-01-01"), 365
    steps = (at("2027-01-01") - start) // (QUARTER)
    starts = start + QUARTER * np.arange(steps, dtype=np.int64)
    wanted = planner.price_series(tariff, start, int(steps), 900.0)
    np.testing.assert_allclose(price_series(contract, starts), wanted, rtol=1e-12)
    assert steps == days * 96


def test_a_month_by_the_tariff_costs_what_the_planner_says() -> None:
    tariff = load_config(CONFIGS / "tariffs/demo.yaml", planner.Tariff)
    month = named("2026-10")
    contract = contract_of_tariff(tariff, exports=True)
    start, end = month.edges_ns(contract.zone)
    chance = np.random.default_rng(3)
    bought, sold = (chance.integers(0, 400, (end - start) // QUARTER) / 8 for _ in range(2))
    made = bill(contract, Readings(start, 900, bought, sold), month.days)
    wanted = planner.bill(tariff, start, 900.0, bought * 4, sold * 4)
    assert float(made.total) == pytest.approx(
        wanted.imported - wanted.exported + wanted.demand, abs=0.03
    )  # each line is rounded once


@pytest.mark.parametrize(
    ("gauge", "wanted", "one"),
    [
        (Gauge("kWh", counts=True), "kWh", 1.0),
        (Gauge("MWh", counts=True), "kWh", 1000.0),
        (Gauge("", counts=True), "pieces", 1.0),
        (Gauge("kW", counts=False), "kWh", 1 / 3600),
        (Gauge("MW", counts=False), "MWh", 1 / 3600),
        (Gauge("m³/min", counts=False), "m³", 1 / 60),
        (Gauge("Nm³/h", counts=False), "Nm³", 1 / 3600),
        (Gauge("l/s", counts=False), "m³", 1 / 1000),
        (Gauge("kvar", counts=False), "kvarh", 1 / 3600),
    ],
)
def test_a_point_becomes_an_amount_in_the_unit_of_its_meter(gauge: Gauge, wanted: str, one: float) -> None:
    assert amount_of_one(gauge, wanted) == pytest.approx(one)


@pytest.mark.parametrize(
    ("gauge", "wanted"),
    [
        (Gauge("°C", counts=False), "kWh"),
        (Gauge("kWh", counts=True), "m³"),
        (Gauge("m³/min", counts=False), "Nm³"),
        (Gauge("kWh", counts=True), "pieces"),
    ],
)
def test_a_point_that_counts_something_else_is_refused(gauge: Gauge, wanted: str) -> None:
    with pytest.raises(ConfigError):
        amount_of_one(gauge, wanted)
