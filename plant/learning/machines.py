"""From a machine of the flowsheet to its form, and from a fit back to the machine's own curve."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from pydantic import TypeAdapter

from plant.learning.air import fixed_form, full_flow, loaded_flow, vsd_form
from plant.learning.chilled import chiller_form, cubic_form, curve_at
from plant.learning.forms import Columns, Form
from plant.learning.robust import FloatArray
from plant.learning.rows import Rows
from plant.learnt import AnyLearnt, Learnable, LearntCurve, PumpPlate
from plant.units.compressor import UNLOADED, FixedCompressor, VsdCompressor
from plant.units.cooling import AirHandler, Chiller
from protocols.config import Config

_CURVE: Final[TypeAdapter[AnyLearnt]] = TypeAdapter(LearntCurve)
_LEAST_IDLE_ROWS: Final = 20
_IDLE_RANGE: Final = (0.08, 0.6)


def form_of(unit: Learnable, columns: Columns) -> Form:
    """The form of a machine; what full flow is taken from the rows where they tell it.

    Args:
        unit: The nominal machine.
        columns: Rows of it while it works; may be empty for the nominal form.
    """
    if isinstance(unit, FixedCompressor):
        return fixed_form(unit, loaded_flow(unit, columns) if columns else unit.flow_m3_min)
    if isinstance(unit, VsdCompressor):
        return vsd_form(unit, full_flow(unit, columns) if columns else unit.flow_max_m3_min)
    return chiller_form(unit) if isinstance(unit, Chiller) else _moving(unit)


def _moving(unit: AirHandler | PumpPlate) -> Form:
    if isinstance(unit, PumpPlate):
        return cubic_form(unit.kind, "flow_m3_h", "curve", unit.curve)
    return cubic_form(unit.kind, "cooling_kw", "fan", unit.fan)


def power_of(unit: Learnable, columns: Columns) -> FloatArray:
    """Power by the machine's own curve, as planner and simulation read it, shape (n,). [kW]."""
    if isinstance(unit, AirHandler):
        return curve_at(unit.fan, columns["cooling_kw"])
    if isinstance(unit, PumpPlate):
        return curve_at(unit.curve, columns["flow_m3_h"])
    if isinstance(unit, Chiller):
        places = zip(columns["cooling_kw"], columns["supply_c"], columns["condenser_c"], strict=True)
        return np.array([unit.total_kw(float(q), float(s), float(c)) for q, s, c in places])
    flows = columns.get("flow_m3_min", np.full(len(columns["pressure_bar_g"]), unit.flow_max_m3_min))
    places = zip(flows, columns["pressure_bar_g"], columns["inlet_c"], strict=True)
    return np.array([unit.loaded_kw(float(q), float(p), float(t)) for q, p, t in places])


def curve_of(unit: Learnable, changes: dict[str, Any], told: dict[str, Any]) -> AnyLearnt:
    """The document of a learnt curve.

    Args:
        unit: The nominal machine.
        changes: Fields from the form.
        told: Version, valid ranges, learning.
    """
    plain = {name: v.model_dump() if isinstance(v, Config) else v for name, v in changes.items()}
    return _CURVE.validate_python({"kind": unit.kind, **told, **plain})


def unloaded_frac(unit: FixedCompressor, rows: Rows, full_kw: float) -> float:
    """Power after blow-down over the loaded power, from rows in which it only idled; else the nominal one.

    Args:
        unit: The nominal machine.
        rows: All rows, also those that teach nothing about the loaded power.
        full_kw: Loaded power usual in these rows. [kW]
    """
    state, power = rows.values.get("state_code"), rows.values["power_kw"]
    if state is None or full_kw <= 0.0:
        return unit.unloaded_frac
    with np.errstate(invalid="ignore"):
        idle = (state == UNLOADED) & (power > 0.0)
        idle &= rows.spread.get("state_code", np.zeros(len(rows))) == 0.0
    idle &= np.concatenate([[False], idle[:-1]])  # the row before too: the sump has bled off by then
    if int(idle.sum()) < _LEAST_IDLE_ROWS:
        return unit.unloaded_frac
    found = float(np.quantile(power[idle], 0.25)) / full_kw
    return found if _IDLE_RANGE[0] <= found <= _IDLE_RANGE[1] else unit.unloaded_frac
