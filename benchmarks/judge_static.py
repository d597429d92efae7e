"""Judges of static cases: costs, limits and balances worked out anew from the file, number by number.

Nothing of the optimiser is used here, so that a fault of a builder cannot hide. Where a file tells no
optimum, one load shared by several units is enumerated on a grid (dynamic programming), which no formulation
can argue with: the true optimum is not above it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_BALANCE: Final = 1e-6
_GRID: Final = 4000

Floats = npt.NDArray[np.float64]


def chillers_kw(case: dict[str, Any], load_rt: float, plan: Sequence[float]) -> tuple[float, list[str]]:
    """Power of a plan of loads [RT] and what is wrong with it."""
    wrong, power = [], 0.0
    for k, (chiller, given) in enumerate(zip(case["chillers"], plan, strict=True)):
        if given == 0.0:
            continue
        plr = given / chiller["cap"]
        if plr < case.get("plr_min", 0.0) - _BALANCE or plr > 1.0 + _BALANCE:
            wrong.append(f"chiller {k} runs at {plr:.6f} of its capacity")
        power += math.fsum(c * plr**n for n, c in enumerate(chiller["coef"]))
    if abs(math.fsum(plan) - load_rt) > _BALANCE * max(load_rt, 1.0):
        wrong.append(f"the loads sum to {math.fsum(plan)} instead of {load_rt}")
    return power, wrong


def chp_cost(case: dict[str, Any], need: dict[str, float], plan: dict[str, Any]) -> tuple[float, list[str]]:
    """Cost of a plan of a CHP case and what is wrong with it."""
    wrong: list[str] = []
    cost = 0.0
    for kind, least, most in (("power", "pmin", "pmax"), ("heat", "hmin", "hmax")):
        for k, (unit, given) in enumerate(zip(case.get(kind, []), plan[kind], strict=True)):
            if not unit[least] - _BALANCE <= given <= unit[most] + _BALANCE:
                wrong.append(f"{kind} unit {k} gives {given}")
            cost += math.fsum(c * given**n for n, c in enumerate(unit["coef"]))
    for k, (unit, (p, h)) in enumerate(zip(case["chp"], plan["chp"], strict=True)):
        if not _inside(unit["FOR"], p, h):
            wrong.append(f"chp unit {k} is outside its region at {p}, {h}")
        a, b, c, d, e, f = unit["coef"]
        cost += a + b * p + c * p * p + d * h + e * h * h + f * p * h
    power = math.fsum([*plan["power"], *(p for p, _ in plan["chp"])])
    heat = math.fsum([*plan["heat"], *(h for _, h in plan["chp"])])
    for name, given, asked in (("power", power, need["P"]), ("heat", heat, need["H"])):
        if abs(given - asked) > _BALANCE * max(asked, 1.0):
            wrong.append(f"{name} sums to {given} instead of {asked}")
    return cost, wrong


def valve_cost(case: dict[str, Any], mw: float, plan: Sequence[float]) -> tuple[float, list[str]]:
    """Cost of a valve-point plan and what is wrong with it."""
    wrong, cost = [], 0.0
    for k, (unit, p) in enumerate(zip(case["units"], plan, strict=True)):
        if not unit["pmin"] - _BALANCE <= p <= unit["pmax"] + _BALANCE:
            wrong.append(f"unit {k} gives {p}")
        cost += unit["a"] + unit["b"] * p + unit["c"] * p * p
        cost += abs(unit.get("e", 0.0) * math.sin(unit.get("f", 0.0) * (unit["pmin"] - p)))
    if abs(math.fsum(plan) - mw) > _BALANCE * max(mw, 1.0):
        wrong.append(f"the powers sum to {math.fsum(plan)} instead of {mw}")
    return cost, wrong


def enumerated(curves: Sequence[tuple[Callable[[Floats], Floats], float, float, bool]], load: float) -> float:
    """Least cost on a grid of loads; each curve is (cost, least, most, whether it may be off).

    The grid begins at each curve's least load, so the sum is met within half a step per curve; the
    difference is put to the curve's own slope, hence a figure to compare with and not a bound.
    """
    step = load / _GRID
    total = np.full(_GRID + 1, np.inf)
    total[0] = 0.0
    for cost, least, most, can_stop in curves:
        first, last = math.ceil(least / step - 1e-9), min(math.floor(most / step + 1e-9), _GRID)
        shares = np.arange(first, last + 1)
        values = cost(np.clip(shares * step, least, most))
        after = total.copy() if can_stop else np.full(_GRID + 1, np.inf)
        for share, value in zip(shares.tolist(), values.tolist(), strict=True):
            moved = total[: _GRID + 1 - share] + value
            np.minimum(after[share:], moved, out=after[share:])
        total = after
    return float(total[-1])


def _inside(corners: Sequence[Sequence[float]], p: float, h: float) -> bool:
    """Inside a simple polygon or within rounding of its border."""
    ring = list(zip(corners, [*corners[1:], corners[0]], strict=True))
    inside = False
    for (x0, y0), (x1, y1) in ring:
        long = math.hypot(x1 - x0, y1 - y0)
        share = min(max(((p - x0) * (x1 - x0) + (h - y0) * (y1 - y0)) / (long * long or 1.0), 0.0), 1.0)
        if math.hypot(p - x0 - share * (x1 - x0), h - y0 - share * (y1 - y0)) < 1e-5:  # noqa: PLR2004
            return True
        if (y0 > h) != (y1 > h) and p < (x1 - x0) * (h - y0) / (y1 - y0) + x0:
            inside = not inside
    return inside
