"""What came of learning one machine: a curve or none, why, and what is drawn of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from plant.learning.robust import FloatArray
from plant.learnt import AnyLearnt
from protocols.config import Text

Status = Literal["better", "not_better", "too_little", "doubtful"]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn: dots that were used, and curves along the main quantity, the others at their medians.

    Attributes:
        main: Quantity of the axis.
        at: The other quantities and where they are held.
        dots: (x, power) of a few hundred rows.
        x: Places of the curves, shape (n,).
        nominal_kw: Nominal curve, shape (n,).
        in_use_kw: Curve in use, shape (n,).
        learnt_kw: Fitted curve, shape (n,).
        band_kw: Half width of its 90 % band, shape (n,).
    """

    main: str
    at: Mapping[str, float]
    dots: FloatArray
    x: FloatArray
    nominal_kw: FloatArray
    in_use_kw: FloatArray
    learnt_kw: FloatArray
    band_kw: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of learning one machine.

    Attributes:
        unit: Its id.
        status: `better`: `curve` may be accepted; else the curve in use stays.
        reason: Why, in plant words and both languages.
        curve: The learnt curve, also where it is no better; None where nothing could be fitted.
        in_use_error_kw: Error of the curve in use on the held-out days; None before there was a fit. [kW]
        left_out: Rows that taught nothing, by reason.
        usable: Rows that could.
        drift_frac: How far the last days lie beside the curve in use, a share of power; None: too few days.
        drifted: Whether the machine changed since that curve was learnt; a nominal one only was never right.
        picture: What is drawn of it.
    """

    unit: str
    status: Status
    reason: Text
    curve: AnyLearnt | None = None
    in_use_error_kw: float | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    usable: int = 0
    drift_frac: float | None = None
    drifted: bool = False
    picture: Picture | None = None
