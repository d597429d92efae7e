"""One report from its row to its files: what it says, then how it looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from hub.reports.around import Around, Built
from hub.reports.content import Head, Report, Section
from hub.reports.excel import workbook
from hub.reports.fonts import Font, missing
from hub.reports.pdf import pdf
from hub.reports.phrases import HEAD, title_of
from hub.reports.sources import alarms, carbon, energy, plan
from protocols.config import Text

SOURCES: Final[MappingProxyType[str, Callable[[Around], Built]]] = MappingProxyType(
    {"energy": energy.build, "carbon": carbon.build, "alarms": alarms.build, "plan": plan.build}
)
FORMATS: Final = ("xlsx", "pdf")
MEDIA: Final = MappingProxyType(
    {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "pdf": "application/pdf"}
)
_LACKS: Final = Text(
    en="The font of this report has no {0}; {1} stands in their place. "
    "A hub can be given a larger font (reports.yaml).",
    zh="本报告所用字体缺少字符 {0}，以 {1} 代替。可在 reports.yaml 中为服务器指定更完整的字体。",
)
_MOST_TOLD: Final = 40


class Made(NamedTuple):
    """What came of it: the report, and its files by their form."""

    report: Report
    files: dict[str, bytes]


def make(
    around: Around, kind: str, by: str, drawing: tuple[Sequence[str], Font, Callable[[str], None]]
) -> Made:
    """Make a report.

    Args:
        around: What it is made from.
        kind: Kind of the report.
        by: Who asked for it.
        drawing: Formats, font, and who is told which one is drawn.

    Raises:
        ReportError: It cannot be made from what there is; says so in both languages.
        StoreError: The series cannot be read now.
    """
    formats, font, tell = drawing
    built = SOURCES[kind](around)
    start_ns, end_ns = around.span_ns
    head = Head(
        title_of(kind, around.period.kind, around.language), around.say(around.view.registry.site.label),
        around.at(start_ns), around.at(end_ns), around.zone.key, built.completeness_pct, by,
        around.at(around.now_ns),
    )  # fmt: skip
    report = with_font_told(Report(around.language, head, built.sections), font, around)
    files: dict[str, bytes] = {}
    for form in formats:
        tell(form)
        files[form] = workbook(report) if form == "xlsx" else pdf(report, font)
    return Made(report, files)


def with_font_told(report: Report, font: Font, around: Around) -> Report:
    """The report, with a note where its font lacks characters."""
    lacking = missing(font, [*report.texts(), *(around.say(text) for text in HEAD.values())])
    if not lacking:
        return report
    codes = ", ".join(f"U+{ord(sign):04X}" for sign in lacking[:_MOST_TOLD])
    first, *others = report.sections
    note = around.say(_LACKS).format(codes, "〓")
    told = Section(first.title, first.figures, first.tables, (*first.notes, note))
    return Report(report.language, report.head, (told, *others))
