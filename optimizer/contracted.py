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
from accounts.invoice import Courses
from accounts.other_parts import FeedInPart, TaxPart
from accounts.parts import CoursePart
from accounts.power_parts import LEAST, OVER, BasicPart, DemandPart
from accounts.pricing import course_at, price_series
from optimizer.problem import DispatchProblem, FloatArray, IntArray
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
        before_kw: Import of the steps just before the window, as long as a demand window reaches, the latest
            last. [kW]
    """

    month_kw: float = 0.0
    earlier_kw: tuple[float, ...] = ()
    banded_kw: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    before_kw: tuple[float, ...] = ()


def month_peaks(contract: Contract, start_ns: int, quarters_kw: FloatArray) -> Peaks:
    """Highest demand as the contract meters it: by its own window, and by bands where a part asks for them.

    A window that is not wholly known counts as none. One that slides is looked at each quarter hour, which is
    at most what its meter saw.

    Args:
        contract: Without faults.
        start_ns: Begin of the month, on a quarter hour.
        quarters_kw: Mean import of each quarter hour since; NaN where unknown. [kW]
    """
    window = (float(contract.metering.window_s), contract.metering.slide)
    before_kw = just_before(quarters_kw, *window)
    starts, means = window_means(start_ns, quarters_kw, *window)
    if not len(means):
        return Peaks(before_kw=before_kw)
    known = np.isfinite(means)
    bands, names = contract.bands.at(starts), contract.bands.names
    asked = {part.bands for sheet in contract.sheets for part in sheet.parts if isinstance(part, DemandPart)}
    in_bands = {wanted: np.isin(bands, [names.index(one) for one in wanted]) for wanted in asked if wanted}
    return Peaks(
        month_kw=float(np.max(means[known], initial=0.0)),
        banded_kw={
            wanted: float(np.max(means[known & counts], initial=0.0)) for wanted, counts in in_bands.items()
        },
        before_kw=before_kw,
    )


def highest_kw(start_ns: int, quarters_kw: FloatArray, window_s: float, *, slide: bool = False) -> float:
    """Highest mean of a demand window among quarter hours; one that is not wholly known counts as none."""
    _, means = window_means(start_ns, quarters_kw, window_s, slide)
    return float(np.max(means[np.isfinite(means)], initial=0.0))


def window_means(
    start_ns: int,
    quarters_kw: FloatArray,
    window_s: float,
    slide: bool,  # noqa: FBT001  a property of the meter
) -> tuple[IntArray, FloatArray]:
    """Begin and mean of each demand window that lies within the quarter hours; NaN where not wholly known."""
    per, quarter_ns = max(1, round(window_s / _QUARTER_S)), round(_QUARTER_S) * _NS
    if len(quarters_kw) < per:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    means = np.convolve(quarters_kw, np.full(per, 1.0 / per), mode="valid")
    starts = start_ns + np.arange(len(means), dtype=np.int64) * quarter_ns
    whole = np.full(len(means), slide) | (starts // quarter_ns % per == 0)
    return starts[whole], means[whole]


def just_before(quarters_kw: FloatArray, window_s: float, slide: bool) -> tuple[float, ...]:  # noqa: FBT001  as above
    """Import of the last quarters that a demand window still holds beside one that comes, the latest last."""
    most = max(1, round(window_s / _QUARTER_S)) - (0 if slide else 1)
    last = quarters_kw[len(quarters_kw) - most :] if most else quarters_kw[:0]
    gaps = np.flatnonzero(~np.isfinite(last))
    return tuple(last[gaps[-1] + 1 if len(gaps) else 0 :].tolist())


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
            f"{problem.prices.currency}; give both in one currency"
        )
    starts = problem.start_ns + np.round(np.arange(problem.steps) * problem.step_s * _NS).astype(np.int64)
    try:
        parts = contract.sheet_of(*contract_day(contract, problem.start_ns)).parts
        bought = price_series(contract, starts, courses, use_hours=_LONG_USE_H, beyond=True)
        sold = _sold(parts, starts, courses or {})
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
    return replace(
        problem,
        prices=replace(
            problem.prices,
            import_eur_kwh=bought,
            export_eur_kwh=sold,
            demand_charge_eur_kw=0.0,
        ),
        supply=replace(problem.supply, charges=tuple(limited)),
    )


def _sold(parts: tuple[AnyPart, ...], starts_ns: IntArray, courses: Mapping[str, Courses]) -> FloatArray:
    """What energy fed in is paid at each instant. [money/kWh]."""
    total = np.zeros(len(starts_ns))
    for part in parts:
        if isinstance(part, FeedInPart):
            total += float(part.per_kwh)
            if part.course is not None:
                total += course_at(courses, part.course, starts_ns)
    return total


def contract_day(contract: Contract, at_ns: int) -> tuple[dt.date, dt.date]:
    """The day an instant lies in by the contract's clock, and the next."""
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
        before_kw=peaks.before_kw,
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
    # what other hours of the month saw makes nothing free; a ratchet goes by whole months, as on the invoice
    floor = peaks.banded_kw.get(tuple(part.bands), 0.0) if part.bands else peaks.month_kw
    if part.ratchet is not None:
        earlier = max(peaks.earlier_kw[-part.ratchet.months :], default=0.0)
        floor = max(floor, earlier * float(part.ratchet.share))
    if part.per == "year" and not part.bands:
        before = contract_day(contract, problem.start_ns)[0].month - 1
        floor = max(floor, *peaks.earlier_kw[len(peaks.earlier_kw) - before :], 0.0)
    return floor


def _tax(part: AnyPart, after: tuple[AnyPart, ...]) -> Decimal:
    """What money of a part becomes with the taxes that follow it."""
    factor = Decimal(1)
    for tax in after:
        if isinstance(tax, TaxPart) and not tax.within and (not tax.of or part.group in tax.of):
            factor *= 1 + tax.percent / 100
    return factor
