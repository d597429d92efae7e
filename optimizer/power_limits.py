"""Powers that machines may be told, where these are narrower than what they can: a plan keeps within both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from optimizer.problem import Battery, Chp, DispatchProblem

PowerLimits: TypeAlias = Mapping[str, tuple[float, float]]
"""Machine to the lowest and highest power it may be told; what it takes is positive. [kW, kW]"""


def with_power_limits(problem: DispatchProblem, limits: PowerLimits) -> DispatchProblem:
    """The problem with batteries and engines held within their limits; machines not named keep their rating.

    Example:
        >>> store = Battery(name="b", soc_kwh=1.0, soc_min_kwh=0.0, soc_max_kwh=9.0,
        ...                 charge_max_kw=50.0, discharge_max_kw=50.0)
        >>> _battery(store, (-80.0, 20.0)).charge_max_kw, _battery(store, (-80.0, 20.0)).discharge_max_kw
        (20.0, 50.0)
    """
    return replace(
        problem,
        batteries=tuple(
            _battery(one, limits[one.name]) if one.name in limits else one for one in problem.batteries
        ),
        chps=tuple(_chp(one, limits[one.name]) if one.name in limits else one for one in problem.chps),
    )


def _battery(battery: Battery, limits: tuple[float, float]) -> Battery:
    low_kw, high_kw = limits
    return replace(
        battery,
        charge_max_kw=min(battery.charge_max_kw, high_kw),
        discharge_max_kw=min(battery.discharge_max_kw, -low_kw),
    )


def _chp(chp: Chp, limits: tuple[float, float]) -> Chp:
    """Shorter line between the same two points."""
    low_kw, high_kw = max(chp.power_min_kw, -limits[1]), min(chp.power_max_kw, -limits[0])

    def at(ends: tuple[float, float], power_kw: float) -> float:
        share = (power_kw - chp.power_min_kw) / (chp.power_max_kw - chp.power_min_kw)
        return ends[0] + share * (ends[1] - ends[0])

    gas, heat = (chp.gas_min_kw, chp.gas_max_kw), (chp.heat_min_kw, chp.heat_max_kw)
    return replace(
        chp,
        power_min_kw=low_kw,
        power_max_kw=high_kw,
        gas_min_kw=at(gas, low_kw),
        gas_max_kw=at(gas, high_kw),
        heat_min_kw=at(heat, low_kw),
        heat_max_kw=at(heat, high_kw),
    )
