"""Parts of a plant's case file: contracts beyond a price per kWh, and set-points to choose from."""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, model_validator

from optimizer.cases.case_numbers import (
    Amounts,
    NotNegative,
    Number,
    Positive,
    Series,
    ShareAboveZero,
    Total,
    Unending,
    Water,
    WindowMinutes,
)
from protocols.config import Config, IdPart

_OVERTAKEN: Final = 3.0
"""More than so often an hourly limit nobody has taken in an hour."""


class CaseDemandCharge(Config):
    """A charge on the highest mean of a demand window."""

    name: IdPart
    """Id of the charge."""

    per_kw: NotNegative
    """Charge of the billing period. [money/kW, money/kVA]"""

    so_far_kw: NotNegative = 0.0
    """Highest so far, or the floor of a ratchet or contract: below it nothing more is paid. [kW]"""

    over_from_kw: Unending = 1e12
    """Above this the charge is higher. [kW]"""

    over_per_kw: NotNegative = 0.0
    """By so much. [money/kW]"""

    share_frac: NotNegative = 1.0
    """Share of the charge this window answers for. [-]"""

    counts: tuple[bool, ...] | None = None
    """Whether each step counts, as the hours of the grid's own peak; without it all do."""

    window_min: WindowMinutes | None = None
    """Length of the demand window; without it a step. [min]"""

    sliding: bool = False
    """Whether it slides from minute to minute; otherwise it stands on the clock."""

    before_kw: tuple[NotNegative, ...] = ()
    """Import of the steps just before the window, the latest last. [kW]"""

    by_kva: bool = False
    """Whether apparent power is charged."""


class CaseTier(Config):
    """A tier of the energy of a billing period."""

    room_kwh: Total | None = None
    """What is left of it; the last has no end. [kWh]"""

    surcharge_per_kwh: Number
    """On top of the price of the step. [money/kWh]"""


class CaseReactive(Config):
    """Reactive power and the power factor of the month."""

    need_kvar: Series = 0.0
    """Inductive need without the inverters. [kvar]"""

    inverter_kva: NotNegative = 0.0
    """Apparent power of the PV inverters. [kVA]"""

    factor_least: ShareAboveZero | None = None
    """Power factor of the month below which reactive energy is charged. [-]"""

    per_kvarh: NotNegative = 0.0
    """That charge. [money/kvarh]"""

    month_kwh: Total = 0.0
    """Bought so far in the month. [kWh]"""

    month_kvarh: Total = 0.0
    """Counted so far. [kvarh]"""


class CaseGas(Config):
    """Fuel of all machines together, by lower heating value."""

    hourly_kwh: Total | None = None
    """Most in a clock hour. [kWh]"""

    this_hour_kwh: Total = 0.0
    """Taken already in the hour the window begins in. [kWh]"""

    take_or_pay_kwh: Total = 0.0
    """To be taken in the window, or paid all the same. [kWh]"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hourly_kwh is not None and self.this_hour_kwh > _OVERTAKEN * self.hourly_kwh:
            raise ValueError(
                f"this_hour_kwh is {self.this_hour_kwh:g}, far above hourly_kwh of {self.hourly_kwh:g}; "
                "look at the unit of both"
            )
        return self


class CaseContracts(Config):
    """Contracts of the site beyond a price per kWh."""

    demand: tuple[CaseDemandCharge, ...] = ()
    """Demand charges; they add up."""

    tiers: tuple[CaseTier, ...] = ()
    """Tiers of the energy bought."""

    levies_per_kwh: dict[IdPart, Series] = Field(default_factory=dict)
    """Taxes and fees on bought energy that are told apart from its price, by name. [money/kWh]"""

    import_least_kw: NotNegative | None = None
    """Import that is kept, so that nothing flows back. [kW]"""

    reactive: CaseReactive | None = None
    """Reactive power."""

    gas: CaseGas | None = None
    """Gas contract."""

    co2_cap_kg: Total | None = None
    """Emissions of the window that are not to be exceeded. [kg]"""

    marginal_kg_per_kwh: Series | None = None
    """Marginal factor, an estimate: moves the plan by the price of carbon, enters no report. [kg/kWh]"""


class CaseWater(Config):
    """A pair of water temperatures and what each chiller takes at it."""

    chilled_c: Water
    """Chilled-water supply. [°C]"""

    condenser_c: Water
    """Condenser-water supply. [°C]"""

    capacity_frac: dict[IdPart, Amounts] = Field(default_factory=dict)
    """Per chiller its loads over those of its curve; 1 where not told. [-]"""

    power_frac: dict[IdPart, Amounts] = Field(default_factory=dict)
    """Per chiller its powers over those of its curve; 1 where not told. [-]"""

    pumps_kw: Amounts = 0.0
    """Pumps and fans while any chiller runs. [kW]"""

    pumps_frac: Amounts = 0.0
    """Pumps and fans per cooling supplied. [kW/kW]"""

    permitted: bool | tuple[bool, ...] = True
    """Whether rooms and weather permit it, for all steps or each."""


class CasePressure(Config):
    """A network pressure and what it brings."""

    bar_g: NotNegative
    """Pressure. [bar g]"""

    power_frac: Positive | None = None
    """Power of the compressors over that of their curves; without it by `power_per_bar_frac`. [-]"""

    extra_m3_min: Amounts | None = None
    """What is needed on top of the forecast, less below it; without it by `leaks_m3_min`. [m³/min]"""


class CaseSetpoints(Config):
    """Set-points the plan chooses with the machines."""

    water: tuple[CaseWater, ...] = ()
    """Pairs of water temperatures of the chillers."""

    pressure: tuple[CasePressure, ...] = ()
    """Network pressures, rising."""

    least_bar_g: Amounts = 0.0
    """Pressure the users need. [bar g]"""

    curve_bar_g: NotNegative | None = None
    """Pressure the compressors' curves and the forecast are for; without it the highest level. [bar g]"""

    power_per_bar_frac: NotNegative = 0.07
    """Rise of the compressors' power per bar, over that of their curves. [1/bar]"""

    leaks_m3_min: Amounts = 0.0
    """Part of the forecast that rises with absolute pressure: leaks, unregulated users. [m³/min]"""

    pressure_move_cost: NotNegative = 0.0
    """Price of another pressure from one step to the next. [money]"""
