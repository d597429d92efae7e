"""E12: one device of twenty is dead, one hangs, one talks unasked: the others keep their polls."""

from __future__ import annotations

import pytest

from benchmarks.cases.edge_faults import bad_register, isolation

pytestmark = pytest.mark.net


async def test_one_unreadable_register_of_500_leaves_499_good_within_three_polls() -> None:
    figures = await bad_register()
    assert figures == {"bad_register_good": 499.0, "bad_register_wrong": 0.0, "bad_register_flagged": 1.0}


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_dead_a_hanging_and_a_talking_device_leave_the_other_seventeen_their_polls() -> None:
    figures = isolation(6.0, warm_s=3.0)
    assert set(figures) == {f"healthy_periods_frac_{kind}" for kind in ("tcp", "gateway", "serial")}
    # `make bench` measures the goal of 99 % over a minute; here a busy machine may cost a poll or two
    assert min(figures.values()) >= 4 / 6, figures
