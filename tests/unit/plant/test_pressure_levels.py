"""The machine that trims is told another pressure: every machine keeps its part, or the file is refused."""

from __future__ import annotations

import pytest

from optimizer.planning import PlanningFile, planning_faults
from plant.control.baseline import decide, initial_memory
from plant.control.setpoints import CompressorSetpoint, no_setpoints
from plant.flowsheet import Flowsheet
from plant.state import Loads, Plant, PlantInputs, Weather, compile_plant, initial_state
from plant.step import step
from plant.units.compressor import ROLE_BASE, ROLE_STANDBY, ROLE_TRIM

ALLOWED = (6.6, 6.9)
"""Of the demo, whose trim role holds 6.65 in the mean. [bar g]"""
FEW = (ROLE_BASE, ROLE_STANDBY, ROLE_STANDBY, ROLE_TRIM)
MANY = (ROLE_BASE, ROLE_BASE, ROLE_BASE, ROLE_TRIM)
BASE_M3_MIN: dict[tuple[int, ...], float] = {FEW: 20.0, MANY: 58.0}


def _faults(plant: Plant, *levels: float) -> list[str]:
    file = PlanningFile.model_validate({"pressure": {"bar_g": levels, "least_bar_g": 6.2}})
    return [why for _, why in planning_faults(file, plant)]


def _loaded_kw(plant: Plant, roles: tuple[int, ...], bar_g: float) -> list[float]:
    """Mean power of each compressor while little more is needed than those at base give. [kW]."""
    machines = [CompressorSetpoint(role, True, bar_g if role == ROLE_TRIM else None) for role in roles]  # noqa: FBT003  field of a value
    told = no_setpoints(plant)._replace(compressors=tuple(machines))
    state, memory = initial_state(plant), initial_memory(plant)
    places = [plant.electric_ids.index(name) for name in plant.compressor_ids]
    kwh = [0.0] * len(places)
    for more_m3_min, seconds in ((11.5, 900), (-2.5, 900)):
        loads = Loads(air_m3_min=BASE_M3_MIN[roles] + more_m3_min)
        kwh = [0.0] * len(places)
        for _ in range(seconds):
            orders, memory = decide(plant, memory, state, (loads, told), 1.0)
            state, out = step(plant, state, PlantInputs(Weather(20.0, 15.0), loads, orders), 1.0)
            kwh = [sum_kwh + out.unit_kw[at] / 3600.0 for sum_kwh, at in zip(kwh, places, strict=True)]
    return [4.0 * one for one in kwh]


@pytest.mark.parametrize("bar_g", [ALLOWED[0], 6.75, ALLOWED[1]])
def test_at_a_level_that_is_taken_each_machine_keeps_its_part(plant: Plant, bar_g: float) -> None:
    assert _faults(plant, bar_g, bar_g + 1e-9) == []
    base, second, third, trim = _loaded_kw(plant, FEW, bar_g)
    assert base > 100.0
    assert (second, third) == (0.0, 0.0), "nobody on standby is called"
    assert trim > 15.0
    assert min(_loaded_kw(plant, MANY, bar_g)[:3]) > 100.0, "nobody at base is released"


def test_a_level_is_refused_at_which_standby_machines_take_the_part_of_the_one_that_trims(
    plant: Plant,
) -> None:
    why = "found 6.5 bar g; allowed are 6.6 … 6.9: below, machines on standby come before the one that trims"
    assert [one.partition(", above")[0] for one in _faults(plant, 6.5, 6.6)] == [why]
    assert _loaded_kw(plant, FEW, 6.5)[1] > 0.0, "it is called, and the one that trims waits below it"


def test_a_level_is_refused_at_which_a_base_machine_is_released_before_the_one_that_trims(
    plant: Plant,
) -> None:
    assert "those that run full are released" in _faults(plant, 6.9, 7.1)[0]
    assert min(_loaded_kw(plant, MANY, 7.1)[:3]) < 60.0


def test_bands_that_touch_leave_no_pressure_to_choose(flowsheet: Flowsheet) -> None:
    sheet = flowsheet.model_dump(mode="json", exclude_unset=True)
    sheet["units"]["receiver1"]["roles"]["stagger_bar"] = 0.15
    faults = _faults(compile_plant(Flowsheet.model_validate(sheet)), 6.6, 6.7)
    assert any("leave no room for another pressure" in one for one in faults)
