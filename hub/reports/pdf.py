"""A report as PDF, set by Typst: the template is fixed, all that is said comes to it as JSON."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import typst

from hub.reports.charts import svg
from hub.reports.content import (
    INSTANTS,
    MARKED_PCT,
    Cell,
    Column,
    Figure,
    Report,
    Section,
    Table,
    known,
    said,
)
from hub.reports.fonts import Font, replaced
from hub.reports.phrases import HEAD
from protocols.errors import ReportError

_TEMPLATE: Final = Path(__file__).parent / "report.typ"
_NOTHING: Final = "–"
_SHORT: Final = 10
"""Texts of so many characters need no room of their own. [-]"""


def pdf(report: Report, font: Font) -> bytes:
    """Draw it; characters the font does not have are shown by a stand-in.

    Raises:
        ReportError: It cannot be set.
    """
    with tempfile.TemporaryDirectory(
        prefix="ems-report-"
    ) as root:  # the one folder it sees: the font is in it
        (Path(root) / font.path.name).symlink_to(font.path.resolve())
        fonts = typst.Fonts(False, False, [root])  # noqa: FBT003  neither those of the system nor its own
        if not fonts.families():
            raise ReportError(
                f"{font.path} is no font that Typst can use", zh=f"{font.path} 不是 Typst 可用的字体"
            )
        family = font.family if font.family in fonts.families() else fonts.families()[0]
        shown = json.dumps(_Shown(report, font._replace(family=family)).whole(), ensure_ascii=False)
        try:
            made = typst.Compiler(root=root, font_paths=fonts, ignore_system_fonts=True).compile(
                _TEMPLATE.read_bytes(), format="pdf", timestamp=int(report.head.created.timestamp()),
                sys_inputs={"report": shown, "family": family},
            )  # fmt: skip
        except typst.TypstError as error:
            raise ReportError(
                f"the PDF could not be set: {error.message}", zh=f"PDF 排版失败：{error.message}"
            ) from error
    if not isinstance(made, bytes):
        raise ReportError("the PDF could not be set: nothing came", zh="PDF 排版失败：没有结果")
    return made


class _Shown:
    """A report as the template wants it: texts only."""

    def __init__(self, report: Report, font: Font) -> None:
        self._report, self._font = report, font

    def _say(self, text: str) -> str:
        return replaced(self._font, text)

    def _word(self, name: str) -> str:
        return said(HEAD[name], self._report.language)

    def whole(self) -> dict[str, Any]:
        report, head = self._report, self._report.head
        lines = [
            ("site", head.site),
            ("range", f"{head.start:%Y-%m-%d %H:%M} – {head.end:%Y-%m-%d %H:%M}"),
            ("zone", f"{head.zone} (UTC{head.start:%z})"),
            ("completeness", f"{head.completeness_pct:.2f} %"),
            ("created", f"{head.created:%Y-%m-%d %H:%M:%S %z}"),
            ("by", head.by),
            ("hash", report.digest),
        ]
        return {
            "language": report.language,
            "head": {
                "title": self._say(head.title), "site": self._say(head.site), "by": self._say(head.by),
                "hash": report.digest, "incomplete": head.completeness_pct < MARKED_PCT,
                "lines": [[self._word(name), self._say(value)] for name, value in lines],
            },
            "words": {
                **{name: self._word(name) for name in ("page", "incomplete", "in_excel")},
                "figures": [self._word(name) for name in ("figure", "value", "unit", "completeness")],
            },
            "sections": [self._section(one) for one in report.sections],
        }  # fmt: skip

    def _section(self, section: Section) -> dict[str, Any]:
        return {
            "title": self._say(section.title),
            "figures": [self._figure(one) for one in section.figures],
            "tables": [self._table(one) for one in section.tables],
            "notes": [self._say(one) for one in section.notes],
        }

    def _figure(self, one: Figure) -> list[str]:
        part = "" if one.completeness_pct is None else f"{one.completeness_pct:.1f} %"
        value = self._cell(one.value, Column("", places=one.places))
        return [self._say(one.label), value, self._say(one.unit), part]

    def _table(self, table: Table) -> dict[str, Any]:
        charts = table.charts if table.rows else ()
        wide = _wide(table)
        numbers = {words: at for at, words in enumerate(table.footnotes, 1)}
        return {
            "title": self._say(table.title),
            "columns": [
                {"label": self._label(one), "text": one.form == "text", "wide": at in wide}
                for at, one in enumerate(table.columns)
            ],
            "charts": [
                {"title": self._say(one.title), "svg": self._say(svg(one, table, self._font.family))}
                for one in charts
            ],
            "rows": [
                [self._cell(cell, column) for cell, column in zip(row, table.columns, strict=True)]
                for row in (table.rows if table.printed else ())
            ],
            "marks": [numbers.get(remark, 0) for remark in (table.remarks if table.printed else ())],
            "footnotes": [self._say(one) for one in (table.footnotes if table.printed else ())],
        }

    def _label(self, column: Column) -> str:
        return self._say(f"{column.label} [{column.unit}]" if column.unit else column.label)

    def _cell(self, cell: Cell, column: Column) -> str:
        value = known(cell)
        if value is None:
            return _NOTHING
        if isinstance(value, str):
            return self._say(value)
        if isinstance(value, datetime):
            return value.strftime(INSTANTS[column.form][0])
        return f"{value:,.{column.places}f}"


def _wide(table: Table) -> set[int]:
    """Columns that share the width there is: those of long texts; where none is long, the first of texts."""
    texts = [at for at, one in enumerate(table.columns) if one.form == "text"]
    longest = {at: max((len(str(row[at])) for row in table.rows), default=0) for at in texts}
    return {at for at, length in longest.items() if length > _SHORT} or set(texts[:1])
