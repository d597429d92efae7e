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
from plant.units.power import Grid, Load, Meter, Weather
from protocols.errors import ConfigError

FloatArray = npt.NDArray[np.float64]
QUARTER_NS: Final = 900_000_000_000
QUARTERS_A_DAY: Final = 96
WEATHER: Final = ("outdoor_c", "wet_bulb_c", "irradiance_w_m2")
NAMES: Final = ("process_kw", "air_m3_min", "cooling_kw", "heat_kw", *WEATHER)
"""Series that are forecast, as in `optimizer.outlook.Outlook`."""

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

    Process power is what the meters of loads show: those whose `of` names loads alone. Heat is what boiler
    and CHP give; heat the CHP dumps counts as need, since nothing measures it.

    Raises:
        ConfigError: A point that is needed is not bound; the message lists all.
    """
    weather = list(_of(flowsheet, Weather))
    wanted: dict[str, list[tuple[str, str, float]]] = {
        "process_kw": [(name, "power_kw", 1.0) for name in _load_meters(flowsheet)],
        "air_m3_min": [(name, "flow_m3_min", 1.0) for name in _of(flowsheet, FixedCompressor, VsdCompressor)],
        "cooling_kw": [(name, "cooling_kw", 1.0) for name in _of(flowsheet, Chiller)],
        "heat_kw": [(name, "heat_kw", 1.0) for name in _of(flowsheet, Boiler, Chp)],
        **{role: [(name, role, 1.0) for name in weather[:1]] for role in WEATHER},
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
        values[series] = total if series in {"outdoor_c", "wet_bulb_c"} else np.maximum(total, 0.0)
    return Quarters(start_ns, values)


def floor_quarter_ns(at_ns: int) -> int:
    """Start of the quarter an instant lies in."""
    return at_ns - at_ns % QUARTER_NS


def main_meter(flowsheet: Flowsheet) -> str:
    """Point of the power exchanged with the grid, import positive.

    Raises:
        ConfigError: No meter has the grid alone in its `of`, or its power is not bound.
    """
    grids = set(_of(flowsheet, Grid))
    for name, unit in flowsheet.units.items():
        point = flowsheet.binding(name, "power_kw")
        if isinstance(unit, Meter) and set(unit.of) <= grids and point is not None:
            return point
    raise ConfigError(
        "dispatch needs a main meter: a meter whose `of` is the grid alone, with a bound power_kw"
    )


def _of(flowsheet: Flowsheet, *kinds: type) -> Iterator[str]:
    return (name for name, unit in flowsheet.units.items() if isinstance(unit, kinds))


def _load_meters(flowsheet: Flowsheet) -> Iterator[str]:
    loads = set(_of(flowsheet, Load))
    for name, unit in flowsheet.units.items():
        if isinstance(unit, Meter) and set(unit.of) <= loads:
            yield name
