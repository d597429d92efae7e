"""All series of a site at once: what is asked of the process that learns, and what it answers. Pure.

work(job) = train, where it is asked for or nothing is learnt yet, then foresee each series
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from hub.forecast.contest import Place, Verdict, decide, of_models, proof_loss
from hub.forecast.day_grid import day_grid
from hub.forecast.features import Table, table
from hub.forecast.learning import AFTER_DRIFT, Learned, known_days, learn
from hub.forecast.quarters import QUARTERS_A_DAY, WEATHER, FloatArray, Quarters
from hub.forecast.solar import Plane, clear_sky, in_plane, sky_course
from hub.forecast.tidy import Tidied, drift, tidied
from hub.registry.calendars import Calendar

STEPS: Final = 104
"""Quarters that are foreseen: a day, and two hours in which nothing newer may come."""

IMPORTED: Final = "imported"
"""The method of weather that is foreseen elsewhere."""

SUN: Final = "irradiance_w_m2"
GHI: Final = "ghi_w_m2"
_DRIFT_MOST: Final = 1.0
_DRIFT_QUARTERS: Final = 3 * QUARTERS_A_DAY
_WORSE_FRAC: Final = 1.05
_LEVELS: Final = frozenset({"outdoor_c", "wet_bulb_c"})


@dataclass(frozen=True, slots=True)
class Site:
    """What does not change from job to job.

    Attributes:
        calendar: Working days, holidays, shifts.
        zone: IANA name of the time zone.
        plane: Where the sun is measured; None: its course is learnt without the sky.
    """

    calendar: Calendar
    zone: str
    plane: Plane | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One errand.

    Attributes:
        site: The site.
        past: Means up to now.
        weather: Foreseen weather for `STEPS` quarters from the end of `past` on, by series, or `ghi_w_m2`,
            the irradiance of the horizontal; what nobody foresees is left out.
        was_foreseen: The same for the quarters of `past`, as it was foreseen a day before each; where it is
            NaN measured weather stands in.
        learned: Models of each series, from the last training.
        champions: Series to the method that spoke last.
        train: Whether to learn anew.
        names: Series that are foreseen; none named: all.
    """

    site: Site
    past: Quarters
    weather: dict[str, FloatArray] = field(default_factory=dict)
    was_foreseen: dict[str, FloatArray] = field(default_factory=dict)
    learned: dict[str, Learned] = field(default_factory=dict)
    champions: dict[str, str] = field(default_factory=dict)
    train: bool = True
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What is foreseen of one series.

    Attributes:
        verdict: Courses, method, scores.
        gaps: Quarters that were unknown.
        stuck: Quarters of runs that are no measurement.
        spikes: Quarters far beyond anything else.
        drift: Half widths of the band that the last three days lie beside the middle course.
        days: Days with a measurement.
    """

    verdict: Verdict
    gaps: int
    stuck: int
    spikes: int
    drift: float
    days: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job: the newest models, and each series foreseen from `start_ns` on."""

    start_ns: int
    learned: dict[str, Learned]
    found: dict[str, Found]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """An answer without what only its own process can read: the models are bytes."""

    start_ns: int
    models: bytes
    found: dict[str, Found]


def work(job: Job) -> Answer:
    """Do the errand; a series that never was measured is left out."""
    now = min(len(values) for values in job.past.values.values())
    place = Place(job.past.start_ns, now, STEPS)
    grid = day_grid(job.site.calendar, job.site.zone, place.start_ns, now + STEPS)
    clean = {name: tidied(values[:now]) for name, values in job.past.values.items()}
    sky = _Sky(job, clean, place)
    learned, found = dict(job.learned), {}
    for name, one in clean.items():
        values = np.concatenate([one.values, np.full(STEPS, np.nan)])
        if (job.names and name not in job.names) or not np.isfinite(values).any():
            continue
        seen = table(values, grid, sky.columns(name), sky.base(name, values))
        if job.train:
            learned |= _trained(name, values, seen, place, learned.get(name))
        verdict = decide(values, seen, place, learned.get(name), job.champions.get(name))
        found[name] = _found(sky.over(name, verdict), one, _beside(values, seen, place, learned.get(name)))
    return Answer(job.past.end_ns, learned, found)


def _trained(
    name: str, values: FloatArray, seen: Table, place: Place, old: Learned | None
) -> dict[str, Learned]:
    """Newer models, where something can be learnt and they are no worse than those there are."""
    fresh = learn(values, seen, place.now, place.start_ns)
    if fresh is not None and abs(_beside(values, seen, place, fresh)) > _DRIFT_MOST:
        fresh = learn(values, seen, place.now, place.start_ns, AFTER_DRIFT)
    if fresh is None:
        return {}
    if old is not None and proof_loss(values, seen, place, fresh) > _WORSE_FRAC * proof_loss(
        values, seen, place, old
    ):
        return {}
    return {name: fresh}


def _beside(values: FloatArray, seen: Table, place: Place, learned: Learned | None) -> float:
    """How far the last three days lie beside what the models had foreseen, in half widths."""
    if learned is None:
        return 0.0
    honest, _ = of_models(learned, seen, place, max(place.now - _DRIFT_QUARTERS, 0))
    return drift(values[max(place.now - _DRIFT_QUARTERS, 0) : place.now], honest)


def _found(verdict: Verdict, one: Tidied, beside: float) -> Found:
    return Found(verdict, one.gaps, one.stuck, one.spikes, beside, known_days(one.values))


class _Sky:
    """What is known of the weather: as it was foreseen, else as it was; ahead as foreseen, else a day old."""

    def __init__(self, job: Job, clean: dict[str, Tidied], place: Place) -> None:
        plane = job.site.plane
        weather = self._weather = _turned(job.weather, plane, job.past.end_ns)
        before = _turned(job.was_foreseen, plane, job.past.start_ns)
        count = place.now + STEPS
        columns: list[FloatArray] = []
        for name in WEATHER:
            known = clean[name].values if name in clean else np.full(place.now, np.nan)
            was = before.get(name, known)
            known = np.where(np.isfinite(was), was, known)
            ahead = weather.get(name)
            if ahead is None:
                whole = _later(np.concatenate([known, np.full(STEPS, np.nan)]), QUARTERS_A_DAY)
            else:
                whole = np.concatenate([known, ahead[:STEPS]])
            columns += [whole, _mean_of_day(whole), whole - _later(whole, 7 * QUARTERS_A_DAY)]
        self._columns = np.column_stack(columns)
        self._sun: FloatArray | None = None
        measured = clean[SUN].values if SUN in clean else np.zeros(1)
        if plane is not None and np.nanmax(measured, initial=0.0) > 0.0:
            self._sun = clear_sky(plane, place.start_ns, count)

    def columns(self, name: str) -> FloatArray:
        """What the models of a series see of the weather."""
        if name == SUN and self._sun is not None:
            return np.column_stack([self._columns, self._sun])
        return self._columns

    def base(self, name: str, values: FloatArray) -> FloatArray | None:
        """The course of the sky, where the series is the sun."""
        return sky_course(values, self._sun[:, 0]) if name == SUN and self._sun is not None else None

    def over(self, name: str, verdict: Verdict) -> Verdict:
        """Courses inside what nature allows; weather that is foreseen elsewhere takes the place of ours."""
        courses, ahead = verdict.courses, self._weather.get(name)
        if ahead is not None and np.isfinite(ahead[:STEPS]).all():
            courses = courses - courses[1] + ahead[:STEPS]
            verdict = replace(verdict, method=IMPORTED, before=np.full_like(verdict.before, np.nan))
        if name not in _LEVELS:
            courses = np.maximum(courses, 0.0)
        if name == SUN and self._sun is not None:
            courses = np.where(self._sun[-STEPS:, 0] > 0.0, courses, 0.0)
        return replace(verdict, courses=courses)


def _turned(weather: Mapping[str, FloatArray], plane: Plane | None, start_ns: int) -> dict[str, FloatArray]:
    """The weather with the irradiance of the plane instead of that of the horizontal."""
    turned = {name: course for name, course in weather.items() if name != GHI}
    if GHI in weather and plane is not None:
        turned[SUN] = in_plane(plane, start_ns, weather[GHI])
    return turned


def _later(values: FloatArray, count: int) -> FloatArray:
    kept = max(len(values) - count, 0)
    return np.concatenate([np.full(len(values) - kept, np.nan), values[:kept]])


def _mean_of_day(values: FloatArray) -> FloatArray:
    """Mean of the 24 hours that end with each quarter, of what is known of them."""
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0.0], np.cumsum(known)])
    low = np.maximum(np.arange(len(values)) + 1 - QUARTERS_A_DAY, 0)
    number = count[1:] - count[low]
    return np.where(number > 0.0, (total[1:] - total[low]) / np.maximum(number, 1.0), np.nan)
