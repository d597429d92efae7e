"""A warmer chilled-water set-point is reached in steps: a jump would stop every chiller at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer.setpoints import eased
from plant.control.baseline import decide, initial_memory
from plant.control.setpoints import ChillerSetpoint, Setpoints, no_setpoints
from plant.flowsheet import Flowsheet
from plant.state import Loads, Plant, PlantInputs, Weather, compile_plant, initial_state
from plant.step import step
from plant.units.cooling import RUNNING
from runtime.yaml_config import load_config


@pytest.fixture
def plant(configs: Path) -> Plant:
    return compile_plant(load_config(configs / "sites/demo/flowsheet.yaml", Flowsheet))


def _told(plant: Plant, supply_c: float | None) -> Setpoints:
    return no_setpoints(plant)._replace(
        chillers=tuple(ChillerSetpoint(permit=True, supply_set_c=supply_c) for _ in plant.chillers)
    )


def _supply_c(
    plant: Plant, planned_c: float | None, before_c: float | None, loop_c: float | None
) -> float | None:
    before = tuple(before_c for _ in plant.chillers)
    return eased(plant, _told(plant, planned_c), before, loop_c).chillers[0].supply_set_c


@pytest.mark.parametrize(
    ("planned_c", "before_c", "loop_c", "expected_c"),
    [
        (10.0, None, 6.8, 7.6),  # from the machine's own 7 °C: no more than the running machines can follow
        (10.0, 7.5, 7.3, 8.2),
        (10.0, 9.5, 9.6, 10.0),
        (10.0, 10.0, 8.9, 10.0),  # a low load cools the loop; the thermostat may stop the machine
        (8.0, 10.0, 10.2, 8.0),  # colder is asked for at once
        (10.0, None, 12.0, 10.0),
        (10.0, None, None, 7.0),  # nobody measures the loop: the machine's own set-point stays
        (None, 9.0, 9.0, None),
    ],
)
def test_the_set_point_rises_only_as_the_loop_follows(
    plant: Plant,
    planned_c: float | None,
    before_c: float | None,
    loop_c: float | None,
    expected_c: float | None,
) -> None:
    assert _supply_c(plant, planned_c, before_c, loop_c) == expected_c


def test_taking_over_does_not_stop_the_chillers_and_keeps_the_supply_limit(plant: Plant) -> None:
    outside = (Weather(30.0, 24.0, 0.0), Loads(300.0, 20.0, 550.0, 100.0))
    state, memory, told = initial_state(plant), initial_memory(plant), no_setpoints(plant)
    warmest_c, still_s = 0.0, 0
    for second in range(5400):
        if second >= 1800 and second % 10 == 0:
            before_c = tuple(one.supply_set_c for one in told.chillers)
            told = eased(plant, _told(plant, 10.0), before_c, state.loop_c)
        orders, memory = decide(plant, memory, state, (outside[1], told), 1.0)
        state, _ = step(plant, state, PlantInputs(*outside, orders), 1.0)
        if second >= 1800:
            warmest_c = max(warmest_c, state.loop_c)
            still_s += not any(machine.mode == RUNNING for machine in state.chillers)
    assert still_s == 0
    assert warmest_c < plant.loop.supply_max_c if plant.loop else False
    assert [one.supply_set_c for one in told.chillers] == [10.0, 10.0]
