"""The past of the plant: 30 days under its own control at 60 s mean steps, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plant.average import average_step
from plant.control.setpoints import no_setpoints
from plant.flowsheet import Flowsheet
from plant.readings import by_point, readings
from plant.state import Loads, compile_plant, initial_state
from plant.truth import true_flowsheet
from protocols.errors import ConfigError
from runtime.clock import NS
from simulator.timeline import Timeline

STEP_S: Final = 60.0
_STEP_NS: Final = 60 * NS
_TIMES: Final = "times_ns"


@dataclass(frozen=True, slots=True)
class History:
    """Mean values over steps of 60 s.

    Attributes:
        times_ns: End of each step, wall clock, whole minutes. [ns]
        values: Mean per "device/point", and the demand itself as "load/electric_kw", "load/air_m3_min",
            "load/cooling_kw", "load/heat_kw"; each as long as `times_ns`, units as the suffix says.
    """

    times_ns: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]

    def save(self, file: Path) -> None:
        """Write a compressed NPZ file: array `times_ns`, and one array a name with `/` kept."""
        arrays = {_TIMES: self.times_ns, **{k: v.astype(np.float32) for k, v in self.values.items()}}
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # the stubs take allow_pickle for an array


def load_history(file: Path) -> History:
    """Read what `History.save` wrote.

    Raises:
        ConfigError: No such file, or not a history.
    """
    try:
        with np.load(file) as arrays:
            values = {name: arrays[name].astype(np.float64) for name in arrays.files if name != _TIMES}
            return History(arrays[_TIMES].astype(np.int64), values)
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(f"{file} is no history of the simulator: {error}") from error


def simulate_history(
    flowsheet: Flowsheet, timeline: Timeline, seed: int, end_wall_ns: int, days: int = 30
) -> History:
    """Simulate the true machines under their own control up to the whole minute at or before `end_wall_ns`.

    Args:
        flowsheet: The nominal plant.
        timeline: Weather and loads.
        seed: Of the true machines, as in the run that follows.
        end_wall_ns: End of the past.
        days: Length.

    Raises:
        ConfigError: No day.
    """
    if days < 1:
        raise ConfigError(f"a history needs at least 1 day, got {days}")
    plant = compile_plant(true_flowsheet(flowsheet, seed))
    state, told = initial_state(plant), no_setpoints(plant)
    count = days * 1440
    end_ns = end_wall_ns // _STEP_NS * _STEP_NS
    times_ns = end_ns - _STEP_NS * np.arange(count - 1, -1, -1, dtype=np.int64)
    rows: list[list[float]] = []
    names: list[str] = []
    for at_ns in times_ns.tolist():
        outside = timeline.at(at_ns - _STEP_NS // 2)
        state, outputs = average_step(plant, state, outside, told, STEP_S)
        seen = by_point(plant, readings(plant, state, outputs, (outside[0], told)))
        names = names or [*seen, *(f"load/{name}" for name in Loads._fields)]
        rows.append([*seen.values(), *outside[1]])
    table = np.asarray(rows)
    return History(times_ns, {name: table[:, column].copy() for column, name in enumerate(names)})
