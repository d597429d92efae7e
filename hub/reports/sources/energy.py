"""The daily, weekly, monthly and yearly report: energy, cost, CO2, where they went, every quarter hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from accounts.ledger import Account, Dimension
from hub.accounts.book import ELECTRICITY, AccountMeter
from hub.accounts.making import goals_of
from hub.reports.around import Around, Built
from hub.reports.content import Cell, Chart, Column, Figure, Section, Table
from hub.reports.sources.cells import (
    PLACES,
    by_step,
    completeness_column,
    edges_of,
    known_pct,
    known_sum,
    number,
    part,
    step_of,
    time_column,
)
from hub.reports.sources.closed import closed_sections
from hub.reports.sources.invoice import invoice_sections
from hub.reports.sources.ledger import NO_BOOK, Ledger, ledger_of
from hub.reports.sources.names import carrier_name, key_name, meter_name, note_text
from protocols.config import Text

_W: Final = {
    "overview": Text(en="Overview", zh="总览"),
    "used": Text(en="{0} used", zh="{0}用量"),
    "cost": Text(en="Energy cost", zh="能源费用"),
    "cost_means": Text(
        en="Energy cost: what was used at the price of its hours, an estimate of its part of the bill. "
        "Demand, standing charges and what is paid for energy fed in stand on the invoice.",
        zh="能源费用 = 用量 × 用能时段价格，为账单中相应部分的估算；需量电费、固定费用和上网电量收入见账单。",
    ),
    "co2": Text(en="CO2", zh="二氧化碳排放"),
    "coal": Text(en="Standard coal (GB/T 2589)", zh="综合能耗（标准煤，GB/T 2589）"),
    "peak": Text(en="Highest demand, 15 min", zh="最大需量（15 分钟）"),
    "amount": Text(en="Amount", zh="用量"),
    "unit": Text(en="Unit", zh="单位"),
    "carrier": Text(en="Carrier", zh="能源种类"),
    "course": Text(en="Energy {0}", zh="用电量（{0}）"),
    "quarters": Text(en="Quarter hours", zh="15 分钟数据"),
    "quarter": Text(en="Amount of each quarter of an hour", zh="每 15 分钟用量"),
    "load": Text(en="Energy of each quarter of an hour", zh="每 15 分钟电量"),
    "gaps": Text(
        en="{0}: {1} {2} were counted across gaps and stand in no interval.",
        zh="{0}：另有 {1} {2} 计于数据缺口期间，未计入任何时段。",
    ),
    "goals": Text(en="Goals", zh="目标"),
    "goal": Text(en="Goal", zh="目标"),
    "state": Text(en="State", zh="状态"),
    "so_far": Text(en="So far", zh="当前值"),
    "expected": Text(en="Expected at its end", zh="预计期末值"),
    "known_days": Text(en="Days known", zh="已知天数占比"),
    "offset": Text(en="UTC offset", zh="UTC 偏移"),
    "ends": Text(en="The period goes on; figures reach to {0}.", zh="周期尚未结束，数据截至 {0}。"),
}  # fmt: skip
_BY: Final[dict[Dimension, Text]] = {
    "carrier": Text(en="By carrier", zh="按能源种类"),
    "area": Text(en="By area", zh="按区域"),
    "device": Text(en="By device", zh="按设备"),
    "product": Text(en="By product", zh="按产品"),
    "shift": Text(en="By shift", zh="按班次"),
    "meter": Text(en="By meter", zh="按计量表"),
}
_OF: Final[dict[Dimension, Text]] = {
    "carrier": Text(en="Carrier", zh="能源种类"),
    "area": Text(en="Area", zh="区域"),
    "device": Text(en="Device", zh="设备"),
    "product": Text(en="Product", zh="产品"),
    "shift": Text(en="Shift", zh="班次"),
    "meter": Text(en="Meter", zh="计量表"),
}
_MOST_DRAWN: Final = 8
_QUARTERS_H: Final = 4.0


def build(around: Around) -> Built:
    """What it says.

    Raises:
        ReportError: There are no data.
        StoreError: The series cannot be read now.
    """
    ledger = ledger_of(around)
    around.tell(0.5)
    sections = [_overview(around, ledger)]
    if ledger.has_book:
        sections += [_split(around, ledger), *invoice_sections(around, ledger)]
        sections += [*closed_sections(around, ledger), *_goals(around, ledger)]
    around.tell(0.9)
    sections.append(_quarters(around, ledger))
    return Built(tuple(sections), ledger.known_pct)


def _overview(around: Around, ledger: Ledger) -> Section:
    say, made = around.say, ledger.made.statement
    figures: list[Figure] = []
    for one in made.accounts if ledger.has_book else []:
        label = say(_W["used"]).format(carrier_name(around, one.carrier))
        figures.append(Figure(label, _amount(one), one.unit, 1, _known_pct([one])))
    if ledger.has_book:
        figures += _money(around, ledger)
    notes = [note_text(around, note) for note in ledger.made.notes]
    notes += [] if ledger.has_book else [say(NO_BOOK)]
    notes += [say(_W["cost_means"])] if any(one.cost is not None for one in made.accounts) else []
    notes += _gaps(around, ledger)
    if not ledger.made.period.over(around.now_ns, around.zone):
        notes.append(say(_W["ends"]).format(f"{around.at(ledger.made.until_ns):%Y-%m-%d %H:%M}"))
    tables = [
        course(around, ledger),
        accounts_table(around, ledger, "carrier" if ledger.has_book else "meter"),
    ]
    return Section(say(_W["overview"]), tuple(figures), tuple(tables), tuple(notes))


def _money(around: Around, ledger: Ledger) -> list[Figure]:
    say, accounts = around.say, ledger.made.statement.accounts
    priced = [one for one in accounts if one.cost is not None]
    emitting = [one for one in accounts if one.kg is not None]
    coal = ledger.made.statement.coal_kg
    known = min(map(ledger.known_of, coal), default=None)
    return [
        Figure(
            say(_W["cost"]), _sum(one.cost for one in priced), ledger.site.currency, 2, _known_pct(priced)
        ),
        Figure(say(_W["co2"]), _sum(one.kg for one in emitting), "kg", 1, _known_pct(emitting)),
        Figure(say(_W["coal"]), float(sum(coal.values())) / 1000.0 if coal else None, "tce", 4, known),
        Figure(say(_W["peak"]), _peak_kw(ledger), "kW", 1, ledger.known_of(ELECTRICITY)),
    ]


def _sum(values: Iterable[Decimal | None]) -> float | None:
    """What is known, summed up; None where nothing is."""
    known = [value for value in values if value is not None]
    return number(sum(known)) if known else None


def _known_pct(accounts: Sequence[Account]) -> float | None:
    """How much is known of the account that is known least. [%]."""
    return 100.0 * (1.0 - max(one.missing for one in accounts)) if accounts else None


def _amount(one: Account) -> float | None:
    """What an account comes to; None where no interval of it is known."""
    return None if one.missing >= 1.0 else number(one.amount)


def _peak_kw(ledger: Ledger) -> float | None:
    supplies = [one.id for one in electric(ledger) if one.below is None and one.bought]
    if not supplies:
        return None
    whole = np.sum([ledger.counted.table.columns[name] for name in supplies], axis=0) * _QUARTERS_H
    return float(np.nanmax(whole)) if np.isfinite(whole).any() else None


def electric(ledger: Ledger) -> list[AccountMeter]:
    """Meters of electricity in kWh."""
    return [one for one in ledger.site.book.meters if one.carrier == ELECTRICITY and one.unit == "kWh"]


def _drawn(ledger: Ledger) -> list[AccountMeter]:
    """Meters whose bars stand on each other: those that none hangs below."""
    above = {one.below for one in ledger.site.book.meters}
    return [one for one in electric(ledger) if one.id not in above][:_MOST_DRAWN]


def course(around: Around, ledger: Ledger) -> Table:
    """What each electricity meter counted in the hours, days or months of the period."""
    meters = electric(ledger)
    edges = edges_of(around, step_of(around))
    rows: list[tuple[Cell, ...]] = []
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        columns = part(ledger.counted.table, first, last).columns
        values = [columns[one.id] for one in meters]
        known = float(np.mean([known_pct(one) for one in values])) if values else 0.0
        rows.append((around.at(first), *(known_sum(one) for one in values), round(known, 2)))
    title = around.say(_W["course"]).format(by_step(around))
    drawn = {one.id for one in _drawn(ledger)}
    ys = tuple(at for at, one in enumerate(meters, 1) if one.id in drawn)
    columns_ = (
        time_column(around, step_of(around)),
        *(Column(meter_name(around, ledger, one), "kWh") for one in meters),
        completeness_column(around),
    )  # fmt: skip
    return Table(title, columns_, rows, (Chart(title, "stacked", 0, ys),) if ys else ())


def accounts_table(around: Around, ledger: Ledger, dimension: Dimension) -> Table:
    """Accounts by a dimension, as the API gives them."""
    found = ledger.made.statement if dimension == "carrier" else ledger.by(dimension)
    currency = ledger.site.currency
    say = around.say
    of_carrier = () if dimension == "carrier" else (Column(say(_W["carrier"]), form="text"),)
    columns = (
        Column(say(_OF[dimension]), form="text"), *of_carrier,
        Column(say(_W["amount"]), places=2), Column(say(_W["unit"]), form="text"),
        Column(say(_W["cost"]), currency, places=2), Column(say(_W["co2"]), "kg", places=2),
        completeness_column(around),
    )  # fmt: skip
    rows = [_account(around, ledger, (dimension, one)) for one in found.accounts]
    return Table(say(_BY[dimension]), columns, rows)


def _account(
    around: Around, ledger: Ledger, which: tuple[Dimension, Account]
) -> tuple[str | float | None, ...]:
    dimension, one = which
    of_carrier = () if dimension == "carrier" else (carrier_name(around, one.carrier),)
    return (
        key_name(around, ledger, dimension, one.key[0]), *of_carrier, _amount(one), one.unit,
        number(one.cost), number(one.kg), 100.0 * (1.0 - one.missing),
    )  # fmt: skip


def assigned(ledger: Ledger) -> list[Dimension]:
    """Dimensions that a meter of the book is assigned to a place in."""
    wanted: tuple[Dimension, ...] = ("area", "device", "product")
    return [one for one in wanted if any(getattr(meter, one) for meter in ledger.site.book.meters)]


def _split(around: Around, ledger: Ledger) -> Section:
    wanted: list[Dimension] = [*assigned(ledger), "meter"]
    if ledger.site.calendar.file.shifts:
        wanted.append("shift")
    tables = tuple(accounts_table(around, ledger, one) for one in wanted)
    return Section(around.say(Text(en="Where it went", zh="分项用量")), tables=tables)


def _gaps(around: Around, ledger: Ledger) -> list[str]:
    units = {one.id: one for one in ledger.site.book.meters}
    return [
        around.say(_W["gaps"]).format(
            meter_name(around, ledger, units[name]), f"{kept.across_gaps:,.1f}", units[name].unit
        )
        for name, kept in ledger.counted.kept.items()
        if name in units and abs(kept.across_gaps) >= 0.1  # noqa: PLR2004  below it is what rounding leaves
    ]


def _goals(around: Around, ledger: Ledger) -> list[Section]:
    found = goals_of(around.reader, ledger.site, around.now_ns) if ledger.site.book.goals else {}
    if not found:
        return []
    say, labels = around.say, {one.id: one.label for one in ledger.site.book.goals}
    names = ("so_far", "expected")
    columns = (
        Column(say(_W["goal"]), form="text"), Column(say(_W["state"]), form="text"),
        *(Column(say(_W[name]), places=4) for name in names), Column(say(_W["known_days"]), "%"),
    )  # fmt: skip
    rows = [
        (
            say(labels[name]),
            key_name(around, ledger, "state", one.state),
            number(one.so_far),
            number(one.expected),
            100.0 * one.elapsed,
        )
        for name, one in found.items()
    ]
    return [Section(say(_W["goals"]), tables=(Table(say(_W["goals"]), columns, rows),))]


def _quarters(around: Around, ledger: Ledger) -> Section:
    """Every quarter of an hour of every meter: in Excel alone, as a picture in PDF."""
    say, table = around.say, ledger.counted.table
    meters = [one for one in ledger.site.book.meters if ledger.counted.kept[one.id].point is not None]
    values = [np.round(table.columns[one.id], PLACES).tolist() for one in meters]
    count = len(values[0]) if values else 0
    times = [around.at(table.start_ns + at * table.step_s * 1_000_000_000) for at in range(count)]
    offsets = [f"{at:%z}" for at in times]
    columns = (
        time_column(around), Column(say(_W["offset"]), form="text"),
        *(Column(meter_name(around, ledger, one), one.unit, places=PLACES) for one in meters),
    )  # fmt: skip
    drawn = {one.id for one in electric(ledger)}
    ys = tuple(at for at, one in enumerate(meters, 2) if one.id in drawn)[:_MOST_DRAWN]
    charts = (Chart(say(_W["load"]), "line", 0, ys),) if ys else ()
    rows = list(zip(times, offsets, *values, strict=True))
    return Section(
        say(_W["quarters"]), tables=(Table(say(_W["quarter"]), columns, rows, charts, printed=False),)
    )
