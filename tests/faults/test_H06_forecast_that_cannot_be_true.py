"""H6: measurements that are missing, ten times too high, old or shifted; no plan rests on what was gated.

Whatever is planned on them is run forward on the day as it truly comes, against the plant's own control.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.solving import solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.ceilings import most_needed
from hub.forecast.gates import forecast
from hub.forecast.quarters import NAMES, QUARTERS_A_DAY, Quarters, floor_quarter_ns
from hub.forecast.similar import Window
from optimizer.compile import compile_problem
from optimizer.simulate import compare
from optimizer.words import FORESEEN
from protocols.errors import SolveError
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, START_NS, past, site, snapshot

pytestmark = pytest.mark.timeout(120)
MOST_FRAC = 0.10
LOADS = ("process_kw", "air_m3_min", "cooling_kw", "heat_kw")
Series = np.ndarray[tuple[int], np.dtype[np.float64]]


def last(hours: int, change: Callable[[Series], Series]) -> Callable[[Series], Series]:
    """The change, in the newest hours alone."""
    return lambda values: np.concatenate([values[: -4 * hours], change(values[-4 * hours :])])


CHANGES: dict[str, Callable[[Series], Series]] = {
    "no number for a day": last(24, lambda tail: np.full_like(tail, np.nan)),
    "every third quarter without a number": lambda values: np.where(
        np.arange(len(values)) % 3 == 0, np.nan, values
    ),
    "ten times, the last hour": last(1, lambda tail: 10.0 * tail),
    "ten times, the last week": last(168, lambda tail: 10.0 * tail),
    "five hours old": last(5, lambda tail: np.full_like(tail, np.nan)),
    "shifted by an hour": lambda values: np.roll(values, 4),
    "stuck at its value": last(6, lambda tail: np.full_like(tail, tail[0])),
    "infinite, one quarter": last(1, lambda tail: np.array([np.inf, *tail[1:]])),
    "below zero": last(12, lambda tail: -tail),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_plan_on_it_costs_at_most_a_tenth_more_than_the_plants_own_control(name: str) -> None:
    seen = {key: CHANGES[name](values) if key in LOADS else values for key, values in past().values.items()}
    look = replace(snapshot(), past=Quarters(START_NS, seen))
    memory, decision = core.step(site(), core.Memory(), look, NOW_NS)
    try:
        task = task_of(site(), memory, decision, look)
        accepted = solve_task(task)
    except SolveError:
        return  # no plan: the plant goes on by itself
    most = most_needed(site().plant.flowsheet)
    assert all((getattr(task.outlook, key) <= most[key]).all() for key in LOADS)  # no NaN is less
    truth = forecast(past(), Window(floor_quarter_ns(NOW_NS), QUARTERS_A_DAY, site().time_zone)).outlook
    problem = compile_problem(task.plant, truth, task.now, task.supply)
    planned, own = compare(
        task.plant, truth, task.now, (problem.prices, task.supply[0].cny_rate), accepted.plan
    )
    assert planned.total <= own.total + MOST_FRAC * abs(own.total)


@pytest.mark.parametrize("name", NAMES)
def test_a_series_that_never_was_a_number_is_never_planned_on(name: str) -> None:
    gone = {
        key: np.full_like(values, np.nan) if key == name else values for key, values in past().values.items()
    }
    look = replace(snapshot(), past=Quarters(START_NS, gone))
    memory, decision = core.step(site(), core.Memory(), look, NOW_NS)
    assert decision.set_points == ()
    with pytest.raises(SolveError, match=f"no forecast of {FORESEEN[name].en}"):
        task_of(site(), memory, decision, look)
