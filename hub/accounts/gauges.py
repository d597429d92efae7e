"""What a point of the site says about an amount: a counter by its differences, a flow by its integral.

    amount = one · Σ differences             of a counter
    amount = one · ∫ value dt                of a power or flow, over the time it is known

Nothing is filled in where a point was not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from hub.registry.site import Registry
from hub.values.site import SiteValues
from protocols.errors import ConfigError
from protocols.point import PointKind
from protocols.units import UNITS, convert

_HOUR_S: Final = 3600.0
_INTEGRALS: Final[Mapping[str, tuple[str, float]]] = {
    "power": ("kWh", _HOUR_S),
    "reactive power": ("kvarh", _HOUR_S),
    "free air flow": ("m³", 60.0),
    "normal gas flow": ("Nm³", _HOUR_S),
    "volume flow": ("m³", _HOUR_S),
    "mass flow": ("kg", _HOUR_S),
}
"""Quantity to the unit its integral is in, and the time that its base unit is for. [s]"""


class Gauge(NamedTuple):
    """A point of the site.

    Attributes:
        unit: Symbol.
        counts: Whether it is a counter.
    """

    unit: str
    counts: bool


def gauges_of(registry: Registry, values: SiteValues) -> dict[str, Gauge]:
    """All points of a site as "device/point", measured and virtual."""
    found = {
        point.local: Gauge(spec.unit, spec.kind is PointKind.COUNTER)
        for point, spec in registry.points.items()
    }
    return found | {
        point.local: Gauge(one.declared.unit, counts=False) for point, one in values.virtual.items()
    }


def amount_of_one(gauge: Gauge, wanted: str) -> float:
    """Amount in the unit that is wanted, of one unit counted, or of one unit held for a second.

    Raises:
        ConfigError: The point counts or measures something else.

    Example:
        >>> amount_of_one(Gauge("MWh", True), "kWh"), amount_of_one(Gauge("m³/min", False), "m³") * 60
        (1000.0, 1.0)
    """
    if gauge.counts:
        plain = UNITS[gauge.unit].quantity == "count"  # pieces: people name what is counted as they like
        return 1.0 if plain else _converted(gauge.unit, wanted)
    quantity = UNITS[gauge.unit].quantity
    if quantity not in _INTEGRALS:
        raise ConfigError(
            f"a {quantity} in {gauge.unit!r} has no amount; allowed are counters, powers, flows"
        )
    unit, per_s = _INTEGRALS[quantity]
    return UNITS[gauge.unit].scale / per_s * _converted(unit, wanted)


def _converted(unit: str, wanted: str) -> float:
    if unit == wanted:
        return 1.0
    if wanted not in UNITS:
        raise ConfigError(
            f"an amount in {unit} cannot become {wanted!r}; allowed is {unit}, or one it becomes"
        )
    return convert(1.0, unit, wanted)
