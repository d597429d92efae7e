"""Words of reports in both languages; those of one kind of report stand beside it."""

from __future__ import annotations

from typing import Final

from hub.reports.content import Language
from protocols.config import Text

HEAD: Final = {
    "site": Text(en="Site", zh="站点"),
    "range": Text(en="Range", zh="时间范围"),
    "zone": Text(en="Time zone", zh="时区"),
    "completeness": Text(en="Data completeness", zh="数据完整率"),
    "created": Text(en="Created", zh="生成时间"),
    "by": Text(en="Created by", zh="生成者"),
    "hash": Text(en="SHA-256 of the content", zh="内容 SHA-256"),
    "unit": Text(en="Unit", zh="单位"),
    "value": Text(en="Value", zh="数值"),
    "figure": Text(en="Figure", zh="指标"),
    "page": Text(en="Page {0} of {1}", zh="第 {0} 页，共 {1} 页"),
    "notes": Text(en="Notes", zh="说明"),
    "incomplete": Text(
        en="INCOMPLETE: less than 95 % of the data are there; figures are of what was measured.",
        zh="数据不完整：数据完整率低于 95 %，各数值仅基于已测得的数据。",
    ),
    "in_excel": Text(en="All rows stand in the Excel file.", zh="全部数据行见 Excel 文件。"),
}

PERIODS: Final = {
    "day": Text(en="Daily", zh="日报"),
    "week": Text(en="Weekly", zh="周报"),
    "month": Text(en="Monthly", zh="月报"),
    "year": Text(en="Yearly", zh="年报"),
    "range": Text(en="", zh="报告"),
}
KINDS: Final = {
    "energy": Text(en="energy report", zh="能源"),
    "carbon": Text(en="carbon report", zh="碳排放"),
    "alarms": Text(en="alarm report", zh="报警"),
    "plan": Text(en="report of plan against baseline (estimate)", zh="计划与基线对比（估算）"),
}


def title_of(kind: str, period: str, language: Language) -> str:
    """What a report is called.

    Example:
        >>> title_of("carbon", "month", "en"), title_of("carbon", "month", "zh")
        ('Monthly carbon report', '碳排放月报')
    """
    if language == "zh":
        return f"{KINDS[kind].zh}{PERIODS[period].zh}"
    words = f"{PERIODS[period].en} {KINDS[kind].en}".strip()
    return words[0].upper() + words[1:]
