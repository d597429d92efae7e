"""What alarms look at, in virtual time: each kind is true when it should be, and false or silent else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hub.alarms.conditions import Apart, Beyond, Coming, Condition, Moving, Old, Unlike
from protocols.quality import Quality
from tests.unit.hub_alarms.alarm_story import POINT, Story, all_of, definition, holds, saying, story

TARGET = "comp1/target_bar_g"


def told(condition: Condition, **more: object) -> Story:
    return story(definition("low", condition, **({"on_delay_s": 0.0, "off_delay_s": 0.0} | more)))


def ramp(start: float, per_s: float, noise: float = 0.0) -> Callable[[Story], None]:
    source = np.random.default_rng(7)
    return lambda one: one.say(start + per_s * one.now_s + float(source.normal(0.0, noise)))


def test_above_and_below_come_back_by_their_dead_band() -> None:
    one = told(Beyond(POINT, 8.0, 1, 0.5))
    one.pass_s(2, saying(8.0))
    assert one.phase() == "normal"
    one.pass_s(2, saying(8.01))
    assert one.phase() == "unack"
    one.pass_s(70, saying(7.6))
    assert one.phase() == "unack"
    one.pass_s(2, saying(7.5))
    assert one.phase() == "rtn_unack"


def test_a_deviation_goes_to_both_sides_and_by_the_unit_of_the_target() -> None:
    one = told(Apart(POINT, TARGET, 0.5, 0.1, scale=0.01, offset=-1.01325))

    def both(told: Story, value: float) -> None:
        told.say(value)
        told.say(801.325, TARGET)  # 7 bar(g) in kPa(a)

    one.pass_s(3, lambda told: both(told, 7.4))
    assert one.phase() == "normal"
    for value in (7.6, 6.4):
        fresh = told(Apart(POINT, TARGET, 0.5, 0.1, scale=0.01, offset=-1.01325))
        fresh.pass_s(3, lambda told, value=value: both(told, value))  # type: ignore[misc]  # bound now
        assert fresh.phase() == "unack"


def test_a_rate_is_that_of_the_course_and_a_value_that_stands_does_not_move() -> None:
    one = told(Moving(POINT, 60.0, None, 0.5 / 60))
    one.pass_s(90, ramp(7.0, -0.3 / 60, 0.002))
    assert one.phase() == "normal"
    one = told(Moving(POINT, 60.0, None, 0.5 / 60))
    one.pass_s(90, ramp(7.0, -0.9 / 60, 0.002))
    assert one.phase() == "unack"
    one.pass_s(40)  # by exception: it says nothing while it does not move
    assert one.phase() == "rtn_unack"


def test_a_forecast_warns_in_time_and_of_nothing_else() -> None:
    one = told(Coming(POINT, 6.0, -1, 720.0, 300.0))
    one.pass_s(400, ramp(8.0, -2.0 / 3600, 0.003))
    assert one.phase() == "normal"  # an hour away
    one.pass_s(2200, ramp(8.0, -2.0 / 3600, 0.003))
    assert one.phase() == "normal"
    one.pass_s(500, ramp(8.0, -2.0 / 3600, 0.003))
    assert one.phase() == "unack"
    line = one.happened[0]
    assert "limit reached in" in line.words
    minutes = float(line.words.split()[3])
    assert minutes == pytest.approx((6.0 - line.value) / (-2.0 / 60) if line.value else 0.0, abs=1.0)
    assert minutes <= 12.0


@pytest.mark.parametrize("seed", range(5))
def test_a_forecast_does_not_warn_of_noise(seed: int) -> None:
    source = np.random.default_rng(seed)
    one = told(Coming(POINT, 6.0, -1, 720.0, 300.0), on_delay_s=30.0)
    one.pass_s(1500, lambda told: told.say(6.5 + float(source.normal(0.0, 0.05))))
    assert one.kinds() == []


def test_a_machine_that_is_not_as_asked() -> None:
    one = told(Unlike("comp1/role_code", "comp1/role_set_code", {2: (1, 2)}))

    def say(told: Story, state: float, wanted: float) -> None:
        told.say(state, "comp1/role_code")
        told.say(wanted, "comp1/role_set_code")

    for state, wanted, phase in ((1, 2, "normal"), (0, 0, "normal"), (0, 2, "unack")):
        one.pass_s(2, lambda told, s=float(state), w=float(wanted): say(told, s, w))  # type: ignore[misc]  # bound now
        assert one.phase() == phase


def test_a_comparison_over_points_is_nothing_while_one_of_them_is_away() -> None:
    units = {POINT: "bar(g)", "comp1/power_kw": "kW"}
    one = told(holds("comp1.power_kw > 5 kW and comp1.pressure_bar_g < 6 bar(g)", units))
    one.pass_s(3, saying(5.0))
    assert one.phase() == "normal"
    one.say(50.0, "comp1/power_kw")
    one.pass_s(3, saying(5.0))
    assert one.phase() == "unack"


def test_an_input_that_is_old_or_bad_is_told_once_for_all_of_its_points() -> None:
    points = (POINT, "comp1/power_kw", "comp2/power_kw")
    one = told(Old(points, 60.0))
    one.pass_s(10, all_of(1.0, *points))
    one.pass_s(70, all_of(1.0, *points[1:]))
    assert one.kinds() == ["raised"]
    assert one.happened[0].words == POINT
    one.pass_s(5, all_of(1.0, *points))
    assert one.kinds() == ["raised", "cleared"]
    one.pass_s(3, lambda told: told.say(float("nan"), quality=Quality.BAD_DEVICE))
    assert one.kinds()[-1] == "raised"


def test_points_that_never_spoke_are_told_after_their_time() -> None:
    one = told(Old((POINT,), 60.0))
    one.pass_s(59)
    assert one.kinds() == []
    one.pass_s(5)
    assert one.kinds() == ["raised"]


def test_a_clock_of_the_hub_that_is_put_back_makes_it_blind_for_nothing() -> None:
    one = told(Beyond(POINT, 6.0, -1))
    one.say(7.0, age_s=-3600)
    one.pass_s(3, saying(5.0))
    assert one.phase() == "unack"
