"""Answers to the published forms of cases: plain values for `ems optimize dispatch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from optimizer.cases.forms import (
    ChillerLoading,
    ChpDispatch,
    EconomicDispatch,
    UnitCommitment,
    chillers_of,
    fleet_of,
    generators_of,
    read_form,
    station_of,
)
from optimizer.chp_dispatch import dispatch_heat_and_power
from optimizer.loading import share_load
from optimizer.unit_commitment import commit_units
from protocols.errors import SolveError


def _loads(answers: list[dict[str, Any]]) -> dict[str, Any]:
    found = [one for one in answers if "cost" in one]
    said: dict[str, Any] = {
        "status": "optimal" if all(one.get("proven") for one in answers) else "feasible",
        "cost": sum(one["cost"] for one in found),
        "bound": sum(one["bound"] for one in found),
        "answers": answers,
    }
    reasons = [one["reason"] for one in answers if "reason" in one]
    if not found:
        return {"status": "refused", "reason": "; ".join(reasons) or "the case asks for nothing"}
    return said | {"plan": [one.get("plan") for one in answers]}


def _each(asked: list[Any], answer: Callable[[Any], dict[str, Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    for one in asked:
        try:
            answers.append(answer(one))
        except SolveError as error:
            answers.append({"reason": str(error)})
    return answers


def _chiller_loading(plain: dict[str, Any], limit_s: float) -> dict[str, Any]:
    case = read_form(ChillerLoading, plain)
    machines = chillers_of(case)

    def answer(load_rt: float) -> dict[str, Any]:
        found = share_load(machines, load_rt, limit_s=limit_s)
        plan = {"load_rt": load_rt, "share_rt": found.load.tolist(), "on": found.on.tolist()}
        return {"cost": found.cost, "bound": found.bound, "proven": found.proven, "plan": plan}

    return _loads(_each([load.load_rt for load in case.loads], answer))


def _economic_dispatch(plain: dict[str, Any], limit_s: float) -> dict[str, Any]:
    case = read_form(EconomicDispatch, plain)
    units = generators_of(case)

    def answer(mw: float) -> dict[str, Any]:
        found = share_load(units, mw, 2e-4, limit_s)
        plan = {"mw": mw, "p_mw": found.load.tolist()}
        return {"cost": found.cost, "bound": found.bound, "proven": found.proven, "plan": plan}

    return _loads(_each([need.mw for need in case.demands], answer))


def _chp_dispatch(plain: dict[str, Any], limit_s: float) -> dict[str, Any]:
    case = read_form(ChpDispatch, plain)
    station = station_of(case)

    def answer(need: tuple[float, float]) -> dict[str, Any]:
        found = dispatch_heat_and_power(station, need, limit_s=limit_s)
        plan = {
            "power": found.power.tolist(),
            "chp": found.combined.tolist(),
            "heat": found.heat.tolist(),
        }
        return {"cost": found.cost, "bound": found.bound, "proven": found.proven, "plan": plan}

    return _loads(_each([(need.P, need.H) for need in case.demands], answer))


def _unit_commitment(plain: dict[str, Any], limit_s: float) -> dict[str, Any]:

    found = commit_units(fleet_of(read_form(UnitCommitment, plain)), limit_s=limit_s)
    return {
        "status": "optimal" if found.proven else "feasible",
        "cost": found.cost,
        "bound": found.bound,
        "gap_pct": 100.0 * found.gap,
        "s": found.solve_s,
        "plan": {"on": found.on.astype(int).tolist(), "p_mw": found.power_mw.tolist()},
    }


PUBLISHED: Final[Mapping[str, Callable[[dict[str, Any], float], dict[str, Any]]]] = {
    "chiller_loading": _chiller_loading,
    "chp_dispatch": _chp_dispatch,
    "unit_commitment": _unit_commitment,
    "economic_dispatch": _economic_dispatch,
}
"""By kind: a parsed file and the longest search [s] to status, cost, bound and plan."""
