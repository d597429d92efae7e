"""Refusals of batteries and stores, in plant words."""

from __future__ import annotations

import numpy as np

from optimizer.problem import Battery, DispatchProblem, FloatArray, Store
from protocols.errors import SolveError


def refuse_battery(problem: DispatchProblem, battery: Battery) -> None:
    """Refuse a battery that cannot be planned.

    Raises:
        SolveError: The message says what of it and what to give instead.
    """
    name = battery.name
    ranged = 0 <= battery.soc_min_kwh <= battery.soc_max_kwh < np.inf and np.isfinite(battery.soc_kwh)
    strong = 0 <= battery.charge_max_kw < np.inf and 0 <= battery.discharge_max_kw < np.inf
    wears = 0 <= battery.wear_eur_kwh < np.inf and 0 <= battery.charge_wear_eur_kwh < np.inf
    tapers = battery.taper_from_kwh is None or battery.taper_from_kwh < battery.soc_max_kwh
    efficient = 0 < battery.charge_eff_frac <= 1 and 0 < battery.discharge_eff_frac <= 1
    for usable, en, zh in (
        (ranged, f"the range or content of {name} is not usable", f"{name} 的储量范围或当前储量不可用"),
        (
            strong,
            f"the power limits of {name} must be numbers not below zero",
            f"{name} 的功率限值须为不小于零的数",
        ),
        (
            wears,
            f"the ageing of {name} must have a price not below zero",
            f"{name} 的老化成本须为不小于零的数",
        ),
        (
            tapers,
            f"the taper of {name} must begin below its highest content",
            f"{name} 的降流起点须低于最高储量",
        ),
        (efficient, f"the efficiencies of {name} must lie in (0, 1]", f"{name} 的效率须大于 0 且不超过 1"),
        (
            _begins(battery.fixed_kw, problem.steps),
            f"the power held by {name} must begin with the window",
            f"{name} 被外部设定的功率须从计划时段开始",
        ),
    ):
        if not usable:
            raise SolveError(en, zh=zh, machine=name)
    _refuse_end(name, battery.end_least_kwh, battery.end_value_eur_kwh)


def _refuse_end(name: str, least: float | None, value: float | None) -> None:
    if not (least is None or 0 <= least < np.inf) or not (value is None or np.isfinite(value)):
        raise SolveError(
            f"content of {name} wanted at the end, and its worth, must be numbers, the content not below 0",
            zh=f"{name} 的期末储量及其价值须为数值，储量不得为负",
            machine=name,
        )


def _begins(held: FloatArray | None, steps: int) -> bool:
    """Whether a power that is held has a value or none per step, and none before one."""
    if held is None:
        return True
    free = np.isnan(held)
    return held.shape == (steps,) and not np.any(free[:-1] & ~free[1:])


def refuse_store(store: Store) -> None:
    """Refuse a store that cannot be planned.

    Raises:
        SolveError: The message says what of it and what to give instead.
    """
    ranged = 0 <= store.least <= store.most < np.inf and np.isfinite(store.content)
    if not (ranged and store.charge_max >= 0 and store.discharge_max >= 0):
        raise SolveError(
            f"{store.name} needs a content, a range and limits of numbers not below zero",
            zh=f"{store.name} 的储量、范围和限值须为不小于零的数",
            machine=store.name,
        )
    if not 0 <= store.loss_per_h_frac <= 1:
        raise SolveError(
            f"{store.name} loses {store.loss_per_h_frac} of its content per hour; give 0 to 1",
            zh=f"{store.name} 每小时损失比例为 {store.loss_per_h_frac}；须在 0 至 1 之间",
            machine=store.name,
        )
    _refuse_end(store.name, store.end_least, store.end_value)
