"""The forms of the published cases of loading, CHP, unit commitment and valve-point dispatch.

A file may say more than its form (title, source, published results); what is not known is left alone, unless
it looks like a field that is not there. What is missing or no number is named.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Annotated, Any, Final, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from optimizer.cases.case_numbers import NotNegative, Positive, Share
from optimizer.cases.case_numbers import Number as Finite
from optimizer.chp_dispatch import ChpStation, Combined, Single
from optimizer.loading import Sharer
from optimizer.problem import Commitment, FloatArray
from optimizer.underestimate import Curve
from optimizer.unit_commitment import Fleet, ThermalUnit
from protocols.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
_HOUR_S: Final = 3600.0
_ALIKE: Final = 0.85
"""Likeness from which a key is a misspelt one."""
_MOST_ARCHES: Final = 1000
Coefficients = Annotated[tuple[Finite, ...], Field(min_length=1, max_length=10)]
Hours = Annotated[NotNegative, Field(le=1000)]


def _rises(least: tuple[str, float], most: tuple[str, float]) -> None:
    if least[1] > most[1]:
        raise ValueError(f"{least[0]} is {least[1]:g}, above {most[0]} of {most[1]:g}; exchange or mend them")


class Form(BaseModel):
    """Part of a case file; keys that are not known are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _not_misspelt(cls, said: Any) -> Any:  # noqa: ANN401  whatever a file says
        """A limit whose name is misspelt would be dropped in silence."""
        if isinstance(said, dict):
            away = [name for name in cls.model_fields if name not in said]
            for key in (key for key in said if isinstance(key, str) and key not in cls.model_fields):
                near = difflib.get_close_matches(key.lower(), away, 1, _ALIKE)
                if near:
                    raise ValueError(f"{key!r} is not known; did you mean {near[0]!r}?")
        return said


class ChillerForm(Form):
    """P = a + b·PLR + c·PLR² + d·PLR³ while on."""

    name: str = ""
    coef: Coefficients
    """a, b, c, d. [kW]"""
    cap: Positive
    """Capacity. [RT]"""


class LoadForm(Form):
    """One load."""

    load_rt: NotNegative


class ChillerLoading(Form):
    """Static loads shared by chillers."""

    plr_min: Share = 0.0
    chillers: tuple[ChillerForm, ...]
    loads: tuple[LoadForm, ...]


class PowerForm(Form):
    """A power unit: a + b·P + c·P² + d·P³."""

    coef: Coefficients
    pmin: NotNegative
    pmax: NotNegative

    @model_validator(mode="after")
    def _range(self) -> Self:
        _rises(("pmin", self.pmin), ("pmax", self.pmax))
        return self


class ChpForm(Form):
    """A CHP: a + b·P + c·P² + d·H + e·H² + f·P·H inside the polygon."""

    coef: tuple[Finite, Finite, Finite, Finite, Finite, Finite]
    FOR: tuple[tuple[Finite, Finite], ...]
    """Corners (P, H) of the feasible operating region."""


class HeatForm(Form):
    """A heat unit: a + b·H + c·H²."""

    coef: Coefficients
    hmin: NotNegative
    hmax: NotNegative

    @model_validator(mode="after")
    def _range(self) -> Self:
        _rises(("hmin", self.hmin), ("hmax", self.hmax))
        return self


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
    mu: Hours
    """Shortest run. [h]"""
    md: Hours
    """Shortest stop. [h]"""
    hsc: NotNegative
    """Start while the unit stood no longer than md + csh."""
    csc: NotNegative
    """Any other start."""
    csh: Hours
    init: Finite

    @model_validator(mode="after")
    def _range(self) -> Self:
        _rises(("pmin", self.pmin), ("pmax", self.pmax))
        return self


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

    @model_validator(mode="after")
    def _range(self) -> Self:
        _rises(("pmin", self.pmin), ("pmax", self.pmax))
        arches = abs(self.f) * (self.pmax - self.pmin) / np.pi
        if self.e and arches > _MOST_ARCHES:
            raise ValueError(
                f"f of {self.f:g} makes {arches:.3g} valve points; it is in 1/MW, look at its unit"
            )
        return self


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
