"""Roles, flows and powers of the compressors from the solver's columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.build import Columns
from optimizer.components.compressors import CompressorColumns
from optimizer.components.floating import ClassColumns
from optimizer.components.station import StationColumns
from optimizer.fleet import share_out
from optimizer.plan import MachinePlan, Role
from optimizer.problem import DispatchProblem, FloatArray
from optimizer.rounding import rounded_on, rounded_roles
from optimizer.stations import best_path, capacity_m3_min, ways_of

_HALF = 0.5
_LEFT_OVER = 1e-6


@dataclass(frozen=True, slots=True)
class AirPlan:
    """The station's part of a plan.

    Attributes:
        machines: Per compressor.
        slack: Air slacks that replace the solver's, each of shape (steps,). [m³/min]
    """

    machines: dict[str, MachinePlan]
    slack: dict[str, FloatArray]
    pressure_bar_g: FloatArray | None = None
    """Chosen pressure of each step, where there is a choice."""


def read_air(problem: DispatchProblem, columns: Columns, x: FloatArray) -> AirPlan:
    """The station as it shall run; sets beyond the binary steps are chosen here, not rounded."""
    if columns.station is not None:
        return _small(problem, columns.station, x)
    if columns.floating:
        return AirPlan(_floating(problem, columns.floating, x), {})
    if columns.compressors:
        return AirPlan(_large(problem, columns.compressors, x), {})
    return AirPlan({}, {})


def _small(problem: DispatchProblem, station: StationColumns, x: FloatArray) -> AirPlan:
    decided = np.array(
        [x[station.switches[c.name].on[: problem.binary_steps]] > _HALF for c in problem.compressors]
    )
    ways = ways_of(problem)
    path = best_path(problem, ways, decided)
    steps = np.arange(problem.steps)
    flow = ways.flow[path, steps]
    need, in_hand = ways.need[path, steps], problem.in_hand("air")
    capacity = capacity_m3_min(problem, ways.on[path])
    levels = problem.air_levels
    chosen = ways.level[path, 0]
    frac = np.ones(problem.steps) if levels is None else np.array(levels.power_frac)[chosen]
    missing = np.zeros(problem.steps) if in_hand is None else np.maximum(in_hand - capacity, 0.0)
    machines: dict[str, MachinePlan] = {}
    for place, compressor in enumerate(problem.compressors):
        on, trims = ways.on[path, place], ways.trim[path] == place
        part = ways.trim_flow[path, steps]
        part_kw = np.interp(part, compressor.flow_m3_min, compressor.power_kw)
        machines[compressor.name] = MachinePlan(
            kind="compressor",
            on=on,
            role=_roles(on.tolist(), trims.tolist()),
            power_kw=np.where(trims, part_kw, on * compressor.full_power_kw) * frac,
            level=np.where(trims, part, on * compressor.full_flow_m3_min),
        )
    slack = {
        "air_short": np.maximum(need - flow, 0.0),
        "air_surplus": np.maximum(flow - need, 0.0),
        "reserve_air": missing,
    }
    pressure = None if levels is None else np.array(levels.pressure_bar_g)[chosen]
    return AirPlan(machines, slack, pressure)


def _roles(on: list[bool], trims: list[bool]) -> tuple[Role, ...]:
    return tuple(
        "standby" if not runs else "trim" if follows else "base"
        for runs, follows in zip(on, trims, strict=True)
    )


def _large(
    problem: DispatchProblem, columns: dict[str, CompressorColumns], x: FloatArray
) -> dict[str, MachinePlan]:
    found = [columns[machine.name] for machine in problem.compressors]
    share = np.array([x[c.switch.on] for c in found])
    trim = np.array([x[c.trim] for c in found])
    most = np.array([max(m.full_flow_m3_min, float(m.flow_m3_min[-1])) for m in problem.compressors])
    in_hand = problem.in_hand("air")
    need = problem.forecasts.air_m3_min if in_hand is None else in_hand
    on = rounded_on(share, np.tile(most[:, None], problem.steps), need, problem.binary_steps)
    roles = rounded_roles(on, trim, problem.binary_steps)
    plans: dict[str, MachinePlan] = {}
    for index, machine in enumerate(problem.compressors):
        base, curve = share[index] - trim[index], found[index].curve
        plans[machine.name] = MachinePlan(
            kind="compressor",
            on=on[index],
            role=roles[index],
            power_kw=base * machine.full_power_kw + x[curve.power],
            level=base * machine.full_flow_m3_min + x[curve.load],
            flows={} if (heat := found[index].heat) is None else {machine.heat_carrier: -x[heat]},
        )
    return plans


def _floating(
    problem: DispatchProblem, groups: tuple[ClassColumns, ...], x: FloatArray
) -> dict[str, MachinePlan]:
    """Flow shared alike by the running machines of a class; beyond the binary steps enough of them run."""
    plans: dict[str, MachinePlan] = {}
    whole = min(problem.binary_steps, problem.steps)
    for group in groups:
        machines = [problem.compressors[place] for place in group.members]
        flow, power = x[group.curve.load], x[group.curve.power]
        most = float(machines[0].flow_m3_min[-1])
        counts = np.rint(x[group.switch.on]).astype(np.int64)
        counts[whole:] = np.clip(np.ceil(flow[whole:] / most - _LEFT_OVER), 0, len(machines))
        on = np.zeros((len(machines), problem.steps), dtype=np.bool_)
        on[:, :whole] = share_out(counts[:whole], [m.commitment for m in machines], problem.step_s)
        on[:, whole:] = np.arange(len(machines))[:, None] < counts[None, whole:]
        share = np.divide(flow, on.sum(axis=0), out=np.zeros_like(flow), where=on.any(axis=0))
        for place, machine in enumerate(machines):
            own_flow = np.where(on[place], share, 0.0)
            own_kw = np.where(on[place], np.interp(share, machine.flow_m3_min, machine.power_kw), 0.0)
            own_kw[whole:] = power[whole:] / max(len(machines), 1)
            roles: tuple[Role, ...] = tuple("on" if runs else "off" for runs in on[place])
            plans[machine.name] = MachinePlan(
                kind="compressor", on=on[place], role=roles, power_kw=own_kw, level=own_flow
            )
    return {machine.name: plans[machine.name] for machine in problem.compressors}
