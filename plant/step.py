"""One step of the whole plant: the only physics there is.

The simulator is this behind servers, the forward simulation this under a policy. Each network is solved with
one explicit Euler step, which is good to 2 s (air) and 60 s (water); for longer steps see `plant.average`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from plant.carriers import WATER_KWH_M3_K
from plant.state import HeatBalance, Loads, Plant, PlantInputs, PlantOutputs, PlantState, Weather
from plant.units import compressor as compressors
from plant.units import cooling
from plant.units.air import AirBalance, balance
from plant.units.cooling import ChillerFlow
from plant.units.heat import ChpState, chp_advance
from plant.units.power import battery_step
from protocols.errors import ConfigError

LONGEST_STEP_S: Final = 5.0
"""Longer explicit steps would let the header swing by more than a pressure band."""

_NO_AIR: Final = AirBalance(0.0, 0.0, 0.0, 0.0, 0.0)


class Settled(NamedTuple):
    """Machines of one step whose powers are known."""

    air: AirBalance
    """Air network."""
    compressor_kw: list[float]
    """Power of each compressor; the other units are appended. [kW]"""
    chillers: tuple[ChillerFlow, ...]
    """Each chiller."""


def step(
    plant: Plant, state: PlantState, inputs: PlantInputs, dt_s: float
) -> tuple[PlantState, PlantOutputs]:
    """Advance the plant by `dt_s`.

    Args:
        plant: From `compile_plant`.
        state: State at the start; not changed.
        inputs: Weather, loads and orders of this step.
        dt_s: 0 < dt_s ≤ `LONGEST_STEP_S`.

    Returns:
        State at the end, and what flowed in between.

    Raises:
        ConfigError: A step that is not positive or too long.
    """
    if not 0.0 < dt_s <= LONGEST_STEP_S:
        raise ConfigError(f"a step must be above 0 and at most {LONGEST_STEP_S} s, got {dt_s}")
    _, loads, orders = inputs
    machines = tuple(
        [
            compressors.advance(unit, machine, order, dt_s)
            for unit, machine, order in zip(
                plant.compressors, state.compressors, orders.compressors, strict=True
            )
        ]
    )
    coolers = tuple(
        [
            cooling.advance(machine, order, dt_s)
            for machine, order in zip(state.chillers, orders.chillers, strict=True)
        ]
    )
    moved = state._replace(
        compressors=machines,
        chillers=coolers,
        chp=chp_advance(plant.chp, state.chp, orders.chp, dt_s) if plant.chp else state.chp,
    )
    return settle(plant, moved, inputs, air_step(plant, moved, loads, dt_s), dt_s)


def air_step(plant: Plant, state: PlantState, loads: Loads, dt_s: float) -> AirBalance:
    """Air of the machines of `state` against the demand; nothing where there is no network."""
    if plant.receiver is None:
        return _NO_AIR
    inflow = sum([machine.flow_m3_min for machine in state.compressors])
    return balance(plant.receiver, state.header_bar_g, inflow, loads.air_m3_min, dt_s)


def settle(
    plant: Plant, state: PlantState, inputs: PlantInputs, air: AirBalance, dt_s: float
) -> tuple[PlantState, PlantOutputs]:
    """Powers, loop, heat, battery, grid and counters, the modes of the machines being those of `state`."""
    inlet_c, machine_bar_g = inputs.weather.outdoor_c, state.header_bar_g + plant.drop_bar
    unit_kw = [
        compressors.power_kw(unit, machine, machine_bar_g, inlet_c)
        for unit, machine in zip(plant.compressors, state.compressors, strict=True)
    ]
    return finish(plant, state, inputs, Settled(air, unit_kw, _chillers(plant, state, inputs)), dt_s)


def finish(
    plant: Plant, state: PlantState, inputs: PlantInputs, settled: Settled, dt_s: float
) -> tuple[PlantState, PlantOutputs]:
    """Loop, heat, battery, grid and counters for given machine powers."""
    weather, loads, orders = inputs
    unit_kw, flows = settled.compressor_kw, settled.chillers
    loop_c, taken_kw, return_c = _loop(plant, state, loads, flows, dt_s)
    heat = _heat(plant, state.chp, loads.heat_kw)
    pv_kw = _pv(plant, weather, orders.pv_limit_frac)
    soc_frac, battery_kw = state.soc_frac, 0.0
    unit_kw += [flow.power_kw for flow in flows]
    if plant.tower:
        unit_kw.append(plant.tower_kw(sum([flow.cooling_kw for flow in flows]), weather, orders.tower_set_c))
    unit_kw += [dryer.power_kw for dryer in plant.dryers]
    room_c = plant.loop.room_c if plant.loop else loop_c
    unit_kw += [handler.fan_kw(taken_kw, loop_c, room_c) for handler in plant.air_handlers]
    if plant.battery:
        soc_frac, battery_kw = battery_step(plant.battery, soc_frac, orders.battery_kw, dt_s)
        unit_kw.append(battery_kw + plant.battery.standby_kw)
    if plant.pv:
        unit_kw.append(-pv_kw)
    if plant.chp:
        unit_kw.append(-state.chp.generation_kw)
    if len(unit_kw) < len(plant.electric_ids):
        unit_kw.append(loads.electric_kw)
    exchange_kw = sum(unit_kw)
    after = PlantState(
        settled.air.header_bar_g,
        loop_c,
        soc_frac,
        state.compressors,
        state.chillers,
        state.chp,
        _meters(plant, state.meters_kwh, unit_kw, exchange_kw, dt_s),
        state.pv_kwh + pv_kw * dt_s / 3600.0,
        state.made + _made_per_h(plant, loads.electric_kw) * dt_s / 3600.0,
    )
    return after, PlantOutputs(
        settled.air,
        flows,
        loop_c,
        return_c,
        taken_kw,
        loads.cooling_kw - taken_kw,
        heat,
        tuple(unit_kw),
        max(exchange_kw, 0.0),
        max(-exchange_kw, 0.0),
    )


def _chillers(plant: Plant, state: PlantState, inputs: PlantInputs) -> tuple[ChillerFlow, ...]:
    weather, told_c = inputs.weather, inputs.orders.tower_set_c
    return tuple(
        [
            cooling.flows(unit, machine, order, state.loop_c, plant.condenser_c(unit, weather, told_c))
            for unit, machine, order in zip(
                plant.chillers, state.chillers, inputs.orders.chillers, strict=True
            )
        ]
    )


def _loop(
    plant: Plant, state: PlantState, loads: Loads, flows: tuple[ChillerFlow, ...], dt_s: float
) -> tuple[float, float, float]:
    """Supply temperature at the end, load taken, return temperature."""
    loop = plant.loop
    if loop is None:
        return state.loop_c, 0.0, state.loop_c
    taken_kw = loop.taken_kw(loads.cooling_kw, state.loop_c)
    surplus_kw = taken_kw - sum([flow.cooling_kw for flow in flows])
    loop_c = state.loop_c + surplus_kw * dt_s / 3600.0 / loop.capacity_kwh_k
    return loop_c, taken_kw, loop_c + taken_kw / (loop.flow_m3_h * WATER_KWH_M3_K)


def _heat(plant: Plant, chp: ChpState, demand_kw: float) -> HeatBalance:
    """The engine first, the boiler the rest; surplus of the engine is dumped."""
    chp_kw = fuel_kw = boiler_kw = boiler_fuel_kw = 0.0
    if plant.chp:
        chp_kw, fuel_kw = plant.chp.heat_at_kw(chp.generation_kw), plant.chp.fuel_at_kw(chp.generation_kw)
    left_kw = demand_kw - chp_kw
    if plant.boiler and left_kw > 0.0:
        boiler_kw = min(left_kw, plant.boiler.heat_max_kw)
        boiler_fuel_kw = plant.boiler.fuel_kw(boiler_kw)
    return HeatBalance(
        chp_kw, boiler_kw, max(left_kw - boiler_kw, 0.0), max(-left_kw, 0.0), fuel_kw, boiler_fuel_kw
    )


def _pv(plant: Plant, weather: Weather, limit_frac: float) -> float:
    if plant.pv is None:
        return 0.0
    possible_kw = plant.pv.generation_kw(weather.irradiance_w_m2, weather.outdoor_c)
    return min(possible_kw, max(limit_frac, 0.0) * plant.pv.inverter_kw)


def _made_per_h(plant: Plant, electric_kw: float) -> float:
    if plant.process is None:
        return 0.0
    return max(electric_kw - plant.process.idle_kw, 0.0) * plant.process.made_per_kwh


def _meters(
    plant: Plant,
    before: tuple[tuple[float, float], ...],
    unit_kw: list[float],
    exchange_kw: float,
    dt_s: float,
) -> tuple[tuple[float, float], ...]:
    hours = dt_s / 3600.0
    after = []
    for (_, places), (imported, exported) in zip(plant.meters, before, strict=True):
        energy = meter_kw(places, unit_kw, exchange_kw) * hours
        after.append((imported + energy, exported) if energy >= 0.0 else (imported, exported - energy))
    return tuple(after)


def meter_kw(places: tuple[int, ...], unit_kw: Sequence[float], exchange_kw: float) -> float:
    """Reading of a meter over `places` of `unit_kw`, -1 being the exchange with the grid [kW]."""
    return sum([exchange_kw if place < 0 else unit_kw[place] for place in places])
