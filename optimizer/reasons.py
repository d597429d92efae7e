"""What holds a decision where it is: the limits that bind a unit in a step, in plant words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.decided import Decided
from optimizer.demand_windows import means_of
from optimizer.problem import FREE, OFF, BoolArray, Commitment, DispatchProblem, steps_of
from optimizer.ranges import NEAR_FRAC, at_ends, waiting
from optimizer.words import CARRIERS, UNITS, Speech, minutes, said
from protocols.config import Text

_NS: Final = 1e9
_WORTH: Final = 1e-6
_PEAK_KW: Final = 0.1
_OTHERS: Final = (
    "the others that run could give only {others} of the {wanted} {unit} of {what} asked for{reserve}",
    "其余运行设备最多提供 {others} {unit}，而{what}需要 {wanted} {unit}{reserve}",
)
_ALONE: Final = (
    "no other machine runs for the {wanted} {unit} of {what} asked for{reserve}",
    "没有其他设备运行来满足{what}需求 {wanted} {unit}{reserve}",
)
_SHORTEST: Final = (
    "its shortest {what} of {length} min lasts until {clock}",
    "{what}时间 {length} 分钟，至 {clock}",
)
_HELD: Final = (
    "it is held {state} from outside (trip, local mode, lock)",
    "被外部锁定为{state}（故障、就地或人工锁定）",
)
_HELD_AT: Final = ("its power is held at {kw} kW from outside", "功率被外部设定为 {kw} kW")
_PEAK: Final = (
    "the import of this step is the peak that is paid for ({kw} kW)",
    "本时段购电为计费最大需量（{kw} kW）",
)
_AT_IMPORT: Final = ("the import is at its contract ({kw} kW)", "购电已达合同功率（{kw} kW）")
_AT_EXPORT: Final = ("the export is at its permit ({kw} kW)", "售电已达允许功率（{kw} kW）")
_MORE: Final = {
    "ramp_up": ("it rises as fast as it may", "出力上升已达允许速率"),
    "ramp_down": ("it falls as fast as it may", "出力下降已达允许速率"),
    "taper": ("it charges as fast as its content allows", "充电功率受当前储量限制"),
}
"""Blocks of rows of a unit that are limits of their own."""
_STARTS: Final = {
    "starts_in_3600_s": ("it may not start more often in an hour", "每小时启动次数已达上限"),
    "starts_in_86400_s": ("it may not start more often in a day", "每天启动次数已达上限"),
}
"""Those of switches, which have no price at the margin."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit that binds.

    Attributes:
        limit: What it is.
        worth: What one more unit of it would save in this step, as far as it is a number. [money]
        unit: Unit of the limit.
        of_site: Whether it is a limit of the site's power, and not of the unit.
    """

    limit: Text
    worth: float | None = None
    unit: str = ""
    of_site: bool = False


def bindings(decided: Decided, unit: str, step: int, speech: Speech) -> tuple[Binding, ...]:
    """Limits that bind a unit, the most particular first; then those of the site."""
    own = [*_switching(decided, unit, step, speech), *_held(decided, unit, step)]
    own += [Binding(one) for one in waiting(decided, unit, step, speech)]
    own += _needed(decided, unit, step)
    own += _ends(decided, unit, step)
    own += _rows(decided, unit, step)
    return (*own, *_site(decided, step))


def _switching(decided: Decided, unit: str, step: int, speech: Speech) -> Iterator[Binding]:
    commitment = next((one.commitment for one in decided.problem.switched if one.name == unit), None)
    if commitment is None:
        return
    problem, on = decided.problem, decided.plan.machines[unit].on
    if commitment.lock is not None and commitment.lock[step] != FREE:
        held_off = commitment.lock[step] == OFF
        yield Binding(said(*_HELD, state=Text(en="off", zh="停机") if held_off else Text(en="on", zh="运行")))
        return
    begin, end, before_s = run_of(commitment, on, step)
    least_s = commitment.min_up_s if on[step] else commitment.min_down_s
    until = begin + steps_of(least_s - before_s, problem.step_s)
    # a run that goes on after its shortest time is not there because of it
    if step < until and end <= until and least_s > before_s:
        clock = speech.clock(problem.start_ns + round(until * problem.step_s * _NS))
        what = Text(en="run", zh="最短运行") if on[step] else Text(en="stop", zh="最短停机")
        yield Binding(said(*_SHORTEST, what=what, length=minutes(least_s), clock=clock))


def run_of(commitment: Commitment, on: BoolArray, step: int) -> tuple[int, int, float]:
    """Begin and end of the run or stop a step lies in, and how long it was so before the window [s].

    Example:
        >>> run_of(Commitment(on=True, state_s=600.0), np.array([True, True, False]), 1)
        (0, 2, 600.0)
    """
    other = np.flatnonzero(on != on[step])
    begin = int(max((k + 1 for k in other.tolist() if k < step), default=0))
    end = int(min((k for k in other.tolist() if k > step), default=len(on)))
    carried = begin == 0 and commitment.on == bool(on[0])
    return begin, end, commitment.state_s if carried else 0.0


def _needed(decided: Decided, unit: str, step: int) -> Iterator[Binding]:
    """Whether the others that run could do without it, the reserve included."""
    problem, plan = decided.problem, decided.plan
    carrier, machines = _fellows(problem, unit, step)
    if not machines or not plan.machines[unit].on[step]:
        return
    in_hand = problem.in_hand("air" if carrier == "air" else "cooling")
    others = sum(most for name, most in machines if name != unit and plan.machines[name].on[step])
    given = sum(float(plan.machines[name].level[step]) for name, _ in machines)
    # what stores give in this step is not asked of the machines; the reserve is, by the need itself
    wanted = max(given, 0.0 if in_hand is None else float(in_hand[step]))
    if others >= wanted * (1.0 - NEAR_FRAC):
        return
    parts = {"others": f"{others:.1f}", "wanted": f"{wanted:.1f}", "unit": UNITS[carrier]}
    with_reserve = (
        Text(en=", reserve included", zh="（含备用）") if in_hand is not None else Text(en="", zh="")
    )
    sentence = _OTHERS if others > 0 else _ALONE
    yield Binding(said(*sentence, what=CARRIERS[carrier], reserve=with_reserve, **parts))


def _fellows(problem: DispatchProblem, unit: str, step: int) -> tuple[str, list[tuple[str, float]]]:
    """Machines that share a need with a unit, with what each can give; none where it has no switch."""
    air = [(m.name, max(m.full_flow_m3_min, float(m.flow_m3_min[-1]))) for m in problem.compressors]
    cold = [(m.name, float(m.load_kw[step, -1])) for m in problem.chillers]
    for carrier, machines in (("air", air), ("cooling", cold)):
        if unit in {name for name, _ in machines}:
            return carrier, machines
    return "", []


def _ends(decided: Decided, unit: str, step: int) -> Iterator[Binding]:
    """Output or content at an end of what is possible."""
    for limit, name, least in at_ends(decided, unit, step):
        yield Binding(limit, decided.stored_worth(unit, step) if least else None, name)


def _held(decided: Decided, unit: str, step: int) -> Iterator[Binding]:
    """Held from outside where there is no switch: a boiler, a battery."""
    boiler = next((one for one in decided.problem.boilers if one.name == unit), None)
    if boiler is not None and boiler.lock is not None and boiler.lock[step] == OFF:
        yield Binding(said(*_HELD, state=Text(en="off", zh="停机")))
    battery = next((one for one in decided.problem.batteries if one.name == unit), None)
    if battery is not None and battery.fixed_kw is not None and not np.isnan(battery.fixed_kw[step]):
        yield Binding(said(*_HELD_AT, kw=f"{battery.fixed_kw[step]:.1f}"))


def _rows(decided: Decided, unit: str, step: int) -> Iterator[Binding]:
    """Limits of a unit that stand as rows and have a price at the margin."""
    for suffix, (en, zh) in _MORE.items():
        worth = abs(decided.dual(f"{unit}.{suffix}", step))
        if worth > _WORTH:
            yield Binding(Text(en=en, zh=zh), worth)
    if decided.plan.machines[unit].on[step]:
        return
    for suffix, (en, zh) in _STARTS.items():
        if decided.at_limit(f"{unit}.{suffix}", step):
            yield Binding(Text(en=en, zh=zh))


def _site(decided: Decided, step: int) -> Iterator[Binding]:
    problem, plan = decided.problem, decided.plan
    peak = abs(decided.dual("grid.peak", step))
    if peak > _WORTH and plan.import_kw[step] >= plan.peak_kw - _PEAK_KW:
        yield Binding(said(*_PEAK, kw=f"{plan.peak_kw:.0f}"), peak, "kW", of_site=True)
    yield from _charged(decided, step)
    for rows, most, flow, sentence in (
        ("grid.import_over", problem.limits.import_kw, plan.import_kw, _AT_IMPORT),
        ("grid.export_over", problem.limits.export_kw, plan.export_kw, _AT_EXPORT),
    ):
        if flow[step] >= most - _PEAK_KW:
            worth = abs(decided.dual(rows, step))
            yield Binding(said(*sentence, kw=f"{most:.0f}"), worth, "kW", of_site=True)


def _charged(decided: Decided, step: int) -> Iterator[Binding]:
    """Demand charges of contracts whose highest window holds the step, each with what one more kW costs."""
    problem, plan = decided.problem, decided.plan
    for charge in (one for one in problem.supply.charges if not one.apparent):
        means = means_of(charge, problem.start_ns, problem.steps, problem.step_s).begun(problem.begun)
        duals = [abs(decided.dual(f"charge.{charge.name}", row)) for row in range(len(means.known))]
        prices = np.array(duals) * means.weights[:, step]
        if prices.max(initial=0.0) > _WORTH:
            row = int(prices.argmax())
            peak_kw = float(means.weights[row] @ plan.import_kw + means.known[row])
            yield Binding(said(*_PEAK, kw=f"{peak_kw:.0f}"), float(prices.sum()), "kW", of_site=True)
