"""Scenarios and true machines come from their seed and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from plant.flowsheet import Flowsheet
from plant.scenario import SEASONS, make_scenario
from plant.truth import sensor_bias, true_flowsheet
from plant.units.compressor import VsdCompressor
from plant.units.cooling import Chiller
from protocols.errors import ConfigError


def test_the_same_seed_gives_the_same_week_and_another_seed_another() -> None:
    one, same, other = (make_scenario("summer", seed, 2) for seed in (1, 1, 2))
    assert np.array_equal(one.air_m3_min, same.air_m3_min)
    assert not np.allclose(one.air_m3_min, other.air_m3_min)


@pytest.mark.parametrize("season", SEASONS)
@pytest.mark.parametrize("seed", range(5))
def test_loads_fit_the_demo_plant(season: str, seed: int) -> None:
    week = make_scenario(season, seed)
    assert week.length_s == 7 * 86_400
    assert week.air_m3_min.min() >= 10.0
    assert week.air_m3_min.max() <= 55.0
    assert week.cooling_kw.max() <= 950.0
    assert week.irradiance_w_m2.min() >= 0.0
    assert bool((week.wet_bulb_c <= week.outdoor_c).all())


def test_sunday_is_quieter_than_monday_and_the_night_is_dark() -> None:
    week = make_scenario("transition", 3)
    by_day = week.electric_kw.reshape(7, -1).mean(axis=1)
    assert by_day[6] < 0.8 * by_day[0]
    assert week.at(2 * 3600.0)[0].irradiance_w_m2 == 0.0


def test_between_the_minutes_the_series_are_straight_lines() -> None:
    day = make_scenario("winter", 1, 1)
    middle = day.at(90.0)[1].electric_kw
    assert middle == pytest.approx((day.electric_kw[1] + day.electric_kw[2]) / 2)
    assert day.at(86_400.0) == day.at(0.0)


def test_an_unknown_season_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="winter, summer, transition"):
        make_scenario("monsoon", 1)


def test_true_machines_differ_in_shape_and_only_by_their_seed(flowsheet: Flowsheet) -> None:
    true, same, other = (true_flowsheet(flowsheet, seed) for seed in (5, 5, 6))
    assert true == same
    assert true != other
    nominal_vsd, true_vsd = (dict(f.of_kind(VsdCompressor))["comp4"] for f in (flowsheet, true))
    ratios = [true_vsd.part_load.at(x) / nominal_vsd.part_load.at(x) for x in (0.32, 0.66, 1.0)]
    assert ratios[0] == pytest.approx(1.0, abs=0.02)
    assert ratios[2] == pytest.approx(1.0)
    assert abs(ratios[1] - 1.0) > 1e-3


@pytest.mark.parametrize("seed", range(20))
def test_true_machines_are_still_possible_machines(flowsheet: Flowsheet, seed: int) -> None:
    true = true_flowsheet(flowsheet, seed)
    again = Flowsheet.model_validate(true.model_dump())
    assert again == true
    for _, chiller in true.of_kind(Chiller):
        assert sum(chiller.eir.eirfplr) == pytest.approx(1.0)
        assert 0.05 < chiller.eir.power_ratio(0.2) < 0.45


def test_sensors_are_a_little_wrong_and_always_alike(flowsheet: Flowsheet) -> None:
    bias = sensor_bias(flowsheet, 5)
    assert bias == sensor_bias(flowsheet, 5)
    assert 0.0 < abs(bias["comp4/header_bar_g"]) < 0.1
    assert "meter_main/import_kwh" not in bias
