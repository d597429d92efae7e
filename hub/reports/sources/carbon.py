"""The carbon report: scope 1 and both figures of scope 2 with factor, source and year; where it came from."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from accounts.carbon import Emission
from accounts.ledger import Dimension
from hub.reports.around import Around, Built
from hub.reports.content import Cell, Chart, Column, Figure, Section, Table
from hub.reports.sources.cells import (
    by_step,
    completeness_column,
    edges_of,
    known_pct,
    number,
    part,
    step_of,
    time_column,
)
from hub.reports.sources.closed import closed_sections
from hub.reports.sources.energy import accounts_table, assigned
from hub.reports.sources.ledger import NO_BOOK, Ledger, ledger_of
from hub.reports.sources.names import carrier_name, note_text
from protocols.config import Text
from protocols.errors import ReportError

_W: Final = {
    "title": Text(en="Carbon by scope", zh="分范围碳排放"),
    "rows": Text(en="Emissions and their factors", zh="排放量及排放因子"),
    "scope": Text(en="Scope", zh="范围"),
    "carrier": Text(en="Carrier", zh="能源种类"),
    "quantity": Text(en="Quantity", zh="活动量"),
    "unit": Text(en="Unit", zh="单位"),
    "kind": Text(en="Kind of factor", zh="因子类型"),
    "source": Text(en="Source", zh="来源"),
    "year": Text(en="Year", zh="年份"),
    "factor": Text(en="Factor", zh="排放因子"),
    "per_unit": Text(en="kg/unit", zh="kg/单位"),
    "co2": Text(en="CO2", zh="二氧化碳排放"),
    "course": Text(en="CO2 {0} (location based)", zh="二氧化碳排放（{0}，基于位置）"),
    "where": Text(en="Where it came from", zh="排放来源构成"),
    "coal": Text(en="Standard coal (GB/T 2589)", zh="综合能耗（标准煤，GB/T 2589）"),
    "rule": Text(
        en="The two figures of scope 2, by location and by market, stand side by side and are never added.",
        zh="范围二的“基于位置”与“基于市场”两个数值并列，不相加。",
    ),
}  # fmt: skip
SCOPES: Final = {
    "1": Text(en="Scope 1", zh="范围一（直接排放）"),
    "2_location": Text(en="Scope 2, location based", zh="范围二（基于位置）"),
    "2_market": Text(en="Scope 2, market based", zh="范围二（基于市场）"),
}
_KINDS: Final = {
    "average_year": Text(en="yearly average", zh="年平均"),
    "supplier_year": Text(en="of the supplier, yearly", zh="供应商年度值"),
    "instrument": Text(en="contractual instrument", zh="合同凭证（绿电、绿证）"),
    "residual_year": Text(en="residual mix, yearly", zh="剩余混合因子（年度）"),
}


def build(around: Around) -> Built:
    """What it says.

    Raises:
        ReportError: There are no data, or no book that says what emits.
        StoreError: The series cannot be read now.
    """
    if around.view.accounts is None:
        raise ReportError(f"no carbon report: {NO_BOOK.en}", zh=f"无法生成碳排放报告：{NO_BOOK.zh}")
    ledger = ledger_of(around)
    around.tell(0.5)
    closed = closed_sections(around, ledger, lambda code: code.endswith("co2_kg") or code.startswith("coal."))
    sections = (_scopes(around, ledger), _where(around, ledger), *closed)
    return Built(sections, min(ledger.known_of(one) for one in _carriers(ledger)))


def _carriers(ledger: Ledger) -> list[str]:
    return list(dict.fromkeys(row.carrier for row in ledger.made.statement.carbon)) or ["electricity"]


def _scopes(around: Around, ledger: Ledger) -> Section:
    say, made = around.say, ledger.made.statement
    figures = [
        Figure(say(text), _tonnes(made.carbon, scope), "t CO2", 3, _known(ledger, scope))
        for scope, text in SCOPES.items()
    ]
    coal = float(sum(made.coal_kg.values())) / 1000.0 if made.coal_kg else None
    figures.append(
        Figure(say(_W["coal"]), coal, "tce", 4, min(map(ledger.known_of, made.coal_kg), default=None))
    )
    texts = ("scope", "carrier")
    columns = (
        *(Column(say(_W[name]), form="text") for name in texts), Column(say(_W["quantity"]), places=2),
        Column(say(_W["unit"]), form="text"), Column(say(_W["factor"]), say(_W["per_unit"]), places=4),
        Column(say(_W["co2"]), "kg", places=2),
        *(Column(say(_W[name]), form="text") for name in ("kind", "source", "year")),
        completeness_column(around),
    )  # fmt: skip
    rows = [_row(around, ledger, one) for one in made.carbon]
    notes = [say(_W["rule"]), *(say(one.note) for one in made.carbon if one.note is not None)]
    notes += [note_text(around, note) for note in ledger.made.notes]
    tables = (Table(say(_W["rows"]), columns, rows), _course(around, ledger))
    return Section(say(_W["title"]), tuple(figures), tables, tuple(dict.fromkeys(notes)))


def _tonnes(rows: list[Emission], scope: str) -> float | None:
    found = [one.kg for one in rows if one.scope == scope]
    return float(sum(found, Decimal(0))) / 1000.0 if found else None


def _known(ledger: Ledger, scope: str) -> float | None:
    found = [ledger.known_of(one.carrier) for one in ledger.made.statement.carbon if one.scope == scope]
    return min(found, default=None)


def _row(around: Around, ledger: Ledger, one: Emission) -> tuple[Cell, ...]:
    scope, kind = SCOPES.get(one.scope), _KINDS.get(one.kind)
    return (
        one.scope if scope is None else around.say(scope), carrier_name(around, one.carrier),
        number(one.quantity), one.unit, number(one.kg_per_unit), number(one.kg),
        one.kind if kind is None else around.say(kind), one.source,
        "" if one.year is None else str(one.year), ledger.known_of(one.carrier),
    )  # fmt: skip


def _course(around: Around, ledger: Ledger) -> Table:
    """CO2 of each carrier in the hours, days or months: statements over parts of the same readings."""
    edges, rows = edges_of(around, step_of(around)), []
    carriers = [one.carrier for one in ledger.made.statement.accounts if one.kg is not None]
    supplies = [
        one.id
        for one in ledger.site.book.meters
        if one.bought and one.below is None and one.carrier in carriers
    ]
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        readings = part(ledger.counted.table, first, last)
        kgs = {one.carrier: number(one.kg) for one in ledger.by("carrier", readings).accounts}
        known = min((known_pct(readings.columns[name]) for name in supplies), default=0.0)
        rows.append((around.at(first), *(kgs.get(name) for name in carriers), known))
    title = around.say(_W["course"]).format(by_step(around))
    columns = (
        time_column(around, step_of(around)),
        *(Column(carrier_name(around, name), "kg", places=2) for name in carriers),
        completeness_column(around),
    )  # fmt: skip
    ys = tuple(range(1, len(carriers) + 1))
    return Table(title, columns, rows, (Chart(title, "stacked", 0, ys),) if ys else ())


def _where(around: Around, ledger: Ledger) -> Section:
    wanted: list[Dimension] = ["carrier", *assigned(ledger)]
    return Section(
        around.say(_W["where"]), tables=tuple(accounts_table(around, ledger, one) for one in wanted)
    )
