"""What a plant cannot need more of, by its flowsheet: a meter that shows more is wrong, however long."""

from __future__ import annotations

from typing import Final

from plant.carriers import Carrier
from plant.flowsheet import Flowsheet
from plant.units.compressor import FixedCompressor, VsdCompressor
from plant.units.cooling import Chiller
from plant.units.heat import Boiler, Chp
from plant.units.power import Battery, Grid, Photovoltaics

_MARGIN_FRAC: Final = 0.25
"""Machines give somewhat more than their rating on a good day, and meters have errors."""


def most_needed(flowsheet: Flowsheet) -> dict[str, float]:
    """Series name to what all machines and the grid together give; a series without such a bound is left out.

    Needs are measured at the machines that meet them, so no measured mean lies above this. Air in m³/min,
    the others in kW, with a margin of a quarter.
    """
    most = {"process_kw": 0.0, "air_m3_min": 0.0, "cooling_kw": 0.0, "heat_kw": 0.0}
    for unit in flowsheet.units.values():
        if isinstance(unit, FixedCompressor | VsdCompressor):
            most["air_m3_min"] += unit.flow_max_m3_min
        elif isinstance(unit, Chiller):
            most["cooling_kw"] += unit.eir.capacity_kw
        elif isinstance(unit, Boiler):
            most["heat_kw"] += unit.heat_max_kw
        elif isinstance(unit, Chp):
            most["heat_kw"] += unit.heat_kw[1]
        most["process_kw"] += _electric_kw(flowsheet, unit)
    return {name: (1.0 + _MARGIN_FRAC) * value for name, value in most.items() if value > 0.0}


def _electric_kw(flowsheet: Flowsheet, unit: object) -> float:
    if isinstance(unit, Grid):
        electric = flowsheet.nodes[unit.node].carrier is Carrier.ELECTRICITY
        return unit.import_max_kw if electric else 0.0
    if isinstance(unit, Chp):
        return unit.generation_max_kw
    if isinstance(unit, Photovoltaics):
        return unit.inverter_kw
    return unit.power_max_kw if isinstance(unit, Battery) else 0.0
