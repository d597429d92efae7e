"""Curves of machines: those in use with what they were learnt from, and the newest fits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends

from hub.api.deps import Deps, SiteId, problems
from hub.api.models import Number
from hub.api.policy import permitted
from hub.curves import tables
from hub.curves.proposal import reason_of
from plant.learnt import Learning, Span
from protocols.config import Config, Text
from runtime.clock import iso_utc

router = APIRouter(prefix="/sites/{site}", dependencies=[Depends(permitted)])


class CurveUsed(Config):
    """A learnt curve that planning, simulation and savings go by."""

    version: int
    """Counts up with each curve accepted for the unit."""

    valid: dict[str, Span]
    """Quantity to the range it was learnt in."""

    learning: Learning
    """Time span, rows, errors on held-out days, uncertainty."""


class CurvePicture(Config):
    """Measured dots, and curves along one quantity with the others at their medians."""

    main: str
    """Quantity of the axis, its unit in its name."""

    at: dict[str, Number]
    """The other quantities and where they are held."""

    dots_x: list[Number]
    """Places of measured rows on the axis."""

    dots_kw: list[Number]
    """Power measured there."""

    x: list[Number]
    """Places of the curves."""

    nominal_kw: list[Number]
    """Nominal curve."""

    in_use_kw: list[Number]
    """Curve that was in use at the fit."""

    learnt_kw: list[Number]
    """Fitted curve."""

    band_kw: list[Number]
    """Half width of the fitted curve's 90 % band."""


class CurveFit(Config):
    """What came of learning a machine last; it is only offered, a person accepts it."""

    made: datetime
    """When."""

    status: str
    """`better`: may be accepted; `not_better`, `too_little` or `doubtful`: the curve in use stays."""

    reason: Text
    """Why."""

    usable: int
    """Rows that could teach."""

    left_out: dict[str, int]
    """Rows that taught nothing, by reason."""

    in_use_error_kw: Number | None
    """Mean absolute error of the curve in use on the held-out days."""

    drift_frac: Number | None
    """How far the last days lie beside the curve in use, a share of power."""

    drifted: bool
    """Whether the machine changed since the curve in use was learnt."""

    learning: Learning | None
    """Time span, rows, errors, uncertainty of the fit."""

    valid: dict[str, Span]
    """Quantity to the range it was fitted in."""

    picture: CurvePicture | None
    """What is drawn."""


class CurveOfUnit(Config):
    """One machine."""

    unit: str
    """Id in the flowsheet."""

    label: Text
    """What people call it."""

    in_use: CurveUsed | None
    """Its learnt curve; None: the nominal one is in use."""

    fit: CurveFit | None
    """The newest fit; None: none was made."""


@router.get("/curves", operation_id="curves", responses=problems(401, 403, 404, 422, 503))
async def curves(site: SiteId, deps: Deps) -> list[CurveOfUnit]:
    """Machines with a learnt curve or a fit, by unit; the others go by their nominal curves."""
    fits = {row.unit: row for row in await tables.newest(deps.sessions, site)}
    used = deps.curves.curves
    return [
        CurveOfUnit.model_validate(
            {
                "unit": unit,
                "label": _label(deps, unit),
                "in_use": _used(used.get(unit)),
                "fit": _fit(fits.get(unit)),
            }
        )
        for unit in sorted({*fits, *used})
    ]


def _label(deps: Deps, unit: str) -> dict[str, str]:
    known = deps.registry.devices.get(unit)
    return {"en": unit, "zh": unit} if known is None else known.device.label.model_dump()


def _used(curve: Any) -> dict[str, Any] | None:  # noqa: ANN401  any kind of learnt curve
    if curve is None:
        return None
    return {"version": curve.version, "valid": curve.valid, "learning": curve.learning}


def _fit(row: tables.CurveFitRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    body, curve = row.body, row.body.get("curve") or {}
    told = {name: value for name, value in body.items() if name not in {"unit", "curve"}}
    return told | {
        "reason": reason_of(body),
        "made": iso_utc(row.made_ns),
        "learning": curve.get("learning"),
        "valid": curve.get("valid", {}),
    }
