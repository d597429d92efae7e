"""What supply contracts say beyond a price per kWh: demand charges, tiers, reactive power, gas, carbon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCharge:
    """A charge on the highest mean of a demand window; several may hold at once, each by its own name.

    Windows stand on the clock, or slide from minute to minute. One that reaches out of the planning
    window is known by `before_kw`; what is not told is taken to be as the part that is known.
    """

    name: str
    eur_kw: float
    """Charge of the billing period. [money/kW or money/kVA]"""
    so_far_kw: float = 0.0
    """Highest so far in the period, or floor of a ratchet or contract: below it nothing more is paid. [kW]"""
    over_from_kw: float = np.inf
    """Above this the charge is `over_eur_kw` more, as above a contracted demand. [kW]"""
    over_eur_kw: float = 0.0
    weight_frac: float = 1.0
    """Share of the charge this window answers for, see `tariff.peak_weight`. [-]"""
    counts: BoolArray | None = None
    """Steps that count, such as the hours of the grid's own peak; None for all, shape (steps,)."""
    window_s: float | None = None
    """Length of the demand window; None for a step. [s]"""
    sliding: bool = False
    before_kw: tuple[float, ...] = ()
    """Import of the steps just before the window, the latest last. [kW]"""
    apparent: bool = False
    """Charged by kVA; needs `Supply.reactive`."""

    def charge(self, peak_kw: float) -> float:
        """Money of this window for a peak, without what the period owes already."""
        above = max(peak_kw - self.so_far_kw, 0.0) * self.eur_kw
        over = max(peak_kw - max(self.over_from_kw, self.so_far_kw), 0.0) * self.over_eur_kw
        return self.weight_frac * (above + over)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyTier:
    """A tier of the billing period's energy: a surcharge on what is bought within it."""

    room_kwh: float
    """What is left of the tier; the last one may be infinite. [kWh]"""
    eur_kwh: float
    """On top of the price of the step; a later tier may be cheaper. [money/kWh]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levy:
    """A tax or network fee on bought energy, told apart from its price."""

    name: str
    eur_kwh: FloatArray
    """Shape (steps,). [money/kWh]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactive:
    """Reactive power: the plant's need, what the PV's inverters can give, the power factor of the month."""

    need_kvar: FloatArray
    """Inductive need without the inverters, shape (steps,). [kvar]"""
    inverter_kva: float = 0.0
    """Apparent power of the PV inverters; active and reactive power share it. [kVA]"""
    factor_least: float | None = None
    """Power factor of the month below which reactive energy is charged. [-]"""
    eur_kvarh: float = 0.0
    """Charge on reactive energy above that. [money/kvarh]"""
    month_kwh: float = 0.0
    """Bought so far in the month. [kWh]"""
    month_kvarh: float = 0.0
    """Counted so far; leading counts like lagging. [kvarh]"""
    next_from: int | None = None
    """First step of the next month, of which nothing is counted yet; None: the window ends before it."""

    @property
    def tangent(self) -> float:
        """Reactive per active energy at the least power factor."""
        if self.factor_least is None:
            return float("inf")
        return float(np.sqrt(1.0 - self.factor_least**2) / self.factor_least)

    @property
    def months(self) -> tuple[ReactiveMonth, ...]:
        """The month the window begins in, and the next where it reaches into that."""
        running = ReactiveMonth("", slice(0, self.next_from), self.month_kwh, self.month_kvarh)
        if self.next_from is None:
            return (running,)
        return running, ReactiveMonth(".next", slice(self.next_from, None), 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ReactiveMonth:
    """What of a window lies in one month, with what that month had before."""

    suffix: str
    """Empty for the month the window begins in."""
    steps: slice
    kwh: float
    """Bought before. [kWh]"""
    kvarh: float
    """Counted before. [kvarh]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GasContract:
    """Fuel of all machines together, by lower heating value."""

    hourly_kwh: float = np.inf
    """Most in a clock hour; more is a named, priced overshoot. [kWh]"""
    this_hour_kwh: float = 0.0
    """Taken already in the hour the window begins in. [kWh]"""
    take_kwh: float = 0.0
    """To be taken in the window; what is not is paid all the same (take or pay). [kWh]"""
    next_from: int | None = None
    """First step of the next period of the take-or-pay quantity; None: the window ends before it."""
    next_take_kwh: float = 0.0
    """To be taken in that part of the window; what is taken before counts for `take_kwh` alone. [kWh]"""

    @property
    def takes(self) -> tuple[tuple[str, slice, float], ...]:
        """Suffix, steps and amount of each take-or-pay quantity there is [kWh]."""
        running = ("", slice(0, self.next_from), self.take_kwh)
        following = (".next", slice(self.next_from, None), self.next_take_kwh)
        periods = (running,) if self.next_from is None else (running, following)
        return tuple(one for one in periods if one[2] > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """Contracts of a site."""

    charges: tuple[DemandCharge, ...] = ()
    tiers: tuple[EnergyTier, ...] = ()
    levies: tuple[Levy, ...] = ()
    import_least_kw: float | None = None
    """Import that is kept at every instant, so that nothing flows back; less is a named shortage. [kW]"""
    reactive: Reactive | None = None
    gas: GasContract | None = None
    co2_cap_kg: float | None = None
    """Emissions of the window by the average factor; more is a named overshoot. [kg]"""
    marginal_kg_kwh: FloatArray | None = None
    """Marginal emission factor, an estimate, shape (steps,): it moves the plan by the price of carbon and
    never enters a report, a cap or a cost. [kg/kWh]"""

    @property
    def counts_fuel(self) -> bool:
        """Whether the fuel of all machines together is needed."""
        return self.gas is not None or self.co2_cap_kg is not None
