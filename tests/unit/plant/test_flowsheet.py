"""A broken flowsheet is refused with all its mistakes at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from plant.flowsheet import Flowsheet
from plant.state import compile_plant
from protocols.errors import ConfigError


def test_the_demo_flowsheet_binds_every_point_once(flowsheet: Flowsheet) -> None:
    points = flowsheet.points()
    assert points["comp4/header_bar_g"] == ("receiver1", "header_bar_g")
    assert points["battery1/power_set_kw"] == ("battery1", "power_set_kw")
    assert flowsheet.binding("pv1", "power_kw") == "pv1/power_kw"
    assert flowsheet.binding("pv1", "nothing") is None


def test_the_control_gap_of_the_demo_plant_is_reported(flowsheet: Flowsheet) -> None:
    assert any("comp4" in remark and "cycles" in remark for remark in flowsheet.remarks())


def test_all_mistakes_are_named_at_once(demo_document: dict[str, Any]) -> None:
    broken = copy.deepcopy(demo_document)
    broken["units"]["comp1"]["electricity_node"] = "nowhere"
    broken["units"]["comp2"]["air_node"] = "hot_water"
    broken["units"]["comp3"]["bindings"]["colour"] = "comp3/colour"
    broken["units"]["comp4"]["bindings"]["power_kw"] = "comp1/power_kw"
    broken["units"]["meter_air"]["of"].append("comp9")
    del broken["units"]["gas1"]
    with pytest.raises(ValidationError) as caught:
        Flowsheet.model_validate(broken)
    text = str(caught.value)
    for expected in (
        "units.comp1.electricity_node: unknown node 'nowhere'",
        "units.comp2.air_node: node 'hot_water' carries heat",
        "units.comp3.bindings: a compressor_fixed has no 'colour'",
        "'comp1/power_kw' is bound 2 times",
        "units.meter_air.of: unknown unit 'comp9'",
        "nodes.gas_main: nothing gives gas here",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("unit", "field", "value", "says"),
    [
        ("comp1", "band", {"load_bar_g": 7.0, "unload_bar_g": 6.5}, "load_bar_g < unload_bar_g"),
        ("comp4", "flow_min_m3_min", 30.0, "flow_min_m3_min must be less"),
        ("chp1", "heat_kw", [188.0, 500.0], "more heat and power than fuel"),
        ("battery1", "soc_min_frac", 0.99, "soc_min_frac < taper_soc_frac"),
        ("comp1", "flow", 3.0, "Extra inputs are not permitted"),
    ],
)
def test_impossible_machines_are_refused(
    demo_document: dict[str, Any], unit: str, field: str, value: object, says: str
) -> None:
    broken = copy.deepcopy(demo_document)
    broken["units"][unit][field] = value
    with pytest.raises(ValidationError, match=says):
        Flowsheet.model_validate(broken)


def test_a_second_battery_cannot_be_simulated(demo_document: dict[str, Any]) -> None:
    double = copy.deepcopy(demo_document)
    double["units"]["battery2"] = double["units"]["battery1"] | {"bindings": {}}
    with pytest.raises(ConfigError, match="battery1, battery2"):
        compile_plant(Flowsheet.model_validate(double))


def test_compressors_without_a_receiver_cannot_be_simulated(demo_document: dict[str, Any]) -> None:
    bare = copy.deepcopy(demo_document)
    del bare["units"]["receiver1"]
    with pytest.raises(ConfigError, match="compressors need a receiver"):
        compile_plant(Flowsheet.model_validate(bare))
