"""Curves learnt from a plant, as one versioned document: `configs/sites/<site>/curves.yaml`.

`with_curves` puts them into the flowsheet where that is loaded, so planning, forward simulation, the plant's
own control in it, and savings all read the same numbers. What is not learnt stays as the flowsheet says.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from plant.curves import Curve, Number
from plant.eir import EirCurve
from plant.units.compressor import FixedCompressor, PowerLaw, VsdCompressor
from plant.units.cooling import AirHandler, Chiller
from protocols.config import Config, IdPart
from protocols.units import Fraction, FreeAirFlow, Kilowatts

CURVES_FILE: Final = "curves.yaml"
"""Name of the document in the folder of a site."""


class Span(Config):
    """Where a quantity lay in the rows a curve was learnt from, without the outermost hundredths."""

    low: Number
    """Lower end, in the unit of the quantity's name."""

    high: Number
    """Upper end."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"a range needs low ≤ high, got {self.low} and {self.high}")
        return self

    def covers(self, value: float) -> bool:
        """Whether a value lies in it, a ten-thousandth of its size aside."""
        slack = 1e-4 * max(abs(self.low), abs(self.high))
        return self.low - slack <= value <= self.high + slack


class Learning(Config):
    """What a curve was learnt from, and how good it is on days it had not seen."""

    begin: AwareDatetime
    """First row."""

    end: AwareDatetime
    """End of the last row."""

    rows: Annotated[int, Field(ge=1)]
    """Rows that taught, days held out not among them."""

    days: Annotated[int, Field(ge=1)]
    """Days with such rows, held-out days not among them."""

    held_days: Annotated[int, Field(ge=1)]
    """Days that were held out and judged it."""

    error_kw: Annotated[Kilowatts, Field(ge=0)]
    """Mean absolute error of the learnt curve on the held-out days."""

    nominal_error_kw: Annotated[Kilowatts, Field(ge=0)]
    """The same of the nominal curve."""

    residual_low_kw: Kilowatts
    """One held-out row in ten lies further below the curve than this (negative: below)."""

    residual_high_kw: Kilowatts
    """One held-out row in ten lies further above the curve than this."""

    uncertainty_frac: Fraction
    """Half width of the 90 % band of the curve itself, its widest inside the valid range, over its power."""


class LearntBase(Config):
    """What every learnt curve says beside its numbers."""

    version: Annotated[int, Field(ge=1)] = 1
    """Counts up with each curve accepted for the unit; plans name it."""

    valid: dict[IdPart, Span]
    """Quantity to the range it was learnt in; beyond it the curve is the nominal shape, and said to be."""

    learning: Learning
    """Rows, days, errors."""

    def outside(self, at: dict[str, float]) -> tuple[str, ...]:
        """Quantities of an operating point that lie outside the range; one without a range is not judged."""
        judged = ((name, value) for name, value in at.items() if name in self.valid)
        return tuple(name for name, value in judged if not self.valid[name].covers(value))


class LearntFixed(LearntBase):
    """A fixed-speed compressor."""

    kind: Literal["compressor_fixed"] = "compressor_fixed"
    """Kind of the unit."""

    flow_m3_min: Annotated[FreeAirFlow, Field(gt=0)]
    """Free air delivery when loaded."""

    power: PowerLaw
    """Loaded power."""

    unloaded_frac: Fraction
    """Power after blow-down as a fraction of the loaded power."""


class LearntVsd(LearntBase):
    """A variable-speed compressor."""

    kind: Literal["compressor_vsd"] = "compressor_vsd"
    """Kind of the unit."""

    flow_max_m3_min: Annotated[FreeAirFlow, Field(gt=0)]
    """Free air delivery at full speed."""

    flow_min_m3_min: Annotated[FreeAirFlow, Field(gt=0)]
    """Free air delivery at the least speed."""

    power: PowerLaw
    """Power at full speed."""

    part_load: Curve
    """Fraction of the full flow → fraction of the full power."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.flow_min_m3_min >= self.flow_max_m3_min:
            raise ValueError("flow_min_m3_min must be less than flow_max_m3_min")
        return self


class LearntChiller(LearntBase):
    """A chiller; its pumps and tower stay as the flowsheet says."""

    kind: Literal["chiller"] = "chiller"
    """Kind of the unit."""

    eir: EirCurve
    """Capacity and compressor power."""


class LearntFan(LearntBase):
    """The fan of an air handler."""

    kind: Literal["air_handler"] = "air_handler"
    """Kind of the unit."""

    fan: Curve
    """Cooling load in kW → fan power [kW]."""


class LearntPump(LearntBase):
    """A pump that no flowsheet knows, such as one of a case file."""

    kind: Literal["pump"] = "pump"
    """Kind of the machine."""

    curve: Curve
    """Flow in m³/h → power [kW]; its corners are the `takes` of a case's pump."""


class PumpPlate(Config):
    """A pump as its data sheet says it."""

    kind: Literal["pump"] = "pump"
    """Kind of the machine."""

    curve: Curve
    """Flow in m³/h → power [kW]."""


AnyLearnt = LearntFixed | LearntVsd | LearntChiller | LearntFan | LearntPump
LearntCurve = Annotated[AnyLearnt, Field(discriminator="kind")]

_TAKEN: Final[dict[str, tuple[str, ...]]] = {
    "compressor_fixed": ("flow_m3_min", "power", "unloaded_frac"),
    "compressor_vsd": ("flow_max_m3_min", "flow_min_m3_min", "power", "part_load"),
    "chiller": ("eir",),
    "air_handler": ("fan",),
    "pump": ("curve",),
}
"""Fields of a unit that a learnt curve takes the place of."""

Learnable = FixedCompressor | VsdCompressor | Chiller | AirHandler | PumpPlate
"""What a curve can be learnt of."""


class CurveBook(Config):
    """`configs/sites/<site>/curves.yaml`: what was learnt and accepted, by unit."""

    curves: dict[IdPart, LearntCurve] = Field(default_factory=dict)
    """Unit of the flowsheet to its curve; a unit that is not here keeps its nominal one."""


def taken_over(unit: Learnable, curve: LearntCurve) -> Learnable:
    """The unit with the learnt numbers in place of its nominal ones.

    Raises:
        ValueError: The curve is of another kind of unit.
    """
    if unit.kind != curve.kind:
        raise ValueError(f"the learnt curve is of a {curve.kind}, the unit is a {unit.kind}; learn it again")
    changes: dict[str, Any] = {name: getattr(curve, name) for name in _TAKEN[curve.kind]}
    return unit.model_copy(update=changes)
