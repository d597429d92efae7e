"""A report as a workbook: one sheet a section, its head on each, native charts. Texts are never formulas."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from hub.reports.content import INSTANTS, MARKED_PCT, Cell, Chart, Column, Report, Section, Table, known, said
from hub.reports.phrases import HEAD

MOST_ROWS: Final = 1_000_000
"""A sheet of Excel has 1,048,576."""

_OPTIONS: Final = {
    "in_memory": True,
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}
_CHART: Final = {
    "bar": {"type": "column"},
    "stacked": {"type": "column", "subtype": "stacked"},
    "line": {"type": "line"},
}
_CHART_ROWS: Final = 16
_CACHED_ROWS: Final = 2000
"""Charts of longer tables carry no copy of their numbers: who opens the file reads the cells. [-]"""

_FORBIDDEN: Final = re.compile(r"[\[\]:*?/\\']")


def workbook(report: Report) -> bytes:
    """Draw it."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, _OPTIONS) as book:
        book.set_properties({"title": report.head.title, "author": report.head.by, "comments": report.digest})
        book.set_size(2400, 1500)
        formats = _Formats(book)
        taken: set[str] = set()
        for section in report.sections:
            sheet = book.add_worksheet(_sheet_name(section.title, taken))
            _Sheet(book, sheet, formats).draw(report, section)
    return out.getvalue()


def _sheet_name(title: str, taken: set[str]) -> str:
    plain = _FORBIDDEN.sub(" ", title).strip()[:28] or "-"
    name, number = plain, 1
    while name.lower() in taken:
        number += 1
        name = f"{plain} {number}"
    taken.add(name.lower())
    return name


def _words(name: str) -> str:
    """A name that the library takes for no reference to a cell."""
    return f" {name}" if name[:1] in {"=", "'"} else name


class _Formats:
    """Looks of cells, made once a workbook."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self.title = book.add_format({"font_size": 15})
        self.soft = book.add_format({"font_color": "#5d6871"})
        self.head = book.add_format({"bg_color": "#d9dee2", "bottom": 1, "text_wrap": True, "valign": "top"})
        self.mark = book.add_format({"font_color": "#a8324a"})
        self.instants = {
            form: book.add_format({"num_format": shown, "align": "left"})
            for form, (_, shown) in INSTANTS.items()
        }
        self._numbers: dict[int, Any] = {}

    def number(self, places: int) -> Any:  # noqa: ANN401  a format of the library, half typed
        if places not in self._numbers:
            form = "#,##0" + ("." + "0" * places if places else "")
            self._numbers[places] = self._book.add_format({"num_format": form})
        return self._numbers[places]


@dataclass
class _Sheet:
    """Writes a sheet from its top down: rows above the newest one are out of memory already."""

    book: Workbook
    sheet: Worksheet
    formats: _Formats
    row: int = 0

    def draw(self, report: Report, section: Section) -> None:
        self.sheet.set_column(0, 0, 26)
        self.sheet.set_column(1, 12, 15)
        self._head(report)
        if section.figures:
            names = [
                said(HEAD[name], report.language) for name in ("figure", "value", "unit", "completeness")
            ]
            columns = (*(Column(name, form="text") for name in names[:3]), Column(names[3], "%"))
            self._heads(columns)
            for one in section.figures:
                self._cell(0, one.label, columns[0])
                self._cell(1, one.value, Column("", places=one.places))
                self._cell(2, one.unit, columns[2])
                self._cell(3, one.completeness_pct, columns[3])
                self.row += 1
            self.row += 1
        for table in section.tables:
            self._table(table, said(HEAD["notes"], report.language))
        for note in section.notes:
            self.sheet.write_string(self.row, 0, note, self.formats.soft)
            self.row += 1

    def _head(self, report: Report) -> None:
        head, language = report.head, report.language
        self.sheet.write_string(0, 0, head.title, self.formats.title)
        lines = [
            ("site", head.site),
            ("range", f"{head.start:%Y-%m-%d %H:%M} – {head.end:%Y-%m-%d %H:%M}"),
            ("zone", f"{head.zone} (UTC{head.start:%z})"),
            ("completeness", f"{head.completeness_pct:.2f} %"),
            ("created", f"{head.created:%Y-%m-%d %H:%M:%S %z}"),
            ("by", head.by),
            ("hash", report.digest),
        ]
        for at, (name, value) in enumerate(lines, 1):
            self.sheet.write_string(at, 0, said(HEAD[name], language), self.formats.soft)
            self.sheet.write_string(at, 1, value)
        self.row = len(lines) + 2
        if head.completeness_pct < MARKED_PCT:
            self.sheet.write_string(self.row - 1, 0, said(HEAD["incomplete"], language), self.formats.mark)
            self.row += 1

    def _heads(self, columns: Sequence[Column]) -> None:
        for at, column in enumerate(columns):
            unit = f" [{column.unit}]" if column.unit else ""
            self.sheet.write_string(self.row, at, column.label + unit, self.formats.head)
        self.row += 1

    def _table(self, table: Table, notes: str) -> None:
        self.sheet.write_string(self.row, 0, table.title, self.formats.title)
        self.row += 1
        self._heads((*table.columns, *([Column(notes, form="text")] if table.remarks else [])))
        first, last = self.row, len(table.columns)
        writers = [self._writer(column) for column in table.columns]
        for row, remark in zip_longest(table.rows[:MOST_ROWS], table.remarks[:MOST_ROWS], fillvalue=""):
            for at, cell in enumerate(row):
                if cell is not None and cell == cell:  # noqa: PLR0124  NaN is not itself, and 300,000 cells are asked
                    writers[at](self.row, at, cell)
            if remark:
                self.sheet.write_string(self.row, last, remark)
            self.row += 1
        for number, chart in enumerate(table.charts if self.row > first else ()):
            self._chart(chart, table, (first, self.row - 1), number)
        self.row = max(self.row, first - 2 + _CHART_ROWS * len(table.charts)) + 2

    def _chart(self, chart: Chart, table: Table, rows: tuple[int, int], number: int) -> None:
        drawn = self.book.add_chart(dict(_CHART[chart.kind]))
        name = self.sheet.get_name()
        for at in chart.ys:
            drawn.add_series({
                "name": [name, rows[0] - 1, at],
                "categories": [name, rows[0], chart.x, rows[1], chart.x],
                "values": [name, rows[0], at, rows[1], at],
                **({"categories_data": [], "values_data": []} if rows[1] - rows[0] > _CACHED_ROWS else {}),
                **({"line": {"width": 1.0}} if chart.kind == "line" else {}),
            })  # fmt: skip
        drawn.set_title({"name": _words(chart.title), "name_font": {"size": 11, "bold": False}})
        drawn.set_y_axis(
            {"name": _words(table.columns[chart.ys[0]].unit), "major_gridlines": {"visible": True}}
        )
        drawn.set_legend({"position": "bottom"})
        drawn.set_size({"width": 640, "height": 300})
        place = rows[0] - 2 + _CHART_ROWS * number
        self.sheet.insert_chart(place, len(table.columns) + 1, drawn)

    def _writer(self, column: Column) -> Callable[[int, int, Any], object]:
        """What writes a known cell of a column; a text, also one among numbers, stays a text."""
        write_number, write_time = self.sheet.write_number, self.sheet.write_datetime
        number = self.formats.number(column.places)
        write_text: Callable[[int, int, str], object] = self.sheet.write_string
        if column.form == "text":
            return write_text
        if column.form in INSTANTS:
            time = self.formats.instants[column.form]
            return lambda row, at, cell: write_time(row, at, cell.replace(tzinfo=None), time)
        return lambda row, at, cell: (
            write_text(row, at, cell) if isinstance(cell, str) else write_number(row, at, cell, number)
        )

    def _cell(self, at: int, cell: Cell, column: Column) -> None:
        value = known(cell)
        if isinstance(value, str):
            self.sheet.write_string(self.row, at, value)
        elif value is not None:
            self._writer(column)(self.row, at, value)
