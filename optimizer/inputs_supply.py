"""Refusals of contracts and of start limits, warming up and ramps, in plant words."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.problem import Commitment, DispatchProblem, FloatArray
from optimizer.starting import Starting
from optimizer.supply import DemandCharge, GasContract, Reactive, Supply
from protocols.errors import SolveError

_MOST_STEPS: Final = 10_000
"""Longest time of a machine in steps; each start looks back over all of them."""
_TAKEN: Final = ("tiers", "power_factor", "gas_not_taken")
"""Names of what contracts cost that have none of their own."""
_SERIES_ZH: Final = {"marginal emission factor": "边际排放因子", "reactive power": "无功功率"}
_PERIODS: Final = {"gas": "燃气合同", "power factor": "功率因数合同"}


def refuse_supply(problem: DispatchProblem) -> None:
    """Refuse contracts that cannot be planned.

    Raises:
        SolveError: The message names the contract and what to give instead.
    """
    supply = problem.supply
    _refuse_names(problem)
    for charge in supply.charges:
        _refuse_charge(problem, charge)
    for tier in supply.tiers:
        if not (tier.room_kwh >= 0 and np.isfinite(tier.eur_kwh)):
            raise SolveError(
                "an energy tier needs room not below zero and a price",
                zh="阶梯电量的余量须不小于零，且须有价格",
            )
    if supply.tiers and np.isfinite(supply.tiers[-1].room_kwh):
        raise SolveError(
            "the last energy tier must have no end, or what is bought above it has no price",
            zh="最后一个阶梯须没有上限，否则超出部分没有价格",
        )
    if supply.reactive is not None:
        _refuse_reactive(problem, supply.reactive)
    if supply.gas is not None:
        _refuse_gas(problem, supply.gas)
    _refuse_numbers(problem, supply)


def _refuse_names(problem: DispatchProblem) -> None:
    supply = problem.supply
    names = [one.name for one in supply.charges] + [one.name for one in supply.levies]
    names += [shed.name for shed in problem.flexible.shed]
    if len({*names, *_TAKEN}) < len(names) + len(_TAKEN):
        raise SolveError(
            "two charges or levies have the same name, or that of a contract; give each its own",
            zh="有两项收费或附加费同名，或与合同同名；名称须各不相同",
        )
    for levy in supply.levies:
        _refuse_series(problem, f"levy {levy.name}", levy.eur_kwh)


def _refuse_numbers(problem: DispatchProblem, supply: Supply) -> None:
    if supply.co2_cap_kg is not None and not 0 <= supply.co2_cap_kg < np.inf:
        raise SolveError(
            f"the cap on emissions is {supply.co2_cap_kg} kg; it must not be below 0",
            zh=f"排放上限为 {supply.co2_cap_kg} kg；不得小于 0",
        )
    least = supply.import_least_kw
    if least is not None and not 0 <= least <= problem.limits.import_kw:
        raise SolveError(
            f"the least import is {least} kW; it must lie between 0 and the contract of "
            f"{problem.limits.import_kw} kW",
            zh=f"最小购电为 {least} kW；须在 0 与合同的 {problem.limits.import_kw} kW 之间",
        )
    if supply.marginal_kg_kwh is not None:
        _refuse_series(problem, "marginal emission factor", supply.marginal_kg_kwh)


def _in_chinese(series: str) -> str:
    return _SERIES_ZH.get(series, series.replace("levy ", "附加费 "))


def _refuse_series(problem: DispatchProblem, name: str, series: FloatArray) -> None:
    if series.shape != (problem.steps,):
        raise SolveError(
            f"the {name} has {series.size} values; it needs a number in each of the {problem.steps} steps",
            zh=f"{_in_chinese(name)}有 {series.size} 个值；{problem.steps} 步每步都须有数值",
            series=name,
        )
    bad = np.flatnonzero(~np.isfinite(series))
    if len(bad):
        first, clock = int(bad[0]), problem.clock(int(bad[0]))
        raise SolveError(
            f"the {name} has no usable number in step {first} at {clock} ({len(bad)} in all); fill it",
            zh=f"{_in_chinese(name)}在第 {first} 步（{clock}）没有可用数值（共 {len(bad)} 处）；请补齐",
            series=name,
        )


def _refuse_charge(problem: DispatchProblem, charge: DemandCharge) -> None:
    amounts = (charge.eur_kw, charge.so_far_kw, charge.over_eur_kw, charge.weight_frac, *charge.before_kw)
    if not (np.isfinite(amounts).all() and min(amounts) >= 0 and charge.over_from_kw >= 0):
        raise SolveError(
            f"the demand charge {charge.name} needs numbers not below zero",
            zh=f"需量电费 {charge.name} 的各数值须不小于零",
        )
    length_s = charge.window_s
    if length_s is not None and not (length_s >= 60.0 and length_s % 60.0 == 0):  # noqa: PLR2004  a minute
        raise SolveError(
            f"the demand window of {charge.name} is {length_s} s; it must be whole minutes",
            zh=f"{charge.name} 的需量窗口为 {length_s} 秒；须为整分钟",
            charge=charge.name,
        )
    if length_s is not None and problem.step_s % 60.0:
        raise SolveError(
            f"the demand window of {charge.name} needs steps of whole minutes",
            zh=f"{charge.name} 的需量窗口要求步长为整分钟",
        )
    if charge.apparent and problem.supply.reactive is None:
        raise SolveError(
            f"the charge {charge.name} is by kVA; give the plant's reactive power with it",
            zh=f"收费 {charge.name} 按 kVA 计；须同时给出工厂的无功功率",
        )
    if charge.counts is not None and charge.counts.shape != (problem.steps,):
        raise SolveError(
            f"the steps in which {charge.name} counts must be told for each step",
            zh=f"{charge.name} 计费的时段每步都须给出",
        )


def _refuse_reactive(problem: DispatchProblem, reactive: Reactive) -> None:
    _refuse_series(problem, "reactive power", reactive.need_kvar)
    amounts = (reactive.inverter_kva, reactive.eur_kvarh, reactive.month_kwh, reactive.month_kvarh)
    if not (np.isfinite(amounts).all() and min(amounts) >= 0):
        raise SolveError(
            "the reactive power's amounts and price must not be below 0", zh="无功功率的数量和价格不得小于 0"
        )
    _refuse_next(problem, "power factor", reactive.next_from)
    if reactive.factor_least is not None and not 0 < reactive.factor_least <= 1:
        raise SolveError(
            f"a power factor of {reactive.factor_least} is none; give a number up to 1",
            zh=f"功率因数 {reactive.factor_least} 无效；须为不大于 1 的数",
        )
    pv = problem.forecasts.pv_kw
    fixed = problem.pv is not None and not problem.pv.can_curtail
    # the sides of the inverter's circle lie a little inside it
    if fixed and reactive.inverter_kva > 0 and pv.max() > 0.998 * reactive.inverter_kva:
        raise SolveError(
            f"the PV gives up to {pv.max():.1f} kW and may not be curtailed; its inverters have "
            f"{reactive.inverter_kva:.1f} kVA",
            zh=f"光伏最大 {pv.max():.1f} kW 且不允许限发；其逆变器为 {reactive.inverter_kva:.1f} kVA",
        )


def _refuse_gas(problem: DispatchProblem, gas: GasContract) -> None:
    amounts = (gas.this_hour_kwh, gas.take_kwh, gas.next_take_kwh)
    if not (gas.hourly_kwh >= 0 and np.isfinite(amounts).all() and min(amounts) >= 0):
        raise SolveError("the gas contract has a negative amount", zh="燃气合同含有负的数量")
    _refuse_next(problem, "gas", gas.next_from)
    if gas.next_from is None and gas.next_take_kwh > 0:
        raise SolveError(
            "the gas contract has an amount of its next period, but no step that period begins with",
            zh="燃气合同给出了下一周期的数量，但未给出该周期的起始步",
        )


def _refuse_next(problem: DispatchProblem, contract: str, first: int | None) -> None:
    if first is not None and not 0 < first < problem.steps:
        raise SolveError(
            f"the next period of the {contract} is said to begin with step {first}; it must be one of the "
            f"steps 1 to {problem.steps - 1}, or none",
            zh=f"{_PERIODS[contract]}的下一周期从第 {first} 步开始；"
            f"须为第 1 至 {problem.steps - 1} 步之一，或不给出",
        )


def refuse_switching(problem: DispatchProblem) -> None:
    """Refuse start limits, phases and ramps that cannot be planned.

    Raises:
        SolveError: The message names the machine and what to give instead.
    """
    for machine in problem.switched:
        _refuse_starting(problem, machine.name, machine.commitment)
        _refuse_ramp(machine.name, machine.commitment)
    for compressor in problem.compressors:
        own = compressor.commitment
        if own.ramp is not None or own.starting.warm_up_s > 0:
            raise SolveError(
                f"{compressor.name} is a compressor; it warms up and moves within seconds, give neither",
                zh=f"{compressor.name} 是空压机；其升温和变载只需数秒，两者都不要给出",
                machine=compressor.name,
            )
        bare = replace(own.starting, most_per_h=None, most_per_day=None, ages_s=(), stop_eur=0.0)
        if compressor.floats and (bare != Starting() or compressor.heat_recovery_frac > 0):
            raise SolveError(
                f"{compressor.name} floats beside others; running on and heat recovery cannot be told for it",
                zh=f"{compressor.name} 与其他机组浮动运行；不能为其给出停机后空转和热回收",
                machine=compressor.name,
            )


def _refuse_starting(problem: DispatchProblem, name: str, own: Commitment) -> None:
    start = own.starting
    amounts = (
        start.warm_up_s, start.warm_up_kw, start.warm_up_fuel_kw, start.run_on_s, start.run_on_kw,
        start.stop_eur, *(most for most, _ in start.limits),
        *(age_s + problem.step_s for age_s in start.ages_s),  # one of the step that has begun is below zero
    )  # fmt: skip
    if not (np.isfinite(amounts).all() and min(amounts) >= 0):
        raise SolveError(
            f"{name} has a negative time, power, cost or count of starts",
            zh=f"{name} 含有负的时间、功率、费用或启动次数",
            machine=name,
        )
    _refuse_cold(name, own)
    _refuse_times(problem, name, own)
    if start.run_on_s > max(own.min_down_s, problem.step_s):
        raise SolveError(
            f"{name} runs on for {start.run_on_s:.0f} s after a stop; its shortest stop of "
            f"{own.min_down_s:.0f} s must be as long",
            zh=f"{name} 停机后空转 {start.run_on_s:.0f} 秒；其最短停机 {own.min_down_s:.0f} 秒须不短于此",
            machine=name,
        )


def _refuse_times(problem: DispatchProblem, name: str, own: Commitment) -> None:
    times = [own.min_up_s, own.min_down_s, own.starting.warm_up_s, own.starting.run_on_s]
    times += [] if own.cold_start_eur is None else [own.cold_after_s]
    longest_s = _MOST_STEPS * problem.step_s
    bad = next((time_s for time_s in (own.state_s, *times) if np.isnan(time_s)), None)
    bad = next((time_s for time_s in times if not 0 <= time_s <= longest_s), bad)
    if bad is not None:
        raise SolveError(
            f"a time of {name} is {bad:g} s; it must be a number from 0 to {longest_s:g} s, which are "
            f"{_MOST_STEPS} steps",
            zh=f"{name} 的一个时间为 {bad:g} 秒；须为 0 至 {longest_s:g} 秒（{_MOST_STEPS} 步）的数",
            machine=name,
        )


def _refuse_cold(name: str, own: Commitment) -> None:
    cold = own.cold_start_eur
    if cold is not None and not own.start_eur <= cold < np.inf:
        raise SolveError(
            f"a cold start of {name} costs {cold}, a warm one {own.start_eur}; a cold one must not cost less",
            zh=f"{name} 的冷启动成本为 {cold}，热启动成本为 {own.start_eur}；冷启动不得低于热启动",
            machine=name,
        )


def _refuse_ramp(name: str, own: Commitment) -> None:
    ramp = own.ramp
    if ramp is None:
        return
    limits = [limit for limit in (ramp.at_start, ramp.at_stop) if limit is not None]
    usable = ramp.up_per_min > 0 and ramp.down_per_min > 0 and 0 <= ramp.last < np.inf
    if not usable or not all(limit >= 0 for limit in limits):
        raise SolveError(
            f"the ramp of {name} must be above zero, its output before the window not below",
            zh=f"{name} 的爬坡速率须大于零，时段之前的出力不得为负",
            machine=name,
        )
