"""Learn a curve: sift, doubt, fit, hold against days not seen, say how sure it is.

A learnt curve is offered only where it is better than the curve in use by `MARGIN_FRAC` on held-out days and
on most of these days; until then the curve in use stays. The curve offered is the one that was judged: no row
of the held-out days is in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from plant.learning.days import Table
from plant.learning.doubts import doubts
from plant.learning.forms import CURVE_POINTS
from plant.learning.machines import curve_of, form_of, power_of, unloaded_frac
from plant.learning.reasons import joined, judged, too_little
from plant.learning.robust import FloatArray
from plant.learning.rows import Rows, sifted
from plant.learning.verdict import Picture, Verdict
from plant.learnt import AnyLearnt, Learnable, LearntBase, taken_over
from plant.units.compressor import FixedCompressor
from protocols.config import Text

MARGIN_FRAC: Final = 0.10
"""A learnt curve's error on held-out days is less than that of the curve in use by at least this share."""

LEAST_DAYS: Final = 6
"""Days with usable rows; every third is held out."""

LEAST_ROWS: Final = 120
"""Usable rows of the days that teach."""

DRIFT_FRAC: Final = 0.03
"""A learnt curve off by more than this on all of the last days, in one direction: the machine changed."""

_DRIFT_DAYS: Final = 5
_GROUPS: Final = 8
_TRIM: Final = 0.05
_GOOD_FRAC: Final = 0.002
"""A curve this near, over the rated power, is not made better by another one."""
_Z90: Final = 1.645
_NS: Final = 1_000_000_000


def learn(
    name: str, unit: Learnable, rows: Rows, zone: str = "UTC", in_use: AnyLearnt | None = None
) -> Verdict:
    """Learn one machine from its rows.

    Args:
        name: Id of the unit.
        unit: The nominal machine, as the flowsheet says.
        rows: What was measured, in the units the names say.
        zone: IANA name; days are meant in it.
        in_use: Curve learnt earlier that is in use.

    Raises:
        ContractError: A column the machine's form needs is not there at all.
    """
    first = form_of(unit, {})
    now = unit if in_use is None else taken_over(unit, in_use)
    sieve = sifted(rows, first.wanted)
    doubt = doubts(first, lambda columns: power_of(unit, columns), rows)
    if doubt:
        return Verdict(unit=name, status="doubtful", reason=joined(doubt), left_out=sieve.left_out)
    form = form_of(unit, sieve.rows.values)
    steady = form.steady(sieve.rows.values)
    left_out = {**sieve.left_out, "part_of_cycle": int(np.sum(~steady))}
    table = Table(form, sieve.rows.where(steady), zone)
    drift = _drift(now, table)
    shared: dict[str, Any] = {
        "unit": name, "left_out": left_out, "usable": len(table.rows),
        "drift_frac": drift[0], "drifted": drift[1] and in_use is not None,
    }  # fmt: skip
    if len(table.days) < LEAST_DAYS or int(table.taught.sum()) < LEAST_ROWS:
        return Verdict(status="too_little", reason=_too_little(table, left_out), **shared)
    return _judged(_Case(unit, now, in_use), table, rows, shared)


@dataclass(frozen=True, slots=True)
class _Case:
    nominal: Learnable
    now: Learnable
    in_use: LearntBase | None

    @property
    def version(self) -> int:
        return 1 if self.in_use is None else self.in_use.version + 1


def _judged(case: _Case, table: Table, rows: Rows, shared: dict[str, Any]) -> Verdict:
    theta = table.fitted(table.taught)
    changes = table.form.changes(theta)
    if isinstance(case.nominal, FixedCompressor):
        full_kw = float(np.median(table.thin.values["power_kw"]))
        changes["unloaded_frac"] = round(unloaded_frac(case.nominal, rows, full_kw), 5)
    learnt_unit = case.nominal.model_copy(update=changes)
    columns, power = table.part(~table.taught)
    error = {
        which: power - power_of(unit, columns)
        for which, unit in (("learnt", learnt_unit), ("nominal", case.nominal), ("now", case.now))
    }
    picture, uncertainty = _picture(case, learnt_unit, table, theta)
    told = {
        "version": case.version,
        "valid": _valid(table),
        "learning": _learning(table, error, uncertainty),
    }
    curve = curve_of(case.nominal, changes, told)
    better, reason = _better(error, table)
    return Verdict(
        status="better" if better else "not_better", reason=reason, curve=curve,
        in_use_error_kw=trimmed(error["now"]), picture=picture, **shared,
    )  # fmt: skip


def trimmed(error: FloatArray) -> float:
    """Mean absolute error without the worst twentieth [kW]."""
    size = np.sort(np.abs(error))
    return float(size[: max(1, round(len(size) * (1.0 - _TRIM)))].mean())


def _better(error: Mapping[str, FloatArray], table: Table) -> tuple[bool, Text]:
    learnt, now = trimmed(error["learnt"]), trimmed(error["now"])
    day = table.day[~table.taught]
    wins = [
        trimmed(error["learnt"][day == one]) <= trimmed(error["now"][day == one]) for one in np.unique(day)
    ]
    good_kw = _GOOD_FRAC * table.form.rated_kw
    better = now > good_kw and learnt <= (1.0 - MARGIN_FRAC) * now and 2 * sum(wins) >= len(wins)
    return better, judged(learnt, now, (sum(wins), len(wins)), MARGIN_FRAC, good_kw)


def _learning(table: Table, error: Mapping[str, FloatArray], uncertainty: float) -> dict[str, Any]:
    taught = table.thin.times_ns[table.taught]
    end_ns = int(table.thin.times_ns[-1]) + round(table.rows.step_s * _NS)
    low, high = np.quantile(error["learnt"], (0.1, 0.9))
    return {
        "begin": _utc(int(table.thin.times_ns[0])),
        "end": _utc(end_ns),
        "rows": len(taught),
        "days": len(np.unique(table.day[table.taught])),
        "held_days": len(np.unique(table.day[~table.taught])),
        "error_kw": round(trimmed(error["learnt"]), 4),
        "nominal_error_kw": round(trimmed(error["nominal"]), 4),
        "residual_low_kw": round(float(low), 4),
        "residual_high_kw": round(float(high), 4),
        "uncertainty_frac": round(min(uncertainty, 1.0), 5),
    }


def _valid(table: Table) -> dict[str, Any]:
    columns, _ = table.part(table.taught)
    ends = {name: np.quantile(columns[name], (0.01, 0.99)) for name in table.form.drivers}
    return {
        name: {"low": round(float(low), 4), "high": round(float(high), 4)}
        for name, (low, high) in ends.items()
    }


def _picture(case: _Case, learnt: Learnable, table: Table, theta: FloatArray) -> tuple[Picture, float]:
    """Curves along the main quantity, and the widest share of the band inside the valid range."""
    form = table.form
    columns, power = table.part(table.taught)
    low, high = np.quantile(columns[form.main], (0.01, 0.99))
    at = {name: float(np.median(columns[name])) for name in form.drivers if name != form.main}
    x = np.linspace(low, max(high, low + 1e-6), CURVE_POINTS)
    grid: dict[str, FloatArray] = {name: np.full(len(x), value) for name, value in at.items()} | {
        form.main: x
    }
    band = _band(table, grid)
    chosen = np.unique(np.linspace(0, len(power) - 1, min(len(power), 300)).astype(int))
    learnt_kw = form.power_kw(theta, grid)
    return Picture(
        main=form.main, at=at, dots=np.column_stack([columns[form.main][chosen], power[chosen]]), x=x,
        nominal_kw=power_of(case.nominal, grid), in_use_kw=power_of(case.now, grid),
        learnt_kw=power_of(learnt, grid), band_kw=band,
    ), float(np.max(band / np.maximum(learnt_kw, 1e-9)))  # fmt: skip


def _band(table: Table, grid: Mapping[str, FloatArray]) -> FloatArray:
    """Half width of the 90 % band by leaving out groups of days (delete-group jackknife) [kW]."""
    days = np.unique(table.day[table.taught])
    groups = min(_GROUPS, len(days))
    group_of = {int(day): k % groups for k, day in enumerate(days)}
    place = np.array([group_of.get(int(day), -1) for day in table.day])
    curves = np.array(
        [table.form.power_kw(table.fitted(table.taught & (place != group)), grid) for group in range(groups)]
    )
    spread = (groups - 1) / groups * ((curves - curves.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(_Z90 * np.sqrt(spread), dtype=np.float64)


def _drift(unit: Learnable, table: Table) -> tuple[float | None, bool]:
    """How far the last days lie beside a curve, and whether all of them do, in one direction."""
    days = table.days[-_DRIFT_DAYS:]
    if len(days) < _DRIFT_DAYS:
        return None, False
    middles: list[float] = []
    for day in days:
        columns, power = table.part(table.day == day)
        middles.append(float(np.median(power / np.maximum(power_of(unit, columns), 1e-9))) - 1.0)
    sure = all(one > DRIFT_FRAC for one in middles) or all(one < -DRIFT_FRAC for one in middles)
    return float(np.median(middles)), sure


def _too_little(table: Table, left_out: Mapping[str, int]) -> Text:
    return too_little(len(table.rows), len(table.days), (LEAST_ROWS, LEAST_DAYS), left_out)


def _utc(at_ns: int) -> str:
    return dt.datetime.fromtimestamp(at_ns // _NS, dt.UTC).isoformat()
