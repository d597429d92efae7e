"""What one dispatch is asked: forecasts, prices, machines with their state, limits; powers are step means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FREE: Final = -1
"""Lock value: the plan decides."""
OFF: Final = 0
"""Lock value: held off (tripped, in maintenance, local mode observed off)."""
ON: Final = 1
"""Lock value: held on (local mode observed running)."""

LONG_S: Final = 1e9
"""Time in a state that is longer than any minimum. [s]"""


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
class Commitment:
    """State and switching limits of a machine that is either on or off."""

    on: bool = False
    """Whether it runs when the window begins."""
    state_s: float = LONG_S
    """Time in that state. [s]"""
    min_up_s: float = 0.0
    """Shortest run. [s]"""
    min_down_s: float = 0.0
    """Shortest stop. [s]"""
    start_eur: float = 0.0
    """Wear and energy of one start. [money]"""
    lock: IntArray | None = None
    """FREE, OFF or ON per step, shape (steps,); None is free throughout. A lock outranks minimum times."""


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
    end_value_eur_kwh: float | None = None
    """Worth of energy left at the end; None takes the mean marginal price. [money/kWh]"""
    fixed_kw: FloatArray | None = None
    """Power held from outside, NaN where free, shape (steps,). [kW]"""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchProblem:
    """One window of planning; `start_ns` is UTC since the epoch and all arrays have `steps` entries.

    There is one air network: at most one compressor trims in a step.
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
    chps: tuple[Chp, ...] = ()
    boilers: tuple[Boiler, ...] = ()
    pv: Pv | None = None

    @property
    def switched(self) -> tuple[Compressor | Chiller | Chp, ...]:
        """All machines that are either on or off, in the order of the problem."""
        return (*self.compressors, *self.chillers, *self.chps)

    @property
    def step_h(self) -> float:
        """Length of a step. [h]."""
        return self.step_s / 3600.0

    @property
    def import_marginal_eur_kwh(self) -> FloatArray:
        """Price of bought energy with its emissions, shape (steps,). [money/kWh]."""
        prices = self.prices
        return prices.import_eur_kwh + prices.co2_eur_t * prices.grid_kg_kwh / 1000.0

    @property
    def gas_marginal_eur_kwh(self) -> float:
        """Price of fuel with its emissions. [money/kWh LHV]."""
        return self.prices.gas_eur_kwh + self.prices.co2_eur_t * self.prices.gas_kg_kwh / 1000.0


def steps_of(duration_s: float, step_s: float) -> int:
    """Whole steps that cover a duration; a hair of rounding does not add a step."""
    return max(0, int(np.ceil(duration_s / step_s - 1e-9)))


def effective_lock(commitment: Commitment, steps: int, step_s: float) -> IntArray:
    """Lock per step with the minimum time still owed from before the window, shape (steps,).

    A lock given from outside (a trip, local mode) outranks the owed time.
    """
    lock = np.full(steps, FREE, dtype=np.int64)
    owed_s = (commitment.min_up_s if commitment.on else commitment.min_down_s) - commitment.state_s
    lock[: steps_of(owed_s, step_s)] = ON if commitment.on else OFF
    if commitment.lock is None:
        return lock
    given = commitment.lock != FREE
    broken = given & (lock != FREE) & (commitment.lock != lock)
    if broken.any():
        # once a trip or local mode has broken the owed time, nothing is owed after it
        lock[int(np.argmax(broken)) :] = FREE
    return np.where(given, commitment.lock, lock).astype(np.int64)
