"""Everything in a problem that has one value a step, however deep it lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from optimizer.levels import AirLevels, CoolingLevels

Array = npt.NDArray[Any]
Change = Callable[[Array, int], Array]
"""A course and the axis its steps lie along, to another course."""

_CORNERS: Final = {"Compressor": frozenset({"flow_m3_min", "power_kw"})}
"""Arrays that are corners of a curve, not a course over the steps; by class."""
_LEVELLED: Final = frozenset({"load_kw", "power_kw", "extra_kw", "extra_frac", "allowed", "need_m3_min"})
"""Arrays of set-points to choose from: their steps are the second axis."""


def each_course(value: Any, steps: int, change: Change) -> Any:  # noqa: ANN401  walks any part of a problem
    """The same with every course over the steps changed."""
    if isinstance(value, np.ndarray):
        return change(value, 0) if value.ndim and len(value) == steps else value
    if isinstance(value, tuple):
        return tuple(each_course(one, steps, change) for one in value)
    if isinstance(value, CoolingLevels | AirLevels):
        return _each_level(value, steps, change)
    return _each_field(value, steps, change) if is_dataclass(value) else value


def _each_field(value: Any, steps: int, change: Change) -> Any:  # noqa: ANN401  as above
    kept = _CORNERS.get(type(value).__name__, frozenset())
    courses = (one.name for one in fields(value) if one.init and one.name not in kept)
    return replace(value, **{name: each_course(getattr(value, name), steps, change) for name in courses})


def _each_level(levels: CoolingLevels | AirLevels, steps: int, change: Change) -> CoolingLevels | AirLevels:
    changed: dict[str, Any] = {}
    for one in fields(levels):
        value = getattr(levels, one.name)
        if isinstance(value, dict):
            changed[one.name] = {name: change(course, 1) for name, course in value.items()}
        elif one.name in _LEVELLED:
            changed[one.name] = change(value, 1)
        else:
            changed[one.name] = each_course(value, steps, change)
    return replace(levels, **changed)
