"""The plant's own control: what every machine does without an EMS, and how it follows accepted set-points.

Machines regulate themselves; a set-point shifts what they regulate to, and their own safety always wins.
"""

from __future__ import annotations

from typing import NamedTuple

from plant.control import cascade, heat_led, thermostat
from plant.control.setpoints import Setpoints
from plant.state import Loads, Orders, Plant, PlantState
from plant.units.compressor import CompressorOrder
from plant.units.cooling import ChillerOrder


class ControlMemory(NamedTuple):
    """What the controllers of the machines remember."""

    calling: tuple[bool, ...]
    """Pressure switch of each compressor."""
    warm_s: tuple[float, ...]
    """`thermostat.warm_s` of each chiller. [s]"""


def initial_memory(plant: Plant) -> ControlMemory:
    """No machine called."""
    return ControlMemory((False,) * len(plant.compressors), (0.0,) * len(plant.chillers))


def decide(
    plant: Plant, memory: ControlMemory, state: PlantState, seen: tuple[Loads, Setpoints], dt_s: float
) -> tuple[Orders, ControlMemory]:
    """Orders of all machines for the next step.

    Args:
        plant: From `compile_plant`.
        memory: Of the controllers, from the last call or `initial_memory`.
        state: The plant now, as the machines' own sensors see it.
        seen: Loads (only the heat demand is used, which the heat controller measures), accepted set-points.
        dt_s: Time since the last call.
    """
    loads, setpoints = seen
    calling, machines = _compressors(plant, memory, state, setpoints)
    warm, coolers = _chillers(plant, memory, state, setpoints, dt_s)
    orders = Orders(
        machines,
        coolers,
        heat_led.decide(plant.chp, state.chp, loads.heat_kw, (setpoints.chp_permit, setpoints.chp_kw)),
        0.0 if setpoints.battery_kw is None else setpoints.battery_kw,
        1.0 if setpoints.pv_limit_frac is None else setpoints.pv_limit_frac,
        setpoints.tower_set_c,
    )
    return orders, ControlMemory(calling, warm)


def _compressors(
    plant: Plant, memory: ControlMemory, state: PlantState, setpoints: Setpoints
) -> tuple[tuple[bool, ...], tuple[CompressorOrder, ...]]:
    if plant.receiver is None:
        return (), ()
    return cascade.calls(
        plant.compressors, plant.receiver, setpoints.compressors, memory.calling, state.header_bar_g
    )


def _chillers(
    plant: Plant, memory: ControlMemory, state: PlantState, setpoints: Setpoints, dt_s: float
) -> tuple[tuple[float, ...], tuple[ChillerOrder, ...]]:
    loop = plant.loop
    if loop is None:
        return (), ()
    warm: list[float] = []
    orders: list[ChillerOrder] = []
    for unit, machine, setpoint, before_s in zip(
        plant.chillers, state.chillers, setpoints.chillers, memory.warm_s, strict=True
    ):
        now_s = thermostat.warm_s(unit, loop, setpoint, state.loop_c, (before_s, dt_s))
        warm.append(now_s)
        orders.append(thermostat.order(unit, loop, machine, setpoint, (state.loop_c, now_s)))
    return tuple(warm), tuple(orders)
