from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from hub.forecast.job import STEPS, Job, Site, work
from hub.forecast.quarters import Quarters
from hub.forecast.solar import Plane, clear_sky, in_plane, sky_course
from hub.registry.calendars import Calendar

pytestmark = pytest.mark.timeout(60)
MUNICH = Plane(48.14, 11.58, 30.0, 180.0)
START = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
START_NS = round(START.timestamp()) * 1_000_000_000


def test_a_clear_day_in_june_looks_like_one() -> None:
    sky = clear_sky(MUNICH, START_NS, 96)
    assert 900.0 < sky[:, 0].max() < 1100.0
    assert abs(int(sky[:, 0].argmax()) - (11 * 4 + 1)) <= 2  # noon by the sun, 11.58° east
    assert sky[:8, 0].max() == 0.0
    assert sky[:, 1].max() == pytest.approx(90.0 - 48.14 + 22.0, abs=0.7)


def test_a_horizontal_forecast_is_turned_into_the_plane() -> None:
    flat = Plane(MUNICH.latitude, MUNICH.longitude, 0.0, 180.0)
    sun = 700.0 * np.clip(np.sin((np.arange(96) / 4.0 - 4.0) / 15.0 * np.pi), 0.0, None)
    lying = in_plane(flat, START_NS, sun)
    assert lying[20:72] == pytest.approx(sun[20:72], rel=0.03, abs=5.0)
    winter = in_plane(MUNICH, START_NS + 190 * 86_400_000_000_000, np.where(np.arange(96) == 44, 250.0, 0.0))
    assert winter[44] > 400.0  # a low sun in the south
    assert np.isnan(in_plane(flat, START_NS, np.full(3, np.nan))).all()


def test_the_share_of_the_sky_is_that_of_the_last_days_and_a_day_old() -> None:
    clear = np.tile(np.where(np.arange(96) < 48, 800.0, 0.0), 10)
    values = 0.5 * clear
    values[8 * 96 :] = clear[8 * 96 :]
    course = sky_course(values, clear)
    assert course[8 * 96 : 9 * 96] == pytest.approx(0.5 * clear[8 * 96 : 9 * 96])
    assert course[9 * 96 + 40] > 0.5 * 800.0


def test_the_sun_of_a_field_is_foreseen_from_what_it_gave() -> None:
    days = 40
    sky = clear_sky(MUNICH, START_NS, days * 96 + STEPS)[:, 0]
    chance = np.random.default_rng(2)
    cloud = np.clip(0.6 + np.repeat(chance.normal(size=days + 2) * 0.2, 96)[: len(sky)], 0.1, 1.0)
    true = 0.9 * sky * cloud  # dirt, and a day like the others
    past = Quarters(
        START_NS,
        {
            "irradiance_w_m2": true[: days * 96],
            "outdoor_c": np.full(days * 96, 20.0) + chance.normal(size=days * 96),
        },
    )
    found = work(Job(Site(Calendar(), "Europe/Berlin", MUNICH), past, names=("irradiance_w_m2",))).found[
        "irradiance_w_m2"
    ]
    low, middle, high = found.verdict.courses
    assert (low >= 0.0).all()
    assert high[sky[days * 96 :] <= 0.0].max() == 0.0
    assert 0.3 < middle[:96].sum() / (0.9 * sky[days * 96 : days * 96 + 96]).sum() < 0.9
    weather = {"ghi_w_m2": np.full(STEPS, 100.0)}
    grey = work(Job(Site(Calendar(), "Europe/Berlin", MUNICH), past, weather, train=False)).found[
        "irradiance_w_m2"
    ]
    assert grey.verdict.method == "imported"
    assert grey.verdict.courses[1].max() < 250.0
