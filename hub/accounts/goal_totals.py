"""Figures that goals may name beside meters and products: money, CO2 and standard coal of all that is bought.

cost      Σ supplies of amount · price of its hours, of electricity; else of its unit
co2_kg    scope 1 and scope 2 by location
tce       standard coal of what is bought, electricity and heat by their own energy
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from accounts.invoice import Courses
from accounts.ledger import Flow
from accounts.readings import FloatArray
from hub.accounts.book import AccountMeter
from hub.accounts.counted import Counted
from hub.accounts.notes import Note
from hub.accounts.site import SiteAccounts
from hub.accounts.statement import Around, rates_of
from hub.accounts.supplies import coal_of

_NS: Final = 1_000_000_000
_KG_PER_T: Final = 1000.0


def supplies_of(site: SiteAccounts) -> list[AccountMeter]:
    """Meters of what is bought, each at the top."""
    media = {medium.id for medium in site.book.media}
    return [m for m in site.book.meters if m.bought and m.below is None and m.carrier not in media]


def total_of_goal(
    site: SiteAccounts, found: Counted, courses: Mapping[str, Courses], figure: str
) -> FloatArray:
    """The figure in each interval; NaN where one of the supplies, its price or its factor is not known.

    Args:
        site: The site.
        found: What its supplies counted.
        courses: Prices that the contract goes by.
        figure: `cost`, `co2_kg` or `tce`.
    """
    table = found.table
    columns = [(meter, table.columns[meter.id]) for meter in supplies_of(site)]
    count = len(columns[0][1]) if columns else 0
    starts = table.start_ns + np.arange(count, dtype=np.int64) * (table.step_s * _NS)
    around = Around(site.contract, courses, site.calendar, site.zone)
    notes: list[Note] = []
    rates = rates_of(site.book, starts, around, notes)
    whole = np.zeros(count)
    for meter, amount in columns:
        rate = rates[meter.carrier]
        each: FloatArray | float | None = {"cost": rate.cost, "co2_kg": rate.kg}.get(figure)
        if figure == "tce":
            each = _tce(site, meter)
        whole = whole + (np.nan if each is None else amount * each)
    return whole


def _tce(site: SiteAccounts, meter: AccountMeter) -> float | None:
    """Standard coal of one unit that a meter counts; None where there is none for it. [t]."""
    one = Flow(meter.id, meter.carrier, meter.unit, np.ones(1))
    kg = coal_of(site.book, [one], []).get(meter.carrier)
    return None if kg is None else float(kg) / _KG_PER_T
