"""Statements of a book as answers: words beside every id, and how much is known beside every figure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from accounts.ledger import Account, Dimension
from hub.accounts.making import PeriodStatement
from hub.accounts.media import Shared
from hub.accounts.periods import NamedPeriod
from hub.accounts.site import SiteAccounts
from hub.accounts.words import carrier_text, residual_text
from hub.api.account_models import (
    AccountNote,
    AccountRow,
    AccountStatement,
    ChpRow,
    CoalRow,
    EmissionRow,
    MediumRow,
    MeterRow,
    PeriodAnswer,
    ProductRow,
    ShareRow,
)
from hub.api.models import from_ns
from hub.registry.areas import Areas
from hub.registry.site import Registry
from protocols.config import Text

_NOBODY: Final = Text(en="not assigned", zh="未分配")
_UNMETERED: Final = Text(en="not metered", zh="未计量")
_KG_PER_T: Final = 1000


class Words:
    """What the ids of a site's accounts are called."""

    def __init__(self, site: SiteAccounts, registry: Registry, areas: Areas) -> None:
        self._tables: dict[Dimension, dict[str, Text]] = {
            "area": {name: area.label for name, area in areas.by_id.items()},
            "device": {name: known.device.label for name, known in registry.devices.items()},
            "product": {one.id: one.label for one in site.book.products},
            "shift": {one.id: one.label for one in site.calendar.file.shifts},
        }
        self._media = {one.id: one.label for one in site.book.media}
        self._above = {meter.below for meter in site.book.meters}
        devices = self._tables["device"]
        self._tables["meter"] = {
            meter.id: meter.label or devices.get(meter.device or "") or Text(en=meter.id, zh=meter.id)
            for meter in site.book.meters
        }

    def of(self, dimension: Dimension, name: str) -> Text:
        """A place in a dimension."""
        if not name:
            return _NOBODY
        if dimension == "carrier":
            return self.carrier(name)
        return self._tables[dimension].get(name) or Text(en=name, zh=name)

    def account(self, dimension: Dimension, name: str) -> Text:
        """A place in a dimension, of an account: that of a meter is what those below it do not show."""
        label = self.of(dimension, name)
        return residual_text(label) if dimension == "meter" and name in self._above else label

    def carrier(self, name: str) -> Text:
        """A carrier."""
        return self._media.get(name) or carrier_text(name)

    def bearer(self, name: str) -> Text:
        """A meter that bears a share, or what none shows."""
        return self._tables["meter"].get(name, _UNMETERED)


def period_of(period: NamedPeriod, until_ns: int, *, over: bool) -> PeriodAnswer:
    """A period as an answer."""
    last = period.days.after - dt.timedelta(days=1)
    return PeriodAnswer(
        name=period.name,
        kind=period.kind,
        first=period.days.first,
        last=last,
        until=from_ns(until_ns),
        over=over,
    )


def statement_answer(
    site: SiteAccounts, made: PeriodStatement, by: list[Dimension], words: Words
) -> AccountStatement:
    """A statement as an answer."""
    found = made.statement
    over = made.until_ns == made.period.edges_ns(site.zone)[1]
    return AccountStatement(
        period=period_of(made.period, made.until_ns, over=over),
        by=by,
        currency=site.currency,
        accounts=[_account(one, by, words) for one in found.accounts],
        meters=_meters(site, made, words),
        media=[_medium(site, made, one, words) for one in found.media],
        emissions=_emissions(site, made, words),
        coal=[
            CoalRow(
                carrier=carrier, carrier_label=words.carrier(carrier), tce=float(kg) / _KG_PER_T,
                complete_pct=_supply_pct(site, made, carrier),
            )
            for carrier, kg in found.coal_kg.items()
        ],
        products=_products(site, made),
        chp=_chp(site, made),
        notes=[AccountNote(text=note.text, detail=note.detail) for note in made.notes],
    )  # fmt: skip


def shares_answer(cost: Mapping[str, float], kg: Mapping[str, float], words: Words) -> list[ShareRow]:
    """Who bears what."""
    return [
        ShareRow(name=name, label=words.bearer(name), cost=cost.get(name), co2_kg=kg.get(name))
        for name in dict.fromkeys([*cost, *kg])
    ]


def maybe(value: Decimal | None) -> float | None:
    """A figure as a number."""
    return None if value is None else float(value)


def _account(one: Account, by: list[Dimension], words: Words) -> AccountRow:
    return AccountRow(
        key=list(one.key),
        labels=[words.account(dimension, name) for dimension, name in zip(by, one.key, strict=True)],
        carrier=one.carrier,
        carrier_label=words.carrier(one.carrier),
        unit=one.unit,
        amount=float(one.amount),
        cost=maybe(one.cost),
        co2_kg=maybe(one.kg),
        complete_pct=100.0 * (1.0 - one.missing),
    )


def _meters(site: SiteAccounts, made: PeriodStatement, words: Words) -> list[MeterRow]:
    found: list[MeterRow] = []
    for meter in site.book.meters:
        kept = made.counted.kept[meter.id]
        column = made.counted.table.column(meter.id)
        found.append(
            MeterRow(
                meter=meter.id,
                label=words.of("meter", meter.id),
                point=kept.point,
                unit=meter.unit,
                amount=float(column[column == column].sum()),  # noqa: PLR0124  NaN is not itself
                across_gaps=kept.across_gaps,
                new_meters=kept.new_meters,
                complete_pct=100.0 * kept.known_frac,
            )
        )
    return found


def _medium(site: SiteAccounts, made: PeriodStatement, one: Shared, words: Words) -> MediumRow:
    declared = next(medium for medium in site.book.media if medium.id == one.id)
    return MediumRow(
        medium=one.id,
        label=declared.label,
        unit=one.unit,
        made=one.made,
        cost_per_unit=one.cost_per_unit,
        co2_kg_per_unit=one.kg_per_unit,
        shares=shares_answer(one.cost, one.kg, words),
        complete_pct=_pct(made, (declared.made, *declared.inputs)),
    )


def _emissions(site: SiteAccounts, made: PeriodStatement, words: Words) -> list[EmissionRow]:
    return [
        EmissionRow(
            scope=row.scope, carrier=row.carrier, carrier_label=words.carrier(row.carrier),
            quantity=float(row.quantity), unit=row.unit, co2_kg=float(row.kg),
            factor_kg_per_unit=float(row.kg_per_unit), factor_source=row.source,
            factor_year=row.year, factor_kind=row.kind, note=row.note,
            complete_pct=_supply_pct(site, made, row.carrier),
        )
        for row in made.statement.carbon
    ]  # fmt: skip


def _products(site: SiteAccounts, made: PeriodStatement) -> list[ProductRow]:
    declared = {one.id: one for one in site.book.products}
    return [
        ProductRow(
            product=one.id, label=declared[one.id].label, unit=one.unit, count=float(one.count),
            kwh_per_unit=maybe(one.kwh_per_unit), cost_per_unit=maybe(one.cost_per_unit),
            co2_kg_per_unit=maybe(one.kg_per_unit),
            complete_pct=_pct(
                made,
                [declared[one.id].counter, *(m.id for m in site.book.meters if m.product == one.id)],
            ),
        )
        for one in made.statement.products
    ]  # fmt: skip


def _chp(site: SiteAccounts, made: PeriodStatement) -> list[ChpRow]:
    declared = {one.id: one for one in site.book.chp}
    return [
        ChpRow(
            unit=one.id, label=declared[one.id].label, method=one.method, fuel_kwh=one.fuel_kwh,
            power_kwh=one.power_kwh, heat_kwh=one.heat_kwh, power_frac=one.power_frac, cost=one.cost,
            co2_kg=one.kg,
            complete_pct=_pct(made, (declared[one.id].fuel, declared[one.id].power, declared[one.id].heat)),
        )
        for one in made.statement.chp
    ]  # fmt: skip


def _supply_pct(site: SiteAccounts, made: PeriodStatement, carrier: str) -> float:
    """Known part of the supplies of a carrier. [%]."""
    supplies = [m.id for m in site.book.meters if m.carrier == carrier and m.bought and m.below is None]
    return _pct(made, supplies)


def _pct(made: PeriodStatement, columns: Iterable[str]) -> float:
    return 100.0 * made.counted.known_frac(list(columns))
