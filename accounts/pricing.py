"""What one more kilowatt-hour costs at each instant by a contract: asked of the parts of the invoice.

    price(t) = Σ parts of the sheet in force at t, at the band of t, each tax on the groups it goes by

What depends on the month as a whole is not in it: demand, basic charge, power factor, standing charges.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from accounts.bands import IntArray, local_clock
from accounts.contract import AnyPart, Contract, Sheet
from accounts.invoice import Courses
from accounts.money import ZERO
from accounts.other_parts import FeedInPart, TaxPart
from accounts.parts import CoursePart
from accounts.readings import FloatArray
from protocols.errors import ConfigError

_LONG_USE_H: Final = Decimal(8760)
"""Of prices by hours of use those of long use, unless the site says how long its year is. [h]"""


def price_series(
    contract: Contract,
    starts_ns: IntArray,
    courses: Mapping[str, Courses] | None = None,
    use_hours: Decimal = _LONG_USE_H,
    *,
    beyond: bool = False,
) -> FloatArray:
    """Price of one more kilowatt-hour at each instant, shape as `starts_ns`. [money/kWh].

    Args:
        contract: A contract without faults.
        starts_ns: Instants. [ns since 1970, UTC]
        courses: Prices that the contract goes by, by their name.
        use_hours: Hours of use of the site's year, for parts that go by them. [h]
        beyond: Whether days after the last sheet have its prices, as plans over the end of a month need it
            while those of the next are not published.

    Raises:
        ConfigError: A day has no price sheet, or a course lacks an instant.
    """
    bands = contract.bands
    band_of = bands.at(starts_ns)
    days, _ = local_clock(starts_ns, contract.zone)
    found = np.full(len(starts_ns), np.nan)
    for sheet, inside in _by_sheet(contract, days, beyond=beyond):
        parts = [
            part for part in sheet.parts
            if part.hours_of_use is None or part.hours_of_use.holds_for(use_hours)
        ]  # fmt: skip
        own = {band.id for band in contract.calendar_of(sheet).bands}
        fixed = np.array([float(per_kwh(parts, band)) if band in own else np.nan for band in bands.names])
        found[inside] = fixed[band_of[inside]]
        for name in dict.fromkeys(part.course for part in parts if isinstance(part, CoursePart)):
            share = np.array(
                [float(per_kwh(parts, band, name)) if band in own else 0.0 for band in bands.names]
            )
            found[inside] += share[band_of[inside]] * course_at(courses or {}, name, starts_ns[inside])
    return found


def fed_in_series(
    contract: Contract,
    starts_ns: IntArray,
    courses: Mapping[str, Courses] | None = None,
    *,
    beyond: bool = False,
) -> FloatArray:
    """What a kilowatt-hour fed in is paid at each instant, shape as `starts_ns`. [money/kWh].

    Args:
        contract: A contract without faults.
        starts_ns: Instants. [ns since 1970, UTC]
        courses: Prices that the contract goes by, by their name.
        beyond: As in `price_series`.

    Raises:
        ConfigError: A day has no price sheet, or a course lacks an instant.
    """
    days, _ = local_clock(starts_ns, contract.zone)
    found = np.zeros(len(starts_ns))
    for sheet, inside in _by_sheet(contract, days, beyond=beyond):
        for part in sheet.parts:
            if isinstance(part, FeedInPart):
                found[inside] += float(part.per_kwh)
                if part.course is not None:
                    found[inside] += course_at(courses or {}, part.course, starts_ns[inside])
    return found


def per_kwh(parts: Sequence[AnyPart], band: str, course: str | None = None) -> Decimal:
    """Money of one more kilowatt-hour in a band; with a course its share of the course's price instead.

    Example:
        >>> per_kwh([], "peak")
        Decimal('0')
    """
    groups: dict[str, Decimal] = {}
    for part in parts:
        if isinstance(part, TaxPart):
            if part.within:
                continue
            base = sum((money for group, money in groups.items() if not part.of or group in part.of), ZERO)
            own = base * part.percent / 100
        elif course is None:
            own = part.one_more(band)
        else:
            own = part.factor if isinstance(part, CoursePart) and part.course == course else ZERO
        groups[part.group] = groups.get(part.group, ZERO) + own
    return sum(groups.values(), ZERO)


def _by_sheet(contract: Contract, days: IntArray, *, beyond: bool) -> list[tuple[Sheet, IntArray]]:
    found: list[tuple[Sheet, IntArray]] = []
    for day in np.unique(days):
        date = dt.date.fromordinal(int(day))
        if beyond:
            date = min(date, contract.sheets[-1].last)
        found.append((contract.sheet_of(date, date + dt.timedelta(days=1)), np.flatnonzero(days == day)))
    return found


def course_at(courses: Mapping[str, Courses], name: str, starts_ns: IntArray) -> FloatArray:
    """Price of a course at each instant. [money/kWh].

    Raises:
        ConfigError: It was not given, or lacks an instant.
    """
    if name not in courses:
        raise ConfigError(f"the contract goes by the prices {name!r}, which were not given")
    prices = courses[name].at(starts_ns)
    if not np.isfinite(prices).all():
        raise ConfigError(
            f"the prices {name!r} lack {int((~np.isfinite(prices)).sum())} of the instants asked for"
        )
    return prices
