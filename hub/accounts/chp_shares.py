"""CHP units of a book: what of their fuel, its cost and its CO2 belongs to power, by a named method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.chp import Chp, Method, power_share
from accounts.ledger import Flow, Rates
from hub.accounts.book import AccountsFile
from hub.accounts.media import cost_of, kg_of, total_of
from hub.accounts.notes import Note, no_split
from protocols.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ChpShare:
    """One unit over a period.

    Attributes:
        id: Its id.
        method: How it was split.
        fuel_kwh: Burnt, as its meter states it. [kWh]
        power_kwh: Generated. [kWh]
        heat_kwh: Heat that was used. [kWh]
        power_frac: Share that the power bears; the heat bears the rest. [-]
        cost: Money of the fuel; None: it has no price.
        kg: CO2 of the fuel; None: it has no factor. [kg]
    """

    id: str
    method: Method
    fuel_kwh: float
    power_kwh: float
    heat_kwh: float
    power_frac: float
    cost: float | None
    kg: float | None


def chp_shares(
    book: AccountsFile, by_id: Mapping[str, Flow], rates: Mapping[str, Rates], notes: list[Note]
) -> list[ChpShare]:
    """Each unit that can be split; of the others the notes say why not."""
    found: list[ChpShare] = []
    for unit in book.chp:
        fuel = by_id[unit.fuel]
        energy = Chp(total_of(fuel), total_of(by_id[unit.power]), total_of(by_id[unit.heat]))
        try:
            share = power_share(energy, unit.method, unit.reference.plain())
        except ConfigError as error:
            notes.append(no_split(unit.id, error))
            continue
        rate = rates.get(fuel.carrier, Rates())
        found.append(
            ChpShare(
                id=unit.id,
                method=unit.method,
                fuel_kwh=energy.fuel_kwh,
                power_kwh=energy.power_kwh,
                heat_kwh=energy.heat_kwh,
                power_frac=share,
                cost=None if rate.cost is None else cost_of(fuel, rates),
                kg=None if rate.kg is None else kg_of(fuel, rates),
            )
        )
    return found
