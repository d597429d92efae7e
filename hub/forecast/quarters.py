"""Needs of the past as 15-min means, worked out from bound points of the flowsheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from plant.flowsheet import Flowsheet
from plant.units.compressor import FixedCompressor, VsdCompressor
from plant.units.cooling import Chiller
from plant.units.heat import Boiler, Chp
from plant.units.power import Battery, Grid, Meter, Photovoltaics, Weather
from protocols.errors import ConfigError

FloatArray = npt.NDArray[np.float64]
QUARTER_NS: Final = 900_000_000_000
QUARTERS_A_DAY: Final = 96
NAMES: Final = ("electric_kw", "air_m3_min", "cooling_kw", "heat_kw", "pv_kw", "outdoor_c")
"""Series that are forecast, as in `optimizer.problem.Forecasts`."""

Terms = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Quarters:
    """Means on a grid of quarter hours.

    Attributes:
        start_ns: Start of the first quarter, UTC, on the grid.
        values: Series name to array of shape (n,); NaN where unknown.
    """

    start_ns: int
    values: dict[str, FloatArray]

    @property
    def end_ns(self) -> int:
        """End of the last quarter."""
        return self.start_ns + QUARTER_NS * min((len(v) for v in self.values.values()), default=0)


def sources(flowsheet: Flowsheet) -> dict[str, Terms]:
    """Which bound points, with which sign, add up to each series.

    The electric need is what is left of the main meter without the machines that are planned.

    Raises:
        ConfigError: A point that is needed is not bound; the message lists all.
    """
    planned = (FixedCompressor, VsdCompressor, Chiller, Battery, Chp, Photovoltaics)
    wanted: dict[str, list[tuple[str, str, float]]] = {
        "electric_kw": [
            (_main_meter(flowsheet), "power_kw", 1.0),
            *((name, "power_kw", -1.0) for name in _of(flowsheet, *planned)),
        ],
        "air_m3_min": [(name, "flow_m3_min", 1.0) for name in _of(flowsheet, FixedCompressor, VsdCompressor)],
        "cooling_kw": [(name, "cooling_kw", 1.0) for name in _of(flowsheet, Chiller)],
        "heat_kw": [(name, "heat_kw", 1.0) for name in _of(flowsheet, Boiler, Chp)],
        "pv_kw": [(name, "power_kw", -1.0) for name in _of(flowsheet, Photovoltaics)],
        "outdoor_c": [(name, "outdoor_c", 1.0) for name in _of(flowsheet, Weather)],
    }
    missing = sorted(
        f"{unit}.{role}"
        for terms in wanted.values()
        for unit, role, _ in terms
        if flowsheet.binding(unit, role) is None
    )
    if missing:
        raise ConfigError(f"the forecast needs points the flowsheet does not bind: {', '.join(missing)}")
    return {
        series: tuple((str(flowsheet.binding(unit, role)), sign) for unit, role, sign in terms)
        for series, terms in wanted.items()
    }


def collect(
    terms: dict[str, Terms], means: Callable[[str], FloatArray], start_ns: int, count: int
) -> Quarters:
    """Add the means of the points up; a quarter in which one of them is unknown is unknown.

    Args:
        terms: From `sources`.
        means: Means of a point "device/point" for the `count` quarters from `start_ns`; NaN where unknown.
        start_ns: Start of the first quarter.
        count: Number of quarters.
    """
    values: dict[str, FloatArray] = {}
    for series, parts in terms.items():
        total = np.zeros(count)
        for point, sign in parts:
            total = total + sign * means(point)
        values[series] = total if series == "outdoor_c" else np.maximum(total, 0.0)
    return Quarters(start_ns, values)


def floor_quarter_ns(at_ns: int) -> int:
    """Start of the quarter an instant lies in."""
    return at_ns - at_ns % QUARTER_NS


def _of(flowsheet: Flowsheet, *kinds: type) -> Iterator[str]:
    return (name for name, unit in flowsheet.units.items() if isinstance(unit, kinds))


def _main_meter(flowsheet: Flowsheet) -> str:
    grids = {name for name, unit in flowsheet.units.items() if isinstance(unit, Grid)}
    for name, unit in flowsheet.units.items():
        if isinstance(unit, Meter) and set(unit.of) <= grids:
            return name
    raise ConfigError("the forecast needs a main meter: a meter whose `of` is the grid alone")
