"""From the set-points of a plant's case file to the levels of the planner."""

from __future__ import annotations

import numpy as np

from optimizer.cases.network_problem import spread
from optimizer.cases.plant_contracts import CasePressure, CaseSetpoints, CaseWater
from optimizer.cases.plant_network import CaseEirChiller
from optimizer.levels import AirLevels, CoolingLevels
from optimizer.problem import BoolArray, Chiller, FloatArray
from optimizer.water import corners_of
from optimizer.words import said
from plant.carriers import ATMOSPHERE_BAR_A
from protocols.config import Text
from protocols.errors import SolveError


def eir_corners(
    one: CaseEirChiller, chilled_c: FloatArray, condenser_c: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Loads and powers at each step's temperatures, each (steps, K); the least lift is kept. [kW]."""
    lifted_c = np.maximum(condenser_c, chilled_c + one.lift_least_k)
    pairs = zip(chilled_c.tolist(), lifted_c.tolist(), strict=True)
    curves = [corners_of(one.eir, cold, warm) for cold, warm in pairs]
    power = np.array([power for _, power in curves]) + one.auxiliary_kw
    return np.array([load for load, _ in curves]), power


def eir_remarks(one: CaseEirChiller, steps: int) -> tuple[Text, ...]:
    """What whoever wrote the file should know of a fit: factors off their rating, steps outside its range."""
    asked_c = spread(steps, f"condenser_c of {one.name}", one.condenser_c)
    warm_c = np.maximum(asked_c, one.chilled_c + one.lift_least_k)
    outside = [at for at, c in enumerate(warm_c.tolist()) if not one.eir.covers(one.chilled_c, c)]
    off_rating = tuple(
        said(
            "{name} at rating is {value} instead of 1",
            "{name} 在额定工况下为 {value}，应为 1",
            name=name,
            value=f"{value:.4f}",
        )
        for name, value in one.eir.off_rating()
    )
    if not outside:
        return off_rating
    valid = one.eir.valid
    beyond = said(
        "{count} steps lie outside the range of its curve, first step {first} with {cold} °C chilled and "
        "{warm} °C condenser side; fitted were {supply} and {condenser} °C, planned is with the nearest edge",
        "{count} 个时段超出其曲线范围，首个为第 {first} 步：冷冻水 {cold} °C、冷却侧 {warm} °C；"
        "拟合范围为 {supply} 和 {condenser} °C，按最近边界计划",
        count=len(outside),
        first=outside[0],
        cold=f"{one.chilled_c:g}",
        warm=f"{warm_c[outside[0]]:g}",
        supply=f"{valid.supply_low_c:g} … {valid.supply_high_c:g}",
        condenser=f"{valid.condenser_low_c:g} … {valid.condenser_high_c:g}",
    )
    return (*off_rating, beyond)


def cooling_levels_of(
    case: CaseSetpoints, chillers: tuple[Chiller, ...], eirs: dict[str, CaseEirChiller], steps: int
) -> CoolingLevels | None:
    """Curves of all chillers at every pair of water temperatures; those by EIR curves have their own.

    Raises:
        SolveError: A level names a chiller the case does not have, or a series has another length.
    """
    if not case.water:
        return None
    waters = tuple(sorted(case.water, key=lambda water: (water.chilled_c, water.condenser_c)))
    names = {machine.name for machine in chillers}
    for water in waters:
        unknown = sorted((water.capacity_frac.keys() | water.power_frac.keys()) - names)
        if unknown:
            raise SolveError(
                f"the water temperatures name {unknown[0]}, which is no chiller of the case",
                zh=f"水温档位列出了 {unknown[0]}，但算例中没有这台冷水机组",
                machine=unknown[0],
            )
    curves = {machine.name: _curves(waters, machine, eirs.get(machine.name), steps) for machine in chillers}
    return CoolingLevels(
        supply_c=tuple(water.chilled_c for water in waters),
        condenser_c=tuple(water.condenser_c for water in waters),
        load_kw={name: load for name, (load, _) in curves.items()},
        power_kw={name: power for name, (_, power) in curves.items()},
        extra_kw=np.array([spread(steps, "pumps_kw", water.pumps_kw) for water in waters]),
        extra_frac=np.array([spread(steps, "pumps_frac", water.pumps_frac) for water in waters]),
        allowed=np.array([_permitted(water, steps) & _covered(water, eirs) for water in waters]),
    )


def air_levels_of(case: CaseSetpoints, steps: int) -> AirLevels | None:
    """Network pressures to choose from.

    Raises:
        SolveError: A series has another length.
    """
    if not case.pressure:
        return None
    levels = sorted(case.pressure, key=lambda level: level.bar_g)
    made_for = levels[-1].bar_g if case.curve_bar_g is None else case.curve_bar_g
    leaks = spread(steps, "leaks_m3_min", case.leaks_m3_min)
    return AirLevels(
        pressure_bar_g=tuple(level.bar_g for level in levels),
        power_frac=tuple(_power_frac(case, level, made_for) for level in levels),
        need_m3_min=np.array([_extra_m3_min(level, made_for, leaks) for level in levels]),
        least_bar_g=spread(steps, "least_bar_g", case.least_bar_g),
        move_eur=case.pressure_move_cost,
    )


def _power_frac(case: CaseSetpoints, level: CasePressure, made_for_bar_g: float) -> float:
    if level.power_frac is not None:
        return level.power_frac
    frac = 1.0 + case.power_per_bar_frac * (level.bar_g - made_for_bar_g)
    if frac <= 0:
        raise SolveError(
            f"at {level.bar_g:g} bar g the compressors would take {frac:.3g} times the power of their "
            f"curves, which are for {made_for_bar_g:g} bar g; look at curve_bar_g and power_per_bar_frac",
            zh=f"在 {level.bar_g:g} bar g 时空压机功率为其曲线（{made_for_bar_g:g} bar g）的 {frac:.3g} 倍；"
            "请检查 curve_bar_g 和 power_per_bar_frac",
        )
    return frac


def _extra_m3_min(level: CasePressure, made_for_bar_g: float, leaks: FloatArray) -> FloatArray:
    """Leaks are orifices in choked flow: they rise with absolute pressure, as in plant/units/air.py."""
    if level.extra_m3_min is not None:
        return spread(len(leaks), "extra_m3_min", level.extra_m3_min)
    absolute = (level.bar_g + ATMOSPHERE_BAR_A) / (made_for_bar_g + ATMOSPHERE_BAR_A)
    return leaks * (absolute - 1.0)


def _curves(
    waters: tuple[CaseWater, ...], machine: Chiller, eir: CaseEirChiller | None, steps: int
) -> tuple[FloatArray, FloatArray]:
    loads, powers = [], []
    for water in waters:
        load, power = machine.load_kw, machine.power_kw
        if eir is not None:
            load, power = eir_corners(eir, np.full(steps, water.chilled_c), np.full(steps, water.condenser_c))
        capacity_frac = spread(
            steps, f"capacity_frac of {machine.name}", water.capacity_frac.get(machine.name, 1.0)
        )
        power_frac = spread(steps, f"power_frac of {machine.name}", water.power_frac.get(machine.name, 1.0))
        loads.append(load * capacity_frac[:, None])
        powers.append(power * power_frac[:, None])
    return np.array(loads), np.array(powers)


def _covered(water: CaseWater, eirs: dict[str, CaseEirChiller]) -> bool:
    """Whether every fit covers a pair: outside it nobody has measured what it would save."""
    return all(
        one.eir.covers(water.chilled_c, max(water.condenser_c, water.chilled_c + one.lift_least_k))
        for one in eirs.values()
    )


def _permitted(water: CaseWater, steps: int) -> BoolArray:
    if isinstance(water.permitted, bool):
        return np.full(steps, water.permitted)
    if len(water.permitted) != steps:
        raise SolveError(
            f"permitted of the water at {water.chilled_c:g} °C has {len(water.permitted)} values, the case "
            f"has {steps} steps; both must agree",
            zh=f"{water.chilled_c:g} °C 水温档位的 permitted 有 {len(water.permitted)} 个值，"
            f"算例有 {steps} 步；两者须一致",
        )
    return np.array(water.permitted, dtype=np.bool_)
