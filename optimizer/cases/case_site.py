"""Parts of a plant's case file about the site: what must be supplied, what it costs, what is permitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from optimizer.cases.case_numbers import Factor, Factors, NotNegative, Reserve, Series, Total
from protocols.config import Config


class CaseNeeds(Config):
    """What must be supplied, and what the sky gives."""

    electric_kw: Series = 0.0
    """Electric need without the machines of the case. [kW]"""

    air_m3_min: Series = 0.0
    """Compressed air, free air delivery. [m³/min]"""

    cooling_kw: Series = 0.0
    """Chilled water. [kW]"""

    heat_kw: Series = 0.0
    """Hot water. [kW]"""

    pv_kw: Series = 0.0
    """PV power available before curtailment. [kW]"""


class CasePrices(Config):
    """Tariff and emission figures."""

    import_per_kwh: Series
    """Bought energy. [money/kWh]"""

    export_per_kwh: Series = 0.0
    """Sold energy. [money/kWh]"""

    gas_per_kwh: NotNegative = 0.0
    """Fuel by lower heating value. [money/kWh LHV]"""

    co2_per_t: NotNegative = 0.0
    """Price put on emissions. [money/t]"""

    grid_kg_per_kwh: Factors = 0.0
    """Emission factor of bought electricity. [kg/kWh]"""

    gas_kg_per_kwh: Factor = 0.0
    """Emission factor of fuel. [kg/kWh LHV]"""

    demand_per_kw: NotNegative = 0.0
    """Charge on the highest step of the billing period. [money/kW]"""

    month_peak_kw: NotNegative = 0.0
    """Highest step of the billing period so far; a peak below it costs nothing. [kW]"""

    demand_share_frac: NotNegative = 1.0
    """Share of the demand charge this window answers for: its share of what remains of the period. [-]"""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code of all money of the case."""


class CaseLimits(Config):
    """What the site may draw and what it keeps in hand."""

    import_kw: Total = 1e5
    """Contracted import. [kW]"""

    export_kw: Total = 1e5
    """Permitted export. [kW]"""

    air_reserve_frac: Reserve = 0.0
    """Capacity of running compressors above the need. [-]"""

    cooling_reserve_frac: Reserve = 0.0
    """Capacity of running chillers above the need. [-]"""

    may_blow_off: bool = False
    """Whether surplus air costs nothing beyond its making."""

    may_waste_cooling: bool = False
    """Whether surplus cooling costs nothing beyond its making."""

    may_waste_heat: bool = True
    """Whether surplus heat costs nothing beyond its making; with a dump cooler it does not."""

    without_largest: tuple[Literal["air", "cooling"], ...] = ()
    """Carriers that are covered even without the largest running machine (N-1)."""
