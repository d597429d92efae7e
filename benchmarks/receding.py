"""A week of a plant in closed loop: its needs, what goes wrong, and a controller that plans step by step.

The world is known whole to the judge; the controller sees a window of it, forecasts that are wrong the more
the farther they reach, and events only when they happen. What it decides for the next step is done, with the
needs as they really are: machines that were planned to run run, storage follows the plan as far as it can,
and any other machine may come in as the plant's own control would have it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from benchmarks.small_plant import battery, chiller, engine, fixed_speed, problem, variable_speed, with_need
from optimizer.carry import carried, cut
from optimizer.components.balance import SLACK_EUR
from optimizer.dispatch import plan_day
from optimizer.plan import Cost, MachinePlan, Plan, Shortage
from optimizer.problem import (
    OFF,
    ON,
    Boiler,
    Commitment,
    Compressor,
    DispatchProblem,
    FloatArray,
    Limits,
    Prices,
    Store,
)
from optimizer.solve import Feasible, Optimal
from protocols.errors import ContractError

STEPS: Final = 168
STEP_S: Final = 3600.0
WINDOW: Final = 24
WHOLE: Final = 8
WORTH: Final = (0.13, 0.03)
"""What a kWh left in the battery and in the ice store is worth at the end. [money/kWh]"""
TRIP, PRICE, JUMP, LOST, TARIFF, RESTART = 30, 60, 78, 92, 120, 140
"""Step in which each event happens: a machine trips for 6 h, four dear hours are announced two hours ahead,
the air need rises by a third for 8 h, the battery's content is not read, the tariff changes, the planner
starts anew and remembers no plan."""

_CHILLER: Final = Commitment(min_up_s=7200.0, min_down_s=3600.0, start_eur=3.0)
_WEAR: Final = 0.005
_SOC_KWH, _ICE_KWH = 100.0, 300.0

_SHIFTS: Final = tuple(range(6, 22))
_WEEKEND: Final = 120
_DEAR: Final = (8, 9, 10, 11, 17, 18, 19, 20)
_NIGHT: Final = tuple(range(6))
"""Hours of the day."""


@dataclass(frozen=True, slots=True)
class Week:
    """What really happens, and what is known of it when.

    Attributes:
        world: Needs, prices and locks as they come to be.
        before: The same without what nobody knew ahead: trip, dear hours, jump, new tariff.
        error: Relative error of the forecast made in a step for another, shape (steps, steps).
    """

    world: DispatchProblem
    before: DispatchProblem
    error: FloatArray

    def seen(self, step: int, *, perfect: bool) -> DispatchProblem:
        """What is foreseen in a step."""
        if perfect:
            return self.world
        known = self.world if step >= TARIFF else self.before
        needs = {
            name: self._foreseen(name, step)
            for name in ("electric_kw", "air_m3_min", "cooling_kw", "heat_kw")
        }
        seen = replace(known, forecasts=replace(known.forecasts, **needs), prices=self._prices(step))
        return replace(seen, compressors=self.world.compressors if step >= TRIP else self.before.compressors)

    def _foreseen(self, name: str, step: int) -> FloatArray:
        real, expected = getattr(self.world.forecasts, name), getattr(self.before.forecasts, name)
        known = real if step > JUMP else expected
        foreseen: FloatArray = np.maximum(known * (1.0 + self.error[step]), 0.0)
        return foreseen

    def _prices(self, step: int) -> Prices:
        real, expected = self.world.prices, self.before.prices
        price = expected.import_eur_kwh.copy()
        if step >= PRICE - 2:
            price[PRICE : PRICE + 4] = real.import_eur_kwh[PRICE : PRICE + 4]
        if step >= TARIFF:
            price[TARIFF:] = real.import_eur_kwh[TARIFF:]
        return replace(real, import_eur_kwh=price)


@dataclass(slots=True)
class Run:
    """What a controller did with the week.

    Attributes:
        plan: All steps as they were carried out.
        step_s: Time of each plan. [s]
    """

    plan: Plan
    step_s: list[float] = field(default_factory=list)


def week(seed: int = 0) -> Week:
    """One week of hours."""
    rng = np.random.default_rng(seed)
    hour = np.arange(STEPS) % 24
    working = np.where(np.isin(hour, _SHIFTS), 1.0, 0.35) * np.where(np.arange(STEPS) < _WEEKEND, 1.0, 0.6)
    price = np.select([np.isin(hour, _DEAR), np.isin(hour, _NIGHT)], [0.24, 0.08], 0.15)
    noise = 1.0 + 0.06 * rng.standard_normal((4, STEPS))
    asked = with_need(
        problem(STEPS, price=price),
        electric_kw=(220.0 + 240.0 * working) * noise[0],
        air_m3_min=24.0 * working * noise[1],
        cooling_kw=(150.0 + 380.0 * working * np.sin(np.pi * hour / 24.0) ** 2) * noise[2],
        heat_kw=(60.0 + 140.0 * working) * noise[3],
    )
    before = replace(
        asked,
        step_s=STEP_S,
        prices=replace(asked.prices, demand_charge_eur_kw=9.0, month_peak_kw=820.0, peak_weight=0.25),
        limits=Limits(import_kw=1500.0, export_kw=300.0, air_reserve_frac=0.05, cooling_reserve_frac=0.05),
        compressors=_compressors(),
        chillers=tuple(
            chiller(name, STEPS, capacity_kw=420.0, commitment=replace(_CHILLER, on=name == "chiller1"))
            for name in ("chiller1", "chiller2")
        ),
        chps=(engine(Commitment(min_up_s=4 * 3600.0, min_down_s=2 * 3600.0, start_eur=6.0)),),
        boilers=(Boiler(name="boiler", capacity_kw=400.0),),
        batteries=(battery(end_value=WORTH[0], wear_eur_kwh=_WEAR),),
        stores=(
            Store(
                name="ice",
                carrier="cooling",
                content=_ICE_KWH,
                most=900.0,
                charge_max=250.0,
                discharge_max=250.0,
                loss_per_h_frac=0.003,
                end_value=WORTH[1],
            ),
        ),
    )
    return Week(_with_events(before), before, _errors(rng))


def receding(
    asked: Week, *, perfect: bool, until: int = STEPS, tell: Callable[[float], None] = lambda _: None
) -> Run:
    """Plan in each step, do its first, carry on; up to a step. `tell` hears the fraction done.

    Raises:
        ContractError: A step has no plan.
    """
    done: list[Plan] = []
    took: list[float] = []
    last: Plan | None = None
    for step in range(until):
        window = min(WINDOW, STEPS - step)
        seen = (
            carried(asked.seen(step, perfect=perfect), _joined(done), step)
            if done
            else asked.seen(0, perfect=perfect)
        )
        seen = replace(cut(seen, 0, window), binary_steps=min(WHOLE, window))
        if step == LOST and not perfect:
            seen = _without_content(seen)
        began_s = time.perf_counter()
        outcome = plan_day(seen, hint=None if step == RESTART else last, limit_s=10.0)
        took.append(time.perf_counter() - began_s)
        if not isinstance(outcome, Optimal | Feasible):
            raise ContractError(f"step {step} has no plan: {outcome.reason}")
        last = outcome.plan
        done.append(_carried_out(asked, done, last, step))
        tell((step + 1) / until)
    return Run(_joined(done), took)


def money(world: DispatchProblem, plan: Plan, cost: Cost) -> float:
    """Cost of a week with its new peak and what it is short of, less what the stores hold more at its end."""
    charge = world.prices.demand_charge_eur_kw * world.prices.peak_weight
    peak_kw = max(world.prices.month_peak_kw, float(plan.import_kw.max()))
    cells, ice = plan.machines["battery"], plan.machines["ice"]
    stored = WORTH[0] * (float(cells.level[-1]) - _SOC_KWH) + WORTH[1] * (float(ice.level[-1]) - _ICE_KWH)
    wear = _WEAR * float(np.maximum(-cells.power_kw, 0.0).sum()) * STEP_S / 3600.0
    short = sum(SLACK_EUR[one.name] * one.amount for one in plan.shortages) * STEP_S / 3600.0
    return cost.total + charge * (peak_kw - world.prices.month_peak_kw) + wear + short - stored


def starts(world: DispatchProblem, plan: Plan) -> int:
    """Starts of all machines."""
    found = 0
    for machine in world.switched:
        on = plan.machines[machine.name].on
        found += int(np.sum(on & ~np.concatenate([[machine.commitment.on], on[:-1]])))
    return found


def _without_content(seen: DispatchProblem) -> DispatchProblem:
    """A battery whose content is not read is planned as half full and left at rest, as the hub does."""
    rests = replace(seen.batteries[0], soc_kwh=110.0, fixed_kw=np.zeros(seen.steps))
    return replace(seen, batteries=(rests,))


def _carried_out(asked: Week, done: list[Plan], planned: Plan, step: int) -> Plan:
    """One step as it really goes: decided machines run, storage follows, others may come in."""
    real = carried(asked.world, _joined(done), step) if done else asked.world
    one = replace(cut(real, 0, 1), binary_steps=1)
    soc = planned.machines["ice"].level[0]
    before = one.stores[0].content * (1.0 - one.stores[0].loss_per_h_frac)
    flow = before - float(soc)
    held = replace(one.batteries[0], fixed_kw=planned.machines["battery"].power_kw[:1], wear_eur_kwh=0.0)
    ice = replace(
        one.stores[0],
        charge_max=max(-flow, 0.0),
        discharge_max=max(flow, 0.0),
        end_least=float(soc),
        end_value=0.0,
    )
    one = replace(
        one,
        compressors=tuple(
            replace(m, commitment=_held(m.commitment, planned, m.name)) for m in one.compressors
        ),
        chillers=tuple(replace(m, commitment=_held(m.commitment, planned, m.name)) for m in one.chillers),
        chps=tuple(replace(m, commitment=_held(m.commitment, planned, m.name)) for m in one.chps),
        batteries=(held,),
        stores=(ice,),
    )
    outcome = plan_day(one, limit_s=10.0)
    if not isinstance(outcome, Optimal | Feasible):
        raise ContractError(f"step {step} cannot be carried out: {outcome.reason}")
    return outcome.plan


def _held(own: Commitment, planned: Plan, name: str) -> Commitment:
    tripped = own.lock is not None and int(own.lock[0]) == OFF
    if tripped or not planned.machines[name].on[0]:
        return own
    return replace(own, lock=np.array([ON]))


def _joined(done: list[Plan]) -> Plan:
    first = done[0]
    machines = {name: _machine([one.machines[name] for one in done]) for name in first.machines}
    short = tuple(
        Shortage(one.name, step, one.amount)
        for step, plan in enumerate(done)
        for one in plan.shortages
        if not one.name.startswith("end_short")
    )
    return replace(
        first,
        machines=machines,
        import_kw=np.concatenate([one.import_kw for one in done]),
        export_kw=np.concatenate([one.export_kw for one in done]),
        fuel_kw=np.concatenate([one.fuel_kw for one in done]),
        peak_kw=max(one.peak_kw for one in done),
        shortages=short,
        binary_steps=len(done),
    )


def _machine(parts: list[MachinePlan]) -> MachinePlan:
    return replace(
        parts[0],
        on=np.concatenate([one.on for one in parts]),
        role=tuple(role for one in parts for role in one.role),
        power_kw=np.concatenate([one.power_kw for one in parts]),
        level=np.concatenate([one.level for one in parts]),
    )


def _with_events(before: DispatchProblem) -> DispatchProblem:
    price = before.prices.import_eur_kwh.copy()
    price[PRICE : PRICE + 4] = 0.55
    price[TARIFF:] = price[TARIFF:] * 0.8 + 0.05
    air = before.forecasts.air_m3_min.copy()
    air[JUMP : JUMP + 8] *= 4.0 / 3.0
    lock = np.full(STEPS, -1)
    lock[TRIP : TRIP + 6] = OFF
    tripped = replace(before.compressors[1], commitment=replace(before.compressors[1].commitment, lock=lock))
    return replace(
        before,
        forecasts=replace(before.forecasts, air_m3_min=air),
        prices=replace(before.prices, import_eur_kwh=price),
        compressors=(before.compressors[0], tripped, *before.compressors[2:]),
    )


def _errors(rng: np.random.Generator) -> FloatArray:
    """Errors that grow with the lead to 8 %, and hang together from hour to hour."""
    error = np.zeros((STEPS, STEPS))
    for made in range(STEPS):
        walk = 0.0
        for lead, step in enumerate(range(made, min(made + WINDOW, STEPS))):
            walk = 0.8 * walk + 0.6 * float(rng.standard_normal())
            error[made, step] = min(0.02 + 0.004 * lead, 0.08) * walk
    return error


def _compressors() -> tuple[Compressor, ...]:
    own = Commitment(min_up_s=3600.0, min_down_s=3600.0, start_eur=1.5)
    fixed = [
        fixed_speed(name, commitment=replace(own, on=name == "comp1"), full=full)
        for name, full in (("comp1", 10.0), ("comp2", 10.0), ("comp3", 12.0))
    ]
    return (*fixed, variable_speed("comp4", commitment=own))
