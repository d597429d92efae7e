"""What a machine did, from the series store: minute means with their spread, by the flowsheet's bindings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from hub.store.port import FloatArray, SeriesReader, Windows
from plant.flowsheet import Flowsheet
from plant.learning.rows import Rows
from plant.learnt import Learnable
from plant.units.compressor import FixedCompressor, VsdCompressor
from plant.units.cooling import AirHandler, Chiller
from plant.units.power import Weather
from protocols.point import local_point

WINDOW_S: Final = 60
_COVERED_FRAC: Final = 0.8
_PIECE_NS: Final = 7 * 86_400_000_000_000
_NS: Final = 1_000_000_000
_ROLES: Final = (
    "power_kw",
    "flow_m3_min",
    "pressure_bar_g",
    "state_code",
    "load_pct",
    "cooling_kw",
    "supply_c",
)
_WEATHER: Final = ("outdoor_c", "wet_bulb_c")


@dataclass(frozen=True, slots=True)
class Bound:
    """Points that tell of one machine.

    Attributes:
        points: Quantity to "device/point".
        added: Quantity to points that are added up.
        missing: Quantities the form needs and nobody measures.
    """

    points: Mapping[str, str]
    added: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...]


def learnable(flowsheet: Flowsheet) -> Iterator[tuple[str, Learnable]]:
    """Units a curve can be learnt of, in the order of the flowsheet."""
    for name, unit in flowsheet.units.items():
        if isinstance(unit, FixedCompressor | VsdCompressor | Chiller | AirHandler):
            yield name, unit


def bound(flowsheet: Flowsheet, name: str, unit: Learnable) -> Bound:
    """Which points tell what of a machine; inlet air and condenser water by the weather station."""
    station = next((bindings for _, bindings in _stations(flowsheet)), {})
    points = {role: ref for role in _ROLES if (ref := flowsheet.binding(name, role)) is not None}
    added: dict[str, tuple[str, ...]] = {}
    wanted: tuple[str, ...]
    if isinstance(unit, Chiller):
        wanted = ("power_kw", "cooling_kw", "supply_c", *_WEATHER)
        points |= {role: ref for role in _WEATHER if (ref := station.get(role)) is not None}
    elif isinstance(unit, AirHandler):
        wanted = ("power_kw", "cooling_kw")
        fan = flowsheet.binding(name, "fan_power_kw")
        points = {} if fan is None else {"power_kw": fan}
        cooled = tuple(
            ref for other, _ in flowsheet.of_kind(Chiller) if (ref := flowsheet.binding(other, "cooling_kw"))
        )
        added = {"cooling_kw": cooled} if cooled else {}
    else:
        wanted = ("power_kw", "flow_m3_min", "pressure_bar_g", "inlet_c")
        points |= {"inlet_c": station["outdoor_c"]} if "outdoor_c" in station else {}
    return Bound(points, added, tuple(role for role in wanted if role not in points and role not in added))


def rows_of(reader: SeriesReader, site: str, of: tuple[Bound, Learnable], span_ns: tuple[int, int]) -> Rows:
    """Rows of one machine, one a minute, read week by week.

    A minute counts where a usable value stood for four fifths of it; else it is unknown.

    Args:
        reader: The series.
        site: Whose they are.
        of: Points of the machine, and the machine.
        span_ns: Begin and end, UTC.

    Raises:
        StoreError: The series cannot be read now.
    """
    found, unit = of
    begin_ns = span_ns[0] - span_ns[0] % (WINDOW_S * _NS)
    count = max(0, (span_ns[1] - begin_ns) // (WINDOW_S * _NS))
    times = begin_ns + WINDOW_S * _NS * np.arange(count, dtype=np.int64)
    end_ns = begin_ns + count * WINDOW_S * _NS
    values: dict[str, FloatArray] = {}
    spread: dict[str, FloatArray] = {}
    for role, ref in found.points.items():
        values[role], spread[role] = _read(reader, site, ref, (begin_ns, end_ns))
    for role, refs in found.added.items():
        values[role] = np.sum([_read(reader, site, ref, (begin_ns, end_ns))[0] for ref in refs], axis=0)
    if isinstance(unit, Chiller) and set(_WEATHER) <= values.keys():
        weather = zip(values.pop("outdoor_c"), values.pop("wet_bulb_c"), strict=True)
        values["condenser_c"] = np.array([unit.condenser_c(float(dry), float(wet)) for dry, wet in weather])
        spread = {role: column for role, column in spread.items() if role not in _WEATHER}
    return Rows(times, values, spread)


def _read(
    reader: SeriesReader, site: str, ref: str, span_ns: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Means and spread of a point's windows."""
    point = local_point(site, ref)
    begin_ns, end_ns = span_ns
    parts: list[Windows] = []
    while begin_ns < end_ns:
        until_ns = min(begin_ns + _PIECE_NS, end_ns)
        parts.append(reader.windows(point, begin_ns, until_ns, WINDOW_S))
        begin_ns = until_ns
    if not parts:
        return np.zeros(0), np.zeros(0)
    known = np.concatenate([part.covered_s for part in parts]) >= _COVERED_FRAC * WINDOW_S
    mean = np.concatenate([part.mean for part in parts])
    wide = np.concatenate([part.high - part.low for part in parts])
    return np.where(known, mean, np.nan), np.where(known, wide, np.nan)


def _stations(flowsheet: Flowsheet) -> Iterator[tuple[str, Mapping[str, str]]]:
    return ((name, unit.bindings) for name, unit in flowsheet.of_kind(Weather))
