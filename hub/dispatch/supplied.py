"""What contracts beside the prices leave for a plan: gas taken, reactive energy so far, prices of the day.

What is not known ahead is foreseen by the same quarter of the days before, the newest first: a price of the
spot market beyond those published, the reactive need of the plant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from accounts.invoice import Courses
from hub.dispatch.site import DispatchSite
from hub.forecast.quarters import QUARTERS_A_DAY, FloatArray
from optimizer.periods import Span, begin_of, next_from, share_of_period
from optimizer.planning import GasSupply
from optimizer.site_supply import FactorTerms, SiteSupply, terms_of
from optimizer.supply import GasContract
from optimizer.words import said
from plant.units.heat import Boiler, Chp
from protocols.config import Text
from protocols.errors import ConfigError

_DAYS_BACK: Final = 7
_MONTHS: Final = {"month": 1, "year": 12}
_STEP_S: Final = 900
_NOT_CHARGED: Final = Text(en="no contract charges for it", zh="没有合同对其计费")
REACTIVE_SET: Final = "reactive_set_kvar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was used when a window begins.

    Attributes:
        gas_hour_kwh: Fuel since the clock hour began. [kWh LHV]
        gas_period_kwh: Fuel since the period of the gas contract began. [kWh LHV]
        month_kwh: Bought since the month began. [kWh]
        month_kvarh: Reactive energy at the grid since then, leading counted like lagging. [kvarh]
        need_kvar: Reactive need over the window without the inverters; None: not known. [kvar]
        courses: Prices that are made day by day, by their name, over the window. [money/kWh]
        notes: What had to be foreseen, in plant words.
    """

    gas_hour_kwh: float = 0.0
    gas_period_kwh: float = 0.0
    month_kwh: float = 0.0
    month_kvarh: float = 0.0
    need_kvar: FloatArray | None = None
    courses: Mapping[str, Courses] = field(default_factory=dict)
    notes: tuple[Text, ...] = ()


def foreseen(known: FloatArray, steps: int) -> tuple[FloatArray, int]:
    """The last `steps` quarters of a course, gaps filled by the same quarter of the days before.

    Args:
        known: Quarters up to the end of what is asked, NaN where not known; it begins some days before.
        steps: How many are asked for.

    Returns:
        The course, NaN where no day before knows it, and how many were not known themselves.

    Example:
        >>> foreseen(np.concatenate([np.arange(96.0), np.full(2, np.nan)]), 2)[0].tolist()
        [0.0, 1.0]
    """
    begin = len(known) - steps
    found = known[begin:].copy()
    missing = int(np.sum(~np.isfinite(found)))
    for day in range(1, _DAYS_BACK + 1):
        at = np.arange(begin, len(known)) - day * QUARTERS_A_DAY
        earlier = np.where(at >= 0, known[np.maximum(at, 0)], np.nan)
        found = np.where(np.isfinite(found), found, earlier)
    return found, missing


def fuel_points(site: DispatchSite) -> list[str]:
    """Where the fuel of boilers and engines is read, "device/point"."""
    sheet = site.plant.flowsheet
    names = [name for kind in (Boiler, Chp) for name, _ in sheet.of_kind(kind)]
    return [point for name in names if (point := sheet.binding(name, "fuel_kw")) is not None]


def supply_of(
    site: DispatchSite, used: Used, of: tuple[int, int], gone_kwh: float = 0.0
) -> tuple[SiteSupply, tuple[Text, ...]]:
    """Gas and reactive power for a window, and what has to be told of them.

    Args:
        site: The site.
        used: What was used when it began.
        of: Begin and number of its quarter hours.
        gone_kwh: Fuel since then, where part of the first one is over. [kWh LHV]
    """
    start_ns, steps = of
    zone, span = ZoneInfo(site.time_zone), (start_ns, steps, float(_STEP_S))
    notes: list[Text] = []
    gas, reactive = site.planning.gas, site.planning.reactive
    taken = None
    if gas is not None:
        taken = replace(
            _take(gas, zone, span, used.gas_period_kwh),
            hourly_kwh=np.inf if gas.hourly_kwh is None else gas.hourly_kwh,
            this_hour_kwh=used.gas_hour_kwh + gone_kwh,
        )
    terms = _terms(site, start_ns) if reactive is not None else None
    if reactive is not None and (terms is None or used.need_kvar is None):
        unknown = said("{point} is not known", "{point} 未知", point=reactive.point)
        why = _NOT_CHARGED if terms is None else unknown
        notes.append(said("the power factor is not planned: {why}", "未计划功率因数：{why}", why=why))
    return SiteSupply(
        gas=taken,
        terms=terms,
        need_kvar=used.need_kvar,
        inverter_kva=0.0 if reactive is None else _inverter_kva(site, reactive.inverter_kva),
        month_kwh=used.month_kwh,
        month_kvarh=used.month_kvarh,
        next_from=next_from(zone, span),
    ), tuple(notes)


def _take(gas: GasSupply, zone: ZoneInfo, span: Span, taken_kwh: float) -> GasContract:
    """Share of the take-or-pay quantity that the window answers for, period by period."""
    start_ns, steps, step_s = span
    months = _MONTHS[gas.take_per]
    left_kwh, first = max(gas.take_kwh - taken_kwh, 0.0), next_from(zone, span, months)
    if first is None:
        return GasContract(take_kwh=left_kwh * share_of_period(zone, start_ns, steps * step_s, months))
    share = share_of_period(zone, begin_of(span, first), (steps - first) * step_s, months)
    return GasContract(take_kwh=left_kwh, next_from=first, next_take_kwh=gas.take_kwh * share)


def _terms(site: DispatchSite, start_ns: int) -> FactorTerms | None:
    """By the planning file where it says them, else by the contract."""
    said = site.planning.reactive
    if said is not None and said.factor_least is not None:
        return FactorTerms(least=said.factor_least, per_kvarh=said.per_kvarh)
    if site.contract is None:
        return None
    try:
        return terms_of(site.contract, start_ns)
    except ConfigError:  # no sheet for the day: then there are no prices either, and the plan says so
        return None


def _inverter_kva(site: DispatchSite, rated_kva: float) -> float:
    """Nothing where no inverter can be told a reactive power."""
    names = (name for name, unit in site.plant.flowsheet.units.items() if unit is site.plant.pv)
    bound = (site.plant.flowsheet.binding(name, REACTIVE_SET) for name in names)
    return rated_kva if any(point is not None and site.may_tell(point) for point in bound) else 0.0
