from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.judge_units import schedule_cost
from optimizer.cases.forms import UnitCommitment, fleet_of, read_form
from optimizer.fleet import classes_of, share_out
from optimizer.problem import Commitment
from optimizer.unit_commitment import commit_units, dispatch_exactly
from protocols.errors import SolveError

HOUR_S = 3600.0


def unit(pmax: float, cost: tuple[float, float, float], **own: float) -> dict[str, float]:
    a, b, c = cost
    base = {"pmin": pmax / 4, "mu": 2, "md": 2, "hsc": 100, "csc": 250, "csh": 1, "init": -5}
    return base | {"pmax": pmax, "a": a, "b": b, "c": c} | own


SMALL: dict[str, Any] = {
    "spinning_reserve_fraction": 0.1,
    "load_mw": [100, 120, 190, 110, 80, 90, 180, 100],
    "units": [
        unit(130, (500, 16.0, 0.002), init=8),
        unit(80, (300, 19.0, 0.004)),
        unit(50, (200, 25.0, 0.003), mu=1, md=1, csh=0),
    ],
}


def _enumerated(case: dict[str, Any]) -> float:
    """Least cost by looking at every schedule of every unit."""
    fleet = fleet_of(read_form(UnitCommitment, case))
    hours = len(fleet.load_mw)
    best = np.inf
    for rows in product(*([_patterns(hours)] * len(fleet.units))):
        on = np.array(rows)
        most = np.array([u.most_mw for u in fleet.units]) @ on
        least = np.array([u.least_mw for u in fleet.units]) @ on
        if np.any(most < fleet.load_mw * 1.1) or np.any(least > fleet.load_mw):
            continue
        cost, wrong = schedule_cost(case, 1, on.tolist(), dispatch_exactly(fleet, on).tolist())
        best = cost if not wrong and cost < best else best
    return float(best)


def _patterns(hours: int) -> list[tuple[bool, ...]]:
    return list(product((False, True), repeat=hours))


def test_a_short_day_is_scheduled_as_cheaply_as_by_looking_at_every_schedule() -> None:
    case = SMALL | {"load_mw": SMALL["load_mw"][:4]}
    found = commit_units(fleet_of(read_form(UnitCommitment, case)), gap_frac=1e-6)
    assert found.cost == pytest.approx(_enumerated(case), rel=1e-6)
    assert found.bound <= found.cost


@pytest.mark.parametrize("copies", [1, 4])
def test_the_judge_finds_nothing_in_a_schedule_and_the_same_cost(copies: int) -> None:
    found = commit_units(fleet_of(read_form(UnitCommitment, SMALL), copies), gap_frac=1e-4)
    cost, wrong = schedule_cost(SMALL, copies, found.on.tolist(), found.power_mw.tolist())
    assert not wrong
    assert cost == pytest.approx(found.cost, rel=1e-9)
    assert found.gap <= 2e-4
    assert found.classes == 3


def test_warm_starts_are_paid_warm_and_cold_ones_cold() -> None:
    # the second unit is needed in hours 2 and 6: three hours between are warm for md 2 + csh 1
    found = commit_units(fleet_of(read_form(UnitCommitment, SMALL)), gap_frac=1e-6)
    cost, _ = schedule_cost(SMALL, 1, found.on.tolist(), found.power_mw.tolist())
    dear = {**SMALL, "units": [{**one, "hsc": one["csc"]} for one in SMALL["units"]]}
    always_cold = commit_units(fleet_of(read_form(UnitCommitment, dear)), gap_frac=1e-6)
    assert cost <= always_cold.cost + 1e-6


def test_more_load_than_all_units_is_refused_with_the_hour() -> None:
    case = SMALL | {"load_mw": [100, 250, 100]}
    with pytest.raises(SolveError, match=r"step 1 is 275 MW, all units together give 260 MW"):
        commit_units(fleet_of(read_form(UnitCommitment, case)))


def test_minimum_times_that_contradict_the_load_are_told() -> None:
    # the only large unit just stopped and owes five hours
    case = {
        "load_mw": [100, 100],
        "units": [unit(130, (500, 16.0, 0.002), init=-1, md=5)],
        "spinning_reserve_fraction": 0.0,
    }
    with pytest.raises(SolveError, match="contradict"):
        commit_units(fleet_of(read_form(UnitCommitment, case)))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_classes_are_shared_out_within_their_minimum_times(data: st.DataObject) -> None:
    size, up, down = (
        data.draw(st.integers(1, 5)),
        data.draw(st.integers(1, 4)),
        data.draw(st.integers(1, 4)),
    )
    machine = Commitment(min_up_s=up * HOUR_S, min_down_s=down * HOUR_S)
    starts: list[int] = []
    stops: list[int] = []
    running: list[int] = []
    count = 0
    for _ in range(16):
        most_up = size - count - sum(stops[max(0, len(stops) - down + 1) :])
        most_down = count - sum(starts[max(0, len(starts) - up + 1) :])
        change = data.draw(st.integers(-max(most_down, 0), max(most_up, 0)))
        starts.append(max(change, 0))
        stops.append(max(-change, 0))
        count += change
        running.append(count)
    plan = share_out(np.array(running), [machine] * size, HOUR_S)
    assert plan.sum(axis=0).tolist() == running
    for row in plan:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], row]).astype(int)))
        lasts = np.diff(edges)
        assert all(last >= (up if row[edge] else down) for edge, last in zip(edges, lasts, strict=False))


def test_equal_machines_are_one_class_in_the_order_of_the_first() -> None:
    assert classes_of(["b", "a", "b", "c", "a"]) == [[0, 2], [1, 4], [3]]
