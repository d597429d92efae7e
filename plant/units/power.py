"""Battery, photovoltaics, and the exchange with the public grids."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from plant.carriers import Carrier
from plant.units.base import Port, UnitBase
from protocols.units import Celsius, Fraction, KilowattHours, Kilowatts


class Battery(UnitBase):
    """One battery behind one inverter; charging is positive."""

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {"power_kw", "soc_frac", "power_set_kw", "state_code", "local_mode_code"}
    )
    PORTS: ClassVar[tuple[Port, ...]] = (Port("electricity_node", Carrier.ELECTRICITY, gives=True),)

    kind: Literal["battery"] = "battery"
    """Discriminator."""

    electricity_node: str
    """Bus at its AC terminals."""

    capacity_kwh: Annotated[KilowattHours, Field(gt=0)]
    """Usable energy between empty and full, DC side."""

    power_max_kw: Annotated[Kilowatts, Field(gt=0)]
    """Largest charge and discharge at the AC terminals."""

    charge_efficiency_frac: Annotated[Fraction, Field(gt=0)] = 0.96
    """AC to stored."""

    discharge_efficiency_frac: Annotated[Fraction, Field(gt=0)] = 0.96
    """Stored to AC."""

    soc_min_frac: Fraction = 0.1
    """The BMS stops discharging here."""

    soc_max_frac: Fraction = 0.95
    """The BMS stops charging here."""

    taper_soc_frac: Fraction = 0.85
    """From here to `soc_max_frac` the charge limit falls in a straight line to a tenth."""

    standby_kw: Annotated[Kilowatts, Field(ge=0)] = 2.0
    """Inverter and cooling, drawn from the bus at all times."""

    wear_cny_kwh: Annotated[float, Field(ge=0)] = 0.08
    """Ageing per kWh discharged."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.soc_min_frac < self.taper_soc_frac < self.soc_max_frac:
            raise ValueError("a battery needs soc_min_frac < taper_soc_frac < soc_max_frac")
        return self

    def charge_limit_kw(self, soc_frac: float) -> float:
        """Largest charging power at this state of charge, AC [kW]."""
        if soc_frac <= self.taper_soc_frac:
            return self.power_max_kw
        left = (self.soc_max_frac - soc_frac) / (self.soc_max_frac - self.taper_soc_frac)
        return self.power_max_kw * max(0.1 + 0.9 * left, 0.0) if left > 0 else 0.0


class BatteryFlow(NamedTuple):
    """Battery after one step."""

    soc_frac: float
    """State of charge at the end."""
    power_kw: float
    """At the AC terminals without standby, charging positive."""


def battery_step(unit: Battery, soc_frac: float, wanted_kw: float, dt_s: float) -> BatteryFlow:
    """Follow `wanted_kw` as far as power, taper and state of charge allow.

    soc' = soc + η_c·P·dt/E while charging, soc + P/η_d·dt/E while discharging.
    """
    per_frac = unit.capacity_kwh * 3600.0 / dt_s
    if wanted_kw > 0.0:
        room_kw = max(unit.soc_max_frac - soc_frac, 0.0) * per_frac / unit.charge_efficiency_frac
        power = min(wanted_kw, unit.charge_limit_kw(soc_frac), room_kw)
        return BatteryFlow(soc_frac + power * unit.charge_efficiency_frac / per_frac, power)
    left_kw = max(soc_frac - unit.soc_min_frac, 0.0) * per_frac * unit.discharge_efficiency_frac
    power = max(wanted_kw, -unit.power_max_kw, -left_kw)
    return BatteryFlow(soc_frac + power / unit.discharge_efficiency_frac / per_frac, power)


class Photovoltaics(UnitBase):
    """A PV field with its inverters; generation is negative power.

    P = P_peak · G/1000 · PR · (1 + γ·(T_cell - 25 °C)),   T_cell = T_out + G·(NOCT - 20 °C)/800
    Source: IEC 61853-1 conditions; NOCT model after Ross 1976, as in PVWatts v1.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {"power_kw", "limit_set_frac", "energy_kwh", "reactive_kvar", "reactive_set_kvar"}
    )
    PORTS: ClassVar[tuple[Port, ...]] = (Port("electricity_node", Carrier.ELECTRICITY, gives=True),)

    kind: Literal["pv"] = "pv"
    """Discriminator."""

    electricity_node: str
    """Bus it feeds."""

    peak_kw: Annotated[Kilowatts, Field(gt=0)]
    """DC power at 1000 W/m² and 25 °C cell temperature."""

    inverter_kw: Annotated[Kilowatts, Field(gt=0)]
    """Largest AC power."""

    performance_frac: Annotated[Fraction, Field(gt=0)] = 0.87
    """Losses without temperature: wiring, soiling, inverter."""

    per_k_frac: Annotated[float, Field(ge=-0.01, le=0)] = -0.0037
    """Change of power per kelvin of cell temperature."""

    noct_c: Celsius = 45.0
    """Cell temperature at 800 W/m² and 20 °C air."""

    def generation_kw(self, irradiance_w_m2: float, outdoor_c: float) -> float:
        """Possible AC power, not negative [kW]."""
        if irradiance_w_m2 <= 0.0:
            return 0.0
        cell_c = outdoor_c + irradiance_w_m2 * (self.noct_c - 20.0) / 800.0
        warm = 1.0 + self.per_k_frac * (cell_c - 25.0)
        return min(self.peak_kw * irradiance_w_m2 / 1000.0 * self.performance_frac * warm, self.inverter_kw)


class Grid(UnitBase):
    """The connection to a public network, electricity or gas, as its node says."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"power_kw", "import_kwh", "export_kwh", "fuel_kw"})
    PORTS: ClassVar[tuple[Port, ...]] = (Port("node", None, gives=True),)

    kind: Literal["grid"] = "grid"
    """Discriminator."""

    node: str
    """Node it feeds."""

    import_max_kw: Annotated[Kilowatts, Field(ge=0)]
    """Contracted import."""

    export_max_kw: Annotated[Kilowatts, Field(ge=0)] = 0.0
    """Contracted export; 0 for gas."""


class Meter(UnitBase):
    """A power meter: the sum of some units, or the exchange with the grid."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"power_kw", "import_kwh", "export_kwh", "reactive_kvarh"})
    PORTS: ClassVar[tuple[Port, ...]] = (Port("electricity_node", Carrier.ELECTRICITY, gives=False),)

    kind: Literal["meter"] = "meter"
    """Discriminator."""

    electricity_node: str
    """Bus it sits on."""

    of: tuple[str, ...]
    """Units it sums; a grid alone makes it the main meter."""

    power_factor_frac: Annotated[Fraction, Field(gt=0)] = 0.95
    """Of what it measures, lagging; reactive energy follows active energy by it."""

    @property
    def kvarh_per_kwh(self) -> float:
        """Reactive energy of each active one [kvarh/kWh]."""
        return math.tan(math.acos(self.power_factor_frac))


class Load(UnitBase):
    """A demand given from outside the plant, in the unit of its node's carrier."""

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {"power_kw", "flow_m3_min", "heat_kw", "cooling_kw", "made_count"}
    )
    PORTS: ClassVar[tuple[Port, ...]] = (Port("node", None, gives=False),)

    kind: Literal["load"] = "load"
    """Discriminator."""

    node: str
    """Node it draws from."""

    idle_kw: Annotated[Kilowatts, Field(ge=0)] = 0.0
    """Of an electric one: power it draws while it makes nothing."""

    made_per_kwh: Annotated[float, Field(ge=0)] = 0.0
    """Pieces it makes of each kilowatt-hour beyond `idle_kw`."""


class Weather(UnitBase):
    """The weather station."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"outdoor_c", "wet_bulb_c", "irradiance_w_m2"})

    kind: Literal["weather"] = "weather"
    """Discriminator."""
