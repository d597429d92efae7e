"""True machines: what stands in the hall differs from the data sheet in shape, not only in size.

Only the simulator and the benchmarks use this; neither hub nor edge may. Drawn from a seed: pressure and
temperature slopes, part-load curves bent between their ends, worn flow, leaks, efficiencies, sensor bias.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from plant.curves import PiecewiseCurve, PolynomialCurve
from plant.eir import EirCurve
from plant.flowsheet import Flowsheet, Unit
from plant.units.air import Receiver
from plant.units.compressor import FixedCompressor, PowerLaw, VsdCompressor
from plant.units.cooling import Chiller
from plant.units.heat import Boiler, Chp
from plant.units.power import Battery, Photovoltaics

_BIAS: Final = {
    "pressure_bar_g": 0.02,
    "header_bar_g": 0.02,
    "flow_m3_min": 0.15,
    "supply_c": 0.1,
    "return_c": 0.1,
    "outdoor_c": 0.3,
    "wet_bulb_c": 0.3,
}
"""Standard deviation of the constant error of a sensor, in the unit of its role."""


def true_flowsheet(flowsheet: Flowsheet, seed: int) -> Flowsheet:
    """The same plant with true machines; ids, nodes, bindings and control settings stay.

    Every machine has its own stream of the seed, so adding one leaves the others as they were.
    """
    units = {
        name: _true_unit(unit, np.random.default_rng([seed, *name.encode()]))
        for name, unit in flowsheet.units.items()
    }
    return flowsheet.model_copy(update={"units": units})


def sensor_bias(flowsheet: Flowsheet, seed: int) -> dict[str, float]:
    """Constant error per bound point, to be added to the true value; points not named have none."""
    return {
        ref: float(np.random.default_rng([seed, 1, *ref.encode()]).normal(0.0, _BIAS[role]))
        for ref, (_, role) in flowsheet.points().items()
        if role in _BIAS
    }


def _true_unit(unit: Unit, rng: np.random.Generator) -> Unit:
    changes: dict[str, Any] = {}
    if isinstance(unit, FixedCompressor | VsdCompressor):
        changes = _compressor(unit, rng)
    elif isinstance(unit, Receiver):
        changes = {"leak_m3_min": unit.leak_m3_min * rng.uniform(0.8, 1.5)}
    elif isinstance(unit, Chiller):
        changes = {"eir": _eir(unit.eir, rng), "approach_k": unit.approach_k + rng.uniform(-0.5, 1.0)}
    elif isinstance(unit, Battery | Photovoltaics):
        changes = _electric(unit, rng)
    elif isinstance(unit, Boiler | Chp):
        changes = _fired(unit, rng)
    return unit.model_copy(update=changes)


def _compressor(unit: FixedCompressor | VsdCompressor, rng: np.random.Generator) -> dict[str, Any]:
    law: PowerLaw = unit.power.model_copy(
        update={
            "rated_kw": unit.power.rated_kw * rng.uniform(0.98, 1.04),
            "per_bar_frac": unit.power.per_bar_frac * rng.uniform(0.8, 1.25),
            "per_k_frac": unit.power.per_k_frac * rng.uniform(0.5, 2.0),
        }
    )
    changes: dict[str, Any] = {"power": law, "unloaded_frac": unit.unloaded_frac * rng.uniform(0.9, 1.2)}
    worn = rng.uniform(0.96, 1.0)
    if isinstance(unit, FixedCompressor):
        return changes | {"flow_m3_min": unit.flow_m3_min * worn}
    part_load = bent(unit.part_load, rng.uniform(-0.05, 0.08))
    return changes | {"part_load": part_load, "flow_max_m3_min": unit.flow_max_m3_min * worn}


def bent(curve: PolynomialCurve | PiecewiseCurve, size_frac: float) -> PiecewiseCurve:
    """The curve as straight lines, bent by a parabola 0 at both ends and `size_frac` in the middle."""
    xs = np.linspace(curve.low, curve.high, 9)
    share = (xs - curve.low) / (curve.high - curve.low)
    factor = 1.0 + size_frac * 4.0 * share * (1.0 - share)
    ys = [curve.at(float(x)) * float(f) for x, f in zip(xs, factor, strict=True)]
    return PiecewiseCurve(x=tuple(map(float, xs)), y=tuple(ys))


def _eir(eir: EirCurve, rng: np.random.Generator) -> EirCurve:
    """Other COP, another bow of the part-load ratio (1 stays 1), a steeper or flatter lift."""
    bow, steeper = rng.uniform(-0.08, 0.08), rng.uniform(-0.003, 0.006)
    c0, c1, c2 = eir.eirfplr
    lift = list(eir.eirft)
    lift[0] -= steeper * eir.condenser_c
    lift[3] += steeper
    return eir.model_copy(
        update={
            "cop": eir.cop * rng.uniform(0.93, 1.02),
            "capacity_kw": eir.capacity_kw * rng.uniform(0.96, 1.01),
            "eirfplr": (c0 + bow / 3.0, c1 - bow * 4.0 / 3.0, c2 + bow),
            "eirft": tuple(lift),
        }
    )


def _electric(unit: Battery | Photovoltaics, rng: np.random.Generator) -> dict[str, Any]:
    if isinstance(unit, Battery):
        return {
            "charge_efficiency_frac": unit.charge_efficiency_frac * rng.uniform(0.97, 1.0),
            "discharge_efficiency_frac": unit.discharge_efficiency_frac * rng.uniform(0.97, 1.0),
            "capacity_kwh": unit.capacity_kwh * rng.uniform(0.95, 1.0),
        }
    return {
        "performance_frac": unit.performance_frac * rng.uniform(0.93, 1.01),
        "per_k_frac": unit.per_k_frac * rng.uniform(0.9, 1.2),
    }


def _fired(unit: Boiler | Chp, rng: np.random.Generator) -> dict[str, Any]:
    if isinstance(unit, Boiler):
        return {"efficiency": bent(unit.efficiency, rng.uniform(-0.03, 0.01))}
    more = (float(rng.uniform(1.0, 1.05)), float(rng.uniform(0.99, 1.03)))
    return {
        "fuel_kw": (unit.fuel_kw[0] * more[0], unit.fuel_kw[1] * more[1]),
        "heat_kw": (unit.heat_kw[0] * rng.uniform(0.96, 1.0), unit.heat_kw[1] * rng.uniform(0.97, 1.01)),
    }
