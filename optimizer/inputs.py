"""Checks of a problem before anything is built; every message is in plant words and says what to do.

The message is English, `zh` in the error's context says the same in Chinese.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np

from optimizer.begun import refuse_begun
from optimizer.inputs_levels import refuse_levels
from optimizer.inputs_loads import refuse_loads
from optimizer.inputs_network import refuse_network
from optimizer.inputs_storage import refuse_battery, refuse_store
from optimizer.inputs_supply import refuse_supply, refuse_switching
from optimizer.problem import Boiler, Chiller, Chp, Compressor, DispatchProblem, FloatArray
from optimizer.words import SERIES
from protocols.config import Text
from protocols.errors import SolveError

_MOST_EFFICIENT = 1.1
"""A condensing boiler by lower heating value. [-]"""
_MOST_OF_STEP = 1e7
"""Beyond it the solver's sums lose what a limit is about."""
_PRICES = ("import_eur_kwh", "export_eur_kwh", "grid_kg_kwh")
_KEPT = {
    "air_least_m3_min": Text(en="capacity kept for air", zh="压缩空气预留容量"),
    "cooling_least_kw": Text(en="capacity kept for cooling", zh="制冷预留容量"),
}


def refuse(problem: DispatchProblem) -> None:
    """Refuse what cannot be planned.

    Raises:
        SolveError: A window, series or machine is not usable; the message names it.
    """
    if problem.steps < 1 or problem.step_s <= 0 or problem.binary_steps < 0:
        raise SolveError(
            "the planning window is empty; it needs at least one step of positive length",
            zh="计划时段为空；至少需要一个长度为正的步长",
        )
    for what, series in _series(problem):
        _refuse_series(problem, what, series)
    for name in ("electric_kw", "air_m3_min", "cooling_kw", "heat_kw", "pv_kw"):
        if getattr(problem.forecasts, name).min() < 0:
            raise SolveError(
                f"the {SERIES[name].en} is negative; a need or a yield is never below zero",
                zh=f"{SERIES[name].zh}为负；需求或发电量不会小于零",
                series=name,
            )
    _refuse_scalars(problem)
    _refuse_reserves(problem)
    _refuse_twins(problem)
    refuse_network(problem)
    _refuse_machines(problem)
    refuse_supply(problem)
    refuse_switching(problem)
    refuse_loads(problem)
    refuse_levels(problem)
    refuse_begun(problem)


def _series(problem: DispatchProblem) -> Iterator[tuple[Text, FloatArray]]:
    for field in fields(problem.forecasts):
        yield SERIES[field.name], getattr(problem.forecasts, field.name)
    for name in _PRICES:
        yield SERIES[name], getattr(problem.prices, name)


def _refuse_series(problem: DispatchProblem, what: Text, series: FloatArray) -> None:
    if series.shape != (problem.steps,):
        raise SolveError(
            f"the {what.en} has {series.size} values, the window has {problem.steps} steps; both must agree",
            zh=f"{what.zh}有 {series.size} 个值，计划时段有 {problem.steps} 步；两者须一致",
        )
    bad = np.flatnonzero(~np.isfinite(series))
    if len(bad):
        first, clock = int(bad[0]), problem.clock(int(bad[0]))
        raise SolveError(
            f"the {what.en} has no usable number in step {first} at {clock} ({len(bad)} in all); fill it or "
            "shorten the window",
            zh=f"{what.zh}在第 {first} 步（{clock}）没有可用数值（共 {len(bad)} 处）；请补齐或缩短计划时段",
        )
    worst = int(np.abs(series).argmax())
    if abs(series[worst]) > _MOST_OF_STEP:
        raise SolveError(
            f"the {what.en} is {series[worst]:g} in step {worst} at {problem.clock(worst)}; no plant has so "
            "much, look at its unit",
            zh=f"{what.zh}在第 {worst} 步（{problem.clock(worst)}）为 {series[worst]:g}；没有工厂达到此数值，"
            "请检查单位",
        )


def _refuse_scalars(problem: DispatchProblem) -> None:
    prices, limits = problem.prices, problem.limits
    for en, zh, value in (
        ("fuel price", "燃料价格", prices.gas_eur_kwh),
        ("CO2 price", "碳价", prices.co2_eur_t),
        ("fuel emission factor", "燃料排放因子", prices.gas_kg_kwh),
        ("demand charge", "需量电费", prices.demand_charge_eur_kw * prices.peak_weight),
        ("peak of the month", "当月最大需量", prices.month_peak_kw),
        ("import limit", "购电上限", limits.import_kw),
        ("export limit", "售电上限", limits.export_kw),
        ("air reserve", "压缩空气备用比例", limits.air_reserve_frac),
        ("cooling reserve", "制冷备用比例", limits.cooling_reserve_frac),
    ):
        if not (np.isfinite(value) and value >= 0):
            raise SolveError(
                f"the {en} is {value}; it must be a number not below zero",
                zh=f"{zh}为 {value}；须为不小于零的数",
            )


def _refuse_reserves(problem: DispatchProblem) -> None:
    for name, what in _KEPT.items():
        least = getattr(problem.limits, name)
        if least is not None:
            _refuse_series(problem, what, least)


def _refuse_twins(problem: DispatchProblem) -> None:
    steady = [one.name for one in problem.converters if not one.switches]
    names = [machine.name for machine in problem.switched] + steady
    names += [battery.name for battery in problem.batteries] + [boiler.name for boiler in problem.boilers]
    names += [store.name for store in problem.stores] + [load.name for load in problem.flexible.all]
    names += [] if problem.pv is None else [problem.pv.name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SolveError(
            f"two machines are called {twice[0]}; give each its own name",
            zh=f"有两台设备名为 {twice[0]}；名称须各不相同",
            machine=twice[0],
        )


def _refuse_machines(problem: DispatchProblem) -> None:
    for compressor in problem.compressors:
        _refuse_compressor(compressor)
    for chiller in problem.chillers:
        _refuse_chiller(problem, chiller)
    for battery in problem.batteries:
        refuse_battery(problem, battery)
    for store in problem.stores:
        refuse_store(store)
    for chp in problem.chps:
        _refuse_chp(chp)
    for boiler in problem.boilers:
        _refuse_boiler(boiler)
    pv = problem.pv
    if pv is not None and not 0 <= pv.least_kw < np.inf:
        raise SolveError(
            f"{pv.name} shall be curtailed to no less than {pv.least_kw} kW; it must not be below zero",
            zh=f"{pv.name} 限发不得低于 {pv.least_kw} kW；该值须为不小于零的数",
            machine=pv.name,
        )
    _refuse_locks(problem)


def _refuse_curve(name: str, x: FloatArray, y: FloatArray) -> None:
    """Check corners of shape (..., K)."""
    enough = x.shape == y.shape and x.shape[-1] > 1
    if not enough or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SolveError(
            f"the curve of {name} needs at least two finite corners of load and power",
            zh=f"{name} 的曲线至少需要两个有限的负荷与功率点",
            machine=name,
        )
    if x.min() < 0 or y.min() < 0:
        raise SolveError(
            f"the curve of {name} has a negative capacity or power",
            zh=f"{name} 的曲线含有负的容量或功率",
            machine=name,
        )
    if np.diff(x, axis=-1).min() <= 0:
        raise SolveError(
            f"the curve of {name} must have rising loads; its capacity may be zero or given twice",
            zh=f"{name} 的曲线负荷须递增；其容量可能为零或重复给出",
            machine=name,
        )


def _refuse_compressor(machine: Compressor) -> None:
    _refuse_curve(machine.name, machine.flow_m3_min, machine.power_kw)
    if not (0 < machine.full_flow_m3_min < np.inf and 0 < machine.full_power_kw < np.inf):
        flow, power = f"{machine.full_flow_m3_min} m³/min", f"{machine.full_power_kw} kW"
        raise SolveError(
            f"the full flow ({flow}) and power ({power}) of {machine.name} must be numbers above zero",
            zh=f"{machine.name} 的满载流量（{flow}）和功率（{power}）须为大于零的数",
            machine=machine.name,
        )


def _refuse_chiller(problem: DispatchProblem, machine: Chiller) -> None:
    if machine.load_kw.ndim != 2 or len(machine.load_kw) != problem.steps:  # noqa: PLR2004  steps by corners
        raise SolveError(
            f"the curve of {machine.name} must have one row per step",
            zh=f"{machine.name} 的曲线每步须有一行",
            machine=machine.name,
        )
    _refuse_curve(machine.name, machine.load_kw, machine.power_kw)
    if not np.isfinite(machine.supply_c):
        raise SolveError(
            f"the chilled water of {machine.name} is {machine.supply_c} °C; it must be a number",
            zh=f"{machine.name} 的冷冻水温度为 {machine.supply_c} °C；须为数值",
            machine=machine.name,
        )


def _refuse_chp(chp: Chp) -> None:
    ranges = (
        (chp.power_min_kw, chp.power_max_kw),
        (chp.gas_min_kw, chp.gas_max_kw),
        (chp.heat_min_kw, chp.heat_max_kw),
    )
    if not all(0 <= low <= high < np.inf for low, high in ranges):
        raise SolveError(
            f"power, fuel and heat of {chp.name} must rise from minimum to full load and not be negative",
            zh=f"{chp.name} 的电功率、燃料和供热须从最小负荷到满负荷递增且不为负",
            machine=chp.name,
        )


def _refuse_boiler(boiler: Boiler) -> None:
    if not (0 <= boiler.capacity_kw < np.inf and 0 < boiler.efficiency_frac <= _MOST_EFFICIENT):
        raise SolveError(
            f"{boiler.name} has a capacity of {boiler.capacity_kw} kW at efficiency "
            f"{boiler.efficiency_frac}; neither may be negative, nor the efficiency above 1.1",
            zh=f"{boiler.name} 的容量为 {boiler.capacity_kw} kW，效率为 {boiler.efficiency_frac}；"
            "两者不得为负，效率不得高于 1.1",
            machine=boiler.name,
        )


def _refuse_locks(problem: DispatchProblem) -> None:
    for machine in problem.switched:
        lock = machine.commitment.lock
        if lock is not None and (lock.shape != (problem.steps,) or lock.min() < -1 or lock.max() > 1):
            raise SolveError(
                f"the lock of {machine.name} must be free, off or on for each step",
                zh=f"{machine.name} 的锁定状态每步须为自由、停机或运行",
                machine=machine.name,
            )
        start = machine.commitment.start_eur
        if not (np.isfinite(start) and start >= 0):
            raise SolveError(
                f"the start cost of {machine.name} is {start}; it must not be below 0",
                zh=f"{machine.name} 的启动成本为 {start}；不得小于 0",
                machine=machine.name,
            )
