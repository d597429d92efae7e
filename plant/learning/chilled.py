"""Forms of chillers (EIR), fans and pumps.

    P = Q_ref / COP · k · CAPFT · [EIRFT + e_s·(T_s - T_s,r) + e_c·(T_c - T_c,r)] · r(PLR) + aux(PLR)

r is quadratic and 1 at PLR 1; its slopes at both ends are bounded from below by 0, so power never falls with
load. Pumps and fans: c0 + c1·x + c2·x² + c3·x³ with no coefficient below 0, which keeps power rising and
convex (affinity laws with a floor of static head).
Source: EnergyPlus Engineering Reference, electric EIR chiller; ASHRAE Handbook, Systems and Equipment, pumps.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from plant.curves import PiecewiseCurve, PolynomialCurve
from plant.eir import EirCurve
from plant.learning.forms import (
    CURVE_POINTS,
    Columns,
    Form,
    cubic,
    piecewise,
    polynomial_of,
    prior_of,
    relative,
)
from plant.learning.robust import FloatArray
from plant.learning.rows import BoolArray, Wanted
from plant.units.cooling import RUNNING, Chiller

_MARGIN_S: Final = 600.0
_PUMP_SETTLE_S: Final = 120.0
_LEAST_RATIO: Final = 0.02
_OVER: Final = 1.02
_MOST_COP: Final = 19.5
"""An EIR curve takes no COP of 20 or more."""
_IDLE_FRAC: Final = 0.02


def chiller_form(unit: Chiller) -> Form:
    """A chiller with pumps and tower in its power; those stay nominal, the machine is fitted."""
    eir = unit.eir
    bends = _slopes_of(eir)

    def power_kw(theta: FloatArray, columns: Columns) -> FloatArray:
        supply, condenser = columns["supply_c"], columns["condenser_c"]
        capacity = eir.capacity_kw * _biquadratic(eir.capft, supply, condenser)
        lift = _biquadratic(eir.eirft, supply, condenser)
        lift = lift + theta[1] * (supply - eir.supply_c) + theta[2] * (condenser - eir.condenser_c)
        share = np.clip(columns["cooling_kw"] / capacity, eir.plr_min_frac, 1.0)
        b1, b2 = _bends(eir.plr_min_frac, theta[3:])
        ratio = 1.0 + b1 * (share - 1.0) + b2 * (share**2 - 1.0)
        full = capacity / eir.cop * theta[0] * np.maximum(lift, _LEAST_RATIO)
        return np.asarray(full * ratio + _auxiliary(unit, share))

    def steady(columns: Columns) -> BoolArray:
        """Above the least part load, where the machine does not cycle, and not beyond its capacity."""
        capacity = eir.capacity_kw * _biquadratic(eir.capft, columns["supply_c"], columns["condenser_c"])
        share = columns["cooling_kw"] / capacity
        return np.asarray((share >= _OVER * eir.plr_min_frac) & (share <= _OVER))

    def changes(theta: FloatArray) -> dict[str, Any]:
        return {"eir": _learnt(eir, theta)}

    return Form(
        kind=unit.kind,
        main="cooling_kw",
        drivers=("cooling_kw", "supply_c", "condenser_c"),
        prior=prior_of(
            relative(1.0, low_frac=max(0.5, eir.cop / _MOST_COP)),
            (0.0, 0.005, *_supply_bounds(eir)),
            (0.0, 0.005, *_condenser_bounds(eir)),
            (bends[0], 0.25, 0.0, 3.0),
            (bends[1], 0.25, 0.0, 3.0),
        ),
        wanted=Wanted(
            columns=("power_kw", "cooling_kw", "supply_c", "condenser_c"),
            ranges={
                "power_kw": (0.02 * eir.capacity_kw / eir.cop, 2.5 * eir.capacity_kw / eir.cop),
                "cooling_kw": (0.0, 1.3 * eir.capacity_kw),
                "supply_c": (1.0, 25.0),
                "condenser_c": (5.0, 50.0),
            },
            hangs=(("power_kw", "cooling_kw"), ("cooling_kw", "power_kw")),
            running=frozenset({RUNNING}),
            settle_s=unit.start_s + _MARGIN_S,
            least_kw=0.1 * eir.capacity_kw / eir.cop,
        ),
        power_kw=power_kw,
        steady=steady,
        changes=changes,
        rated_kw=eir.capacity_kw / eir.cop,
    )


def _learnt(eir: EirCurve, theta: FloatArray) -> EirCurve:
    b1, b2 = _bends(eir.plr_min_frac, theta[3:])
    lift = list(eir.eirft)
    lift[0] -= theta[1] * eir.supply_c + theta[2] * eir.condenser_c
    lift[1] += theta[1]
    lift[3] += theta[2]
    told = eir.model_dump() | {
        "cop": round(eir.cop / float(theta[0]), 5),
        "eirft": tuple(round(float(c), 9) for c in lift),
        "eirfplr": (round(float(1.0 - b1 - b2), 7), round(float(b1), 7), round(float(b2), 7)),
    }
    return EirCurve.model_validate(told)


def _slopes_of(eir: EirCurve) -> tuple[float, float]:
    _, c1, c2 = eir.eirfplr
    total = sum(eir.eirfplr)
    return (c1 + 2.0 * c2 * eir.plr_min_frac) / total, (c1 + 2.0 * c2) / total


def _bends(least: float, slopes: FloatArray) -> tuple[float, float]:
    """b1, b2 of r = 1 + b1·(x - 1) + b2·(x² - 1) from its slopes at the least part load and at 1.

    Slopes whose ratio would fall to nothing at the least part load are made flatter together.
    """
    s0, s1 = float(slopes[0]), float(slopes[1])
    drop = (1.0 - least) * (s0 + s1) / 2.0
    if drop > 1.0 - _LEAST_RATIO:
        s0, s1 = s0 * (1.0 - _LEAST_RATIO) / drop, s1 * (1.0 - _LEAST_RATIO) / drop
    b2 = (s1 - s0) / (2.0 * (1.0 - least))
    return s1 - 2.0 * b2, b2


def _supply_bounds(eir: EirCurve) -> tuple[float, float]:
    """Colder supply never needs less power: dEIRFT/dT_s ≤ 0 where the nominal curve has it so."""
    valid, c = eir.valid, eir.eirft
    slopes = [
        c[1] + 2.0 * c[2] * s + c[5] * w
        for s in (valid.supply_low_c, valid.supply_high_c)
        for w in (valid.condenser_low_c, valid.condenser_high_c)
    ]
    return -0.05, max(-max(slopes), 1e-4)


def _condenser_bounds(eir: EirCurve) -> tuple[float, float]:
    """Warmer condenser water never needs less power, likewise."""
    valid, c = eir.valid, eir.eirft
    slopes = [
        c[3] + 2.0 * c[4] * w + c[5] * s
        for s in (valid.supply_low_c, valid.supply_high_c)
        for w in (valid.condenser_low_c, valid.condenser_high_c)
    ]
    return min(-min(slopes), -1e-4), 0.05


def _biquadratic(c: tuple[float, ...], x: FloatArray, y: FloatArray) -> FloatArray:
    return np.asarray(c[0] + x * (c[1] + c[2] * x) + y * (c[3] + c[4] * y + c[5] * x))


def _auxiliary(unit: Chiller, share: FloatArray) -> FloatArray:
    return curve_at(unit.auxiliary, share)


def curve_at(curve: PolynomialCurve | PiecewiseCurve, x: FloatArray) -> FloatArray:
    """A curve of the flowsheet at many places; outside its range it holds its end value."""
    inside = np.clip(x, curve.low, curve.high)
    if isinstance(curve, PiecewiseCurve):
        return np.asarray(np.interp(inside, curve.x, curve.y))
    return np.asarray(np.polynomial.polynomial.polyval(inside, np.array(curve.coefficients)))


def cubic_form(kind: str, main: str, field: str, nominal: PiecewiseCurve | PolynomialCurve) -> Form:
    """A pump or a fan: power over what it moves, a cubic without negative coefficients.

    Args:
        kind: Kind of the unit.
        main: What it moves, as the rows name it.
        field: Field of the unit that holds its curve.
        nominal: Its nominal curve, kW over what it moves.
    """
    most, rated_kw = nominal.high, nominal.at(nominal.high)
    begin = polynomial_of(nominal, 3) * most ** np.arange(4)
    sigma = 0.15 * rated_kw

    def power_kw(theta: FloatArray, columns: Columns) -> FloatArray:
        return cubic(theta, columns[main] / most)

    def steady(columns: Columns) -> BoolArray:
        return np.asarray(columns[main] > _IDLE_FRAC * most)

    def changes(theta: FloatArray) -> dict[str, Any]:
        x = np.linspace(nominal.low, most, CURVE_POINTS)
        return {field: piecewise(x, cubic(theta, x / most))}

    return Form(
        kind=kind,
        main=main,
        drivers=(main,),
        prior=prior_of(*((float(c), sigma, 0.0, 3.0 * rated_kw) for c in begin)),
        wanted=Wanted(
            columns=("power_kw", main),
            ranges={"power_kw": (0.005 * rated_kw, 2.0 * rated_kw), main: (0.0, 1.3 * most)},
            hangs=(("power_kw", main), (main, "power_kw")),
            running=frozenset(),
            settle_s=_PUMP_SETTLE_S,
            least_kw=0.02 * rated_kw,
        ),
        power_kw=power_kw,
        steady=steady,
        changes=changes,
        rated_kw=rated_kw,
    )
