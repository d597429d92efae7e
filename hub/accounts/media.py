"""Media that a site makes for itself: what one unit costs and emits, and who bears it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from accounts.ledger import Flow, Rates
from accounts.money import metered
from accounts.readings import FloatArray
from accounts.sharing import Medium, shares_of, unit_costs
from hub.accounts.book import AccountsFile

_PLACES: Final = 6


@dataclass(frozen=True, slots=True)
class Shared:
    """A medium the site made for itself.

    Attributes:
        id: Its carrier.
        unit: Its unit.
        made: How much.
        cost_per_unit: Money of one unit; None where something it is made of has no known price.
        kg_per_unit: CO2 of one unit; None likewise. [kg]
        cost: Money that each of its meters bears, and `unmetered`; empty: it is not known.
        kg: CO2 likewise. [kg]
        meters: Meters that take it.
    """

    id: str
    unit: str
    made: float
    cost_per_unit: float | None
    kg_per_unit: float | None
    cost: Mapping[str, float]
    kg: Mapping[str, float]
    meters: tuple[str, ...]


def media_of(book: AccountsFile, flows: Sequence[Flow], rates: Mapping[str, Rates]) -> list[Shared]:
    """Each medium of the book.

    Raises:
        ConfigError: Media that need each other cannot be solved.
    """
    by_id = {flow.meter: flow for flow in flows}
    money, carbon = _balances(book, by_id, rates)
    if not money:
        return []
    bought = {by_id[name].carrier for one in book.media for name in one.inputs} - money.keys()
    priced = all(rates[carrier].cost is not None for carrier in bought)
    known = all(rates[carrier].kg is not None for carrier in bought)
    cost, kg = unit_costs(money), unit_costs(carbon)
    borne, emitted = shares_of(money), shares_of(carbon)
    return [
        Shared(
            id=one.id,
            unit=by_id[one.made].unit,
            made=money[one.id].made,
            cost_per_unit=cost[one.id] if priced else None,
            kg_per_unit=kg[one.id] if known else None,
            cost=borne[one.id] if priced else {},
            kg=emitted[one.id] if known else {},
            meters=tuple(money[one.id].taken),
        )
        for one in book.media
    ]


def _balances(
    book: AccountsFile, by_id: Mapping[str, Flow], rates: Mapping[str, Rates]
) -> tuple[dict[str, Medium], dict[str, Medium]]:
    names = {medium.id for medium in book.media}
    into = {name for medium in book.media for name in medium.inputs}
    money: dict[str, Medium] = {}
    carbon: dict[str, Medium] = {}
    for medium in book.media:
        bought = [by_id[name] for name in medium.inputs if by_id[name].carrier not in names]
        used: dict[str, float] = {}
        for name in medium.inputs:
            if by_id[name].carrier in names:
                used[by_id[name].carrier] = used.get(by_id[name].carrier, 0.0) + total_of(by_id[name])
        taken = {
            flow.meter: total_of(flow)
            for flow in by_id.values()
            if flow.carrier == medium.id and flow.meter != medium.made and flow.meter not in into
            and not any(other.below == flow.meter for other in by_id.values())
        }  # fmt: skip
        made = total_of(by_id[medium.made])
        money[medium.id] = Medium(made, sum(cost_of(flow, rates) for flow in bought), used, taken)
        carbon[medium.id] = Medium(made, sum(kg_of(flow, rates) for flow in bought), used, taken)
    return money, carbon


def cost_of(flow: Flow, rates: Mapping[str, Rates]) -> float:
    """What it cost by the price of its hours; 0 where no price is known. [money]."""
    return _valued(flow, rates[flow.carrier].cost)


def kg_of(flow: Flow, rates: Mapping[str, Rates]) -> float:
    """What it emitted by the factors of its years; 0 where no factor is known. [kg]."""
    return _valued(flow, rates[flow.carrier].kg)


def _valued(flow: Flow, rate: FloatArray | float | None) -> float:
    known = np.isfinite(flow.amount)
    return 0.0 if rate is None else float(flow.amount[known] @ np.broadcast_to(rate, known.shape)[known])


def total_of(flow: Flow) -> float:
    """What a meter counted; intervals without a reading count as none."""
    return float(metered(flow.amount[np.isfinite(flow.amount)].tolist(), _PLACES))
