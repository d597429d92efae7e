"""Judge of unit commitment: load, reserve, limits, minimum times and cost, hour by hour from the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

_OFF: Final = 1e-6


def schedule_cost(
    case: dict[str, Any], copies: int, on: Sequence[Sequence[bool]], power: Sequence[Sequence[float]]
) -> tuple[float, list[str]]:
    """Cost of a schedule and what is wrong with it; each unit of the file stands there `copies` times."""
    units = [unit for unit in case["units"] for _ in range(copies)]
    wrong: list[str] = []
    for hour, load in enumerate(case["load_mw"]):
        given = math.fsum(p[hour] for p in power)
        held = math.fsum(unit["pmax"] for unit, runs in zip(units, on, strict=True) if runs[hour])
        if abs(given - load * copies) > _OFF * max(load * copies, 1.0):
            wrong.append(f"hour {hour}: {given} MW instead of {load * copies}")
        asked = load * copies * (1.0 + case.get("spinning_reserve_fraction", 0.0))
        if held < asked - _OFF * asked:
            wrong.append(f"hour {hour}: units on give {held} MW at most, {asked} with reserve")
    cost = 0.0
    for k, (unit, runs, given_mw) in enumerate(zip(units, on, power, strict=True)):
        paid, faults = _unit(unit, list(runs), list(given_mw))
        cost += paid
        wrong += [f"unit {k}: {fault}" for fault in faults]
    return cost, wrong


def _unit(unit: dict[str, Any], on: list[bool], power: list[float]) -> tuple[float, list[str]]:
    faults: list[str] = []
    paid = 0.0
    runs, lasted = unit["init"] > 0, abs(unit["init"])
    for hour, (now, p) in enumerate(zip(on, power, strict=True)):
        if now != runs:
            least = unit["mu"] if runs else unit["md"]
            if lasted < least:
                faults.append(f"hour {hour}: switched after {lasted} h instead of {least} h")
            if now:
                paid += unit["hsc"] if lasted <= unit["md"] + unit["csh"] else unit["csc"]
            runs, lasted = now, 0
        lasted += 1
        if now:
            if not unit["pmin"] - _OFF <= p <= unit["pmax"] + _OFF:
                faults.append(f"hour {hour}: {p} MW")
            paid += unit["a"] + unit["b"] * p + unit["c"] * p * p
        elif abs(p) > _OFF:
            faults.append(f"hour {hour}: {p} MW while off")
    return paid, faults
