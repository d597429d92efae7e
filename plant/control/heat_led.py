"""The engine's own control: it follows the heat demand, with the boiler for the rest.

Runs while the heat demand takes its least heat, stops well below; its power is the one whose heat fits.
"""

from __future__ import annotations

from typing import Final

from plant.units.heat import Chp, ChpOrder, ChpState

_START_FRAC: Final = 1.1
"""Starts above this fraction of its least heat."""
_STOP_FRAC: Final = 0.85
"""Stops below this fraction of its least heat."""


def order(unit: Chp, state: ChpState, heat_kw: float) -> ChpOrder:
    """Run or not, and the electric power; `heat_kw` is the measured heat demand."""
    least_kw = unit.heat_kw[0]
    run = heat_kw > (_STOP_FRAC if state.running else _START_FRAC) * least_kw
    return ChpOrder(run, unit.generation_for_heat_kw(heat_kw) if run else 0.0)


def decide(
    unit: Chp | None, state: ChpState, heat_kw: float, told: tuple[bool | None, float | None]
) -> ChpOrder:
    """Order of the engine: what it was told (permit; power on its bus, negative), else heat-led.

    A permit without a power, or with a power of 0, leaves the engine heat-led.
    """
    permit, power_kw = told
    if unit is None or permit is False:
        return ChpOrder()
    if permit and power_kw is not None and power_kw < 0.0:
        return ChpOrder(run=True, generation_kw=-power_kw)
    return order(unit, state, heat_kw)
