"""A plan and the plant's own control are held against each other by all that either costs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.solving import Task, judge
from hub.dispatch.tasks import task_of
from optimizer.problem import DispatchProblem
from optimizer.saving import Run, contract_money
from optimizer.simulate import SimulatedDay
from optimizer.supply import DemandCharge, GasContract, Reactive, Supply
from optimizer.written import read
from protocols.errors import WorseThanOwnControlError
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, accepted, site, snapshot

pytestmark = pytest.mark.timeout(60)
STEPS = 96
PEAK_EUR_KW = 40.0


def _task() -> Task:
    memory, decision = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    return task_of(site(), memory, decision, snapshot())


def _problem(supply: Supply) -> DispatchProblem:
    problem, _ = read(accepted().made)
    return replace(problem, prices=replace(problem.prices, demand_charge_eur_kw=0.0), supply=supply)


class Course(NamedTuple):
    """A day of the demo that went so; all else is that of the plant's own control."""

    energy: float
    peak_kw: float = 500.0
    fuel_kw: float = 0.0
    inverter_kvar: float = 0.0

    def day(self) -> SimulatedDay:
        bought = np.full(STEPS, 500.0)
        bought[40] = self.peak_kw
        own = accepted().baseline
        cost, fuel_kw = replace(own.cost, energy=self.energy), np.full(STEPS, self.fuel_kw)
        return replace(own, cost=cost, import_kw=bought, fuel_kw=fuel_kw)

    def run(self) -> Run:
        day = self.day()
        return Run(day.cost, day.stored, day.import_kw, day.fuel_kw, np.full(STEPS, self.inverter_kvar))


def _judged(problem: DispatchProblem, plan: Course, own: Course) -> None:
    judge(_task(), problem, (plan.day(), own.day()), (plan.run(), own.run()))


DEMAND = Supply(charges=(DemandCharge(name="demand", eur_kw=PEAK_EUR_KW, so_far_kw=500.0),))
FACTOR = Supply(reactive=Reactive(need_kvar=np.full(STEPS, 500.0), factor_least=0.95, eur_kvarh=1.0))
TAKE = Supply(gas=GasContract(take_kwh=200_000.0))


@pytest.mark.parametrize(
    ("supply", "saves", "spends"),
    [
        (DEMAND, Course(4000.0), Course(3000.0, peak_kw=1000.0)),
        (FACTOR, Course(4000.0, inverter_kvar=400.0), Course(3000.0)),
        (TAKE, Course(4000.0, fuel_kw=8000.0), Course(3000.0)),
    ],
    ids=["demand", "power factor", "gas paid for anyway"],
)
def test_dearer_energy_that_saves_more_by_a_contract_is_no_worse_plan(
    supply: Supply, saves: Course, spends: Course
) -> None:
    problem = _problem(supply)
    _judged(problem, saves, spends)
    with pytest.raises(WorseThanOwnControlError, match="it is not used"):
        _judged(problem, spends, saves)


def test_a_contract_that_costs_both_alike_decides_nothing() -> None:
    problem, cheap, dear = _problem(DEMAND), Course(3000.0, 1000.0), Course(4000.0, 1000.0)
    _judged(problem, cheap, dear)
    money = [contract_money(problem, one.run()) for one in (cheap, dear)]
    assert [one.total for one in money] == [500.0 * PEAK_EUR_KW] * 2
    assert [one.others for one in money] == [None, None]
