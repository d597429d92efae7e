"""What execution has to hold: the highest demand window that a plan pays for, by each charge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.demand_ceiling import ceiling_of
from optimizer.problem import Begun
from optimizer.supply import DemandCharge, Supply
from tests.unit.optimizer.features import bare

IMPORT_KW = np.array([500.0, 620.0, 580.0, 400.0, 300.0, 300.0, 300.0, 300.0])


def _of(*charges: DemandCharge) -> Supply:
    return Supply(charges=charges)


def test_it_is_the_highest_step_planned_or_what_the_month_owes_already() -> None:
    problem = replace(bare(8), start_ns=0)
    assert ceiling_of(problem, IMPORT_KW) is None
    for so_far_kw, ceiling_kw in ((0.0, 620.0), (700.0, 700.0)):
        money = replace(problem.prices, demand_charge_eur_kw=9.0, month_peak_kw=so_far_kw)
        found = ceiling_of(replace(problem, prices=money), IMPORT_KW)
        assert found is not None
        assert found.mean_kw.tolist() == [ceiling_kw] * 8
        assert (found.window_s, found.sliding) == (problem.step_s, False)


def test_what_was_bought_in_a_step_that_has_begun_counts() -> None:
    problem = replace(bare(8), start_ns=0)
    money = replace(problem.prices, demand_charge_eur_kw=9.0)
    begun = replace(problem, prices=money, begun=Begun(gone_frac=0.5, import_kw=900.0))
    found = ceiling_of(begun, IMPORT_KW)
    assert found is not None
    assert found.mean_kw[0] == pytest.approx(0.5 * 900.0 + 0.5 * 500.0)


def test_longer_windows_are_held_by_their_mean_and_each_step_by_its_strictest_charge() -> None:
    problem = replace(bare(8), start_ns=0)
    halves = DemandCharge(name="month", eur_kw=9.0, window_s=2 * problem.step_s)
    found = ceiling_of(replace(problem, supply=_of(halves)), IMPORT_KW)
    assert found is not None
    assert found.mean_kw.tolist() == [560.0] * 8
    assert found.window_s == 2 * problem.step_s
    dear = np.arange(8) >= 4
    banded = replace(halves, name="dear", counts=dear)
    found = ceiling_of(replace(problem, supply=_of(halves, banded)), IMPORT_KW)
    assert found is not None
    assert found.mean_kw.tolist() == [560.0] * 4 + [300.0] * 4
    alone = ceiling_of(replace(problem, supply=_of(banded)), IMPORT_KW)
    assert alone is not None
    assert np.isinf(alone.mean_kw[:4]).all()


def test_up_to_a_contracted_demand_nothing_is_paid_and_what_costs_nothing_holds_nothing() -> None:
    problem = replace(bare(8), start_ns=0)
    contract = DemandCharge(name="contract", eur_kw=0.0, over_from_kw=800.0, over_eur_kw=18.0)
    found = ceiling_of(replace(problem, supply=_of(contract)), IMPORT_KW)
    assert found is not None
    assert found.mean_kw.tolist() == [800.0] * 8
    free = DemandCharge(name="free", eur_kw=0.0)
    apparent = DemandCharge(name="kva", eur_kw=5.0, apparent=True)
    assert ceiling_of(replace(problem, supply=_of(free, apparent)), IMPORT_KW) is None
