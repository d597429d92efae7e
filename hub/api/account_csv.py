"""Statements and invoices as CSV for people's spreadsheets: a row a figure, with how much of it is known."""

from __future__ import annotations

import csv
import io
from typing import Literal

from hub.api.account_models import AccountStatement
from hub.api.account_money_models import AccountInvoice
from protocols.config import Text
from runtime import spreadsheet

Language = Literal["en", "zh"]
_MARK = "\ufeff"
"""Spreadsheets read UTF-8 by it."""
_ROWS: dict[str, Text] = {
    "account": Text(en="account", zh="账目"),
    "emission": Text(en="emission", zh="排放"),
    "coal": Text(en="standard coal", zh="标准煤"),
    "medium": Text(en="medium", zh="介质"),
    "product": Text(en="product", zh="产品"),
    "chp": Text(en="CHP", zh="热电联产"),
}


def statement_csv(made: AccountStatement, language: Language) -> str:
    """Accounts, emissions, standard coal, media, products and CHP of a period."""
    rows: list[list[object]] = [
        ["period", "first", "last", "until", "currency"],
        [made.period.name, made.period.first, made.period.last, made.period.until.isoformat(), made.currency],
        ["row", *made.by, "carrier", "amount", "unit", "cost", "co2_kg", "complete_pct", "source"],
    ]
    blank = [""] * len(made.by)
    for one in made.accounts:
        labels = [getattr(label, language) for label in one.labels]
        carrier = getattr(one.carrier_label, language)
        figures = [one.amount, one.unit, _or_empty(one.cost), _or_empty(one.co2_kg), one.complete_pct, ""]
        rows.append([_name("account", language), *labels, carrier, *figures])
    for row in made.emissions:
        carrier = f"{getattr(row.carrier_label, language)}, {row.scope}"
        source = f"{row.factor_source}, {row.factor_year or ''}, {row.factor_kind}"
        figures = [row.quantity, row.unit, "", row.co2_kg, row.complete_pct, source]
        rows.append([_name("emission", language), *blank, carrier, *figures])
    for coal in made.coal:
        carrier = getattr(coal.carrier_label, language)
        rows.append([_name("coal", language), *blank, carrier, coal.tce, "t", "", "", coal.complete_pct, ""])
    for medium in made.media:
        each = [_or_empty(medium.cost_per_unit), _or_empty(medium.co2_kg_per_unit), medium.complete_pct, ""]
        name = getattr(medium.label, language)
        rows.append([_name("medium", language), *blank, name, medium.made, medium.unit, *each])
    for product in made.products:
        each = [
            _or_empty(product.cost_per_unit),
            _or_empty(product.co2_kg_per_unit),
            product.complete_pct,
            "",
        ]
        name = getattr(product.label, language)
        rows.append([_name("product", language), *blank, name, product.count, product.unit, *each])
    for unit in made.chp:
        each = [
            _or_empty(unit.cost),
            _or_empty(unit.co2_kg),
            unit.complete_pct,
            f"{unit.method}: {unit.power_frac}",
        ]
        name = getattr(unit.label, language)
        rows.append([_name("chp", language), *blank, name, unit.fuel_kwh, "kWh", *each])
    return _text(rows)


def invoice_csv(made: AccountInvoice, language: Language) -> str:
    """An invoice line by line, its total last."""
    rows: list[list[object]] = [
        ["period", "contract", "currency", "provisional", "complete_pct", "source"],
        [
            made.period.name, getattr(made.contract, language), made.currency, made.provisional,
            made.complete_pct, made.source,
        ],
        ["part", "label", "band", "quantity", "unit", "price", "amount", "counted", "note"],
    ]  # fmt: skip
    for line in made.lines:
        band = "" if line.band is None else getattr(line.band, language)
        label = getattr(line.label, language)
        figures = [line.quantity, line.unit, line.price, line.amount, line.counted]
        note = "" if line.note is None else getattr(line.note, language)
        rows.append([line.part, label, band, *figures, note])
    rows.append(["total", "", "", "", "", "", made.total, True, ""])
    return _text(rows)


def _name(row: str, language: Language) -> str:
    return str(getattr(_ROWS[row], language))


def _or_empty(value: float | None) -> object:
    return "" if value is None else value


def _text(rows: list[list[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(map(spreadsheet.row, rows))
    return _MARK + out.getvalue()
