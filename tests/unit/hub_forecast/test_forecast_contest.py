from __future__ import annotations

import numpy as np
import pytest

from hub.forecast.contest import Place, decide
from hub.forecast.features import Table
from hub.forecast.quarters import QUARTERS_A_DAY

DAYS = 30
NOW = DAYS * QUARTERS_A_DAY
PLACE = Place(0, NOW, 96)
CHANCE = np.random.default_rng(5)
TRUTH = np.concatenate([100.0 + CHANCE.normal(size=NOW), np.full(96, np.nan)])


def seen(**errors: float) -> Table:
    """Methods that miss the truth by a normal error of the given size."""
    middle = np.where(np.isfinite(TRUTH), TRUTH, 100.0)
    simple = {name: middle + CHANCE.normal(size=len(TRUTH)) * size for name, size in errors.items()}
    return Table(middle, simple, np.zeros((len(TRUTH), 1)))


def test_the_best_method_speaks() -> None:
    found = decide(TRUTH, seen(similar_days=2.0, last_week=8.0, yesterday=20.0), PLACE, None, None)
    assert (found.method, found.champion) == ("similar_days", "similar_days")
    assert found.scores["similar_days"].loss < found.scores["last_week"].loss < found.scores["yesterday"].loss
    assert all(0.7 < score.coverage < 0.9 for score in found.scores.values())


def test_a_challenger_that_is_only_a_little_better_does_not_take_over() -> None:
    table = seen(similar_days=5.0, last_week=5.05)
    assert decide(TRUTH, table, PLACE, None, "last_week").champion == "last_week"
    assert decide(TRUTH, table, PLACE, None, "gone").champion in {"similar_days", "last_week"}


def test_a_champion_that_fails_for_three_days_gives_way_until_it_is_good_again() -> None:
    table = seen(similar_days=1.0, last_week=6.0)
    broken = table.simple["similar_days"].copy()
    broken[NOW - 3 * 96 : NOW] += 15.0
    found = decide(
        TRUTH,
        Table(table.base, table.simple | {"similar_days": broken}, table.known),
        PLACE,
        None,
        "similar_days",
    )
    assert found.method == "last_week"


def test_a_method_without_a_number_for_each_quarter_does_not_speak() -> None:
    table = seen(similar_days=1.0, last_week=6.0)
    holed = table.simple["similar_days"].copy()
    holed[NOW + 40] = np.nan
    found = decide(
        TRUTH, Table(table.base, table.simple | {"similar_days": holed}, table.known), PLACE, None, None
    )
    assert (found.champion, found.method) == ("similar_days", "last_week")
    assert np.isfinite(found.courses).all()


def test_where_nothing_was_measured_yet_a_course_is_given_without_a_score() -> None:
    nothing = np.full(len(TRUTH), np.nan)
    found = decide(nothing, seen(similar_days=1.0), PLACE, None, None)
    assert found.scores["similar_days"].days == 0
    assert found.courses[1] == pytest.approx(seen(similar_days=0.0).simple["similar_days"][NOW:], abs=5.0)
