from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from benchmarks.learnt_plant import (
    NS,
    START_NS,
    ZONE,
    broken,
    demo_flowsheet,
    learnable_of,
    learnt_from,
    learnt_off_pct,
    past_of,
    rows_of,
)
from plant.curves import PolynomialCurve
from plant.flowsheet import Flowsheet
from plant.learning.forms import nonnegative
from plant.learning.learn import LEAST_DAYS, MARGIN_FRAC, learn
from plant.learning.machines import power_of
from plant.learning.robust import FloatArray
from plant.learning.rows import Rows
from plant.learnt import PumpPlate, taken_over
from plant.truth import true_flowsheet
from plant.units.cooling import Chiller
from protocols.errors import ContractError
from simulator.history import History

SEED: Final = 3
DAYS: Final = 9


@pytest.fixture(scope="module")
def nominal() -> Flowsheet:
    return demo_flowsheet()


@pytest.fixture(scope="module")
def past(nominal: Flowsheet) -> History:
    """Nine days of the true machines under their own control: they start, cycle and stand still."""
    return past_of(nominal, "summer", SEED, DAYS)


@pytest.mark.parametrize(
    ("name", "most_pct"),
    [("comp1", 1.0), ("comp2", 1.0), ("comp4", 1.5), ("chiller1", 2.5), ("chiller2", 2.5)],
)
def test_the_true_curve_is_found_again_within_a_stated_band(
    nominal: Flowsheet, past: History, name: str, most_pct: float
) -> None:
    found = learnt_from(nominal, past, name)
    assert found.status == "better", found.reason
    assert found.curve is not None
    told = found.curve.learning
    assert told.error_kw <= (1.0 - MARGIN_FRAC) * told.nominal_error_kw
    assert told.residual_low_kw < 0.0 < told.residual_high_kw
    assert told.held_days >= 2
    assert learnt_off_pct(nominal, SEED, name, found) < most_pct


def test_a_curve_that_is_right_already_stays(nominal: Flowsheet, past: History) -> None:
    found = learnt_from(nominal, past, "ahu1")
    assert found.status == "not_better"
    assert "the curve in use stays" in found.reason.en


@pytest.mark.parametrize(("name", "most_pct"), [("comp1", 1.0), ("comp4", 2.0), ("chiller2", 2.5)])
def test_noise_gaps_hanging_meters_and_a_day_in_watts_do_not_bend_it(
    nominal: Flowsheet, past: History, name: str, most_pct: float
) -> None:
    found = learnt_from(nominal, past, name, broken)
    assert found.status == "better", found.reason
    assert found.left_out["gap"] > 100
    assert found.left_out["out_of_range"] > 100
    assert learnt_off_pct(nominal, SEED, name, found) < most_pct


@pytest.mark.parametrize(
    ("name", "wrong", "word"),
    [
        ("comp4", ("power_kw", 1000.0), "W"),
        ("comp4", ("power_kw", 0.001), "MW"),
        ("comp1", ("power_kw", -1.0), "turned round"),
        ("comp4", ("flow_m3_min", 35.3147), "cfm"),
        ("comp4", ("flow_m3_min", 60.0), "m³/h"),
        ("comp1", ("pressure_bar_g", 14.5038), "psi"),
        ("comp1", ("pressure_bar_g", 0.1), "MPa"),
        ("comp1", ("power_kw", 1.0 / 0.7457), "hp"),
        ("chiller1", ("cooling_kw", 1.0 / 3.516853), "RT"),
    ],
)
def test_a_wrong_unit_is_refused_and_guessed(
    nominal: Flowsheet, past: History, name: str, wrong: tuple[str, float], word: str
) -> None:
    def other(values: dict[str, FloatArray], _: np.random.Generator) -> None:
        values[wrong[0]] *= wrong[1]

    found = learnt_from(nominal, past, name, other)
    assert found.status == "doubtful", found.reason
    assert found.curve is None
    assert word in found.reason.en


def test_a_standing_machine_teaches_nothing(nominal: Flowsheet, past: History) -> None:
    def stands(values: dict[str, FloatArray], rng: np.random.Generator) -> None:
        values["state_code"][:] = 0.0
        values["power_kw"][:] = np.abs(rng.normal(1.0, 0.1, len(values["power_kw"])))

    found = learnt_from(nominal, past, "comp1", stands)
    assert found.status == "too_little"
    assert "standing" in found.reason.en
    assert found.usable == 0


def test_a_start_up_teaches_nothing(nominal: Flowsheet, past: History) -> None:
    """Every row of the first twelve minutes after a start shows far too much; the fit does not move."""

    def dear_starts(values: dict[str, FloatArray], _: np.random.Generator) -> None:
        on = values["state_code"] == 2.0
        begins = np.flatnonzero(on & ~np.concatenate([[False], on[:-1]]))
        for first in begins.tolist():
            values["power_kw"][first : first + 12] *= 1.25

    plain = learnt_from(nominal, past, "chiller2")
    dear = learnt_from(nominal, past, "chiller2", dear_starts)
    assert plain.picture is not None
    assert dear.picture is not None
    assert dear.picture.learnt_kw == pytest.approx(plain.picture.learnt_kw, rel=0.004)


def test_days_too_few_leave_the_nominal_curve(nominal: Flowsheet, past: History) -> None:
    rows = rows_of(nominal, past, "comp1")
    few = rows.where(rows.times_ns < START_NS + (LEAST_DAYS - 2) * 86_400 * NS)
    found = learn("comp1", learnable_of(nominal, "comp1"), few, ZONE)
    assert found.status == "too_little"
    assert found.curve is None


def test_a_machine_that_wears_after_it_was_learnt_drifts_and_is_learnt_anew(
    nominal: Flowsheet, past: History
) -> None:
    first = learnt_from(nominal, past, "comp4")
    assert first.curve is not None

    def worn(values: dict[str, FloatArray], _: np.random.Generator) -> None:
        values["power_kw"] *= 1.08

    unit, rows = learnable_of(nominal, "comp4"), rows_of(nominal, past, "comp4", worn)
    found = learn("comp4", unit, rows, ZONE, first.curve)
    assert found.drifted
    assert found.drift_frac == pytest.approx(0.08, abs=0.01)
    assert found.status == "better"
    assert found.curve is not None
    assert found.curve.version == first.curve.version + 1
    again = learn("comp4", unit, rows_of(nominal, past, "comp4"), ZONE, first.curve)
    assert not again.drifted
    assert again.status == "not_better"


def test_power_never_falls_with_load_however_wild_the_rows_are(nominal: Flowsheet) -> None:
    rng, count = np.random.default_rng(2), 9 * 96
    times = START_NS + 900 * NS * np.arange(count, dtype=np.int64)
    for name in ("comp4", "chiller1"):
        unit = learnable_of(nominal, name)
        high = 25.0 if name == "comp4" else 600.0
        main = "flow_m3_min" if name == "comp4" else "cooling_kw"
        values = {
            main: rng.uniform(0.3 * high, high, count),
            "power_kw": rng.uniform(60.0, 140.0, count),
            "pressure_bar_g": rng.normal(7.1, 0.1, count),
            "inlet_c": rng.normal(25.0, 4.0, count),
            "supply_c": rng.normal(7.5, 0.5, count),
            "condenser_c": rng.normal(26.0, 3.0, count),
            "state_code": np.full(count, 2.0),
        }
        found = learn(name, unit, Rows(times, values), ZONE)
        if found.curve is None:
            continue
        machine = taken_over(unit, found.curve)
        x = np.linspace(0.34, 1.0, 40) * high
        at = {key: np.full(40, float(np.median(column))) for key, column in values.items()} | {main: x}
        assert (np.diff(power_of(machine, at)) >= -1e-6).all()


def test_what_the_form_says_and_what_the_learnt_machine_says_is_the_same(
    nominal: Flowsheet, past: History
) -> None:
    """One source: the picture is drawn by the curve the planner reads."""
    found = learnt_from(nominal, past, "comp4")
    assert found.curve is not None
    assert found.picture is not None
    grid = {key: np.full(len(found.picture.x), value) for key, value in found.picture.at.items()}
    grid[found.picture.main] = found.picture.x
    drawn = power_of(taken_over(learnable_of(nominal, "comp4"), found.curve), grid)
    assert drawn == pytest.approx(found.picture.learnt_kw, rel=1e-9)


def test_a_pump_is_learnt_as_a_cubic_without_falling_parts() -> None:
    plate = PumpPlate(curve=PolynomialCurve(coefficients=(4.0, 0.0, 0.0, 3.0e-4), low=0.0, high=40.0))
    rng, count = np.random.default_rng(5), 9 * 96
    flow = rng.uniform(8.0, 38.0, count)
    power = 5.2 + 3.6e-4 * flow**3 + rng.normal(0.0, 0.2, count)
    power[rng.random(count) < 0.08] *= 1.5
    times = START_NS + 900 * NS * np.arange(count, dtype=np.int64)
    order = np.argsort(flow[: 8 * 96].reshape(8, 96), axis=1)  # a pump does not jump from row to row
    for column in (flow, power):
        column[: 8 * 96] = np.take_along_axis(column[: 8 * 96].reshape(8, 96), order, axis=1).ravel()
    found = learn("p1", plate, Rows(times, {"flow_m3_h": flow, "power_kw": power}), ZONE)
    assert found.status == "better", found.reason
    assert found.curve is not None
    x = np.linspace(10.0, 37.0, 50)
    learnt = power_of(taken_over(plate, found.curve), {"flow_m3_h": x})
    assert learnt == pytest.approx(5.2 + 3.6e-4 * x**3, rel=0.04)
    assert (np.diff(learnt) > 0.0).all()


def test_least_squares_above_zero_finds_the_corner() -> None:
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert nonnegative(matrix, np.array([2.0, -1.0, 1.0])).tolist() == pytest.approx([1.5, 0.0])


def test_a_missing_column_is_named(nominal: Flowsheet, past: History) -> None:
    rows = rows_of(nominal, past, "comp1")
    values = {name: column for name, column in rows.values.items() if name != "inlet_c"}
    with pytest.raises(ContractError, match="inlet_c"):
        learn("comp1", learnable_of(nominal, "comp1"), Rows(rows.times_ns, values), ZONE)


def test_rows_that_do_not_rise_in_time_are_refused() -> None:
    with pytest.raises(ContractError, match="rise in time"):
        Rows(np.array([2, 1], dtype=np.int64), {"power_kw": np.zeros(2)})


def test_quarter_hour_means_of_a_machine_that_follows_its_load_teach_too(
    nominal: Flowsheet, past: History
) -> None:
    fine = rows_of(nominal, past, "comp4")
    whole = len(fine) // 15 * 15
    values = {
        name: column[:whole].reshape(-1, 15).mean(axis=1)
        for name, column in fine.values.items()
        if name in {"power_kw", "flow_m3_min", "pressure_bar_g", "inlet_c"}
    }
    rows = Rows(fine.times_ns[:whole:15], values)
    found = learn("comp4", learnable_of(nominal, "comp4"), rows, ZONE)
    assert found.status == "better", found.reason
    assert learnt_off_pct(nominal, SEED, "comp4", found) < 2.5


def test_a_curve_as_good_as_a_meter_is_left_alone(nominal: Flowsheet, past: History) -> None:
    true = learnable_of(true_flowsheet(nominal, SEED), "comp1")
    rows = rows_of(nominal, past, "comp1")
    exact = {**rows.values, "power_kw": power_of(true, rows.values) * (rows.values["state_code"] == 2.0)}
    found = learn("comp1", true, Rows(rows.times_ns, exact), ZONE)
    assert found.status == "not_better"
    assert "as good as a meter" in found.reason.en


def test_whatever_meters_show_ends_with_a_verdict_and_never_with_a_stack_trace(nominal: Flowsheet) -> None:
    rng, count = np.random.default_rng(11), 8 * 288
    times = START_NS + 300 * NS * np.arange(count, dtype=np.int64)
    names = ("power_kw", "flow_m3_min", "pressure_bar_g", "inlet_c", "cooling_kw", "supply_c", "condenser_c")
    wild = (
        lambda: rng.uniform(-1e6, 1e6, count),
        lambda: np.full(count, np.nan),
        lambda: np.full(count, np.inf),
        lambda: np.zeros(count),
        lambda: rng.uniform(1.0, 30.0, count),
        lambda: np.where(rng.random(count) < 0.5, np.nan, 7.0),
    )
    for name in ("comp1", "comp4", "chiller1", "ahu1"):
        for make in wild:
            values = {column: make() for column in names} | {"state_code": np.full(count, 2.0)}
            found = learn(name, learnable_of(nominal, name), Rows(times, values), ZONE)
            assert found.status in {"better", "not_better", "too_little", "doubtful"}
            assert found.reason.zh
        empty = {column: np.zeros(0) for column in (*names, "state_code")}
        found = learn(name, learnable_of(nominal, name), Rows(times[:0], empty), ZONE)
        assert found.status == "too_little"


def test_a_chiller_far_better_than_its_plate_stays_within_what_a_curve_can_say(nominal: Flowsheet) -> None:
    unit = learnable_of(nominal, "chiller1")
    assert isinstance(unit, Chiller)
    plate = unit.model_copy(update={"eir": unit.eir.model_copy(update={"cop": 15.0})})
    rng, count = np.random.default_rng(3), 8 * 288
    columns = {
        "cooling_kw": 350.0 + 180.0 * np.sin(np.arange(count) / 50.0),
        "supply_c": rng.normal(7.5, 0.3, count),
        "condenser_c": rng.normal(24.0, 1.0, count),
    }
    power = 0.85 * power_of(plate, columns)
    times = START_NS + 300 * NS * np.arange(count, dtype=np.int64)
    rows = Rows(times, {**columns, "power_kw": power, "state_code": np.full(count, 2.0)})
    found = learn("chiller1", plate, rows, ZONE)
    assert found.curve is not None
    assert found.status == "better"
