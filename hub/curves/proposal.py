"""A verdict as it is kept and shown, and what accepting one makes of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import TypeAdapter

from hub.registry.documents import Documents
from plant.learning.verdict import Picture, Verdict
from plant.learnt import CURVES_FILE, CurveBook, LearntCurve
from protocols.config import Text
from protocols.errors import ConfigError

_CURVE: TypeAdapter[Any] = TypeAdapter(LearntCurve)
_HEAD = "# Curves learnt from the plant; written by `ems curves accept`, taken back by taking a unit out.\n"


def body_of(verdict: Verdict) -> dict[str, Any]:
    """Plain values of a verdict, as the table keeps and the API shows them."""
    curve, picture = verdict.curve, verdict.picture
    return {
        "unit": verdict.unit,
        "status": verdict.status,
        "reason": verdict.reason.model_dump(),
        "usable": verdict.usable,
        "left_out": dict(verdict.left_out),
        "in_use_error_kw": verdict.in_use_error_kw,
        "drift_frac": verdict.drift_frac,
        "drifted": verdict.drifted,
        "curve": None if curve is None else curve.model_dump(mode="json"),
        "picture": None if picture is None else _drawn(picture),
    }


def reason_of(body: Mapping[str, Any]) -> Text:
    """Why, of a verdict that was kept; those of earlier versions have English words alone."""
    said = body["reason"]
    return Text(en=said, zh=said) if isinstance(said, str) else Text.model_validate(said)


def _drawn(picture: Picture) -> dict[str, Any]:
    lines = {
        name: [round(float(value), 3) for value in getattr(picture, name)]
        for name in ("x", "nominal_kw", "in_use_kw", "learnt_kw", "band_kw")
    }
    dots = {
        name: [round(float(value), 3) for value in picture.dots[:, column]]
        for column, name in enumerate(("dots_x", "dots_kw"))
    }
    at = {name: round(value, 3) for name, value in picture.at.items()}
    return {"main": picture.main, "at": at, **dots, **lines}


def accepted(
    documents: Documents, site: str, bodies: Sequence[Mapping[str, Any]], book: CurveBook
) -> dict[str, bytes]:
    """The files with learnt curves in them.

    Args:
        documents: Files of the version in force.
        site: Whose they are.
        bodies: Fits that are accepted, from `body_of`.
        book: Curves accepted before.

    Raises:
        ConfigError: One of them is no better than what is in use, or was judged against another curve.
    """
    curves = dict(book.curves)
    for body in bodies:
        unit = str(body["unit"])
        if body["status"] != "better":
            raise ConfigError(f"{unit} is not accepted: {body['reason']}")
        before, curve = curves.get(unit), _CURVE.validate_python(body["curve"])
        if curve.version != (1 if before is None else before.version + 1):
            raise ConfigError(
                f"{unit}: another curve came into use since this one was learnt; run `ems curves fit` again"
            )
        curves[unit] = curve
    plain = {"curves": {unit: curve.model_dump(mode="json") for unit, curve in sorted(curves.items())}}
    text = _HEAD + yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=110)
    return {**documents, f"sites/{site}/{CURVES_FILE}": text.encode()}


def without(documents: Documents, site: str, units: Sequence[str], book: CurveBook) -> dict[str, bytes]:
    """The files without the learnt curves of some units: they go by their nominal ones again.

    Raises:
        ConfigError: A unit has no learnt curve.
    """
    missing = [unit for unit in units if unit not in book.curves]
    if missing:
        known = ", ".join(sorted(book.curves)) or "none"
        raise ConfigError(f"{', '.join(missing)}: no learnt curve is in use; those in use are: {known}")
    left = {unit: curve for unit, curve in sorted(book.curves.items()) if unit not in units}
    rest = {path: body for path, body in documents.items() if path != f"sites/{site}/{CURVES_FILE}"}
    if not left:
        return rest
    plain = {"curves": {unit: curve.model_dump(mode="json") for unit, curve in left.items()}}
    text = _HEAD + yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=110)
    return {**rest, f"sites/{site}/{CURVES_FILE}": text.encode()}
