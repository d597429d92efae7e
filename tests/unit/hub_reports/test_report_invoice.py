"""The invoice in a report adds up, in words of the contract; meters are called as in the book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.orm import Session

from hub.accounts.periods import named
from hub.registry.view import load_view
from hub.reports.around import Around
from hub.reports.content import Language
from hub.reports.sources.invoice import invoice_sections
from hub.reports.sources.ledger import ledger_of
from hub.reports.sources.names import carrier_name, meter_name
from tests.unit.accounts.site_series import QUARTER, Filling, at, config_with, filling

START, END = at("2026-02-01"), at("2026-03-01")
BOOK = """\
meters:
  - {id: main, point: meter_main/import_kwh, label: {en: Supply 20 kV, zh: 20 千伏进线}}
  - {id: air_station, point: meter_air/import_kwh, below: main}
  - {id: tank, carrier: diesel, unit: l}
  - {id: air_made, carrier: air, unit: m³, point: comp1/flow_m3_min}
media:
  - {id: air, label: {en: Air of hall 3, zh: 三号车间压缩空气}, made: air_made, inputs: [air_station]}
"""
CONTRACT = """\
id: made
label: {en: made, zh: 自制}
currency: CNY
time_zone: Europe/Berlin
calendar:
  bands: [{id: d, label: {en: Peak, zh: 峰}}, {id: n, label: {en: Valley, zh: 谷}}]
  windows: [{band: d, hours: ["06:00-22:00"]}, {band: n, hours: ["22:00-06:00"]}]
sheets:
  - first: 2026-01-01
    last: 2026-12-31
    source: made up
    parts:
      - {id: energy, kind: energy, group: energy, label: {en: Energy, zh: 电量}, by_band: {d: 0.9, n: 0.3}}
      - {id: demand, kind: demand, group: basic, label: {en: Demand, zh: 需量}, per_kw: 9,
         ratchet: {share: 0.8, months: 1}}
      - {id: tax, kind: tax, group: tax, label: {en: VAT, zh: 增值税}, percent: 13, within: true}
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Filling]:
    with filling(tmp_path / "store", END) as into:
        steps = np.arange((END - START) // QUARTER + 1, dtype=np.float64)
        into.put("meter_main", START, {"import_kwh": 25.0 * steps})
        into.put("meter_air", START, {"import_kwh": 10.0 * steps})
        yield into


def around(store: Filling, folder: Path, language: Language) -> Around:
    view = load_view(config_with(folder, BOOK, CONTRACT), "demo")
    return Around(view, store.store, Session(), named("2026-02"), language, END, lambda _: None)


@pytest.mark.timeout(60)  # four weeks of quarter hours are written first
@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("Peak", "Valley", "contained", "earlier months")), ("zh", ("峰", "谷", "已含", "以往月份"))],
)
def test_what_is_contained_does_not_add_and_bands_have_their_label(
    store: Filling, tmp_path: Path, language: Language, words: tuple[str, str, str, str]
) -> None:
    peak, valley, within, earlier = words
    made = around(store, tmp_path, language)
    (section,) = invoice_sections(made, ledger_of(made))
    rows = section.tables[0].rows
    assert {row[1] for row in rows} - {""} == {peak, valley}
    numbers = [row[-1] for row in rows if isinstance(row[-1], float)]
    assert sum(numbers) == pytest.approx(section.figures[0].value)
    (tax,) = [row[-1] for row in rows if isinstance(row[-1], str)]
    assert f"{sum(numbers) * 13 / 113:,.2f}" in tax
    assert within in tax
    assert earlier in section.notes[0]  # nothing is known of January, whose demand counts


@pytest.mark.timeout(60)  # as above
def test_meters_and_carriers_are_called_as_the_book_and_the_page_call_them(
    store: Filling, tmp_path: Path
) -> None:
    made = around(store, tmp_path, "zh")
    ledger = ledger_of(made)
    main, air_station = ledger.site.book.meters[:2]
    assert meter_name(made, ledger, main) == "20 千伏进线"
    device = made.view.registry.devices["meter_air"].device
    assert meter_name(made, ledger, air_station) == device.label.zh
    assert [carrier_name(made, name) for name in ("air", "diesel")] == ["三号车间压缩空气", "柴油"]
