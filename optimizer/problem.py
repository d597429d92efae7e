"""What one dispatch is asked: forecasts, prices, machines with their state, limits; powers are step means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from optimizer import arrays, switching
from optimizer.flexible import Flexible
from optimizer.levels import AirLevels, CoolingLevels
from optimizer.network import Carrier, Cogen, Converter
from optimizer.supply import Supply
from optimizer.words import Speech
from protocols.config import Text

FloatArray = arrays.FloatArray
IntArray = arrays.IntArray
BoolArray = arrays.BoolArray

FREE: Final = switching.FREE
OFF: Final = switching.OFF
ON: Final = switching.ON
LONG_S: Final = switching.LONG_S
Commitment = switching.Commitment
steps_of = switching.steps_of
effective_lock = switching.effective_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """Expected needs and weather, each of shape (steps,)."""

    electric_kw: FloatArray
    """Electric need without the machines planned here. [kW]"""
    air_m3_min: FloatArray
    """Compressed air, free air delivery. [m³/min]"""
    cooling_kw: FloatArray
    """Chilled water. [kW]"""
    heat_kw: FloatArray
    """Hot water. [kW]"""
    pv_kw: FloatArray
    """PV power available before curtailment. [kW]"""
    outdoor_c: FloatArray
    """Outdoor air, dry bulb. [°C]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Tariff and emission figures of the window."""

    import_eur_kwh: FloatArray
    """Energy bought from the grid, shape (steps,). [money/kWh]"""
    export_eur_kwh: FloatArray
    """Energy sold to the grid, shape (steps,). [money/kWh]"""
    gas_eur_kwh: float
    """Fuel by lower heating value. [money/kWh LHV]"""
    co2_eur_t: float
    """Price put on emissions. [money/t]"""
    grid_kg_kwh: FloatArray
    """Emission factor of bought electricity, shape (steps,). [kg/kWh]"""
    gas_kg_kwh: float
    """Emission factor of fuel. [kg/kWh LHV]"""
    demand_charge_eur_kw: float = 0.0
    """Charge on the highest step of the billing period. [money/kW]"""
    month_peak_kw: float = 0.0
    """Highest step of the billing period so far; below it a peak costs nothing. [kW]"""
    peak_weight: float = 1.0
    """Share of the demand charge this window answers for, see `tariff.peak_weight`. [-]"""
    currency: str = "EUR"
    """ISO 4217 code of all money here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressor:
    """An air compressor: fully loaded (base), following the need along its curve (trim), or not permitted."""

    name: str
    kind: Literal["fixed", "vsd"]
    full_flow_m3_min: float
    """Free air delivery fully loaded. [m³/min]"""
    full_power_kw: float
    """Electric power fully loaded. [kW]"""
    flow_m3_min: FloatArray
    """Corners of the trim curve, rising, shape (K,). [m³/min]"""
    power_kw: FloatArray
    """Power at these corners, blow-down and unloaded running included, shape (K,). [kW]"""
    floats: bool = False
    """Follows its curve beside others that do; a station in which one floats has no trim machine."""
    heat_recovery_frac: float = 0.0
    """Share of its power that can be had as heat, as far as it is wanted. [-]"""
    heat_carrier: str = "heat"
    """Carrier of that heat."""
    commitment: Commitment = field(default_factory=Commitment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chiller:
    """A chiller with its auxiliaries; capacity and curve already at each step's temperatures."""

    name: str
    load_kw: FloatArray
    """Corners of the curve, rising; first is the minimum load, last the capacity; shape (steps, K). [kW]"""
    power_kw: FloatArray
    """Electric power at these corners, shape (steps, K). [kW]"""
    supply_c: float = 7.0
    """Chilled-water supply the curve is made for. [°C]"""
    commitment: Commitment = field(default_factory=Commitment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """An electric store; charging is positive power."""

    name: str
    soc_kwh: float
    """Stored energy when the window begins; clipped into its range, the clipped amount is reported. [kWh]"""
    soc_min_kwh: float
    soc_max_kwh: float
    charge_max_kw: float
    discharge_max_kw: float
    taper_from_kwh: float | None = None
    """From this content to `soc_max_kwh` the charging limit falls in a straight line to a tenth. [kWh]"""
    charge_eff_frac: float = 0.95
    discharge_eff_frac: float = 0.95
    wear_eur_kwh: float = 0.0
    """Ageing per discharged energy; in the objective, not in the plan's cost. [money/kWh]"""
    charge_wear_eur_kwh: float = 0.0
    """Ageing per charged energy, likewise. [money/kWh]"""
    end_least_kwh: float | None = None
    """Content wanted at the end; what is missing is a named, priced shortage. [kWh]"""
    end_value_eur_kwh: float | None = None
    """Worth of energy left at the end; None takes the mean marginal price. [money/kWh]"""
    fixed_kw: FloatArray | None = None
    """Power held from outside, NaN where free, shape (steps,). [kW]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A store of compressed air, chilled or hot water: what goes in comes out, less a standing loss."""

    name: str
    carrier: str
    """air, cooling, heat or a carrier of the plant's own; in its unit, times minutes for air, else hours."""
    content: float
    """When the window begins; clipped into its range, the clipped amount is reported. [m³ or kWh]"""
    most: float
    """Usable content. [m³ or kWh]"""
    least: float = 0.0
    charge_max: float = np.inf
    """Fastest charging. [m³/min or kW]"""
    discharge_max: float = np.inf
    """Fastest discharging. [m³/min or kW]"""
    loss_per_h_frac: float = 0.0
    """Share of the content lost in an hour. [1/h]"""
    end_least: float | None = None
    """Content wanted at the end; what is missing is a named, priced shortage. [m³ or kWh]"""
    end_value: float = 0.0
    """Worth of what is left at the end. [money/m³ or money/kWh]"""

    def held_per_step(self, step_s: float) -> float:
        """Content that one unit of flow makes in a step: minutes for air, hours else."""
        return step_s / (60.0 if self.carrier == "air" else 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chp:
    """A combined heat and power unit, linear between minimum and full load."""

    name: str
    power_min_kw: float
    power_max_kw: float
    gas_min_kw: float
    """Fuel at minimum load. [kW LHV]"""
    gas_max_kw: float
    heat_min_kw: float
    """Useful heat at minimum load. [kW]"""
    heat_max_kw: float
    commitment: Commitment = field(default_factory=Commitment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boiler:
    """A gas boiler with constant efficiency; it modulates and cycles by itself."""

    name: str
    capacity_kw: float
    efficiency_frac: float = 0.9
    """Useful heat per fuel by LHV. [-]"""
    lock: IntArray | None = None
    """OFF where it may not run, shape (steps,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pv:
    """The PV plant; its available power is in the forecasts."""

    name: str = "pv"
    can_curtail: bool = True
    least_kw: float = 0.0
    """It is curtailed to no less than this, where the sky gives so much. [kW]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the site may draw and what it keeps in hand."""

    import_kw: float = 1e5
    """Contracted import, mean of a step. [kW]"""
    export_kw: float = 1e5
    """Permitted export, mean of a step. [kW]"""
    air_reserve_frac: float = 0.0
    """Capacity of permitted compressors above the forecast need, a fraction of the need of the step."""
    cooling_reserve_frac: float = 0.0
    """Capacity of running chillers above the forecast need, a fraction of the need of the step."""
    air_least_m3_min: FloatArray | None = None
    """Capacity of permitted compressors at least, as for a seldom need, shape (steps,). [m³/min]"""
    cooling_least_kw: FloatArray | None = None
    """Capacity of running chillers at least, likewise, shape (steps,). [kW]"""
    may_blow_off: bool = False
    """Whether surplus air costs nothing beyond its making; otherwise it is priced as a fault."""
    may_waste_cooling: bool = False
    """Whether surplus cooling costs nothing beyond its making; otherwise it is priced as a fault."""
    may_waste_heat: bool = True
    """Whether surplus heat costs nothing beyond its making; with a dump cooler it does not."""
    without_largest: tuple[Literal["air", "cooling"], ...] = ()
    """Carriers whose need is covered by the running machines even without the largest of them (N-1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A first step that has begun already: the plan is for what is left of it."""

    gone_frac: float
    """Share of the step that is over. [-]"""
    import_kw: float = 0.0
    """Mean import of that share. [kW]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchProblem:
    """One window of planning; `start_ns` is UTC since the epoch and all arrays have `steps` entries.

    There is one air network: at most one compressor trims in a step. After an event the first step has begun:
    steps stay on the clock of prices and meters, the state of the stores is that of now, and times in a state
    are counted from the begin of the step (below zero where the state is younger than that).
    """

    start_ns: int
    forecasts: Forecasts
    prices: Prices
    step_s: float = 900.0
    steps: int = 96
    binary_steps: int = 16
    """Steps from the start in which on/off is decided exactly; later ones are relaxed."""
    limits: Limits = field(default_factory=Limits)
    compressors: tuple[Compressor, ...] = ()
    chillers: tuple[Chiller, ...] = ()
    batteries: tuple[Battery, ...] = ()
    stores: tuple[Store, ...] = ()
    chps: tuple[Chp, ...] = ()
    boilers: tuple[Boiler, ...] = ()
    pv: Pv | None = None
    supply: Supply = field(default_factory=Supply)
    carriers: tuple[Carrier, ...] = ()
    """Beside the known ones."""
    converters: tuple[Converter, ...] = ()
    cogens: tuple[Cogen, ...] = ()
    """CHPs with an operating polygon."""
    flexible: Flexible = field(default_factory=Flexible)
    cooling_levels: CoolingLevels | None = None
    """Water temperatures to choose from; None: they are as the chillers' curves say."""
    remarks: tuple[Text, ...] = ()
    """What whoever made the problem found in its data; told with the plan."""
    air_levels: AirLevels | None = None
    """Network pressures to choose from; None: it is as the compressors' curves say."""
    begun: Begun | None = None
    """The first step, where it has begun already; None: the window begins with a whole step."""
    speech: Speech = field(default_factory=Speech, compare=False)
    """How its machines and times are called where it is told in words."""

    def clock(self, step: int) -> str:
        """When a step begins, in the zone of its words."""
        return self.speech.clock(self.start_ns + round(step * self.step_s * 1e9))

    @property
    def switched(self) -> tuple[Compressor | Chiller | Chp | Converter | Cogen, ...]:
        """All machines that are either on or off, in the order of the problem."""
        converters = (one for one in self.converters if one.switches)
        return (*self.compressors, *self.chillers, *self.chps, *converters, *self.cogens)

    @property
    def step_h(self) -> float:
        """Length of a step. [h]."""
        return self.step_s / 3600.0

    @property
    def gone_s(self) -> float:
        """How much of the first step is over. [s]."""
        return 0.0 if self.begun is None else self.begun.gone_frac * self.step_s

    @property
    def hours(self) -> FloatArray:
        """What is left of each step, shape (steps,). [h]."""
        left = np.full(self.steps, self.step_h)
        if self.begun is not None:
            left[0] *= 1.0 - self.begun.gone_frac
        return left

    def in_hand(self, carrier: Literal["air", "cooling"]) -> FloatArray | None:
        """Capacity that is kept ready in each step, shape (steps,); None where none is asked for."""
        of, limits = self.forecasts, self.limits
        need, frac, least = (
            (of.air_m3_min, limits.air_reserve_frac, limits.air_least_m3_min)
            if carrier == "air"
            else (of.cooling_kw, limits.cooling_reserve_frac, limits.cooling_least_kw)
        )
        above = need * (1.0 + frac) if frac > 0 else None
        if above is None or least is None:
            return least if above is None else above
        return np.maximum(above, least)

    @property
    def import_marginal_eur_kwh(self) -> FloatArray:
        """Price of bought energy with its taxes and emissions, shape (steps,). [money/kWh]."""
        prices, estimate = self.prices, self.supply.marginal_kg_kwh
        factor = prices.grid_kg_kwh if estimate is None else estimate
        levies = sum((levy.eur_kwh for levy in self.supply.levies), np.zeros(self.steps))
        return prices.import_eur_kwh + levies + prices.co2_eur_t * factor / 1000.0

    @property
    def gas_marginal_eur_kwh(self) -> float:
        """Price of fuel with its emissions. [money/kWh LHV]."""
        return self.prices.gas_eur_kwh + self.prices.co2_eur_t * self.prices.gas_kg_kwh / 1000.0
