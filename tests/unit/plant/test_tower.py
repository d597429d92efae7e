from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plant.average import average_step
from plant.control.baseline import decide, initial_memory
from plant.control.setpoints import ChillerSetpoint, CompressorSetpoint, Setpoints, no_setpoints
from plant.flowsheet import Flowsheet
from plant.readings import readings
from plant.state import Loads, Plant, PlantInputs, PlantOutputs, Weather, compile_plant, initial_state
from plant.step import step
from plant.units.cooling import AirHandler
from plant.units.tower import CoolingTower

CONFIGS = Path(__file__).parents[3] / "configs"
TOWER = CoolingTower(electricity_node="main_bus", fan_kw=30.0)
LOADS = Loads(electric_kw=100.0, cooling_kw=500.0)


def _plant(**tower: object) -> Plant:
    sheet = yaml.safe_load((CONFIGS / "sites/demo/flowsheet.yaml").read_text())
    if tower:
        sheet["units"]["tower1"] = {"kind": "cooling_tower", "electricity_node": "main_bus", **tower}
    return compile_plant(Flowsheet.model_validate(sheet))


def _run(plant: Plant, weather: Weather, told: Setpoints, seconds: int = 3600) -> PlantOutputs:
    state, memory, outputs = initial_state(plant), initial_memory(plant), None
    for _ in range(seconds):
        orders, memory = decide(plant, memory, state, (LOADS, told), 1.0)
        state, outputs = step(plant, state, PlantInputs(weather, LOADS, orders), 1.0)
    assert outputs is not None
    return outputs


def _told(plant: Plant, tower_set_c: float | None) -> Setpoints:
    chillers = tuple(ChillerSetpoint(permit=True, supply_set_c=8.0) for _ in plant.chillers)
    return no_setpoints(plant)._replace(chillers=chillers, tower_set_c=tower_set_c)


@given(wet=st.floats(-5.0, 32.0), told=st.floats(10.0, 40.0), share=st.floats(0.0, 1.2))
def test_water_is_never_below_the_approach_nor_fans_above_their_rating(
    wet: float, told: float, share: float
) -> None:
    water_c = TOWER.water_c(wet, told)
    assert water_c >= wet + TOWER.approach_k - 1e-9
    assert water_c >= TOWER.low_c
    assert water_c <= max(TOWER.high_c, wet + TOWER.approach_k)
    assert 0.0 <= TOWER.power_kw(share, water_c, wet) <= TOWER.fan_kw


def test_colder_water_takes_more_fan_and_less_chiller() -> None:
    plant, mild = _plant(fan_kw=30.0), Weather(24.0, 15.0)
    warm, cold = (_run(plant, mild, _told(plant, set_c)) for set_c in (26.0, 20.0))

    def of(outputs: PlantOutputs, name: str) -> float:
        return dict(zip(plant.electric_ids, outputs.unit_kw, strict=True))[name]

    assert of(cold, "tower1") > of(warm, "tower1") > 0.0
    chillers = ("chiller1", "chiller2")
    assert sum(of(cold, name) for name in chillers) < sum(of(warm, name) for name in chillers)
    assert cold.cooling_kw == pytest.approx(warm.cooling_kw, rel=1e-3)
    kw = dict(zip(plant.electric_ids, cold.unit_kw, strict=True))
    assert cold.grid_import_kw == pytest.approx(sum(kw.values()))


def test_a_set_point_the_weather_forbids_gives_the_approach() -> None:
    plant, damp = _plant(fan_kw=30.0), Weather(30.0, 26.0)
    told = _told(plant, 20.0)
    state, memory = initial_state(plant), initial_memory(plant)
    orders, _ = decide(plant, memory, state, (LOADS, told), 1.0)
    state, outputs = step(plant, state, PlantInputs(damp, LOADS, orders), 1.0)
    assert readings(plant, state, outputs, (damp, told))["tower1"]["supply_c"] == 30.0


def test_means_over_a_quarter_agree_with_the_second_by_second_run() -> None:
    plant, mild = _plant(fan_kw=30.0), Weather(24.0, 15.0)
    told = _told(plant, 21.0)
    state = initial_state(plant)
    for _ in range(7):
        state, _means = average_step(plant, state, (mild, LOADS), told, 900.0)
    _, means = average_step(plant, state, (mild, LOADS), told, 900.0)
    place = plant.electric_ids.index("tower1")
    ran = _run(plant, mild, told, 2 * 3600)
    assert means.unit_kw[place] == pytest.approx(ran.unit_kw[place], rel=0.1)


def test_without_a_tower_a_chiller_has_its_own_water() -> None:
    plant, weather = _plant(), Weather(24.0, 15.0)
    assert plant.condenser_c(plant.chillers[0], weather, 22.0) == plant.chillers[0].condenser_c(24.0, 15.0)
    assert plant.tower_kw(500.0, weather) == 0.0


def test_warmer_water_asks_for_more_air_where_the_fan_curve_says_for_which_water_it_holds() -> None:
    fan = {"kind": "piecewise", "x": [0.0, 600.0], "y": [0.0, 24.0]}
    handler = AirHandler.model_validate(
        {"electricity_node": "a", "cooling_node": "b", "fan": fan, "fan_supply_c": 7.0}
    )
    assert handler.fan_kw(275.0, 7.0, 24.0) == pytest.approx(11.0)
    assert handler.fan_kw(275.0, 9.0, 24.0) == pytest.approx(11.0 * 11.0 / 9.0)
    plain = handler.model_copy(update={"fan_supply_c": None})
    assert plain.fan_kw(275.0, 12.0, 24.0) == plain.fan_kw(275.0, 7.0, 24.0)


def test_in_long_steps_the_header_stands_where_the_trimming_machine_was_told() -> None:
    plant = _plant()
    roles = (2, 0, 0, 1)
    machines = tuple(CompressorSetpoint(role, permit=True) for role in roles)
    told = no_setpoints(plant)._replace(compressors=(*machines[:3], CompressorSetpoint(1, True, 6.45)))  # noqa: FBT003  field of a value
    weather, loads = Weather(15.0, 11.0), Loads(air_m3_min=25.0)
    _, own = average_step(
        plant, initial_state(plant), (weather, loads), told._replace(compressors=machines), 900.0
    )
    _, low = average_step(plant, initial_state(plant), (weather, loads), told, 900.0)
    assert own.air.header_bar_g == pytest.approx(6.65)
    assert low.air.header_bar_g == 6.45
    assert sum(low.unit_kw[:4]) < sum(own.unit_kw[:4])
    assert low.air.leak_m3_min < own.air.leak_m3_min


def test_a_tower_whose_own_set_point_lies_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="low_c ≤ default_c ≤ high_c"):
        CoolingTower(electricity_node="main_bus", fan_kw=30.0, low_c=28.0)
