"""What a supply contract costs a plan: its price at each instant, and its charges on power.

    price(t)   accounts.pricing.price_series: the parts of the invoice, band by band
    charges    highest demand with its ratchet, basic charge by contract or measured demand

Both come from the contract that the invoice is made from. What no plan of a day can move is not in it:
charges by capacity or contracted power, standing charges, the tier of a year; and the power factor is not,
since nobody foresees a site's reactive need. A demand price that falls in a month of long use is taken at its
full rate.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import numpy as np

from accounts.contract import AnyPart, Contract
from accounts.other_parts import FeedInPart, TaxPart
from accounts.parts import CoursePart
from accounts.power_parts import LEAST, OVER, BasicPart, DemandPart
from accounts.pricing import price_series
from optimizer.problem import DispatchProblem, FloatArray
from optimizer.supply import DemandCharge
from optimizer.tariff import share_of_period
from protocols.errors import ConfigError, SolveError

_NS: Final = 1_000_000_000
_QUARTER_S: Final = 900.0
_MONTHS: Final = {"month": 1, "year": 12}
_LONG_USE_H: Final = Decimal(8760)
"""A site with a planner runs long; of prices by hours of use those of long use hold. [h]"""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Highest demand so far.

    Attributes:
        month_kw: Of the month the window begins in. [kW]
        earlier_kw: Of each month before, the newest last. [kW]
        banded_kw: The first, in the hours of some bands alone, by their names; what is not there is 0. [kW]
    """

    month_kw: float = 0.0
    earlier_kw: tuple[float, ...] = ()
    banded_kw: Mapping[tuple[str, ...], float] = field(default_factory=dict)


def month_peaks(contract: Contract, start_ns: int, quarters_kw: FloatArray) -> Peaks:
    """Highest demand as the contract meters it: by its own window, and by bands where a part asks for them.

    A window that is not wholly known counts as none. One that slides is looked at each quarter hour, which is
    at most what its meter saw.

    Args:
        contract: Without faults.
        start_ns: Begin of the month, on a quarter hour.
        quarters_kw: Mean import of each quarter hour since; NaN where unknown. [kW]
    """
    per = max(1, round(contract.metering.window_s / _QUARTER_S))
    if len(quarters_kw) < per:
        return Peaks()
    means = np.convolve(quarters_kw, np.full(per, 1.0 / per), mode="valid")
    starts = start_ns + np.arange(len(means)) * round(_QUARTER_S) * _NS
    whole = contract.metering.slide | (starts // (round(_QUARTER_S) * _NS) % per == 0)
    known = whole & np.isfinite(means)
    bands, names = contract.bands.at(starts), contract.bands.names
    asked = {part.bands for sheet in contract.sheets for part in sheet.parts if isinstance(part, DemandPart)}
    in_bands = {wanted: np.isin(bands, [names.index(one) for one in wanted]) for wanted in asked if wanted}
    return Peaks(
        month_kw=float(np.max(means[known], initial=0.0)),
        banded_kw={
            wanted: float(np.max(means[known & counts], initial=0.0)) for wanted, counts in in_bands.items()
        },
    )


def is_plannable(contract: Contract) -> bool:
    """Whether all its prices are known ahead; one by a course of prices needs that course."""
    return not any(isinstance(part, CoursePart) for sheet in contract.sheets for part in sheet.parts)


def slides(contract: Contract) -> bool:
    """Whether its demand window moves on from minute to minute."""
    return contract.metering.slide


def priced(problem: DispatchProblem, contract: Contract, peaks: Peaks) -> DispatchProblem:
    """The problem with the prices and charges of a contract in place of those it has.

    Args:
        problem: Fuel and emissions keep their prices.
        contract: Without faults, in the currency of the problem.
        peaks: Highest demand so far.

    Raises:
        SolveError: The contract has no prices for the window, or another currency.
    """
    if contract.currency != problem.prices.currency:
        raise SolveError(
            f"the contract {contract.id} is in {contract.currency}, fuel and wear are in "
            f"{problem.prices.currency}; give both in one currency"
        )
    starts = problem.start_ns + np.round(np.arange(problem.steps) * problem.step_s * _NS).astype(np.int64)
    try:
        parts = contract.sheet_of(*_day(contract, problem.start_ns)).parts
        bought = price_series(contract, starts, use_hours=_LONG_USE_H, beyond=True)
        bands = contract.bands.at(starts)
    except ConfigError as error:
        raise SolveError(f"no prices to plan on: {error}") from error
    names = contract.bands.names
    charges = list(_charges(problem, contract, parts, peaks))
    limited = (
        replace(charge, counts=np.isin(bands, [names.index(band) for band in part.bands]))
        if isinstance(part, DemandPart) and part.bands
        else charge
        for part, charge in charges
    )
    sold = float(sum((part.per_kwh for part in parts if isinstance(part, FeedInPart)), Decimal(0)))
    return replace(
        problem,
        prices=replace(
            problem.prices,
            import_eur_kwh=bought,
            export_eur_kwh=np.full(problem.steps, sold),
            demand_charge_eur_kw=0.0,
        ),
        supply=replace(problem.supply, charges=tuple(limited)),
    )


def _day(contract: Contract, at_ns: int) -> tuple[dt.date, dt.date]:
    day = dt.datetime.fromtimestamp(at_ns / _NS, contract.zone).date()
    return day, day + dt.timedelta(days=1)


def _charges(
    problem: DispatchProblem, contract: Contract, parts: tuple[AnyPart, ...], peaks: Peaks
) -> Iterator[tuple[AnyPart, DemandCharge]]:
    """Each part that goes by measured demand, with its charge."""
    for place, part in enumerate(parts):
        if part.hours_of_use is not None and not part.hours_of_use.holds_for(_LONG_USE_H):
            continue
        charge = _charge(part, contract, peaks, problem)
        if charge is None:
            continue
        taxed = float(_tax(part, parts[place + 1 :]))
        yield part, replace(charge, eur_kw=charge.eur_kw * taxed, over_eur_kw=charge.over_eur_kw * taxed)


def _charge(part: AnyPart, contract: Contract, peaks: Peaks, problem: DispatchProblem) -> DemandCharge | None:
    plain = DemandCharge(
        name=part.id,
        eur_kw=0.0,
        so_far_kw=peaks.month_kw,
        window_s=float(contract.metering.window_s),
        sliding=contract.metering.slide,
    )
    months = _MONTHS[part.per] if isinstance(part, DemandPart) else 1
    window_s = problem.steps * problem.step_s
    plain = replace(plain, weight_frac=share_of_period(contract.zone, problem.start_ns, window_s, months))
    if isinstance(part, DemandPart):
        return replace(plain, eur_kw=float(part.per_kw), so_far_kw=_floor_kw(part, contract, peaks, problem))
    if isinstance(part, BasicPart) and part.mode == "measured":
        return replace(plain, eur_kw=float(part.per_kw))
    if isinstance(part, BasicPart) and part.mode == "contract" and part.contract_kw is not None:
        free = OVER * max(part.contract_kw, LEAST * part.capacity_kva)
        return replace(plain, over_from_kw=float(free), over_eur_kw=2.0 * float(part.per_kw))
    return None


def _floor_kw(part: DemandPart, contract: Contract, peaks: Peaks, problem: DispatchProblem) -> float:
    """Below this nothing more is paid: the highest of the period so far, or what a ratchet still costs."""
    if part.bands:  # what other hours saw, and months of which the hours are not known, make nothing free
        return peaks.banded_kw.get(tuple(part.bands), 0.0)
    floor = peaks.month_kw
    if part.ratchet is not None:
        earlier = max(peaks.earlier_kw[-part.ratchet.months :], default=0.0)
        floor = max(floor, earlier * float(part.ratchet.share))
    if part.per == "year":
        before = _day(contract, problem.start_ns)[0].month - 1
        floor = max(floor, *peaks.earlier_kw[len(peaks.earlier_kw) - before :], 0.0)
    return floor


def _tax(part: AnyPart, after: tuple[AnyPart, ...]) -> Decimal:
    """What money of a part becomes with the taxes that follow it."""
    factor = Decimal(1)
    for tax in after:
        if isinstance(tax, TaxPart) and not tax.within and (not tax.of or part.group in tax.of):
            factor *= 1 + tax.percent / 100
    return factor
