"""Every schedule of a small chiller plant with water temperatures: the best by dynamic programming.

Shares no code with the optimiser. The load of a set of machines is shared at equal marginal power, which is
best for curves that are convex over part load (quadratic, rising), by bisection on the true EIR curves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final

import numpy as np
import numpy.typing as npt

from plant.eir import EirCurve
from protocols.errors import ContractError

FloatArray = npt.NDArray[np.float64]
_HALVINGS: Final = 60
_HOURS: Final = 0.25
_KW: Final = 0.05


@dataclass(frozen=True, slots=True)
class Plant:
    """Chillers, pairs of water temperatures, and what must be supplied.

    Attributes:
        chillers: EIR curve by name.
        pairs: (chilled, condenser) of each level. [°C]
        extra_kw: Pumps and fans while any runs, shape (levels, steps). [kW]
        extra_frac: Pumps and fans per cooling, shape (levels, steps). [kW/kW]
        allowed: Shape (levels, steps).
        need_kw: Cooling, shape (steps,). [kW]
        start_cost: Of each machine. [money]
        least_steps: Shortest run and stop of each.
        on_before: Which ran before, all of them long enough.
    """

    chillers: dict[str, EirCurve]
    pairs: tuple[tuple[float, float], ...]
    extra_kw: FloatArray
    extra_frac: FloatArray
    allowed: npt.NDArray[np.bool_]
    need_kw: FloatArray
    start_cost: dict[str, float]
    least_steps: int
    on_before: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Decisions of a day.

    Attributes:
        on: Shape (machines, steps).
        load_kw: Shape (machines, steps). [kW]
        pair: Level of each step, shape (steps,).
    """

    on: npt.NDArray[np.bool_]
    load_kw: FloatArray
    pair: npt.NDArray[np.int64]


def cost_of(plant: Plant, price: FloatArray, schedule: Schedule) -> float:
    """Money of a schedule on the true curves.

    Raises:
        ContractError: It breaks a limit of the plant.
    """
    money = 0.0
    for step, need in enumerate(plant.need_kw):
        level = int(schedule.pair[step])
        supply_c, condenser_c = plant.pairs[level]
        given = 0.0
        for k, eir in enumerate(plant.chillers.values()):
            load = float(schedule.load_kw[k, step])
            most = eir.available_kw(supply_c, condenser_c)
            low = eir.plr_min_frac * most if schedule.on[k, step] else 0.0
            if not low - _KW <= load <= (most if schedule.on[k, step] else 0.0) + _KW:
                raise ContractError(f"machine {k} in step {step}: {load:.2f} kW of cooling")
            given += load
            money += _HOURS * price[step] * eir.power_kw(load, supply_c, condenser_c)
        if not plant.allowed[level, step] or abs(given - need) > _KW:
            raise ContractError(f"step {step}: {given:.2f} kW of {need:.2f} at {plant.pairs[level]}")
        extra = plant.extra_kw[level, step] * bool(schedule.on[:, step].any())
        money += _HOURS * price[step] * (extra + plant.extra_frac[level, step] * given)
    return money + _switched(plant, schedule.on)


def _switched(plant: Plant, on: npt.NDArray[np.bool_]) -> float:
    money = 0.0
    for k, name in enumerate(plant.chillers):
        states = [plant.on_before[k], *(bool(now) for now in on[k])]
        switches = [t for t in range(len(states) - 1) if states[t] != states[t + 1]]
        if any(b - a < plant.least_steps for a, b in pairwise(switches)):
            raise ContractError(f"{name} switches again too soon")
        money += plant.start_cost[name] * sum(states[t + 1] for t in switches)
    return money


def best_day(plant: Plant, price: FloatArray) -> float:
    """Money of the best schedule there is."""
    number, least = len(plant.chillers), plant.least_steps
    sets = list(product((False, True), repeat=number))
    power = {running: _power(plant, running) for running in sets}
    # state of a machine: steps it has been on (1 … least) or off (-1 … -least), counted no further
    single = [*range(-least, 0), *range(1, least + 1)]
    states = list(product(single, repeat=number))
    place = {state: k for k, state in enumerate(states)}
    starts = np.array(list(plant.start_cost.values()))
    moves: list[tuple[int, int, float, tuple[bool, ...]]] = []
    for state in states:
        for running in sets:
            after, money = _moved(state, running, least, starts)
            if after is not None:
                moves.append((place[state], place[after], money, running))
    came = np.array([move[0] for move in moves])
    goes = np.array([move[1] for move in moves])
    paid = np.array([move[2] for move in moves])
    which = np.array([sets.index(move[3]) for move in moves])
    cost = np.full(len(states), np.inf)
    cost[place[tuple(least if on else -least for on in plant.on_before)]] = 0.0
    for step in range(len(price)):
        run = np.array([power[running][step] for running in sets]) * price[step] * _HOURS
        reached = cost[came] + paid + run[which]
        cost = np.full(len(states), np.inf)
        np.minimum.at(cost, goes, reached)
    return float(cost.min())


def _moved(
    state: tuple[int, ...], running: tuple[bool, ...], least: int, starts: FloatArray
) -> tuple[tuple[int, ...] | None, float]:
    after: list[int] = []
    money = 0.0
    for k, (was, runs) in enumerate(zip(state, running, strict=True)):
        if (was > 0) == runs:
            after.append(min(was + 1, least) if runs else max(was - 1, -least))
        elif abs(was) < least:
            return None, 0.0
        else:
            after.append(1 if runs else -1)
            money += float(starts[k]) * runs
    return tuple(after), money


def _power(plant: Plant, running: tuple[bool, ...]) -> FloatArray:
    """Least power of a set of machines over the permitted levels, infinite where it cannot, (steps,)."""
    if not any(running):
        return np.where(plant.need_kw <= 0, 0.0, np.inf)
    best = np.full(len(plant.need_kw), np.inf)
    machines = [eir for eir, runs in zip(plant.chillers.values(), running, strict=True) if runs]
    for level, (supply_c, condenser_c) in enumerate(plant.pairs):
        shared = _shared(machines, (supply_c, condenser_c), plant.need_kw)
        total = shared + plant.extra_kw[level] + plant.extra_frac[level] * plant.need_kw
        best = np.minimum(best, np.where(plant.allowed[level], total, np.inf))
    return best


def _shared(machines: list[EirCurve], at: tuple[float, float], need: FloatArray) -> FloatArray:
    """Power of the best share of each need, infinite where it is out of reach. [kW]."""
    capacity = np.array([eir.available_kw(*at) for eir in machines])[:, None]
    full = np.array([eir.full_power_kw(*at) for eir in machines])[:, None]
    c0, c1, c2 = (np.array([eir.eirfplr[k] for eir in machines])[:, None] for k in range(3))
    least = np.array([eir.plr_min_frac for eir in machines])[:, None]
    if np.any(c2 <= 0):
        raise ContractError("equal marginal power is best for convex curves alone")
    low = np.full(len(need), float((full / capacity * (c1 + 2 * c2 * least)).min()))
    high = np.full(len(need), float((full / capacity * (c1 + 2 * c2)).max()))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        plr = np.clip((middle * capacity / full - c1) / (2 * c2), least, 1.0)
        short = (plr * capacity).sum(axis=0) < need
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    plr = np.clip((high * capacity / full - c1) / (2 * c2), least, 1.0)
    power = (full * (c0 + plr * (c1 + plr * c2))).sum(axis=0)
    given = (plr * capacity).sum(axis=0)
    return np.where(np.abs(given - need) <= _KW, power, np.inf)
