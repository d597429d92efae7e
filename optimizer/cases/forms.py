"""The forms of the published cases of loading, CHP, unit commitment and valve-point dispatch.

A file may say more than its form (title, source, published results); what is not known is left alone, what
is missing or no number is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from optimizer.chp_dispatch import ChpStation, Combined, Single
from optimizer.loading import Sharer
from optimizer.problem import Commitment, FloatArray
from optimizer.underestimate import Curve
from optimizer.unit_commitment import Fleet, ThermalUnit
from protocols.errors import ConfigError

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
M = TypeVar("M", bound=BaseModel)
_HOUR_S: Final = 3600.0


class Form(BaseModel):
    """Part of a case file; keys that are not known are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


class ChillerForm(Form):
    """P = a + b·PLR + c·PLR² + d·PLR³ while on."""

    name: str = ""
    coef: tuple[Finite, ...]
    """a, b, c, d. [kW]"""
    cap: Positive
    """Capacity. [RT]"""


class LoadForm(Form):
    """One load."""

    load_rt: NotNegative


class ChillerLoading(Form):
    """Static loads shared by chillers."""

    plr_min: Annotated[float, Field(ge=0, le=1)] = 0.0
    chillers: tuple[ChillerForm, ...]
    loads: tuple[LoadForm, ...]


class PowerForm(Form):
    """A power unit: a + b·P + c·P² + d·P³."""

    coef: tuple[Finite, ...]
    pmin: Finite
    pmax: Finite


class ChpForm(Form):
    """A CHP: a + b·P + c·P² + d·H + e·H² + f·P·H inside the polygon."""

    coef: tuple[Finite, Finite, Finite, Finite, Finite, Finite]
    FOR: tuple[tuple[Finite, Finite], ...]
    """Corners (P, H) of the feasible operating region."""


class HeatForm(Form):
    """A heat unit: a + b·H + c·H²."""

    coef: tuple[Finite, ...]
    hmin: Finite
    hmax: Finite


class HeatPowerNeed(Form):
    """One need."""

    P: NotNegative
    H: NotNegative


class ChpDispatch(Form):
    """Static needs of power and heat shared by units that all run."""

    power: tuple[PowerForm, ...] = ()
    chp: tuple[ChpForm, ...] = ()
    heat: tuple[HeatForm, ...] = ()
    demands: tuple[HeatPowerNeed, ...]


class ThermalForm(Form):
    """A thermal unit; times in hours, `init` hours on (above zero) or off (below)."""

    pmin: NotNegative
    pmax: Positive
    a: Finite
    b: Finite
    c: Finite
    mu: NotNegative
    """Shortest run. [h]"""
    md: NotNegative
    """Shortest stop. [h]"""
    hsc: NotNegative
    """Start while the unit stood no longer than md + csh."""
    csc: NotNegative
    """Any other start."""
    csh: NotNegative
    init: Finite


class UnitCommitment(Form):
    """A day of thermal units in hours."""

    spinning_reserve_fraction: NotNegative = 0.0
    load_mw: tuple[NotNegative, ...]
    units: tuple[ThermalForm, ...]


class ValveForm(Form):
    """a + b·P + c·P² + |e·sin(f·(pmin - P))|."""

    pmin: NotNegative
    pmax: NotNegative
    a: Finite
    b: Finite
    c: Finite
    e: Finite = 0.0
    f: Finite = 0.0


class PowerNeed(Form):
    """One need."""

    mw: NotNegative


class EconomicDispatch(Form):
    """Static needs of power shared by units that all run."""

    units: tuple[ValveForm, ...]
    demands: tuple[PowerNeed, ...]


def read_form(form: type[M], plain: Any) -> M:  # noqa: ANN401  parsed JSON of any shape
    """Read a parsed file into its form.

    Raises:
        ConfigError: Something is missing or no number; the first faults are named with their place.
    """
    try:
        return form.model_validate(plain)
    except ValidationError as error:
        first = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}"
            for fault in error.errors()[:3]
        )
        raise ConfigError(f"the case is not of the form {form.__name__}: {first}") from error


def polynomial(coefficients: tuple[float, ...], unit: float = 1.0) -> Callable[[FloatArray], FloatArray]:
    """Σ kᵢ·(x/unit)ⁱ, vectorised."""

    def value(x: FloatArray) -> FloatArray:
        raised: FloatArray = np.asarray(np.polynomial.polynomial.polyval(x / unit, coefficients))
        return raised

    return value


def chillers_of(case: ChillerLoading) -> tuple[Sharer, ...]:
    """The chillers, each off or between least and full load; loads in RT."""
    return tuple(
        Sharer(f"c{k}", Curve(polynomial(one.coef, one.cap), case.plr_min * one.cap, one.cap))
        for k, one in enumerate(case.chillers)
    )


def station_of(case: ChpDispatch) -> ChpStation:
    """Power units, CHPs and heat units."""
    return ChpStation(
        power=tuple(
            Single(f"p{k}", Curve(polynomial(one.coef), one.pmin, one.pmax))
            for k, one in enumerate(case.power)
        ),
        combined=tuple(Combined(f"k{k}", one.coef, one.FOR) for k, one in enumerate(case.chp)),
        heat=tuple(
            Single(f"h{k}", Curve(polynomial(one.coef), one.hmin, one.hmax))
            for k, one in enumerate(case.heat)
        ),
    )


def fleet_of(case: UnitCommitment, copies: int = 1) -> Fleet:
    """The units, each `copies` times, and the load as many times as high."""
    units = [
        ThermalUnit(
            name=f"u{k}_{copy}",
            least_mw=one.pmin,
            most_mw=one.pmax,
            coefficients=(one.a, one.b, one.c),
            commitment=Commitment(
                on=one.init > 0,
                state_s=abs(one.init) * _HOUR_S,
                min_up_s=one.mu * _HOUR_S,
                min_down_s=one.md * _HOUR_S,
                start_eur=one.hsc,
                cold_start_eur=one.csc,
                cold_after_s=(one.md + one.csh) * _HOUR_S,
            ),
        )
        for k, one in enumerate(case.units)
        for copy in range(copies)
    ]
    return Fleet(
        units=tuple(units),
        load_mw=np.array(case.load_mw) * copies,
        reserve_frac=case.spinning_reserve_fraction,
    )


def generators_of(case: EconomicDispatch) -> tuple[Sharer, ...]:
    """The units; all run."""
    return tuple(Sharer(f"g{k}", _valve_curve(one), can_stop=False) for k, one in enumerate(case.units))


def _valve_curve(one: ValveForm) -> Curve:
    def value(x: FloatArray) -> FloatArray:
        ripple = np.abs(one.e * np.sin(one.f * (one.pmin - x)))
        return one.a + one.b * x + one.c * x**2 + ripple

    arch = np.pi / abs(one.f) if one.f and one.e else np.inf
    count = 0 if np.isinf(arch) else int((one.pmax - one.pmin) / arch)
    return Curve(value, one.pmin, one.pmax, tuple(one.pmin + arch * k for k in range(1, count + 1)))
