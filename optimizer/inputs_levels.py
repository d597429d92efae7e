"""Refusals of set-point levels, in plant words."""

from __future__ import annotations

from typing import Final

import numpy as np

from optimizer.levels import AirLevels, CoolingLevels
from optimizer.problem import DispatchProblem
from optimizer.stations import is_small
from protocols.errors import SolveError

_ZH: Final = {"water temperature": "水温", "network pressure": "管网压力"}


def refuse_levels(problem: DispatchProblem) -> None:
    """Refuse levels that do not fit the window or the machines.

    Raises:
        SolveError: The message says which and what to give instead.
    """
    if problem.cooling_levels is not None:
        _refuse_cooling(problem, problem.cooling_levels)
    if problem.air_levels is not None:
        _refuse_air(problem, problem.air_levels)


def _refuse_cooling(problem: DispatchProblem, levels: CoolingLevels) -> None:
    number, names = len(levels.supply_c), {machine.name for machine in problem.chillers}
    numbers = np.isfinite([*levels.supply_c, *levels.condenser_c]).all()
    if number < 1 or len(levels.condenser_c) != number or not numbers or not problem.chillers:
        raise SolveError(
            "water temperatures come in pairs of numbers and need chillers; give at least one pair",
            zh="水温须成对给出、为数值且需要冷水机组；至少给出一对",
        )
    if set(levels.load_kw) != names or set(levels.power_kw) != names:
        raise SolveError(
            "each chiller needs its curves at every pair of water temperatures",
            zh="每台冷水机组在每对水温下都须有曲线",
        )
    shape = (number, problem.steps)
    for name in sorted(names):
        load, power = levels.load_kw[name], levels.power_kw[name]
        if load.shape[:2] != shape or power.shape != load.shape or load.shape[2] <= 1:
            raise SolveError(
                f"{name} needs its curve for {number} levels and {problem.steps} steps",
                zh=f"{name} 需要 {number} 个档位、{problem.steps} 步的曲线",
                machine=name,
            )
        numbers = np.isfinite(load).all() and np.isfinite(power).all()
        if not numbers or load.min() < 0 or power.min() < 0 or np.diff(load, axis=2).min() <= 0:
            raise SolveError(
                f"the curves of {name} need rising loads and powers not below zero",
                zh=f"{name} 的曲线负荷须递增，功率不小于零",
                machine=name,
            )
    for series in (levels.extra_kw, levels.extra_frac):
        if series.shape != shape or not np.isfinite(series).all() or series.min() < 0:
            raise SolveError(
                "pumps and fans need powers not below zero for every level and step",
                zh="水泵和风机在每个档位和时段的功率须不小于零",
            )
    _refuse_shut(levels.allowed.shape == shape, levels.allowed, "water temperature")


def _refuse_air(problem: DispatchProblem, levels: AirLevels) -> None:
    if not is_small(problem) or any(machine.floats for machine in problem.compressors):
        raise SolveError(
            "network pressures can be chosen for one to six compressors that alone make the air; without "
            "floating machines, stores or converters of air, and without heat recovery",
            zh="仅当一至六台空压机单独供气时可选择管网压力；不得有浮动机组、储气罐、气体转换设备或热回收",
        )
    bars, fracs = np.array(levels.pressure_bar_g), np.array(levels.power_frac)
    numbers = bars.shape == fracs.shape and np.isfinite([bars, fracs]).all()
    if not bars.size or not numbers or np.any(np.diff(bars) <= 0) or not np.all(fracs > 0):
        raise SolveError(
            "network pressures must rise, each with its share of power above zero",
            zh="管网压力须递增，且各有大于零的功率比例",
        )
    shape = (bars.size, problem.steps)
    if levels.need_m3_min.shape != shape or levels.least_bar_g.shape != (problem.steps,):
        raise SolveError(
            "need and least pressure of the network must be told for every step",
            zh="管网的需求和最低压力每步都须给出",
        )
    if not (np.isfinite(levels.need_m3_min).all() and np.isfinite(levels.least_bar_g).all()):
        raise SolveError(
            "need and least pressure of the network must be numbers", zh="管网的需求和最低压力须为数值"
        )
    if not 0 <= levels.move_eur < np.inf:
        raise SolveError(
            "the price of another network pressure must be a number not below zero",
            zh="改变管网压力的代价须为不小于零的数",
        )
    _refuse_shut(fits=True, allowed=levels.allowed, what="network pressure")


def _refuse_shut(fits: bool, allowed: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], what: str) -> None:  # noqa: FBT001  one state
    if not fits:
        raise SolveError(
            f"whether a {what} is permitted must be told for every level and step",
            zh=f"每个档位和时段都须说明是否允许{_ZH[what]}",
        )
    shut = np.flatnonzero(~allowed.any(axis=0))
    if len(shut):
        raise SolveError(
            f"no {what} is permitted in step {int(shut[0])}; permit one",
            zh=f"第 {int(shut[0])} 步没有允许的{_ZH[what]}；请允许一个",
        )
