"""The invoice in a report adds up, in words of the contract; meters are called as in the book."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy.orm import Session

from hub.accounts.periods import named
from hub.registry.view import load_view
from hub.reports.around import Around
from hub.reports.content import Head, Language, Report
from hub.reports.excel import workbook
from hub.reports.fonts import open_font
from hub.reports.pdf import pdf
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
      - {id: basic, kind: basic, group: basic, label: {en: Basic charge, zh: 基本电费}, mode: contract,
         capacity_kva: 200, contract_kw: 60, per_kva: 22, per_kw: 38}
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
@pytest.mark.parametrize(
    ("language", "notes"),
    [
        ("en", ("40 % of the capacity", "over 105 % of it, twice")),
        ("zh", ("变压器容量的 40 %", "超过其 105 % 的部分")),
    ],
)
def test_why_a_line_is_what_it_is_stands_in_both_files(
    store: Filling, tmp_path: Path, language: Language, notes: tuple[str, str]
) -> None:
    made = around(store, tmp_path, language)
    start, end = (made.at(at_ns) for at_ns in made.span_ns)
    head = Head("title", "site", start, end, made.zone.key, 100.0, "anna", end)
    report = Report(language, head, tuple(invoice_sections(made, ledger_of(made))))
    (table,) = report.sections[0].tables

    (sheet,) = load_workbook(io.BytesIO(workbook(report))).worksheets
    written = {row[6]: row for row in sheet.iter_rows(max_col=7, values_only=True) if row[6]}
    shown = "".join(PdfReader(io.BytesIO(pdf(report, open_font()))).pages[0].extract_text().split())
    for number, note in enumerate(notes, 1):
        (row,) = [row for told, row in written.items() if note in str(told)]
        (line,) = [line for line, told in zip(table.rows, table.remarks, strict=True) if note in told]
        assert row[2] == pytest.approx(line[2])
        mark = f"{line[0]}{number})"
        assert "".join(mark.split()) in shown
        assert "".join(f"{number}){note}".split()) in shown
    assert len(written) == 1 + len(notes), "a heading, and nothing beside lines that are plain"


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
