"""Converters, polygons, loads and chosen set-points from the solver's columns."""

from __future__ import annotations

from typing import Literal

import numpy as np

from optimizer.build import Columns
from optimizer.components.converter import ConverterColumns, line_of
from optimizer.network import Cogen, Converter
from optimizer.plan import SHORTAGE_TOLERANCE, MachinePlan, Role
from optimizer.problem import BoolArray, DispatchProblem, FloatArray, IntArray
from optimizer.starting import course_kw

_HALF = 0.5


def read_network(problem: DispatchProblem, columns: Columns, x: FloatArray) -> dict[str, MachinePlan]:
    """All converters, CHPs with a polygon and loads."""
    plans: dict[str, MachinePlan] = {}
    for one in problem.converters:
        plans[one.name] = _converter(problem, one, columns.converters[one.name], x)
    for cogen in problem.cogens:
        plans[cogen.name] = _cogen(problem, cogen, columns, x)
    for name, parts in columns.flexible.items():
        powers = {part: x[power] for part, power in parts.items()}
        shed = powers.pop("shed", None)
        power = -shed if shed is not None else np.sum([*powers.values()], axis=0) + np.zeros(problem.steps)
        flows = {part: power for part, power in powers.items() if part}
        plans[name] = _plan("load", np.abs(power) > SHORTAGE_TOLERANCE, power, power, flows)
    return plans


AUXILIARIES = "cooling_auxiliaries"
"""Name in a plan of the pumps and fans that hang on the water temperatures."""


def auxiliaries(extra_kw: FloatArray) -> MachinePlan:
    """Pumps and fans that hang on the water temperatures."""
    return _plan("load", extra_kw > SHORTAGE_TOLERANCE, extra_kw, extra_kw, {})


def setpoints(
    problem: DispatchProblem,
    columns: Columns,
    x: FloatArray,
    of: tuple[IntArray | None, FloatArray | None],
) -> dict[str, FloatArray]:
    """Chosen set-points by name; `of` is the place of the water temperatures and the network pressure."""
    (place, bar_g), levels = of, problem.cooling_levels
    found: dict[str, FloatArray] = {}
    if levels is not None and place is not None:
        found["chilled_water_c"] = np.array(levels.supply_c)[place]
        found["condenser_water_c"] = np.array(levels.condenser_c)[place]
    if bar_g is not None:
        found["air_bar_g"] = bar_g
    if columns.inverter_kvar is not None:
        given = x[columns.inverter_kvar]
        found["inverter_kvar"] = (
            np.zeros(problem.steps) if _is_idle(problem, x[columns.grid.bought]) else given
        )
    return found


def _is_idle(problem: DispatchProblem, bought: FloatArray) -> bool:
    """Whether the inverters' reactive power changes no money: then none is asked for."""
    reactive = problem.supply.reactive
    if reactive is None or any(charge.apparent for charge in problem.supply.charges):
        return False
    counted, allowed = np.abs(reactive.need_kvar) * problem.hours, reactive.tangent * bought * problem.hours
    return all(
        month.kvarh + float(counted[month.steps].sum())
        <= reactive.tangent * month.kwh + float(allowed[month.steps].sum())
        for month in reactive.months
    )


def _converter(
    problem: DispatchProblem, one: Converter, columns: ConverterColumns, x: FloatArray
) -> MachinePlan:
    level = x[columns.level]
    on = level > SHORTAGE_TOLERANCE if columns.switch is None else x[columns.switch.on] >= _HALF
    flows: dict[str, FloatArray] = {}
    for flow in one.flows:
        taken = np.zeros(problem.steps)
        for k, (share, part) in enumerate(columns.pieces):
            slope, constant = line_of(one, flow, k)
            taken += slope * x[part] + constant * x[share]
        flows[flow.carrier] = flows.get(flow.carrier, np.zeros(problem.steps)) + taken
    power = flows.pop("electric", np.zeros(problem.steps))
    own = one.commitment
    course = course_kw(on, (own.on, own.state_s), own.starting, problem.step_s, problem.gone_s)
    if course.fuel_kw.any():
        flows["gas"] = flows.get("gas", np.zeros(problem.steps)) + course.fuel_kw
    return _plan("converter", on, power + course.power_kw, level, flows)


def _cogen(problem: DispatchProblem, one: Cogen, columns: Columns, x: FloatArray) -> MachinePlan:
    found, own = columns.cogens[one.name], one.commitment
    on = x[found.switch.on] >= _HALF
    run, power, heat = x[found.switch.run], x[found.outputs.first], x[found.outputs.second]
    course = course_kw(on, (own.on, own.state_s), own.starting, problem.step_s, problem.gone_s)
    fuel = np.max([c * run + a * power + b * heat for c, a, b in one.fuel_planes], axis=0)
    flows = {"gas": np.maximum(fuel, 0.0) + course.fuel_kw, one.heat_carrier: -heat}
    if one.low_carrier is not None:
        constant, by_power, by_heat = one.low_heat
        flows[one.low_carrier] = -(constant * run + by_power * power + by_heat * heat)
    return _plan("chp", on, course.power_kw - power, power, flows)


def _plan(
    kind: Literal["converter", "chp", "load"],
    on: BoolArray,
    power_kw: FloatArray,
    level: FloatArray,
    flows: dict[str, FloatArray],
) -> MachinePlan:
    roles: tuple[Role, ...] = tuple("on" if running else "off" for running in on)
    return MachinePlan(kind=kind, on=on, role=roles, power_kw=power_kw, level=level, flows=flows)
