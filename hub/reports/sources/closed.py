"""What a closed period was reported with: its figures stand, whatever is known better now."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from sqlalchemy import select

from accounts.closing import Change, Closed, changes
from hub.accounts.closed_periods import ClosedPeriodRow, verified
from hub.accounts.figure_words import naming
from hub.accounts.periods import named
from hub.accounts.phrases import account_text
from hub.reports.around import Around
from hub.reports.content import Cell, Column, Section, Table
from hub.reports.sources.cells import number
from hub.reports.sources.ledger import Ledger
from protocols.config import Text
from protocols.errors import TamperedError

_W: Final = {
    "title": Text(en="As closed", zh="已结账数字"),
    "figure": Text(en="Figure", zh="指标"),
    "unit": Text(en="Unit", zh="单位"),
    "reported": Text(en="Reported", zh="已报告值"),
    "before": Text(en="Reported before", zh="重述前"),
    "difference": Text(en="Difference", zh="差额"),
    "closed": Text(
        en="Closed on {at} by {by}: these figures stand. The others of this report are reckoned by what is "
        "known now.",
        zh="本周期已由 {by} 于 {at} 结账，以本表数字为准；报告中其他数字按当前数据核算。",
    ),
    "remark": Text(en="Remark: {0}", zh="备注：{0}"),
    "restated": Text(
        en="Restated on {at} by {by} as version {version}, because: {reason}. These figures "
        "stand; the others of this report are reckoned by what is known now.",
        zh="本周期已由 {by} 于 {at} 重述（第 {version} 版），原因：{reason}。"
        "以本表数字为准；报告中其他数字按当前数据核算。",
    ),
}
_PLACES: Final = 3


def closed_sections(around: Around, ledger: Ledger, of: Callable[[str], bool] = bool) -> list[Section]:
    """The newest version of a closed period and what it was before; nothing of an open one.

    Args:
        around: What the report is made from.
        ledger: Its accounts.
        of: Which figures it shows, by their code.
    """
    title = around.say(_W["title"])
    wanted = select(ClosedPeriodRow).where(ClosedPeriodRow.site == around.site)
    rows = around.session.execute(wanted.order_by(ClosedPeriodRow.number)).scalars().all()
    try:
        records = [one for one in verified(rows) if named(one.period).name == ledger.made.period.name]
    except TamperedError as error:
        return [Section(title, notes=(around.say(account_text(str(error.args[0]))),))]
    if not records:
        return []
    newest, before = records[-1], records[-2] if len(records) > 1 else None
    table = Table(title, _columns(around, before), _rows(around, (newest, before), of))
    return [Section(title, tables=(table,), notes=_notes(around, newest))]


def _columns(around: Around, before: Closed | None) -> tuple[Column, ...]:
    names = ("reported",) if before is None else ("reported", "before", "difference")
    return (
        Column(around.say(_W["figure"]), form="text"),
        Column(around.say(_W["unit"]), form="text"),
        *(Column(around.say(_W[one]), places=_PLACES) for one in names),
    )


def _rows(
    around: Around, versions: tuple[Closed, Closed | None], of: Callable[[str], bool]
) -> list[tuple[Cell, ...]]:
    newest, before = versions
    name = naming(around.view.accounts, around.view.registry.site.currency)
    became = {} if before is None else {one.figure: one for one in changes(before, newest)}
    rows: list[tuple[Cell, ...]] = []
    for code in dict.fromkeys([*(code for code, _ in newest.figures), *became]):
        if of(code):
            label, unit = name(code)
            figures = _figures(newest.figure(code), became.get(code), restated=before is not None)
            rows.append((around.say(label), unit, *figures))
    return rows


def _notes(around: Around, newest: Closed) -> tuple[str, ...]:
    """Who closed or restated it when, and why; of one closed without its invoice that too."""
    again = newest.version > 1
    at = f"{around.at(newest.at_ns):%Y-%m-%d %H:%M}"
    told = around.say(_W["restated" if again else "closed"])
    note = told.format(at=at, by=newest.by, version=newest.version, reason=newest.reason)
    remark = () if again or not newest.reason else (around.say(_W["remark"]).format(newest.reason),)
    return (note, *remark)


def _figures(reported: Decimal | None, became: Change | None, *, restated: bool) -> tuple[Cell, ...]:
    """A figure; of a restated period also what it was before, and the difference where there is one."""
    if not restated:
        return (number(reported),)
    if became is None:
        return number(reported), number(reported), number(Decimal(0))
    return number(reported), number(became.old), number(became.difference)
