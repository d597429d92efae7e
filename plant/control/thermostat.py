"""Chilled-water control: each chiller has a two-point thermostat against its own set-point.

Start when the loop has been too warm for a while, stop when it is too cold; least running and standstill
times in between. Freeze protection and the supply limit stand above any permit.
Source: ASHRAE Guideline 36, 5.20 (staging with delay), reduced to the machine's own controller.
"""

from __future__ import annotations

from typing import Final

from plant.control.setpoints import ChillerSetpoint
from plant.units.cooling import RUNNING, Chiller, ChillerOrder, ChillerState, CoolingLoop

_EMERGENCY_BELOW_LIMIT_K: Final = 0.5


def supply_set_c(unit: Chiller, setpoint: ChillerSetpoint) -> float:
    """Set-point in force: the given one clipped into the machine's range, else its own [°C]."""
    if setpoint.supply_set_c is None:
        return unit.supply.default_c
    return min(max(setpoint.supply_set_c, unit.supply.low_c), unit.supply.high_c)


def warm_s(unit: Chiller, setpoint: ChillerSetpoint, loop_c: float, before_s: float, dt_s: float) -> float:
    """How long the loop has been above the start temperature [s].

    A machine with a permit of its own is called early (`permitted_start_k`); one without set-points waits for
    its place in the sequence.
    """
    thermostat = unit.thermostat
    above_k = thermostat.start_above_k if setpoint.permit is None else thermostat.permitted_start_k
    return before_s + dt_s if loop_c > supply_set_c(unit, setpoint) + above_k else 0.0


def order(
    unit: Chiller,
    loop: CoolingLoop,
    state: ChillerState,
    setpoint: ChillerSetpoint,
    seen: tuple[float, float],
) -> ChillerOrder:
    """Run or not, and the set-point.

    Args:
        unit: The machine.
        loop: The loop, which owns the limits.
        state: The machine now.
        setpoint: What it was told.
        seen: Loop temperature [°C] and `warm_s` [s].
    """
    loop_c, warm = seen
    set_c = supply_set_c(unit, setpoint)
    if state.mode == RUNNING:
        return ChillerOrder(not _stops(unit, loop, state, setpoint, loop_c), set_c)
    rested = state.elapsed_s >= unit.thermostat.anti_recycle_s
    emergency = loop_c >= loop.supply_max_c - _EMERGENCY_BELOW_LIMIT_K
    wanted = emergency or (setpoint.permit is not False and warm >= _delay_s(unit, setpoint))
    return ChillerOrder(rested and wanted, set_c)


def _delay_s(unit: Chiller, setpoint: ChillerSetpoint) -> float:
    return unit.thermostat.delay_s if setpoint.permit is None else 0.0


def _stops(
    unit: Chiller, loop: CoolingLoop, state: ChillerState, setpoint: ChillerSetpoint, loop_c: float
) -> bool:
    if loop_c <= loop.freeze_c:
        return True
    if state.elapsed_s < unit.thermostat.min_run_s:
        return False
    set_c = supply_set_c(unit, setpoint)
    if setpoint.permit is False:
        return loop_c < loop.supply_max_c - 2.0 * _EMERGENCY_BELOW_LIMIT_K
    thermostat = unit.thermostat
    below_k = thermostat.stop_below_k if setpoint.permit is None else thermostat.permitted_stop_k
    return loop_c < set_c - below_k
