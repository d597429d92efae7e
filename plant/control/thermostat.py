"""Chilled-water control: each chiller has a two-point thermostat against its own set-point.

Start when the loop has been too warm for a while, stop when it is too cold; least running and standstill
times in between. Freeze protection and the supply limit stand above any permit.
Source: ASHRAE Guideline 36, 5.20 (staging with delay), reduced to the machine's own controller.
"""

from __future__ import annotations

from typing import Final

from plant.control.setpoints import ChillerSetpoint
from plant.units.cooling import RUNNING, Chiller, ChillerOrder, ChillerState, CoolingLoop

_EMERGENCY_MARGIN_K: Final = 2.5
"""A machine without permit is called this far, less its own start difference, before the supply limit: the
margin covers its start at full load."""
_CALLED: Final = -1.0
"""In place of a time: a machine without permit was called in an emergency and runs it out."""


def supply_set_c(unit: Chiller, setpoint: ChillerSetpoint) -> float:
    """Set-point in force: the given one clipped into the machine's range, else its own [°C]."""
    if setpoint.supply_set_c is None:
        return unit.supply.default_c
    return min(max(setpoint.supply_set_c, unit.supply.low_c), unit.supply.high_c)


def warm_s(
    unit: Chiller, loop: CoolingLoop, setpoint: ChillerSetpoint, loop_c: float, times_s: tuple[float, float]
) -> float:
    """How long the loop has been above the start temperature [s].

    A machine with a permit of its own is called early (`permitted_start_k`), one without set-points waits for
    its place in the sequence, one whose permit is taken away is called only near the supply limit; then it
    runs until its own thermostat is content, and the result is negative meanwhile.

    Args:
        unit: The machine.
        loop: The loop, which owns the limits.
        setpoint: What it was told.
        loop_c: Loop temperature. [°C]
        times_s: The last result, and the time since then. [s]
    """
    before_s, dt_s = times_s
    set_c, thermostat = supply_set_c(unit, setpoint), unit.thermostat
    if setpoint.permit is False:
        limit_c = loop.supply_max_c - _EMERGENCY_MARGIN_K + thermostat.start_above_k
        runs_out = before_s < 0.0 and loop_c >= set_c - thermostat.stop_below_k
        return _CALLED if loop_c >= limit_c or runs_out else 0.0
    above_k = thermostat.start_above_k if setpoint.permit is None else thermostat.permitted_start_k
    return max(before_s, 0.0) + dt_s if loop_c > set_c + above_k else 0.0


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
        return ChillerOrder(not _stops(unit, loop, state, setpoint, seen), set_c)
    rested = state.elapsed_s >= unit.thermostat.anti_recycle_s
    delay_s = unit.thermostat.delay_s if setpoint.permit is None else 0.0
    wanted = warm < 0.0 if setpoint.permit is False else warm > 0.0 and warm >= delay_s
    return ChillerOrder(rested and wanted and loop_c > loop.freeze_c, set_c)


def _stops(
    unit: Chiller,
    loop: CoolingLoop,
    state: ChillerState,
    setpoint: ChillerSetpoint,
    seen: tuple[float, float],
) -> bool:
    loop_c, warm = seen
    thermostat = unit.thermostat
    if loop_c <= loop.freeze_c:
        return True
    if state.elapsed_s < thermostat.min_run_s:
        return False
    if setpoint.permit is False:
        return warm >= 0.0
    below_k = thermostat.stop_below_k if setpoint.permit is None else thermostat.permitted_stop_k
    return loop_c < supply_set_c(unit, setpoint) - below_k
