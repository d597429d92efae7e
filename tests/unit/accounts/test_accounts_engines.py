"""Accounts over both engines of the store; an invoice shared out where the site generates power itself."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from hub.accounts.billing import invoice_of
from hub.accounts.making import statement_of
from hub.accounts.periods import named
from hub.store.engine import StorePlace, open_store
from runtime.clock import VirtualClock
from tests.influx import new_place
from tests.unit.accounts.site_series import QUARTER, Filling, accounts_with, at

START, END = at("2026-10-25"), at("2026-10-26")
"""A day of 25 hours."""
BOOK = """\
meters:
  - {id: main, point: meter_main/import_kwh}
  - {id: air, point: meter_air/import_kwh, below: main, area: compressor_room}
  - {id: process, point: meter_process/import_kwh, below: main, area: production}
  - {id: pv, point: plant/pv_kw, bought: false}
supply: {meter: main, export_point: meter_main/export_kwh}
"""


@pytest.fixture(params=["embedded", "influx"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Filling]:
    embedded = request.param == "embedded"
    place = (
        StorePlace(tmp_path / "series.db")
        if embedded
        else new_place(request.getfixturevalue("influx"), tmp_path)
    )
    opened = open_store(place, VirtualClock(wall_ns=END))
    try:
        yield Filling(opened)
    finally:
        opened.close()


def fill(into: Filling) -> None:
    """By night all is bought; by day the sun gives half of what is used."""
    steps = (END - START) // QUARTER
    sun = np.where(np.arange(steps) % 4 < 2, 0.0, 15.0)  # kWh of each quarter
    used = {"meter_air": np.full(steps, 20.0), "meter_process": np.full(steps, 10.0)}
    for device, energy in {**used, "meter_main": 30.0 - sun}.items():
        into.put(device, START, {"import_kwh": 7.0 + np.concatenate([[0.0], np.cumsum(energy)])})
    into.put("pv1", START, {"power_kw": np.append(-4.0 * sun, 0.0)})


def test_an_invoice_below_own_generation_is_borne_by_what_each_bought(store: Filling, tmp_path: Path) -> None:
    fill(store)
    site = accounts_with(tmp_path, BOOK.replace(", export_point: meter_main/export_kwh", ""))
    made = statement_of(store.store, site, named("2026-10-25"), ("area",), (END, Decimal("300.00")))
    rows = {one.key[0]: one for one in made.statement.accounts if one.carrier == "electricity"}
    assert (rows["production"].amount, rows[""].amount) == (Decimal(1000), Decimal(-750))
    own = next(one for one in made.statement.accounts if one.carrier == "electricity_own")
    assert own.amount == Decimal(750)
    shared = made.statement.shared
    assert sum(shared.values()) == Decimal("300.00")
    assert float(shared["air"]) == pytest.approx(200.0, abs=0.01)
    assert shared["unmetered"] == Decimal(0)


def test_what_is_fed_in_is_on_the_invoice(store: Filling, tmp_path: Path) -> None:
    fill(store)
    steps = (END - START) // QUARTER
    store.put("meter_main", START, {"export_kwh": np.arange(steps + 1, dtype=np.float64) * 2.0})
    site = accounts_with(tmp_path, BOOK)
    lines = {line.part: line for line in invoice_of(store.store, site, named("2026-10"), END).invoice.lines}
    assert lines["fed_in"].quantity == Decimal(200)
    assert lines["fed_in"].amount == Decimal("-10.00")
