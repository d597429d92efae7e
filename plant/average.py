"""Long steps: means over a minute to a quarter of an hour, for histories and for judging plans.

Inside such a step the header and the loop are in balance, and a machine that cycles is taken with the mean of
its cycle (blow-down included, `compressor.cycle_power_frac`). Battery, engine, counters and the chilled-water
content go on with their own equations, and all balances hold as in `plant.step`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from plant.control import heat_led, thermostat
from plant.control.cascade import band_of, shifted
from plant.control.setpoints import ChillerSetpoint, Setpoints
from plant.state import Loads, Orders, Plant, PlantInputs, PlantOutputs, PlantState, Weather
from plant.step import Settled, finish
from plant.units import cooling
from plant.units.air import AirBalance, Receiver, drawn
from plant.units.compressor import (
    LOADED,
    OFF,
    ROLE_BASE,
    ROLE_STANDBY,
    Compressor,
    CompressorState,
    FixedCompressor,
    cycle_power_frac,
)
from plant.units.cooling import Chiller, ChillerFlow, ChillerState
from plant.units.heat import ChpOrder, chp_advance
from protocols.errors import ConfigError

LONGEST_STEP_S: Final = 900.0
_BISECTIONS: Final = 24
_DROP_STAGE_BELOW_PLR: Final = 0.3
_STAYS_ABOVE_FRAC: Final = 0.2
"""A loaded fixed machine stays while this part of the least flow of the regulating machines is left for them:
their pressure switches then reload it before it stops (seen in one-second runs of the demo plant)."""


def average_step(
    plant: Plant,
    state: PlantState,
    outside: tuple[Weather, Loads],
    setpoints: Setpoints,
    dt_s: float,
) -> tuple[PlantState, PlantOutputs]:
    """Advance the plant by a long step under its own control and accepted set-points.

    Args:
        plant: From `compile_plant`.
        state: State at the start.
        outside: Weather and loads, means over the step.
        setpoints: What the machines were told; `no_setpoints` for the plant's own control.
        dt_s: 0 < dt_s ≤ `LONGEST_STEP_S`.

    Raises:
        ConfigError: A step that is not positive or too long.
    """
    if not 0.0 < dt_s <= LONGEST_STEP_S:
        raise ConfigError(f"a mean step must be above 0 and at most {LONGEST_STEP_S} s, got {dt_s}")
    weather, loads = outside
    machines, air, machine_kw = _air(plant, state, outside, setpoints, dt_s)
    coolers, flows = _cooling(plant, state, outside, setpoints, dt_s)
    moved = state._replace(compressors=machines, chillers=coolers)
    if plant.chp:
        moved = moved._replace(
            chp=chp_advance(plant.chp, state.chp, _chp_order(plant, state, loads, setpoints), dt_s)
        )
    orders = Orders(
        battery_kw=setpoints.battery_kw or 0.0,
        pv_limit_frac=1.0 if setpoints.pv_limit_frac is None else setpoints.pv_limit_frac,
        tower_set_c=setpoints.tower_set_c,
    )
    return finish(plant, moved, PlantInputs(weather, loads, orders), Settled(air, machine_kw, flows), dt_s)


def _chp_order(plant: Plant, state: PlantState, loads: Loads, setpoints: Setpoints) -> ChpOrder:
    return heat_led.decide(plant.chp, state.chp, loads.heat_kw, (setpoints.chp_permit, setpoints.chp_kw))


def _air(
    plant: Plant, state: PlantState, outside: tuple[Weather, Loads], setpoints: Setpoints, dt_s: float
) -> tuple[tuple[CompressorState, ...], AirBalance, list[float]]:
    receiver, (weather, loads) = plant.receiver, outside
    if receiver is None:
        return (), AirBalance(0.0, 0.0, 0.0, 0.0, 0.0), []
    header_bar_g = _header(plant, receiver, setpoints)
    wanted, leak = drawn(receiver, header_bar_g, loads.air_m3_min)
    loaded = frozenset(i for i, machine in enumerate(state.compressors) if machine.mode == LOADED)
    flows = share_air(plant.compressors, setpoints, wanted + leak, loaded)
    short = max(wanted + leak - sum(flows), 0.0)
    if short > 1e-9:  # noqa: PLR2004  rounding of a sum
        header_bar_g = receiver.emergency_bar_g
    machine_bar_g = header_bar_g + plant.drop_bar
    powers = [
        _mean_kw(unit, receiver, flow, (machine_bar_g, weather.outdoor_c))
        for unit, flow in zip(plant.compressors, flows, strict=True)
    ]
    states = tuple(
        _machine(machine, flow, dt_s) for machine, flow in zip(state.compressors, flows, strict=True)
    )
    return states, AirBalance(header_bar_g, wanted - short, leak, short, 0.0), powers


def _header(plant: Plant, receiver: Receiver, setpoints: Setpoints) -> float:
    """Mean header pressure: the middle of the band of the first machine that regulates."""
    for unit, setpoint in zip(plant.compressors, setpoints.compressors, strict=True):
        regulates = setpoint.role not in {ROLE_BASE, ROLE_STANDBY} and setpoint.permit is not False
        if regulates and (setpoint.role is not None or not isinstance(unit, FixedCompressor)):
            own = band_of(unit, receiver, setpoint.role, 0)
            return shifted(own, setpoint.target_bar_g).target_bar_g
    return receiver.rated_bar_g


def share_air(
    units: tuple[Compressor, ...],
    setpoints: Setpoints,
    need_m3_min: float,
    loaded: frozenset[int] = frozenset(),
) -> list[float]:
    """Mean flow of each machine, as the pressure bands would share the need.

    Base machines take what they can; the variable-speed machines regulate; fixed machines come in, in the
    order of the file, when those are full, and stay while something is left for those; machines on standby or
    without permit come last.

    Args:
        units: In the order of `Plant.compressors`.
        setpoints: What they were told.
        need_m3_min: Users and leaks.
        loaded: Places of the machines that gave air before.

    Returns:
        Flows in m³/min in the order of `units`; their sum is the need or, if that is less, all machines.
    """
    base, rest, trim, last = _groups(units, setpoints)
    flows = [0.0] * len(units)
    most = sum(units[i].flow_max_m3_min for i in trim)
    least = sum(units[i].flow_min_m3_min for i in trim)
    left = need_m3_min
    for i in base:
        left -= _give(units, flows, i, left)
    for i in rest:
        stays = i in loaded and left >= units[i].flow_max_m3_min + _STAYS_ABOVE_FRAC * least
        if left > most or stays:
            left -= _give(units, flows, i, left)
    for i in (*trim, *last):
        left -= _give(units, flows, i, left)
    return flows


def _give(units: tuple[Compressor, ...], flows: list[float], place: int, need: float) -> float:
    flows[place] = min(units[place].flow_max_m3_min, need)
    return flows[place]


def _groups(
    units: tuple[Compressor, ...], setpoints: Setpoints
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Places of fixed base machines, other fixed machines, regulating machines, standby or held machines."""
    base: list[int] = []
    rest: list[int] = []
    trim: list[int] = []
    standby: list[int] = []
    held: list[int] = []
    for i, (unit, told) in enumerate(zip(units, setpoints.compressors, strict=True)):
        if told.permit is False:
            held.append(i)
        elif told.role == ROLE_STANDBY:
            standby.append(i)
        elif not isinstance(unit, FixedCompressor):
            trim.append(i)
        elif told.role == ROLE_BASE:
            base.append(i)
        else:
            rest.append(i)
    return base, rest, trim, [*standby, *held]


def _mean_kw(unit: Compressor, receiver: Receiver, flow: float, at: tuple[float, float]) -> float:
    """Mean power of a machine; `at` is machine pressure and inlet temperature."""
    if flow <= 0.0:
        return 0.0
    least = unit.flow_min_m3_min
    if flow >= least:
        return unit.loaded_kw(flow, *at)
    usable_m3 = receiver.usable_m3(unit.band.unload_bar_g - unit.band.load_bar_g)
    return unit.loaded_kw(least, *at) * cycle_power_frac(unit, flow / least, usable_m3)


def _machine(state: CompressorState, flow: float, dt_s: float) -> CompressorState:
    runs, ran = flow > 0.0, state.mode == LOADED
    elapsed_s = state.elapsed_s + dt_s if runs == ran else dt_s
    run_h = state.run_h + (dt_s / 3600.0 if runs else 0.0)
    return CompressorState(
        LOADED if runs else OFF, elapsed_s, flow, 0.0, run_h, state.starts_count + (runs and not ran)
    )


class _Cooler(NamedTuple):
    unit: Chiller
    set_c: float
    condenser_c: float
    available_kw: float


def _cooling(
    plant: Plant, state: PlantState, outside: tuple[Weather, Loads], setpoints: Setpoints, dt_s: float
) -> tuple[tuple[ChillerState, ...], tuple[ChillerFlow, ...]]:
    loop, (weather, loads) = plant.loop, outside
    if loop is None:
        return (), ()
    coolers = [
        _cooler(unit, told, plant.condenser_c(unit, weather, setpoints.tower_set_c))
        for unit, told in zip(plant.chillers, setpoints.chillers, strict=True)
    ]
    load_kw = loop.taken_kw(loads.cooling_kw, state.loop_c)
    running = _running(coolers, state, setpoints, load_kw)
    loop_c = _balance_c([coolers[i] for i in running], load_kw, loop.supply_max_c)
    # the loop reaches its balance within the step; the heat it gives up or takes on the way is cooled too
    need_kw = max(load_kw - (loop_c - state.loop_c) * loop.capacity_kwh_k * 3600.0 / dt_s, 0.0)
    shares = [
        _plr(cooler, loop_c) * cooler.available_kw if i in running else 0.0
        for i, cooler in enumerate(coolers)
    ]
    most = sum(coolers[i].available_kw for i in running)
    scale = min(need_kw, most) / sum(shares) if sum(shares) > 0.0 else 0.0
    flows = tuple(
        ChillerFlow(share * scale, cooler.unit.total_kw(share * scale, loop_c, cooler.condenser_c))
        for cooler, share in zip(coolers, shares, strict=True)
    )
    states = tuple(
        cooling.advance(machine, cooling.ChillerOrder(run=i in running), dt_s)
        for i, machine in enumerate(state.chillers)
    )
    return states, flows


def _cooler(unit: Chiller, told: ChillerSetpoint, condenser_c: float) -> _Cooler:
    set_c = thermostat.supply_set_c(unit, told)
    return _Cooler(unit, set_c, condenser_c, unit.eir.available_kw(set_c, condenser_c))


def _running(coolers: list[_Cooler], state: PlantState, setpoints: Setpoints, load_kw: float) -> set[int]:
    """Machines that run: as few as carry the load, one more while it ran before and is not needless."""
    allowed = [i for i, told in enumerate(setpoints.chillers) if told.permit is not False]
    order = [*allowed, *(i for i in range(len(coolers)) if i not in allowed)]
    running: list[int] = []
    capacity_kw = 0.0
    for i in order:
        if load_kw <= 0.0:
            break
        stays = state.chillers[i].mode == cooling.RUNNING or setpoints.chillers[i].permit is True
        both = capacity_kw + coolers[i].available_kw
        useful = i in allowed and stays and load_kw > _DROP_STAGE_BELOW_PLR * both
        if not running or load_kw > capacity_kw or useful:
            running.append(i)
            capacity_kw = both
    return set(running)


def _plr(cooler: _Cooler, loop_c: float) -> float:
    return min(max(0.5 + (loop_c - cooler.set_c) / cooler.unit.supply.proportional_k, 0.0), 1.0)


def _balance_c(coolers: list[_Cooler], load_kw: float, high_c: float) -> float:
    """Loop temperature at which the capacity controllers give the load, by bisection."""
    if not coolers:
        return high_c
    low = min(cooler.set_c - cooler.unit.supply.proportional_k for cooler in coolers)
    high = max(cooler.set_c + cooler.unit.supply.proportional_k for cooler in coolers)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if sum(_plr(cooler, middle) * cooler.available_kw for cooler in coolers) < load_kw:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
