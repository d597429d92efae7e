"""The invoice of a month or a year in a report: its lines, what it comes to, and whether it is final."""

from __future__ import annotations

from typing import Final

from accounts.invoice import Invoice
from accounts.used import Line
from hub.accounts.billing import Billed, invoice_of
from hub.accounts.phrases import account_text
from hub.reports.around import Around
from hub.reports.content import Cell, Column, Figure, Section, Table
from hub.reports.sources.cells import number
from hub.reports.sources.ledger import Ledger
from protocols.config import Text
from protocols.errors import ConfigError

_W: Final = {
    "invoice": Text(en="The invoice, line by line", zh="电费账单明细"),
    "line": Text(en="Line", zh="项目"),
    "band": Text(en="Band", zh="时段"),
    "within": Text(en="({0}, contained)", zh="（{0}，已含）"),
    "unit": Text(en="Unit", zh="单位"),
    "amount": Text(en="Amount", zh="金额"),
    "quantity": Text(en="Quantity", zh="数量"),
    "price": Text(en="Price", zh="单价"),
    "per": Text(en="{0}/unit", zh="{0}/单位"),
    "source": Text(en="Prices: {0}", zh="价格来源：{0}"),
    "contract": Text(en="Contract", zh="合同"),
    "peak": Text(en="Highest demand", zh="最大需量"),
    "total": Text(en="To pay", zh="应付合计"),
    "so_far": Text(en="So far, an estimate", zh="目前合计（估算）"),
    "credit": Text(en="To be paid to the site", zh="应收合计"),
    "final": Text(en="The invoice is final: no reading is missing.", zh="账单为最终结果：读数完整。"),
    "provisional": Text(
        en="The invoice is provisional: readings are missing, or the period goes on.",
        zh="账单为暂估：读数不完整或周期尚未结束。",
    ),
    "revenue": Text(en="paid to the site", zh="收入"),
    "no_invoice": Text(en="No invoice: {0}", zh="无法生成账单：{0}"),
}  # fmt: skip


def invoice_sections(around: Around, ledger: Ledger) -> list[Section]:
    """The invoice of a month or a year; of one that cannot be made why not."""
    say = around.say
    if ledger.made.period.kind not in {"month", "year"} or ledger.site.contract is None:
        return []
    try:
        billed = invoice_of(around.reader, ledger.site, ledger.made.period, around.now_ns)
    except ConfigError as error:
        return [
            Section(say(_W["invoice"]), notes=(say(_W["no_invoice"]).format(say(account_text(str(error)))),))
        ]
    currency = billed.invoice.currency
    columns = (
        Column(say(_W["line"]), form="text"), Column(say(_W["band"]), form="text"),
        Column(say(_W["quantity"]), places=3), Column(say(_W["unit"]), form="text"),
        Column(say(_W["price"]), say(_W["per"]).format(currency), places=6),
        Column(say(_W["amount"]), currency, places=2),
    )  # fmt: skip
    rows = [_line(around, billed.invoice, line) for line in billed.invoice.lines]
    remarks = [_remark(around, line) for line in billed.invoice.lines]
    table = Table(say(_W["invoice"]), columns, rows, remarks=remarks if any(remarks) else ())
    kind = "so_far" if not billed.final else "credit" if billed.invoice.total < 0 else "total"
    total = Figure(say(_W[kind]), number(billed.invoice.total), currency, 2, 100.0 * billed.known_frac)
    figures = [total, Figure(say(_W["contract"]), say(ledger.site.contract.label))]
    if billed.invoice.peak_kw is not None:
        figures.append(
            Figure(say(_W["peak"]), number(billed.invoice.peak_kw), "kW", 2, total.completeness_pct)
        )
    notes = (*_standing(around, billed), say(_W["source"]).format(billed.invoice.source))
    return [Section(say(_W["invoice"]), tuple(figures), (table,), notes)]


def _standing(around: Around, billed: Billed) -> list[str]:
    """Whether the invoice is final; if not, why."""
    missing = billed.invoice.missing or not billed.over
    notes = [_W["provisional"]] if missing else [_W["final"]] if billed.final else []
    return [around.say(text) for text in (*notes, *(note.text for note in billed.notes))]


def _line(around: Around, invoice: Invoice, line: Line) -> tuple[Cell, ...]:
    """A line; the amount of one that does not add to the total is told in brackets."""
    band = around.say(invoice.bands[line.band].label) if line.band else ""
    amount: Cell = number(line.amount)
    if not line.counted:
        amount = around.say(_W["within"]).format(f"{line.amount:,.2f}")
    unit, price = line.unit, number(line.price)
    shown: Cell = price
    if unit == "%":  # of money: the quantity is what it goes by
        unit, shown = invoice.currency, f"{price:g} %"
    return around.say(line.label), band, number(line.quantity), unit, shown, amount


def _remark(around: Around, line: Line) -> str:
    """Why its quantity is what it is, as the page says it; that feeding in is paid to the site."""
    revenue = around.say(_W["revenue"]) if line.group == "feed_in" else ""
    note = around.say(account_text(line.note)) if line.note else ""
    return " · ".join(one for one in (revenue, note) if one)
