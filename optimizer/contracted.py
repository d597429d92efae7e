"""What a supply contract costs a plan: its price at each instant, and its charges on power.

    price(t)   accounts.pricing.price_series: the parts of the invoice, band by band
    charges    highest demand with its ratchet, basic charge by contract or measured demand

Both come from the contract that the invoice is made from. Where the window reaches into the next billing
period, that one has charges of its own, whose highest demand begins anew. What no plan of a day can move is
not in it: charges by capacity or contracted power, standing charges, the tier of a year; and the power factor
is not, since nobody foresees a site's reactive need. A demand price that falls in a month of long use is
taken at its full rate.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from accounts.contract import AnyPart, Contract
from accounts.invoice import Courses
from accounts.other_parts import FeedInPart, TaxPart
from accounts.parts import CoursePart
from accounts.power_parts import LEAST, OVER, BasicPart, DemandPart
from accounts.pricing import fed_in_series, price_series
from optimizer.peaks import Peaks
from optimizer.periods import Span, begin_of, name_of_next, next_from, share_of_period
from optimizer.problem import BoolArray, DispatchProblem
from optimizer.supply import DemandCharge
from protocols.errors import ConfigError, SolveError

Bands = npt.NDArray[np.int16]
"""Place of the band of each step among those of a contract."""

_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _NS
_MONTHS: Final = {"month": 1, "year": 12}
_LONG_USE_H: Final = Decimal(8760)
"""A site with a planner runs long; of prices by hours of use those of long use hold. [h]"""


def courses_asked(contract: Contract) -> frozenset[str]:
    """Names of the prices it goes by that are made day by day."""
    parts = [part for sheet in contract.sheets for part in sheet.parts]
    fed_in = {part.course for part in parts if isinstance(part, FeedInPart) and part.course is not None}
    return frozenset(fed_in | {part.course for part in parts if isinstance(part, CoursePart)})


def slides(contract: Contract) -> bool:
    """Whether its demand window moves on from minute to minute."""
    return contract.metering.slide


def priced(
    problem: DispatchProblem,
    contract: Contract,
    peaks: Peaks,
    courses: Mapping[str, Courses] | None = None,
) -> DispatchProblem:
    """The problem with the prices and charges of a contract in place of those it has.

    Args:
        problem: Fuel and emissions keep their prices.
        contract: Without faults, in the currency of the problem.
        peaks: Highest demand so far.
        courses: Prices it goes by that are made day by day, by their name.

    Raises:
        SolveError: The contract has no prices for the window, or another currency.
    """
    if contract.currency != problem.prices.currency:
        raise SolveError(
            f"the contract {contract.id} is in {contract.currency}, fuel and wear are in "
            f"{problem.prices.currency}; give both in one currency",
            zh=f"合同 {contract.id} 以 {contract.currency} 计价，燃料与损耗以 "
            f"{problem.prices.currency} 计价；两者须为同一货币",
        )
    starts = problem.start_ns + np.round(np.arange(problem.steps) * problem.step_s * _NS).astype(np.int64)
    try:
        contract.sheet_of(
            *contract_day(contract, problem.start_ns)
        )  # later days may go beyond the last sheet
        bought = price_series(contract, starts, courses, use_hours=_LONG_USE_H, beyond=True)
        sold = fed_in_series(contract, starts, courses, beyond=True)
        bands = contract.bands.at(starts)
    except ConfigError as error:
        raise SolveError(f"no prices to plan on: {error}", zh=f"没有可用于计划的价格：{error}") from error
    window = (problem.start_ns, problem.steps, problem.step_s)
    return replace(
        problem,
        prices=replace(
            problem.prices,
            import_eur_kwh=bought,
            export_eur_kwh=sold,
            demand_charge_eur_kw=0.0,
        ),
        supply=replace(problem.supply, charges=tuple(_charges(contract, window, peaks, bands))),
    )


def contract_day(contract: Contract, at_ns: int) -> tuple[dt.date, dt.date]:
    """The day an instant lies in by the contract's clock, and the next."""
    day = dt.datetime.fromtimestamp(at_ns / _NS, contract.zone).date()
    return day, day + dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Period:
    """What of a window lies in one billing period.

    Attributes:
        start_ns: Begin of it, UTC since the epoch.
        window_s: Its length. [s]
        steps: Which steps, shape (steps,); None: all of them.
        peaks: Highest demand before it.
    """

    start_ns: int
    window_s: float
    steps: BoolArray | None
    peaks: Peaks


def _periods(contract: Contract, window: Span, peaks: Peaks, months: int) -> tuple[_Period, ...]:
    """The period the window begins in, and the next where it reaches into that; that one has no peak yet."""
    start_ns, steps, step_s = window
    first = next_from(contract.zone, window, months)
    if first is None:
        return (_Period(start_ns, steps * step_s, None, peaks),)
    later = np.arange(steps) >= first
    ended = Peaks(earlier_kw=(*peaks.earlier_kw, peaks.month_kw), before_kw=peaks.before_kw)
    return (
        _Period(start_ns, first * step_s, ~later, peaks),
        _Period(begin_of(window, first), (steps - first) * step_s, later, ended),
    )


def _charges(contract: Contract, window: Span, peaks: Peaks, bands: Bands) -> Iterator[DemandCharge]:
    """Each part that goes by measured demand, period by period; `bands` is the band of each step."""
    for months in sorted(set(_MONTHS.values())):
        for nth, period in enumerate(_periods(contract, window, peaks, months)):
            for part, charge in _of_period(contract, period, months):
                found = replace(charge, counts=_counted(contract, part, bands, period.steps))
                yield replace(found, name=name_of_next(found.name)) if nth else found


def _of_period(
    contract: Contract, period: _Period, months: int
) -> Iterator[tuple[DemandPart | BasicPart, DemandCharge]]:
    """Parts of the sheet of a period that are paid by its length, with their charges and taxes."""
    day, following = contract_day(contract, period.start_ns)
    try:
        parts = contract.sheet_of(day, following).parts
    except ConfigError:  # the last sheet has ended: its prices go on
        parts = contract.sheet_of(*contract_day(contract, period.start_ns - _DAY_NS)).parts
    for place, part in enumerate(parts):
        if not isinstance(part, DemandPart | BasicPart) or _months_of(part) != months:
            continue
        if part.hours_of_use is not None and not part.hours_of_use.holds_for(_LONG_USE_H):
            continue
        charge = _charge(part, contract, period)
        if charge is not None:
            taxed = float(_tax(part, parts[place + 1 :]))
            yield part, replace(charge, eur_kw=charge.eur_kw * taxed, over_eur_kw=charge.over_eur_kw * taxed)


def _months_of(part: DemandPart | BasicPart) -> int:
    return _MONTHS[part.per] if isinstance(part, DemandPart) else 1


def _counted(
    contract: Contract, part: DemandPart | BasicPart, bands: Bands, steps: BoolArray | None
) -> BoolArray | None:
    """Steps that count for a part in a period; None: all of the window."""
    if not isinstance(part, DemandPart) or not part.bands:
        return steps
    names = contract.bands.names
    inside: BoolArray = np.isin(bands, [names.index(band) for band in part.bands])
    return inside if steps is None else inside & steps


def _charge(part: DemandPart | BasicPart, contract: Contract, period: _Period) -> DemandCharge | None:
    plain = DemandCharge(
        name=part.id,
        eur_kw=0.0,
        so_far_kw=period.peaks.month_kw,
        window_s=float(contract.metering.window_s),
        sliding=contract.metering.slide,
        before_kw=period.peaks.before_kw,
        weight_frac=share_of_period(contract.zone, period.start_ns, period.window_s, _months_of(part)),
    )
    if isinstance(part, DemandPart):
        return replace(plain, eur_kw=float(part.per_kw), so_far_kw=_floor_kw(part, contract, period))
    if part.mode == "measured":
        return replace(plain, eur_kw=float(part.per_kw))
    if part.mode == "contract" and part.contract_kw is not None:
        free = OVER * max(part.contract_kw, LEAST * part.capacity_kva)
        return replace(plain, over_from_kw=float(free), over_eur_kw=2.0 * float(part.per_kw))
    return None


def _floor_kw(part: DemandPart, contract: Contract, period: _Period) -> float:
    """Below this nothing more is paid: the highest of the period so far, or what a ratchet still costs."""
    peaks = period.peaks
    # what other hours of the month saw makes nothing free; a ratchet goes by whole months, as on the invoice
    floor = peaks.banded_kw.get(tuple(part.bands), 0.0) if part.bands else peaks.month_kw
    if part.ratchet is not None:
        earlier = max(peaks.earlier_kw[-part.ratchet.months :], default=0.0)
        floor = max(floor, earlier * float(part.ratchet.share))
    if part.per == "year" and not part.bands:
        before = contract_day(contract, period.start_ns)[0].month - 1
        floor = max(floor, *peaks.earlier_kw[len(peaks.earlier_kw) - before :], 0.0)
    return floor


def _tax(part: AnyPart, after: tuple[AnyPart, ...]) -> Decimal:
    """What money of a part becomes with the taxes that follow it."""
    factor = Decimal(1)
    for tax in after:
        if isinstance(tax, TaxPart) and not tax.within and (not tax.of or part.group in tax.of):
            factor *= 1 + tax.percent / 100
    return factor
