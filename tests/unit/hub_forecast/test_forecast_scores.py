from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hub.forecast.conformal import calibrated
from hub.forecast.quantiles import coverage, in_order, pinball
from hub.forecast.tidy import drift, tidied

CHANCE = np.random.default_rng(7)


def test_a_middle_course_that_is_one_below_costs_half_a_unit_of_it() -> None:
    assert pinball(np.array([1.0]), np.array([[0.0], [0.0], [0.0]])) == pytest.approx((0.1 + 0.5 + 0.9) / 3)
    assert pinball(np.array([-1.0]), np.array([[0.0], [0.0], [0.0]])) == pytest.approx((0.9 + 0.5 + 0.1) / 3)


def test_what_is_not_known_is_not_scored() -> None:
    assert np.isnan(pinball(np.array([np.nan]), np.zeros((3, 1))))
    assert np.isnan(coverage(np.array([np.nan]), np.zeros((3, 1))))
    assert coverage(np.array([np.nan, 0.0]), np.zeros((3, 2))) == 1.0


@given(arrays(np.float64, (3, 5), elements=st.floats(-1e6, 1e6)))
def test_a_low_course_is_never_above_a_high_one(
    courses: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    ordered = in_order(courses)
    assert (ordered[0] <= ordered[1]).all()
    assert (ordered[1] <= ordered[2]).all()


@pytest.mark.parametrize("size", [0.01, 1.0, 20.0])
def test_a_band_that_is_far_too_narrow_or_too_wide_comes_to_hold_eighty_per_cent(size: float) -> None:
    days, count = 70, 96
    truth = 100.0 + np.abs(CHANCE.normal(size=days * count)) * 10.0  # lopsided
    raw = np.stack([np.full_like(truth, 105.0 + step * size) for step in (-1.0, 0.0, 1.0)])
    held = [
        coverage(
            truth[day * count : (day + 1) * count],
            calibrated(truth[: day * count], raw[:, : day * count], raw[:, day * count : (day + 1) * count]),
        )
        for day in range(14, days)
    ]
    assert 0.77 <= float(np.mean(held)) <= 0.83


def test_a_plant_whose_noise_grows_is_followed() -> None:
    days, count = 90, 96
    size = np.repeat(np.linspace(2.0, 20.0, days), count)
    truth = 200.0 + CHANCE.normal(size=days * count) * size
    raw = np.stack([np.full_like(truth, 200.0 + step) for step in (-3.0, 0.0, 3.0)])
    held = [
        coverage(
            truth[day * count : (day + 1) * count],
            calibrated(truth[: day * count], raw[:, : day * count], raw[:, day * count : (day + 1) * count]),
        )
        for day in range(30, days)
    ]
    assert 0.75 <= float(np.mean(held)) <= 0.85


def test_before_a_week_is_known_nothing_is_moved_outwards() -> None:
    raw = np.stack([np.full(96, value) for value in (1.0, 2.0, 3.0)])
    assert np.array_equal(calibrated(np.zeros(0), np.zeros((3, 0)), raw), raw)


def day_course() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    hour = np.arange(40 * 96) % 96 / 4.0
    return np.where((hour >= 6) & (hour < 18), 300.0, 0.0) + CHANCE.normal(size=40 * 96)


def test_a_meter_that_hangs_is_left_out_and_counted() -> None:
    values = day_course()
    values[1000:1040] = values[1000] = 290.0
    found = tidied(values)
    assert found.stuck == 40
    assert np.isnan(found.values[1000:1040]).all()


def test_a_load_that_rests_at_zero_or_is_set_in_steps_is_no_meter_that_hangs() -> None:
    resting = np.where(np.arange(40 * 96) % 96 < 40, 0.0, day_course())
    assert tidied(resting).stuck == 0
    steps = np.repeat(CHANCE.uniform(50.0, 300.0, size=40 * 4), 24)
    assert tidied(steps).stuck == 0


def test_a_spike_is_left_out_and_a_high_day_stays() -> None:
    values = day_course()
    values[96 * 20 : 96 * 21] *= 1.3
    values[2000] = 9000.0
    found = tidied(values)
    assert (found.spikes, np.isnan(found.values[2000])) == (1, True)


def test_gaps_count_from_the_first_quarter_that_is_known() -> None:
    values = day_course()
    values[:500] = np.nan
    values[700:710] = np.nan
    assert tidied(values).gaps == 10
    assert tidied(np.full(96, np.nan)).gaps == 0


def test_drift_is_told_in_half_widths_of_the_band() -> None:
    foreseen = np.stack([np.full(300, 90.0), np.full(300, 100.0), np.full(300, 110.0)])
    assert drift(np.full(300, 120.0), foreseen) == pytest.approx(2.0)
    assert drift(np.full(300, np.nan), foreseen) == 0.0
