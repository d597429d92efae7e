"""Chilled water: chillers with one auxiliary curve, the loop as a thermal buffer, an air handler.

    C · dT/dt = Q_load - Q_chillers,   C = V · 1.163 kWh/(m³·K)

Source: energy balance of a well mixed loop; chiller after plant/eir.py.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from plant.carriers import WATER_KWH_M3_K, Carrier
from plant.curves import Curve
from plant.eir import EirCurve
from plant.units.base import Port, UnitBase
from protocols.config import Config
from protocols.units import Celsius, CubicMetres, Kelvins, Seconds

OFF: Final = 0
STANDBY: Final = 1
RUNNING: Final = 2
FAULT: Final = 3

_LEAST_AIR_K: Final = 1.0
"""Supply air never comes nearer to the room in the fan's law."""


class SupplySetpoint(Config):
    """Set-point of the machine's own leaving-water loop."""

    low_c: Celsius = 6.0
    """Lowest set-point the machine takes."""

    high_c: Celsius = 12.0
    """Highest set-point the machine takes."""

    default_c: Celsius = 7.0
    """Set-point of the machine when nobody sets one."""

    proportional_k: Annotated[Kelvins, Field(gt=0)] = 2.0
    """Width of the capacity controller around the set-point: 0 % below, 100 % above."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low_c <= self.default_c <= self.high_c:
            raise ValueError("a supply set-point needs low_c ≤ default_c ≤ high_c")
        return self


class StageThermostat(Config):
    """When the machine's own controller starts and stops it, against its set-point."""

    start_above_k: Kelvins
    """Starts when the loop has been this far above the set-point for `delay_s`."""

    stop_below_k: Kelvins
    """Stops when the loop is this far below the set-point."""

    delay_s: Seconds = 60.0
    """How long the start condition must hold."""

    anti_recycle_s: Seconds = 600.0
    """Least standstill before the next start."""

    permitted_start_k: Kelvins = 0.5
    """Start difference of a machine that was given a permit: it no longer waits for its place in the row."""

    permitted_stop_k: Kelvins = 1.2
    """Stop difference of a machine that was given a permit."""

    min_run_s: Seconds = 600.0
    """Least running time; freeze protection stops earlier."""


class Chiller(UnitBase):
    """A water-cooled chiller with its pumps and tower as one auxiliary curve."""

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {
            "power_kw",
            "supply_c",
            "return_c",
            "cooling_kw",
            "state_code",
            "local_mode_code",
            "permit_code",
            "permit_set_code",
            "supply_set_c",
            "run_h",
            "starts_count",
        }
    )
    PORTS: ClassVar[tuple[Port, ...]] = (
        Port("electricity_node", Carrier.ELECTRICITY, gives=False),
        Port("cooling_node", Carrier.COOLING, gives=True),
    )

    kind: Literal["chiller"] = "chiller"
    """Discriminator."""

    electricity_node: str
    """Bus that feeds compressor, pumps and tower."""

    cooling_node: str
    """Loop it cools."""

    eir: EirCurve
    """Capacity and compressor power."""

    auxiliary: Curve
    """PLR → power of its pumps and tower while it runs [kW]."""

    supply: SupplySetpoint = SupplySetpoint()
    """Leaving-water loop."""

    thermostat: StageThermostat
    """Own start and stop."""

    approach_k: Kelvins = 4.0
    """Condenser water above wet bulb (or 0 for an air-cooled machine); a cooling_tower has its own."""

    condenser_min_c: Celsius = 16.0
    """Tower control keeps condenser water above this."""

    start_s: Seconds = 180.0
    """From start to full capacity."""

    start_cost_cny: Annotated[float, Field(ge=0)] = 10.0
    """Wear of one start."""

    def condenser_c(self, outdoor_c: float, wet_bulb_c: float) -> float:
        """Condenser-side temperature the curves ask for [°C]."""
        if self.eir.condenser == "outdoor_air":
            return outdoor_c
        return max(wet_bulb_c + self.approach_k, self.condenser_min_c)

    def total_kw(self, load_kw: float, supply_c: float, condenser_c: float) -> float:
        """Mean power of compressor, pumps and tower for a load; 0 for no load [kW]."""
        if load_kw <= 0.0:
            return 0.0
        eir = self.eir
        plr = load_kw / eir.available_kw(supply_c, condenser_c)
        cycling = min(plr / eir.plr_min_frac, 1.0) if eir.plr_min_frac > 0 else 1.0
        aux_kw = self.auxiliary.at(max(plr, eir.plr_min_frac)) * cycling
        return eir.power_kw(load_kw, supply_c, condenser_c) + aux_kw


class CoolingLoop(UnitBase):
    """Water content of the loop, well mixed, with the limits of the supply."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"supply_c", "return_c"})
    PORTS: ClassVar[tuple[Port, ...]] = (Port("cooling_node", Carrier.COOLING, gives=False),)

    kind: Literal["cooling_loop"] = "cooling_loop"
    """Discriminator."""

    cooling_node: str
    """Node it buffers."""

    water_m3: Annotated[CubicMetres, Field(gt=0)]
    """Water content."""

    flow_m3_h: Annotated[float, Field(gt=0)]
    """Circulating flow; gives the return temperature."""

    supply_max_c: Celsius = 13.0
    """Supply limit: up to here the coils give the whole load."""

    room_c: Celsius = 24.0
    """Here the coils give nothing; between the two the load taken falls in a straight line."""

    freeze_c: Celsius = 3.5
    """Below this every chiller stops at once."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.freeze_c < self.supply_max_c < self.room_c:
            raise ValueError("a loop needs freeze_c < supply_max_c < room_c")
        return self

    @property
    def capacity_kwh_k(self) -> float:
        """Heat the loop stores per kelvin [kWh/K]."""
        return self.water_m3 * WATER_KWH_M3_K

    def taken_kw(self, load_kw: float, supply_c: float) -> float:
        """Load the coils can take at this supply temperature [kW]."""
        if supply_c <= self.supply_max_c:
            return load_kw
        return load_kw * max(self.room_c - supply_c, 0.0) / (self.room_c - self.supply_max_c)


class AirHandler(UnitBase):
    """The fan side of the cooling load."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"supply_c", "return_c", "fan_power_kw"})
    PORTS: ClassVar[tuple[Port, ...]] = (
        Port("electricity_node", Carrier.ELECTRICITY, gives=False),
        Port("cooling_node", Carrier.COOLING, gives=False),
    )

    kind: Literal["air_handler"] = "air_handler"
    """Discriminator."""

    electricity_node: str
    """Bus that feeds the fan."""

    cooling_node: str
    """Loop its coil hangs on."""

    fan: Curve
    """Cooling load in kW → fan power [kW]."""

    approach_k: Kelvins = 6.0
    """Supply air above chilled water."""

    fan_supply_c: Celsius | None = None
    """Chilled water the fan curve holds for; warmer water then asks for more air. Without it the fan does not
    mind."""

    def fan_kw(self, cooling_kw: float, supply_c: float, room_c: float) -> float:
        """Fan power for a load with chilled water at a temperature, the air as much warmer [kW]."""
        if self.fan_supply_c is None:
            return self.fan.at(cooling_kw)
        rated_k = room_c - self.approach_k - self.fan_supply_c
        left_k = max(room_c - self.approach_k - supply_c, _LEAST_AIR_K)
        return self.fan.at(cooling_kw * max(rated_k, _LEAST_AIR_K) / left_k)


class ChillerState(NamedTuple):
    """What a chiller remembers from step to step."""

    mode: int = STANDBY
    """OFF, STANDBY, RUNNING or FAULT."""
    elapsed_s: float = 3600.0
    """Time since it last started or stopped."""
    run_h: float = 0.0
    """Hours running."""
    starts_count: int = 0
    """Starts."""


class ChillerOrder(NamedTuple):
    """What the machine's own controller asks of it in this step."""

    run: bool = False
    """Run; the capacity controller does the rest."""
    supply_set_c: float = 7.0
    """Set-point of the leaving water."""


class ChillerFlow(NamedTuple):
    """What a chiller does in this step."""

    cooling_kw: float = 0.0
    """Heat taken from the loop."""
    power_kw: float = 0.0
    """Compressor, pumps and tower."""


def advance(state: ChillerState, order: ChillerOrder, dt_s: float) -> ChillerState:
    """Start and stop as ordered; FAULT keeps the machine off until it is cleared."""
    running = state.mode == RUNNING
    if state.mode == FAULT or running == order.run:
        run_h = state.run_h + (dt_s / 3600.0 if running else 0.0)
        return ChillerState(state.mode, state.elapsed_s + dt_s, run_h, state.starts_count)
    if order.run:
        return ChillerState(RUNNING, 0.0, state.run_h + dt_s / 3600.0, state.starts_count + 1)
    return ChillerState(STANDBY, 0.0, state.run_h, state.starts_count)


def flows(
    unit: Chiller, state: ChillerState, order: ChillerOrder, loop_c: float, condenser_c: float
) -> ChillerFlow:
    """Cooling and power of a machine: proportional capacity control, never below the least PLR.

    A running machine that needs less than its least PLR keeps cooling at that PLR until its thermostat stops
    it; surplus cooling is not thrown away, it goes into the loop.
    """
    if state.mode != RUNNING:
        return _STILL
    eir, band_k = unit.eir, unit.supply.proportional_k
    available_kw = eir.available_kw(loop_c, condenser_c)
    plr = 0.5 + (loop_c - order.supply_set_c) / band_k
    if state.elapsed_s < unit.start_s:
        plr = min(plr, state.elapsed_s / unit.start_s)
    plr = min(max(plr, eir.plr_min_frac), 1.0)
    power_kw = eir.full_power_kw(loop_c, condenser_c) * eir.power_ratio(plr)
    return ChillerFlow(plr * available_kw, power_kw + unit.auxiliary.at(plr))


_STILL: Final = ChillerFlow()
