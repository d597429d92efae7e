"""Each number of a problem in turn is none or without end: refused in both languages, or it may be so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import yaml

from optimizer.cases.plant_case import PlantCase
from optimizer.cases.plant_problem import problem_of_plant
from optimizer.inputs import refuse
from optimizer.problem import DispatchProblem
from protocols.errors import SolveError

EXAMPLE: Final = Path(__file__).parents[3] / "configs" / "cases" / "energy-hub.yaml"
Place = tuple[str | int, ...]
LEFT_OUT: Final = {"speech", "remarks", "start_ns"}
MAY_BE_NONE: Final = {"cold_after_s", "run_h"}
"""Not looked at where no start is colder than others; of alike machines alone the one with fewest hours."""
MAY_BE_ENDLESS: Final = MAY_BE_NONE | {
    *("state_s", "charge_max", "discharge_max", "up_per_min", "down_per_min", "at_start", "at_stop"),
    *("room_kwh", "hourly_kwh", "over_from_kw", "most_kwh", "most_kw"),
}


def _parts(node: object) -> list[tuple[str | int, Any]]:
    """What a problem or a part of it is made of, by name or number."""
    if dataclasses.is_dataclass(node):
        names = [field.name for field in dataclasses.fields(node) if field.name not in LEFT_OUT]
        return [(name, getattr(node, name)) for name in names]
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, tuple) else []


def _places(node: object, at: Place = ()) -> Iterator[Place]:
    """Where a number or an array of numbers stands."""
    if isinstance(node, float) or (isinstance(node, np.ndarray) and node.dtype.kind == "f"):
        yield at
    for name, part in _parts(node):
        yield from _places(part, (*at, name))


def _spoilt(number: Any, value: float) -> Any:  # noqa: ANN401  a float or an array of them
    if isinstance(number, float):
        return value
    spoilt = number.copy()
    spoilt.flat[-1] = value
    return spoilt


def _with(node: Any, at: Place, value: float) -> Any:  # noqa: ANN401  a part of a problem of any shape
    if not at:
        return _spoilt(node, value)
    parts = dict(_parts(node))
    parts[at[0]] = _with(parts[at[0]], at[1:], value)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return dataclasses.replace(node, **{str(at[0]): parts[at[0]]})
    if isinstance(node, dict):
        return parts
    return type(node)(*parts.values()) if hasattr(node, "_fields") else tuple(parts.values())


@pytest.fixture(scope="module")
def everything() -> DispatchProblem:
    return problem_of_plant(PlantCase.model_validate(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    ("value", "permitted"), [(np.nan, MAY_BE_NONE), (np.inf, MAY_BE_ENDLESS)], ids=["none", "endless"]
)
def test_a_number_that_is_none_is_never_planned_with(
    everything: DispatchProblem, value: float, permitted: set[str]
) -> None:
    refuse(everything)
    places = list(_places(everything))
    assert len(places) > 200
    assert [
        place for place in places if _planned_with(_with(everything, place, value), place, permitted)
    ] == []


def _planned_with(problem: DispatchProblem, place: Place, permitted: set[str]) -> bool:
    """Whether it would be planned with, and nobody says that it may; a refusal is in both languages."""
    try:
        refuse(problem)
    except SolveError as error:
        return str(error.context["zh"]) == str(error.args[0])
    return next(part for part in reversed(place) if isinstance(part, str)) not in permitted
