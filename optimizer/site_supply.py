"""Contracts of a site that stand beside its prices: gas, and the month's power factor with the inverters."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from accounts.contract import Contract
from accounts.other_parts import FactorPart, ReactivePart
from optimizer.arrays import FloatArray
from optimizer.contracted import contract_day
from optimizer.problem import DispatchProblem
from optimizer.supply import GasContract, Reactive

_FILLED_FRAC: Final = 0.998
_STEP_COST: Final = 0.5
"""The Chinese table adds half a percent for each hundredth below the standard, its first twenty steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorTerms:
    """What reactive energy costs.

    Attributes:
        least: Power factor of the month below which it is charged.
        per_kvarh: Charge on what is beyond. [money/kvarh]
        of_price: The same as a share of the mean price of a kilowatt-hour, on top.
    """

    least: float
    per_kvarh: float = 0.0
    of_price: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSupply:
    """What is known of these contracts when a window begins.

    Attributes:
        gas: Gas contract; None: there is none.
        terms: What reactive energy costs; None: nothing.
        need_kvar: Reactive power the plant needs without the inverters, (steps,). [kvar]
        inverter_kva: Apparent power of the inverters that take a set-point. [kVA]
        month_kwh: Bought so far in the month. [kWh]
        month_kvarh: Reactive energy so far. [kvarh]
        next_from: First step of the window in the next month; None: it ends before.
    """

    gas: GasContract | None = None
    terms: FactorTerms | None = None
    need_kvar: FloatArray | None = None
    inverter_kva: float = 0.0
    month_kwh: float = 0.0
    month_kvarh: float = 0.0
    next_from: int | None = None


def with_contracts(problem: DispatchProblem, of: SiteSupply) -> DispatchProblem:
    """The problem with these contracts beside its prices, which must be in it already."""
    reactive = None
    if of.terms is not None and of.need_kvar is not None:
        price = float(np.mean(problem.prices.import_eur_kwh))
        reactive = Reactive(
            need_kvar=of.need_kvar,
            inverter_kva=_room_kva(problem, of),
            factor_least=of.terms.least,
            eur_kvarh=of.terms.per_kvarh + of.terms.of_price * max(price, 0.0),
            month_kwh=of.month_kwh,
            month_kvarh=of.month_kvarh,
            next_from=of.next_from,
        )
    return replace(problem, supply=replace(problem.supply, gas=of.gas, reactive=reactive))


def _room_kva(problem: DispatchProblem, of: SiteSupply) -> float:
    """Apparent power of the inverters; nothing to choose where a sun that may not be curtailed fills them."""
    fixed = problem.pv is not None and not problem.pv.can_curtail
    filled = float(problem.forecasts.pv_kw.max(initial=0.0)) > _FILLED_FRAC * of.inverter_kva
    return 0.0 if fixed and filled else of.inverter_kva


def terms_of(contract: Contract, start_ns: int) -> FactorTerms | None:
    """What a contract charges for reactive energy at a time; None where it charges nothing for it.

    A share of reactive energy that is free is a power factor. The Chinese adjustment is a percentage of the
    bill in steps; here it is its slope at the standard, half a percent for a hundredth:

        d money / d kvarh = 0.5 · price · sin φ · cos² φ        price: money of the bill for a kilowatt-hour
    """
    sheet = contract.sheet_of(*contract_day(contract, start_ns))
    for part in sheet.parts:
        if isinstance(part, ReactivePart) and not part.each_band:
            least = 1.0 / math.sqrt(1.0 + float(part.free_share) ** 2)
            return FactorTerms(least=least, per_kvarh=float(part.per_kvarh))
        if isinstance(part, FactorPart):
            least = float(part.standard)
            slope = _STEP_COST * math.sqrt(1.0 - least**2) * least**2
            return FactorTerms(least=least, of_price=slope)
    return None
