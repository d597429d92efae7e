"""What a unit takes and gives of each carrier in a step of a plan, and what it would at its full output."""

from __future__ import annotations

from collections.abc import Mapping

from optimizer.components.heat import line
from optimizer.plan import MachinePlan, Plan
from optimizer.problem import Boiler, Chp, DispatchProblem

_LITTLE = 1e-6


def flows_of(problem: DispatchProblem, plan: Plan, unit: str, step: int) -> dict[str, float]:
    """Carrier to what a unit takes (positive) or gives (negative) in a step; what is nothing is left out.

    Power, heat and gas of engines, boilers and machines that turn carriers into each other; for all others
    their power. [kW, m³/min of air]

    Raises:
        KeyError: The plan has no such unit.
    """
    machine = plan.machines[unit]
    level = float(machine.level[step])
    boiler = next((one for one in problem.boilers if one.name == unit), None)
    chp = next((one for one in problem.chps if one.name == unit), None)
    if boiler is not None:
        found = _of_boiler(boiler, level)
    elif chp is not None:
        found = _of_chp(chp, machine, step)
    else:
        parts = {} if machine.kind == "load" else machine.flows  # those of a load are its parts, not carriers
        found = {"electric": float(machine.power_kw[step])} | {
            carrier: float(flow[step]) for carrier, flow in parts.items()
        }
    return _there(found)


def full_flows(problem: DispatchProblem, unit: str, step: int) -> dict[str, float]:
    """The same at the highest output of a boiler or converter that has no switch; empty for any other."""
    boiler = next((one for one in problem.boilers if one.name == unit), None)
    if boiler is not None:
        return _there(_of_boiler(boiler, boiler.capacity_kw))
    found: dict[str, float] = {}
    for one in problem.converters:
        if one.name == unit and not one.switches:
            for flow in one.flows:
                found[flow.carrier] = found.get(flow.carrier, 0.0) + float(flow.at[step, -1])
    return _there(found)


def takes_or_gives(problem: DispatchProblem, plan: Plan, unit: str, carrier: str) -> bool:
    """Whether a unit may take or give a carrier at any time."""
    machine = plan.machines[unit]
    if machine.kind == "store":
        return any(one.name == unit and one.carrier == carrier for one in problem.stores)
    if machine.kind == "boiler":
        return carrier in {"heat", "gas"}
    if machine.kind == "converter":
        return any(
            one.name == unit and any(flow.carrier == carrier for flow in one.flows)
            for one in problem.converters
        )
    return carrier == "electric" or carrier in machine.flows


def _of_boiler(boiler: Boiler, heat_kw: float) -> dict[str, float]:
    return {"heat": -heat_kw, "gas": heat_kw / boiler.efficiency_frac}


def _of_chp(chp: Chp, machine: MachinePlan, step: int) -> dict[str, float]:
    power_kw = float(machine.level[step])
    if not machine.on[step]:
        return {"electric": float(machine.power_kw[step])}
    heat, gas = line(chp, chp.heat_min_kw, chp.heat_max_kw), line(chp, chp.gas_min_kw, chp.gas_max_kw)
    return {
        "electric": float(machine.power_kw[step]),
        "heat": -(heat[0] * power_kw + heat[1]),
        "gas": gas[0] * power_kw + gas[1],
    }


def _there(flows: Mapping[str, float]) -> dict[str, float]:
    return {carrier: flow for carrier, flow in flows.items() if abs(flow) > _LITTLE}
