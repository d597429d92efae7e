"""Oil-injected screw compressors: fixed speed with load/unload, and variable speed.

Fixed speed: loaded it gives its whole flow. On unload the inlet closes and the sump bleeds off over
`blow_down_s`, in which the power falls in a straight line from loaded to unloaded; after `run_on_s` without
load the motor stops. Variable speed: flow follows speed between the two flows of the machine; below the
least speed it unloads like a fixed machine.

    P_loaded = P_rated · (1 + a·(p - p_rated)) · (1 + b·(T_in - T_rated))

Source: Compressed Air Challenge / US DOE, "Improving Compressed Air System Performance", 3rd ed., ch. 2 and
app. 2.D (unload curves, 1 % power per 2 psi). The linear blow-down reproduces the mean powers of MEASUR for
receivers of 3 to 18 m³ within 1.5 % of full power.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from plant.carriers import Carrier
from plant.curves import Curve
from plant.units.base import Port, UnitBase
from protocols.config import Config
from protocols.units import BarGauge, Bars, Celsius, Fraction, FreeAirFlow, Kilowatts, Seconds

OFF: Final = 0
UNLOADED: Final = 1
LOADED: Final = 2
FAULT: Final = 3

ROLE_STANDBY: Final = 0
ROLE_TRIM: Final = 1
ROLE_BASE: Final = 2

_ROLES: Final = frozenset(
    {
        "power_kw",
        "flow_m3_min",
        "pressure_bar_g",
        "header_bar_g",
        "state_code",
        "load_pct",
        "run_h",
        "starts_count",
        "local_mode_code",
        "role_code",
        "role_set_code",
        "permit_code",
        "permit_set_code",
        "pressure_set_bar_g",
    }
)


class PowerLaw(Config):
    """Loaded power over discharge pressure and inlet temperature."""

    rated_kw: Annotated[Kilowatts, Field(gt=0)]
    """Package power at full flow, rated pressure and rated inlet temperature."""

    rated_bar_g: BarGauge = 7.0
    """Discharge pressure of the rating."""

    per_bar_frac: Annotated[float, Field(ge=0, le=0.2)] = 0.07
    """Rise of power per bar of discharge pressure, as a fraction of the rated power."""

    rated_inlet_c: Celsius = 20.0
    """Inlet temperature of the rating."""

    per_k_frac: Annotated[float, Field(ge=-0.02, le=0.02)] = 0.002
    """Rise of power per kelvin of inlet temperature at the same free air delivery."""

    def full_kw(self, pressure_bar_g: float, inlet_c: float) -> float:
        """Package power at full flow [kW]."""
        by_pressure = 1.0 + self.per_bar_frac * (pressure_bar_g - self.rated_bar_g)
        return self.rated_kw * by_pressure * (1.0 + self.per_k_frac * (inlet_c - self.rated_inlet_c))


class PressureBand(Config):
    """The machine's own pressure switch."""

    load_bar_g: BarGauge
    """Loads at or below this header pressure."""

    unload_bar_g: BarGauge
    """Unloads at or above this header pressure."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.load_bar_g >= self.unload_bar_g:
            raise ValueError(
                "a pressure band needs load_bar_g < unload_bar_g, "
                f"got {self.load_bar_g} and {self.unload_bar_g}"
            )
        return self


class SpeedBand(PressureBand):
    """Pressure switch and speed controller of a variable-speed machine."""

    target_bar_g: BarGauge
    """Set-point of the speed controller: half of the speed range is used here."""

    proportional_bar: Annotated[Bars, Field(gt=0)] = 0.2
    """Pressure change that takes the machine from least to full speed."""


class MotorTimes(Config):
    """Times of the machine's own sequence."""

    start_s: Seconds = 8.0
    """From the start order to loaded (star-delta, oil pressure); unloaded power meanwhile."""

    blow_down_s: Seconds = 45.0
    """From unloading until the sump has bled off."""

    run_on_s: Seconds = 300.0
    """Unloaded running before the motor stops."""

    restart_s: Seconds = 60.0
    """Least standstill before the next start."""

    ramp_s: Annotated[Seconds, Field(gt=0)] = 10.0
    """Time over the whole speed range (variable speed only)."""


class FixedCompressor(UnitBase):
    """A fixed-speed machine with load/unload control."""

    ROLES: ClassVar[frozenset[str]] = _ROLES
    PORTS: ClassVar[tuple[Port, ...]] = (
        Port("electricity_node", Carrier.ELECTRICITY, gives=False),
        Port("air_node", Carrier.COMPRESSED_AIR, gives=True),
    )

    kind: Literal["compressor_fixed"] = "compressor_fixed"
    """Discriminator."""

    electricity_node: str
    """Bus that feeds the motor."""

    air_node: str
    """Header it delivers to."""

    flow_m3_min: Annotated[FreeAirFlow, Field(gt=0)]
    """Free air delivery when loaded."""

    power: PowerLaw
    """Loaded power."""

    unloaded_frac: Fraction = 0.24
    """Power after blow-down as a fraction of the loaded power."""

    band: PressureBand
    """Own pressure switch when no role is set."""

    times: MotorTimes = MotorTimes()
    """Times of the sequence."""

    start_cost_cny: Annotated[float, Field(ge=0)] = 4.0
    """Wear of one start."""

    @property
    def flow_max_m3_min(self) -> float:
        """Largest flow; the same name as on a variable-speed machine."""
        return self.flow_m3_min

    @property
    def flow_min_m3_min(self) -> float:
        """Least flow while loaded: all or nothing."""
        return self.flow_m3_min

    def loaded_kw(self, flow_m3_min: float, pressure_bar_g: float, inlet_c: float) -> float:
        """Power while loaded; the flow has no choice [kW]."""
        del flow_m3_min
        return self.power.full_kw(pressure_bar_g, inlet_c)


class VsdCompressor(UnitBase):
    """A variable-speed machine."""

    ROLES: ClassVar[frozenset[str]] = _ROLES
    PORTS: ClassVar[tuple[Port, ...]] = FixedCompressor.PORTS

    kind: Literal["compressor_vsd"] = "compressor_vsd"
    """Discriminator."""

    electricity_node: str
    """Bus that feeds the drive."""

    air_node: str
    """Header it delivers to."""

    flow_max_m3_min: Annotated[FreeAirFlow, Field(gt=0)]
    """Free air delivery at full speed."""

    flow_min_m3_min: Annotated[FreeAirFlow, Field(gt=0)]
    """Free air delivery at the least speed."""

    power: PowerLaw
    """Power at full speed."""

    part_load: Curve
    """Fraction of the full flow → fraction of the full power; 1 → 1."""

    unloaded_frac: Fraction = 0.18
    """Power unloaded at least speed, as a fraction of the full power."""

    band: SpeedBand
    """Own pressure switch and speed controller."""

    times: MotorTimes = MotorTimes()
    """Times of the sequence."""

    start_cost_cny: Annotated[float, Field(ge=0)] = 2.0
    """Wear of one start."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.flow_min_m3_min >= self.flow_max_m3_min:
            raise ValueError("flow_min_m3_min must be less than flow_max_m3_min")
        return self

    def loaded_kw(self, flow_m3_min: float, pressure_bar_g: float, inlet_c: float) -> float:
        """Power at a flow between the least and the largest [kW]."""
        ratio = self.part_load.at(flow_m3_min / self.flow_max_m3_min)
        return self.power.full_kw(pressure_bar_g, inlet_c) * ratio


Compressor = FixedCompressor | VsdCompressor


class CompressorState(NamedTuple):
    """What a compressor remembers from step to step."""

    mode: int = OFF
    """OFF, UNLOADED, LOADED or FAULT."""
    elapsed_s: float = 3600.0
    """Time in this mode."""
    flow_m3_min: float = 0.0
    """Flow given now."""
    blow_down_s: float = 0.0
    """Blow-down still to go."""
    run_h: float = 0.0
    """Hours with the motor turning."""
    starts_count: int = 0
    """Motor starts."""


class CompressorOrder(NamedTuple):
    """What the machine's own controller asks of it in this step."""

    load: bool = False
    """Give air; starts the motor where it stands still."""
    flow_frac: float = 1.0
    """Wanted fraction of the largest flow (variable speed only)."""
    stop_early: bool = False
    """Stop as soon as the sump has bled off instead of waiting out the run-on."""


def advance(unit: Compressor, state: CompressorState, order: CompressorOrder, dt_s: float) -> CompressorState:
    """The machine's own sequence over one step: start, load, blow-down, run-on, stop.

    A start order before `restart_s` of standstill waits; FAULT keeps the machine off until it is cleared.
    """
    mode, elapsed_s = state.mode, state.elapsed_s + dt_s
    times = unit.times
    starts, bleed_s = state.starts_count, state.blow_down_s
    flow_m3_min = 0.0
    if mode == LOADED:
        if order.load:
            flow_m3_min = _wanted_flow(unit, state.flow_m3_min, order.flow_frac, dt_s)
        else:
            mode, elapsed_s, bleed_s = UNLOADED, 0.0, times.blow_down_s
    elif mode == UNLOADED:
        mode, elapsed_s, bleed_s = _unloaded(times, state, order, dt_s)
        flow_m3_min = unit.flow_min_m3_min if mode == LOADED else 0.0
    elif mode == OFF and order.load and elapsed_s >= times.restart_s:
        mode, elapsed_s, bleed_s, starts = UNLOADED, 0.0, -times.start_s, starts + 1
    run_h = state.run_h if mode in {OFF, FAULT} else state.run_h + dt_s / 3600.0
    return CompressorState(mode, elapsed_s, flow_m3_min, bleed_s, run_h, starts)


def _unloaded(
    times: MotorTimes, state: CompressorState, order: CompressorOrder, dt_s: float
) -> tuple[int, float, float]:
    """Mode, time in it and blow-down left; a negative blow-down is the rest of the start sequence."""
    elapsed_s, bleed_s = state.elapsed_s + dt_s, state.blow_down_s
    bleed_s = min(bleed_s + dt_s, 0.0) if bleed_s < 0 else max(bleed_s - dt_s, 0.0)
    if order.load and bleed_s >= 0:
        return LOADED, 0.0, 0.0
    wait_s = times.blow_down_s if order.stop_early else times.run_on_s
    if not order.load and elapsed_s >= wait_s:
        return OFF, 0.0, 0.0
    return UNLOADED, elapsed_s, bleed_s


def _wanted_flow(unit: Compressor, flow_m3_min: float, frac: float, dt_s: float) -> float:
    high, low = unit.flow_max_m3_min, unit.flow_min_m3_min
    if low == high:
        return high
    most = (high - low) / unit.times.ramp_s * dt_s
    wanted = min(max(frac * high, low), high)
    return min(max(wanted, flow_m3_min - most), flow_m3_min + most)


def power_kw(unit: Compressor, state: CompressorState, pressure_bar_g: float, inlet_c: float) -> float:
    """Package power in this state [kW]."""
    mode = state.mode
    if mode == LOADED:
        return unit.loaded_kw(state.flow_m3_min, pressure_bar_g, inlet_c)
    if mode != UNLOADED:
        return 0.0
    from_kw = unit.loaded_kw(unit.flow_min_m3_min, pressure_bar_g, inlet_c)
    idle_kw = unit.unloaded_frac * unit.power.full_kw(pressure_bar_g, inlet_c)
    blow_down_s = unit.times.blow_down_s
    left = state.blow_down_s / blow_down_s if state.blow_down_s > 0 else 0.0
    return idle_kw + max(from_kw - idle_kw, 0.0) * left


def cycle_s(flow_m3_min: float, demand_m3_min: float, usable_m3: float) -> tuple[float, float]:
    """Loaded and unloaded time of one load/unload cycle [s].

    t_load = V·Δp / ((q - d)·p_atm), t_unload = V·Δp / (d·p_atm); `usable_m3` is V·Δp/p_atm as free air.
    Needs 0 < demand < flow.
    """
    return 60.0 * usable_m3 / (flow_m3_min - demand_m3_min), 60.0 * usable_m3 / demand_m3_min


def cycle_power_frac(unit: Compressor, load_frac: float, usable_m3: float) -> float:
    """Mean power of a load/unload cycle as a fraction of the loaded power.

    The blow-down counts: with a small receiver the machine spends much of its unloaded time above idle
    power. A machine that would idle longer than its run-on stops, which the mean includes.

    Args:
        unit: The machine; a variable-speed machine is taken at its least speed.
        load_frac: Mean flow over the loaded flow, clipped to 0 … 1.
        usable_m3: Free air the receiver holds between load and unload pressure. [m³]
    """
    if load_frac >= 1.0:
        return 1.0
    if load_frac <= 0.0:
        return 0.0
    flow = unit.flow_min_m3_min
    loaded_s, idle_s = cycle_s(flow, load_frac * flow, usable_m3)
    idle = unit.unloaded_frac
    if flow < unit.flow_max_m3_min:
        full = unit.loaded_kw(unit.flow_max_m3_min, unit.power.rated_bar_g, unit.power.rated_inlet_c)
        idle *= full / unit.loaded_kw(flow, unit.power.rated_bar_g, unit.power.rated_inlet_c)
    turning_s = min(idle_s, unit.times.run_on_s)
    bleed_s = min(turning_s, unit.times.blow_down_s)
    mean_left = 1.0 - bleed_s / (2.0 * unit.times.blow_down_s) if unit.times.blow_down_s > 0 else 0.0
    idle_energy = idle * turning_s + (1.0 - idle) * bleed_s * mean_left
    return (loaded_s + idle_energy) / (loaded_s + idle_s)
