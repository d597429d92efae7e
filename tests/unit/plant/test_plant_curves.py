"""Curves hold their end values and refuse nonsense; the EIR curve keeps its definition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plant.curves import PiecewiseCurve, PolynomialCurve
from plant.eir import EirCurve
from plant.flowsheet import Flowsheet
from plant.units.cooling import Chiller


@pytest.fixture
def chiller(flowsheet: Flowsheet) -> Chiller:
    return next(unit for _, unit in flowsheet.of_kind(Chiller))


def test_a_polynomial_holds_its_end_values_outside_its_range() -> None:
    curve = PolynomialCurve(coefficients=(1.0, 2.0), low=0.0, high=2.0)
    assert (curve.at(-5.0), curve.at(1.0), curve.at(9.0)) == (1.0, 3.0, 5.0)
    assert curve.covers(2.0)
    assert not curve.covers(2.1)


@given(st.floats(-10, 10))
def test_a_piecewise_curve_stays_between_its_values(x: float) -> None:
    curve = PiecewiseCurve(x=(0.0, 1.0, 3.0), y=(5.0, 2.0, 8.0))
    assert 2.0 <= curve.at(x) <= 8.0


@pytest.mark.parametrize("x", [(0.0, 0.0), (1.0, 0.0)])
def test_a_piecewise_curve_needs_rising_support(x: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="rise strictly"):
        PiecewiseCurve(x=x, y=(1.0, 2.0))


def test_full_load_at_rating_is_capacity_over_cop(chiller: Chiller) -> None:
    eir = chiller.eir
    power_kw = eir.power_kw(eir.capacity_kw, eir.supply_c, eir.condenser_c)
    assert power_kw == pytest.approx(eir.capacity_kw / eir.cop, rel=1e-6)


def test_power_at_part_load_a_fifth_follows_the_power_ratio_not_the_efficiency(chiller: Chiller) -> None:
    eir = chiller.eir
    c0, c1, c2 = eir.eirfplr
    ratio = eir.power_kw(0.2 * eir.capacity_kw, eir.supply_c, eir.condenser_c) / (eir.capacity_kw / eir.cop)
    assert ratio == pytest.approx(c0 + 0.2 * c1 + 0.04 * c2, rel=1e-6)
    assert 0.2 < ratio < 0.35


def test_power_above_full_load_is_that_of_full_load(chiller: Chiller) -> None:
    eir = chiller.eir
    above = eir.power_kw(1.3 * eir.capacity_kw, eir.supply_c, eir.condenser_c)
    assert above == pytest.approx(eir.full_power_kw(eir.supply_c, eir.condenser_c), rel=1e-9)


def test_power_below_least_part_load_falls_with_the_running_time(chiller: Chiller) -> None:
    eir = chiller.eir
    at_least = eir.power_kw(eir.plr_min_frac * eir.capacity_kw, eir.supply_c, eir.condenser_c)
    half = eir.power_kw(eir.plr_min_frac * eir.capacity_kw / 2, eir.supply_c, eir.condenser_c)
    assert half == pytest.approx(at_least / 2, rel=1e-6)


def test_part_load_is_measured_against_the_available_capacity(chiller: Chiller) -> None:
    eir = chiller.eir
    available_kw = eir.available_kw(10.0, 20.0)
    assert available_kw != pytest.approx(eir.capacity_kw, rel=0.01)
    assert eir.power_kw(available_kw, 10.0, 20.0) == pytest.approx(eir.full_power_kw(10.0, 20.0), rel=1e-9)


def _with_scale(chiller: Chiller, factor: float) -> dict[str, Any]:
    document = chiller.eir.model_dump()
    return document | {"capft": tuple(c * factor for c in document["capft"])}


def test_a_factor_off_by_more_than_a_percent_at_rating_is_refused(chiller: Chiller) -> None:
    with pytest.raises(ValidationError, match=r"CAPFT at rating is 1\.02"):
        EirCurve.model_validate(_with_scale(chiller, 1.02))


def test_a_factor_off_by_less_than_a_percent_at_rating_is_remarked(chiller: Chiller) -> None:
    assert chiller.eir.remarks() == ()
    assert EirCurve.model_validate(_with_scale(chiller, 1.005)).remarks() == (
        "CAPFT at rating is 1.0050 instead of 1",
    )


def test_cold_condenser_water_and_warm_supply_save_power(chiller: Chiller) -> None:
    assert chiller.eir.power_kw(300.0, 7.0, 20.0) < chiller.eir.power_kw(300.0, 7.0, 29.0)
    assert chiller.eir.power_kw(300.0, 10.0, 25.0) < chiller.eir.power_kw(300.0, 7.0, 25.0)
