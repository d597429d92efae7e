"""What managers read: nothing unknown is a nought, no id is a name, figures have their own completeness."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from accounts.closing import close, restate
from hub.accounts.closed_periods import ClosedPeriodRow
from hub.accounts.periods import named
from hub.database import FILE, embedded_url, upgrade
from hub.registry.view import load_view
from hub.reports.around import Around
from hub.reports.content import Section, Table
from hub.reports.sources import carbon, energy
from tests.unit.accounts.site_series import QUARTER, at, config_with, filling

pytestmark = pytest.mark.timeout(60)  # four weeks of quarter hours are written first
START, END = at("2026-02-01"), at("2026-03-01")
BOOK = """\
meters:
  - {id: main, point: meter_main/import_kwh, label: {en: Supply 20 kV, zh: 20 千伏进线}}
  - {id: air_station, point: meter_air/import_kwh, below: main, area: compressor_room}
  - {id: boiler, carrier: natural_gas, unit: m³, label: {en: Boiler, zh: 锅炉燃气表}}
factors:
  - {id: grid, carrier: electricity, kg_per_unit: 0.5, year: 2025, source: made up}
"""
CONTRACT = """\
id: made
label: {en: Made, zh: 两部制 10 千伏}
currency: CNY
time_zone: Europe/Berlin
sheets:
  - first: 2026-01-01
    last: 2026-12-31
    source: a made up sheet
    parts:
      - {id: energy, kind: energy, group: energy, label: {en: Energy, zh: 电量电费}, per_kwh: 0.5}
      - {id: tax, kind: tax, group: tax, label: {en: VAT, zh: 增值税}, percent: 13, within: true}
"""


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Around]:
    with filling(tmp_path / "store", END) as store:
        steps = np.arange((END - START) // QUARTER + 1, dtype=np.float64)
        store.put("meter_main", START, {"import_kwh": 25.0 * steps})
        store.put("meter_air", START, {"import_kwh": 10.0 * steps})
        view = load_view(config_with(tmp_path, BOOK, CONTRACT), "demo")
        upgrade(embedded_url(tmp_path))
        engine = create_engine(f"sqlite:///{tmp_path / FILE}")
        with Session(engine) as session:
            yield Around(view, store.store, session, named("2026-02"), "zh", END, lambda _: None)


def tables_of(sections: tuple[Section, ...]) -> dict[str, Table]:
    return {table.title: table for section in sections for table in section.tables}


def test_a_carbon_report_shows_the_factor_and_how_much_is_known_of_what_it_is_made_of(around: Around) -> None:
    built = carbon.build(around)
    tables = tables_of(built.sections)
    for row in tables["排放量及排放因子"].rows:
        assert row[4] == 0.5
        assert row[5] == pytest.approx(0.5 * float(str(row[2])))
    (course,) = [table for title, table in tables.items() if title.startswith("二氧化碳排放")]
    assert {row[-1] for row in course.rows} == {100.0}, "gas that nobody reads emits nothing here"
    assert (course.columns[0].label, course.columns[0].form) == ("日期", "day")
    notes = built.sections[0].notes
    assert any(note.startswith("天然气") for note in notes)
    assert not any(re.search("natural_gas|electricity", note) for note in notes)


def test_an_energy_report_has_no_nought_where_nothing_is_known(around: Around) -> None:
    built = energy.build(around)
    figures = {one.label: one for one in built.sections[0].figures}
    assert figures["天然气用量"].value is None
    assert (figures["能源费用"].completeness_pct, figures["天然气用量"].completeness_pct) == (100.0, 0.0)
    tables = tables_of(built.sections)
    by_carrier = {row[0]: row for row in tables["按能源种类"].rows}
    assert (by_carrier["电力"][1], by_carrier["天然气"][1]) == (67_200.0, None)
    by_meter = {str(row[0]): row[2] for row in tables["按计量表"].rows}
    rest = next(amount for name, amount in by_meter.items() if name.startswith("20 千伏进线"))
    assert rest == 40_320.0
    assert "20 千伏进线" not in by_meter, "it is called what it is: the part that no other meter shows"


def test_an_invoice_names_its_contract_and_says_of_a_percentage_what_it_is_of(around: Around) -> None:
    (section,) = [one for one in energy.build(around).sections if one.title == "电费账单明细"]
    assert {one.label: one.value for one in section.figures}["合同"] == "两部制 10 千伏"
    assert section.notes[-1].endswith("a made up sheet")
    (tax,) = [row for row in section.tables[0].rows if row[0] == "增值税"]
    assert tax[2:5] == (33_600.0, "CNY", "13 %")


def test_a_closed_period_tells_what_was_reported_and_what_became_of_it(around: Around) -> None:
    assert "已结账数字" not in {one.title for one in energy.build(around).sections}
    figures = {"electricity.electricity.kWh": Decimal("67100.5"), "scope_2_location.co2_kg": Decimal(33_550)}
    first = close([], "2026-02", figures, "mia", START)
    better = {**figures, "electricity.electricity.kWh": Decimal("67200.0")}
    second = restate([first], "2026-02", better, ("two hours came late", "tom"), END)
    for number, one in enumerate((first, second), 1):
        around.session.add(
            ClosedPeriodRow(
                site="demo", number=number, period=one.period, version=one.version,
                figures=[list(pair) for pair in one.figures], reason=one.reason, actor=one.by,
                at_ns=one.at_ns, before=one.before, hash=one.hash,
            )
        )  # fmt: skip
    (section,) = [one for one in energy.build(around).sections if one.title == "已结账数字"]
    assert section.tables[0].rows[0] == ("电力·用量", "kWh", 67_200.0, 67_100.5, 99.5)
    assert section.tables[0].rows[1] == ("二氧化碳排放·范围二·基于位置", "kg", 33_550.0, 33_550.0, 0.0)
    assert "two hours came late" in section.notes[0]
    assert "tom" in section.notes[0]
    (of_carbon,) = [one for one in carbon.build(around).sections if one.title == "已结账数字"]
    assert [row[1] for row in of_carbon.tables[0].rows] == ["kg"]
    row = around.session.get(ClosedPeriodRow, ("demo", 1))
    assert row is not None
    row.actor = "nobody"
    (section,) = [one for one in energy.build(around).sections if one.title == "已结账数字"]
    assert not section.tables
    assert "已结账周期被改动" in section.notes[0]
