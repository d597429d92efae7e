from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dimension import _QUANTITIES, factor, meaning
from protocols.errors import ConfigError
from protocols.expression import MOST_POINTS, parse
from protocols.expression_table import TABLE
from protocols.units import UNITS, convert

POINTS = {
    "comp1/power_kw": "kW",
    "comp2/power_kw": "kW",
    "comp1/flow_m3_min": "m³/min",
    "comp1/pressure_bar_g": "bar(g)",
    "comp1/state_code": "code",
    "chiller1/supply_c": "°C",
    "chiller1/return_c": "°C",
    "chiller1/cooling_kw": "kW",
    "chiller1/flow_m3_h": "m³/h",
    "weather1/outdoor_c": "°C",
    "weather1/humidity_pct": "%",
    "meter/reactive_kvar": "kvar",
    "meter/power_mw": "MW",
    "gas/flow_nm3_h": "Nm³/h",
}


def value(text: str, target: str, **inputs: float) -> float:
    """One value; inputs are named `device__point`."""
    expression = parse(text)
    assert expression.faults(POINTS, target) == []
    given_ = {name.replace("__", "/"): np.array([number]) for name, number in inputs.items()}
    return float(np.ravel(expression.evaluate(given_, POINTS, target))[0])


@pytest.mark.parametrize(
    ("text", "target", "inputs", "expected"),
    [
        ("comp1.power_kw / comp1.flow_m3_min", "kW/(m³/min)",
         {"comp1__power_kw": 122.0, "comp1__flow_m3_min": 20.0}, 6.1),
        ("specific_power(comp1.power_kw, comp1.flow_m3_min)", "kW/(m³/min)",
         {"comp1__power_kw": 122.0, "comp1__flow_m3_min": 20.0}, 6.1),
        ("cop(chiller1.cooling_kw, comp1.power_kw)", "1",
         {"chiller1__cooling_kw": 500.0, "comp1__power_kw": 100.0}, 5.0),
        ("comp1.power_kw / chiller1.cooling_kw", "kW/RT",
         {"chiller1__cooling_kw": 3.516853, "comp1__power_kw": 0.7}, 0.7),
        ("comp1.power_kw + meter.power_mw", "kW", {"comp1__power_kw": 100.0, "meter__power_mw": 0.2}, 300.0),
        ("chiller1.return_c - chiller1.supply_c", "K",
         {"chiller1__return_c": 12.0, "chiller1__supply_c": 7.0}, 5.0),
        ("chiller1.supply_c + 2 K", "°C", {"chiller1__supply_c": 7.0}, 9.0),
        ("mean(chiller1.supply_c, chiller1.return_c)", "°F",
         {"chiller1__return_c": 12.0, "chiller1__supply_c": 8.0}, 50.0),
        ("absolute(comp1.pressure_bar_g) / 1 bar", "1", {"comp1__pressure_bar_g": 7.0}, 8.01325),
        ("absolute(chiller1.supply_c)", "K", {"chiller1__supply_c": 7.0}, 280.15),
        ("max(comp1.power_kw - 100 kW, 0)", "kW", {"comp1__power_kw": 80.0}, 0.0),
        ("clamp(comp1.power_kw, 0, 50 kW) * 2 h", "kWh", {"comp1__power_kw": 80.0}, 100.0),
        ("if(comp1.state_code == 2 and comp1.power_kw > 5 kW, comp1.power_kw, 0)", "kW",
         {"comp1__state_code": 2.0, "comp1__power_kw": 80.0}, 80.0),
        ("if(not comp1.state_code == 2 or comp1.power_kw < 5 kW, comp1.power_kw, 0)", "kW",
         {"comp1__state_code": 2.0, "comp1__power_kw": 80.0}, 0.0),
        ("if(chiller1.supply_c > -5 °C, 1, 0)", "1", {"chiller1__supply_c": 7.0}, 1.0),
        ("water_heat(chiller1.flow_m3_h, chiller1.return_c, chiller1.supply_c)", "kW",
         {"chiller1__flow_m3_h": 100.0, "chiller1__return_c": 12.0, "chiller1__supply_c": 7.0}, 583.0),
        ("air_enthalpy(weather1.outdoor_c, weather1.humidity_pct)", "kJ/kg",
         {"weather1__outdoor_c": 25.0, "weather1__humidity_pct": 50.0}, 50.32),
        ("dew_point(weather1.outdoor_c, weather1.humidity_pct)", "°C",
         {"weather1__outdoor_c": 25.0, "weather1__humidity_pct": 50.0}, 13.86),
        ("power_factor(comp1.power_kw, meter.reactive_kvar)", "1",
         {"comp1__power_kw": 80.0, "meter__reactive_kvar": 60.0}, 0.8),
        ("-comp1.power_kw + 3 * abs(comp1.power_kw) / sqrt(4)", "kW", {"comp1__power_kw": -10.0}, 25.0),
        ("1.163 kWh / 1 m3 / 1 K * chiller1.flow_m3_h * (chiller1.return_c - chiller1.supply_c)", "kW",
         {"chiller1__flow_m3_h": 100.0, "chiller1__return_c": 12.0, "chiller1__supply_c": 7.0}, 581.5),
        ("12 - 4 - 3", "1", {}, 5.0),
    ],
)  # fmt: skip
def test_an_expression_gives_its_value_in_the_wanted_unit(
    text: str, target: str, inputs: dict[str, float], expected: float
) -> None:
    assert value(text, target, **inputs) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("comp1.power_kw + chiller1.supply_c", "kW",
         ["character 16", "comp1.power_kw [kW]", "chiller1.supply_c [°C]", "take a difference"]),
        ("comp1.power_kw + comp1.flow_m3_min", "kW", ["kW and m³/min cannot be put together"]),
        ("comp1.flow_m3_min + chiller1.flow_m3_h", "m³/min", ["m³/min and m³/h"]),
        ("comp1.flow_m3_min + gas.flow_nm3_h", "m³/min", ["m³/min and Nm³/h"]),
        ("comp1.power_kw + meter.reactive_kvar", "kW", ["kW and kvar"]),
        ("chiller1.supply_c + chiller1.return_c", "°C", ["a level is no amount"]),
        ("chiller1.supply_c * 2", "°C", ["a level is no amount"]),
        ("comp1.state_code + 1", "1", ["a code is a name"]),
        ("comp1.power_kw > 3", "kW", ["kW and 1 cannot"]),
        ("comp1.power_kw > 3 kW", "1", ["gives yes or no"]),
        ("if(comp1.power_kw, 1, 2)", "1", ["needs a comparison first"]),
        ("max(chiller1.supply_c, 0)", "°C", ["write the number with its unit, such as 0 °C"]),
        ("comp1.power_kw", "kWh", ["gives kW (amount), the point has the unit kWh"]),
        ("chiller1.return_c - chiller1.supply_c", "°C", ["gives K (amount), the point has the unit °C"]),
        ("cop(comp1.power_kw, comp1.flow_m3_min)", "1", ["part 2 must be of a unit like kW, not m³/min"]),
        ("comp9.power_kw", "kW", ["no point 'comp9.power_kw'", "no device 'comp9'"]),
        ("comp2.power + comp1.power", "kW", ["comp2 has power_kw", "comp1 has flow_m3_min"]),
    ],
)  # fmt: skip
def test_a_unit_clash_is_refused_with_the_place_both_units_and_what_to_do(
    text: str, target: str, words: list[str]
) -> None:
    said = "; ".join(parse(text).faults(POINTS, target))
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at character 1: found the end, expected a point"),
        ("comp1.power_kw +", "expected a point"),
        ("(comp1.power_kw", "expected ')'"),
        ("comp1.power_kw comp2.power_kw", "at character 16: found 'comp2.power_kw', expected an operator"),
        ("power_kw", "write device.point"),
        ("__import__('os')", "means nothing here"),
        ("open(1)", "no function 'open'; there are: min"),
        ("if(1 < 2, 3)", "if takes 3 values, found 2"),
        ("1 < 2 < 3", "`and` between two comparisons"),
        ("comp1.power_kw ** 2", "found '*'"),
        ("5 kilowatt", "found 'kilowatt'"),
        ("(" * 100 + "1" + ")" * 100, "nested deeper"),
        ("-" * 500 + "1", "nested deeper"),
        ("1" * 3000, "3000 characters"),
        ("+".join(f"a.p{n}" for n in range(MOST_POINTS + 1)), "65 points"),
        ("comp1.power_kw; 1", "';' means nothing here"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r".") as refused:
        parse(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "text", ["comp1.power_kw / comp1.flow_m3_min", "sqrt(-comp1.power_kw / comp1.flow_m3_min)"]
)
def test_what_has_no_answer_is_nan_and_never_infinite(text: str) -> None:
    inputs = {
        "comp1/power_kw": np.array([5.0, 0.0, 5.0, np.nan]),
        "comp1/flow_m3_min": np.array([0.0, 0.0, np.nan, 1.0]),
    }
    target = "kW/(m³/min)" if text.startswith("comp1") else ""
    expression = parse(text)
    if target:
        assert expression.faults(POINTS, target) == []
    result = expression.evaluate(inputs, POINTS, target or "1")
    assert np.isnan(result).all()


def test_a_bad_input_makes_the_result_bad_whichever_way_an_if_goes() -> None:
    assert math.isnan(
        value(
            "if(comp1.power_kw > 5 kW, comp1.power_kw, comp2.power_kw)",
            "kW",
            comp1__power_kw=9.0,
            comp2__power_kw=math.nan,
        )
    )


@pytest.mark.parametrize("symbol", list(UNITS))
def test_every_unit_of_the_table_has_a_dimension_and_agrees_with_its_conversion(symbol: str) -> None:
    unit = UNITS[symbol]
    assert unit.quantity in _QUANTITIES
    for other in UNITS.values():
        if other.quantity == unit.quantity:
            scale, offset = factor(symbol)
            to_scale, to_offset = factor(other.symbol)
            assert (12.5 * scale + offset - to_offset) / to_scale == pytest.approx(
                convert(12.5, symbol, other.symbol)
            )
            assert meaning(symbol).dimension == meaning(other.symbol).dimension


def test_a_unit_may_stand_behind_a_number_in_each_spelling() -> None:
    for symbol, unit in UNITS.items():
        if symbol not in {"", "1"} and unit.quantity != "code":
            for spelt in (symbol, symbol.replace("³", "3").replace("²", "2")):
                assert parse(f"7 {spelt}").faults({}, symbol) == [], spelt


def test_the_table_is_told_whole_by_its_docstring() -> None:
    import protocols.expression_table as module  # noqa: PLC0415  its text is looked at

    missing = [
        n
        for n in TABLE
        if n.isidentifier() and n not in {"negative", "and", "or", "not"} and n not in str(module.__doc__)
    ]
    assert missing == []


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        parse(text)
    except ConfigError:
        return


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8),
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8),
)
def test_arrays_give_what_single_values_give(a: list[float], b: list[float]) -> None:
    size = min(len(a), len(b))
    inputs = {"comp1/power_kw": np.array(a[:size]), "comp2/power_kw": np.array(b[:size])}
    expression = parse("max(comp1.power_kw, comp2.power_kw) - clamp(comp1.power_kw, -1 MW, 1 MW)")
    whole = expression.evaluate(inputs, POINTS, "kW")
    for at in range(size):
        one = {name: values[at : at + 1] for name, values in inputs.items()}
        assert whole[at] == expression.evaluate(one, POINTS, "kW")[0]
