"""Set-points of the plant model as (machine, role of the point, value); the only place that knows both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from plant.control.setpoints import Setpoints
from plant.state import Plant

_POWER_DIGITS: Final = 1
_SUPPLY_DIGITS: Final = 1
_LIMIT_DIGITS: Final = 3
_PRESSURE_DIGITS: Final = 2


def targets(plant: Plant, told: Setpoints) -> Iterator[tuple[str, str, float]]:
    """Every value that is told; None, a machine's own decision, is left out.

    Values are rounded to what a device resolves, so that the same plan asks for the same number.
    """
    for name, compressor in zip(plant.compressor_ids, told.compressors, strict=True):
        yield from _known(
            (name, "role_set_code", compressor.role),
            (name, "permit_set_code", compressor.permit),
            (name, "pressure_set_bar_g", _rounded(compressor.target_bar_g, _PRESSURE_DIGITS)),
        )
    for name, chiller in zip(plant.chiller_ids, told.chillers, strict=True):
        yield from _known(
            (name, "permit_set_code", chiller.permit),
            (name, "supply_set_c", _rounded(chiller.supply_set_c, _SUPPLY_DIGITS)),
        )
    for name, unit in plant.flowsheet.units.items():
        if unit is plant.battery:
            yield from _known((name, "power_set_kw", _rounded(told.battery_kw, _POWER_DIGITS)))
        elif unit is plant.chp:
            yield from _known(
                (name, "permit_set_code", told.chp_permit),
                (name, "power_set_kw", _rounded(told.chp_kw, _POWER_DIGITS)),
            )
        elif unit is plant.pv:
            yield from _known(
                (name, "limit_set_frac", _rounded(told.pv_limit_frac, _LIMIT_DIGITS)),
                (name, "reactive_set_kvar", _rounded(told.pv_kvar, _POWER_DIGITS)),
            )
        elif unit is plant.tower:
            yield from _known((name, "condenser_set_c", _rounded(told.tower_set_c, _SUPPLY_DIGITS)))


def _known(*rows: tuple[str, str, float | None]) -> Iterator[tuple[str, str, float]]:
    return ((name, role, float(value)) for name, role, value in rows if value is not None)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits) + 0.0
