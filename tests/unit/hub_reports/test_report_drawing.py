"""Reports drawn as Excel and PDF: the same figures, texts that stay texts, a font that says what it lacks."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from hub.reports.charts import svg
from hub.reports.content import Chart, Column, Figure, Head, Report, Section, Table
from hub.reports.excel import workbook
from hub.reports.fonts import FAMILY, missing, open_font
from hub.reports.pdf import pdf
from protocols.errors import ConfigError

BERLIN = ZoneInfo("Europe/Berlin")
FONT = open_font()
EVIL = ("=SUM(1+1)", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "https://example.org", "{=1+1}")


def report(name: str = "Werk Süd") -> Report:
    start = datetime(2026, 10, 25, tzinfo=BERLIN)
    hours = [(start.astimezone(UTC) + timedelta(hours=hour)).astimezone(BERLIN) for hour in range(25)]
    rows = [(at, 10.0 + hour, math.nan if hour == 3 else 2.5) for hour, at in enumerate(hours)]
    columns = (Column("时间", form="time"), Column(name, "kWh", places=2), Column("Air", "kWh"))
    table = Table("每小时电量", columns, rows, (Chart("电量", "stacked", 0, (1, 2)),))
    head = Head(
        "能源日报", "示范工厂", start, start + timedelta(days=1), "Europe/Berlin", 99.25, "王经理",
        datetime(2026, 10, 26, 6, tzinfo=BERLIN),
    )  # fmt: skip
    section = Section("总览", (Figure("用电量", 552.5, "kWh", 1, 99.25), Figure("未知", None, "t")), (table,))
    return Report("zh", head, (section, replace(section, title="总览:[*]", notes=(name,))))


def words_of(made: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages)


def test_excel_has_the_head_on_every_sheet_and_a_chart() -> None:
    made = report()
    book = load_workbook(io.BytesIO(workbook(made)))
    assert [name.strip() for name in book.sheetnames] == ["总览", "总览 2"]
    for sheet in book.worksheets:
        head = {row[0]: row[1] for row in sheet.iter_rows(1, 8, 1, 2, values_only=True)}
        assert head["站点"] == "示范工厂"
        assert head["时间范围"] == "2026-10-25 00:00 – 2026-10-26 00:00"
        assert head["时区"] == "Europe/Berlin (UTC+0200)"
        assert head["数据完整率"] == "99.25 %"
        assert head["生成者"] == "王经理"
        assert head["内容 SHA-256"] == made.digest
        heads = [cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
        assert "Werk Süd [kWh]" in heads
    with zipfile.ZipFile(io.BytesIO(workbook(made))) as parts:
        assert sum(name.startswith("xl/charts/chart") for name in parts.namelist()) == 2


@pytest.mark.parametrize("name", EVIL)
def test_a_name_that_looks_like_a_formula_stays_a_text_in_excel(name: str) -> None:
    made = report(name)
    data = workbook(replace(made, head=replace(made.head, site=name, by=name)))
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        sheets = [
            parts.read(part).decode() for part in parts.namelist() if part.startswith("xl/worksheets/sheet")
        ]
    assert not any("<f>" in sheet or "hyperlink" in sheet for sheet in sheets)
    cells = [cell for row in load_workbook(io.BytesIO(data)).worksheets[1].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells if cell.value == name} == {"s"}


@pytest.mark.parametrize(
    "name",
    [
        '#eval("1+1")',
        '#read("/etc/passwd")',
        "*bold* _soft_ $x^2$",
        "@ref <label>",
        "\\u{41} `raw`",
        "]#[",
        "</svg>",
    ],
)
def test_a_name_with_markup_is_shown_as_it_is_in_pdf(name: str) -> None:
    made = report(name)
    shown = "".join(words_of(pdf(replace(made, head=replace(made.head, site=name)), FONT)).split())
    assert "".join(name.split()) in shown
    assert "root:" not in shown


def test_pdf_says_the_same_figures_in_chinese_with_its_own_font() -> None:
    made = report()
    data = pdf(made, FONT)
    shown = words_of(data)
    for word in ("能源日报", "示范工厂", "552.5 kWh", "99.2 %", made.digest, "2026-10-25 02:00", "34.00"):
        assert word in shown
    fonts = {str(font["/BaseFont"]) for page in PdfReader(io.BytesIO(data)).pages for font in _fonts(page)}
    assert fonts, "the font is embedded"
    assert all(FAMILY.replace(" ", "") in name for name in fonts)


def _fonts(page: object) -> list[dict[str, object]]:
    resources = page["/Resources"]  # type: ignore[index]  # a dictionary of the library
    return [font.get_object() for font in resources.get("/Font", {}).values()]


@pytest.mark.parametrize(("form", "shown"), [("day", "2026-10-25"), ("month", "2026-10")])
def test_a_day_and_a_month_are_told_without_an_hour(form: Literal["day", "month"], shown: str) -> None:
    made = report()
    rows = [(made.head.start, 5.5)]
    table = Table("t", (Column("x", form=form), Column("y", "kWh")), rows)
    made = replace(made, sections=(Section("s", tables=(table,)),))
    assert f"\n{shown} 5.5" in words_of(pdf(made, FONT))
    (sheet,) = load_workbook(io.BytesIO(workbook(made))).worksheets
    (cell,) = [row[0] for row in sheet.iter_rows() if row[1].value == 5.5]
    assert cell.number_format == {"day": "yyyy-mm-dd", "month": "yyyy-mm"}[form]


def test_the_hour_that_comes_twice_stands_twice() -> None:
    assert words_of(pdf(report(), FONT)).count("2026-10-25 02:00") == 4  # of both sections


def test_a_report_with_less_than_its_data_carries_a_mark() -> None:
    made = report()
    poor = replace(made, head=replace(made.head, completeness_pct=94.9))
    assert "数据不完整" in words_of(pdf(poor, FONT))
    assert "数据不完整" not in words_of(pdf(made, FONT))
    assert any(
        "数据不完整" in str(cell.value)
        for cell in load_workbook(io.BytesIO(workbook(poor))).worksheets[0]["A"]
    )


def test_a_character_the_font_lacks_is_told_and_stood_in_for() -> None:
    made = report("厂房 𠮷")
    assert missing(FONT, made.texts()) == "𠮷"
    shown = words_of(pdf(made, FONT))
    assert "厂房 〓" in shown
    assert "𠮷" not in shown


def test_the_font_has_what_plants_are_called_by() -> None:
    assert missing(FONT, ["空压站 冷冻水 CO2 °C m³/h kWh µΩ Süd Ångström €¥£ ≤ ≥ – “” 尖峰平谷"]) == ""


def test_a_file_that_is_no_font_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "font.otf"
    path.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"font\.otf cannot be read as a font"):
        open_font(path)


def test_the_hash_is_that_of_the_figures_and_not_of_who_made_it() -> None:
    made = report()
    other = replace(made, head=replace(made.head, by="x", created=made.head.created + timedelta(1)))
    assert made.digest == other.digest
    assert made.digest != report("Werk Nord").digest


def test_a_chart_of_a_year_of_quarters_is_a_small_picture() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [(start + timedelta(minutes=15 * at), float(at % 96)) for at in range(35_040)]
    table = Table("t", (Column("time", form="time"), Column("kW", "kW")), rows)
    drawn = svg(Chart("t", "line", 0, (1,)), table, FAMILY)
    assert len(drawn) < 20_000
    assert "nan" not in drawn
