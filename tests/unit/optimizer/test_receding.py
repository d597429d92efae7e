"""Step by step through the first hours of a week that goes otherwise than foreseen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import receding as loop
from benchmarks.cases.b06_receding import bound_of, figures_of, seeds_asked, steps_asked
from optimizer.carry import cut
from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.solve import Feasible, Optimal
from protocols.errors import ConfigError


@pytest.mark.timeout(60)
@pytest.mark.parametrize("perfect", [True, False])
def test_a_window_that_moves_on_breaks_no_limit_at_its_borders(*, perfect: bool) -> None:
    asked = loop.week()
    found = loop.receding(asked, perfect=perfect, until=7)
    part = cut(asked.world, 0, 7)
    broken = [one for one in check(replace(part, binary_steps=7), found.plan) if one.machine != "cost"]
    assert broken == []
    assert {one.name for one in found.plan.shortages} <= {"heat_surplus", "reserve_air", "reserve_cooling"}
    assert len(found.step_s) == found.plan.steps == 7


@pytest.mark.timeout(60)
def test_a_week_is_paid_for_as_it_is_planned() -> None:
    part = cut(loop.week().world, 0, 12)
    outcome = plan_day(part)
    assert isinstance(outcome, Optimal | Feasible)
    assert loop.money(part, outcome.plan, outcome.plan.cost) == pytest.approx(outcome.objective, rel=1e-5)


@pytest.mark.timeout(60)
def test_no_plan_of_a_week_known_whole_costs_less_than_its_bound() -> None:
    part = cut(loop.week(seed=3).world, 0, 12)
    found, best = bound_of(part)
    outcome = plan_day(part)
    assert isinstance(outcome, Optimal | Feasible)
    assert found.bound <= outcome.objective + 1e-6
    assert found.gap < 0.001
    assert best.steps == 12


def test_figures_are_those_of_the_worst_week_and_what_all_weeks_broke() -> None:
    told = {"violations": 1.0, "short": 2.0, "short_reserve": 0.0, "step_median_s": 0.5, "step_p95_s": 1.0}
    weeks = [
        {
            "bound": {"bound": 100.0, "best": 100.1, "short_reserve": 0.0},
            "perfect": told | {"money": cost, "starts": 10.0},
            "forecast": told | {"money": 102.0, "starts": 11.0},
        }
        for cost in (100.5, 101.0)
    ]
    figures = figures_of(weeks)
    assert figures["excess_perfect_pct"] == pytest.approx(1.0)
    assert figures["excess_forecast_pct"] == pytest.approx(100.0 * 1.5 / 100.5)
    assert (figures["border_violations"], figures["starts_ratio"]) == (4.0, 1.1)


@pytest.mark.parametrize("text", ["", "0", "169", "-3", "six"])
def test_a_week_has_168_hours_to_go_through(text: str) -> None:
    with pytest.raises(ConfigError, match="from 1 to 168"):
        steps_asked(text)
    assert steps_asked("168") == 168


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1"])
def test_weeks_that_are_none_are_refused_in_words(text: str) -> None:
    with pytest.raises(ConfigError, match="EMS_RECEDING_SEEDS is"):
        seeds_asked(text)
    assert seeds_asked("3, 1,3") == [3, 1]


def test_what_nobody_knew_ahead_is_not_foreseen() -> None:
    asked = loop.week()
    seen = asked.seen(loop.TRIP - 1, perfect=False)
    assert seen.compressors[1].commitment.lock is None
    assert asked.seen(loop.TRIP, perfect=False).compressors[1].commitment.lock is not None
    dear = asked.world.prices.import_eur_kwh[loop.PRICE]
    assert asked.seen(loop.PRICE - 3, perfect=False).prices.import_eur_kwh[loop.PRICE] < dear
    assert asked.seen(loop.PRICE - 2, perfect=False).prices.import_eur_kwh[loop.PRICE] == dear
    before = asked.seen(loop.TARIFF - 1, perfect=False).prices.import_eur_kwh[loop.TARIFF + 5]
    assert before == asked.before.prices.import_eur_kwh[loop.TARIFF + 5]
    assert (
        asked.seen(loop.JUMP, perfect=False).forecasts.air_m3_min[loop.JUMP + 2]
        < 1.2 * (asked.before.forecasts.air_m3_min[loop.JUMP + 2])
    )
