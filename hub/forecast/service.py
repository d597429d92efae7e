"""Forecasts while the hub runs: one an hour, learnt anew once a day, in their own process; kept, and judged.

    past of 400 days → child process → issue for dispatch → row for the page
                                          ↑ weather forecast, where the site names one

A failure leaves the last forecast; dispatch stops using it when it is two hours old and goes on with similar
days.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from hub.database import Sessions
from hub.forecast import tables
from hub.forecast.backtest import MEMORY_DAYS
from hub.forecast.config import ForecastFile, load_forecast
from hub.forecast.issue import Newest, body_of, issue_of, live_scores
from hub.forecast.job import Foreseen, Job, Site
from hub.forecast.quarters import (
    QUARTER_NS,
    QUARTERS_A_DAY,
    FloatArray,
    Quarters,
    collect,
    floor_quarter_ns,
    sources,
)
from hub.forecast.solar import Plane
from hub.forecast.weather import FOLDER, fetch, on_quarters
from hub.forecast.weather_book import WeatherBook
from hub.forecast.worker import LEARN_KILL_S, foresee_apart
from hub.registry.calendars import load_calendar
from hub.registry.site import SiteFile
from hub.store.port import StoreReader
from plant.flowsheet import Flowsheet
from protocols.clock import Clock
from protocols.errors import ForecastError
from protocols.point import local_point
from runtime.clock import iso_utc
from runtime.yaml_config import load_config

_log = logging.getLogger(__name__)
FIRST_S: Final = 120.0
"""Wait before the first forecast, by simple methods: a start belongs to what moves machines. [s]"""

LEARN_S: Final = 600.0
"""Wait before anything is learnt. [s]"""

BOOK: Final = "foreseen.npz"
"""Below the folder of weather files: what they foresaw, of each quarter the first forecast."""

EVERY_S: Final = 3600.0
TRAIN_S: Final = 86_400.0
_LOOK_S: Final = 5.0
_DAY_NS: Final = 86_400_000_000_000
_LIVE_DAYS: Final = 7
_LEAST_DAYS: Final = 1


@dataclass(frozen=True, slots=True)
class ForecastSite:
    """One version of what is known of a site.

    Attributes:
        id: The site.
        flowsheet: Which points add up to which series.
        site: Calendar, zone, plane.
        file: What `forecast.yaml` says.
    """

    id: str
    flowsheet: Flowsheet
    site: Site
    file: ForecastFile


def load_forecast_site(config: Path, site: str) -> ForecastSite:
    """Read it.

    Raises:
        ConfigError: A file is missing or wrong.
    """
    folder = config / "sites" / site
    known, file = load_config(folder / "site.yaml", SiteFile), load_forecast(config, site)
    plane = Plane(known.latitude, known.longitude, file.plane.tilt_deg, file.plane.azimuth_deg)
    calendar = load_calendar(config, site)
    flowsheet = load_config(folder / "flowsheet.yaml", Flowsheet)
    return ForecastSite(site, flowsheet, Site(calendar, known.time_zone, plane), file)


@dataclass(slots=True)
class _Models:
    """What was learnt, and when on either clock."""

    body: bytes = b""
    at_s: float | None = None
    wall_ns: int | None = None
    champions: dict[str, str] = field(default_factory=dict)


class Forecaster:
    """Makes forecasts as long as this hub commands."""

    def __init__(
        self,
        site: ForecastSite,
        newest: Newest,
        reader: StoreReader,
        place: tuple[Sessions, Path],
        clock: Clock,
    ) -> None:
        self._site = site
        self._newest = newest
        self._reader = reader
        self._sessions, self._state = place
        self._clock = clock
        self._models = _Models()
        self._kept = WeatherBook(self._state / FOLDER / BOOK)

    def take(self, site: ForecastSite) -> None:
        """Go by another configuration; what was learnt of another plant or calendar is not used."""
        if (site.flowsheet, site.site) != (self._site.flowsheet, self._site.site):
            self._models, self._newest.issue = _Models(), None
            self._kept.forget()
        self._site = site

    async def run(self, may_speak: Callable[[], bool], first_s: float = FIRST_S) -> None:
        """Foresee every hour until cancelled, where this hub may speak.

        Args:
            may_speak: Whether this hub commands.
            first_s: Wait before the first. [s]

        Raises:
            ForecastError: One could not be made; asked again by whoever runs this.
            StoreError: The store cannot be read now.
        """
        if self._models.at_s is None:
            await self._clock.sleep(first_s)
            if may_speak():
                await self.foresee(learn=False)
            await self._clock.sleep(max(LEARN_S - first_s, 0.0))
        while True:
            if may_speak():
                await self.foresee()
                await self._clock.sleep(EVERY_S)
            else:
                await self._clock.sleep(_LOOK_S)

    async def foresee(self, *, learn: bool = True, learn_s: float = LEARN_KILL_S) -> None:
        """Make one forecast, learn before it where that is due, keep it.

        Where nothing can be learnt in time, on a machine that has no time left, it is made with what was
        learnt before, and learning is tried again with the next.

        Args:
            learn: Whether anything may be learnt now.
            learn_s: Longest learning. [s]

        Raises:
            ForecastError: It could not be made.
            StoreError: The store cannot be read now.
        """
        site, now = self._site, self._clock.now().wall_ns
        past = await asyncio.to_thread(_read_past, site, self._reader, now)
        if not any(np.isfinite(values).any() for values in past.values.values()):
            raise ForecastError("nothing was ever measured; the first forecast comes when something was")
        weather, told = await self._weather(site, past)
        await asyncio.to_thread(self._kept.add, past.end_ns, weather)
        due = self._models.at_s is None or self._clock.mono_s() - self._models.at_s >= TRAIN_S
        train = learn and due
        was = self._kept.over(past) if weather else {}
        job = Job(site.site, past, weather, was, champions=self._models.champions, train=train)
        answer, train = await self._answer(job, learn_s)
        if self._site is not site:
            return
        trained = (self._clock.mono_s(), now) if train else (self._models.at_s, self._models.wall_ns)
        champions = {name: one.verdict.champion for name, one in answer.found.items()}
        self._models = _Models(answer.models, *trained, champions)
        rows = await tables.since(self._sessions, site.id, now - _LIVE_DAYS * _DAY_NS)
        live = await asyncio.to_thread(live_scores, [(row.start_ns, row.body) for row in rows], past)
        trained_at = iso_utc(trained[1]) if trained[1] is not None else None
        notes: dict[str, Any] = {"trained": trained_at, "weather": told}
        body = body_of(answer.found, past, live, notes)
        await tables.keep(self._sessions, site.id, (now, answer.start_ns), body)
        self._newest.issue = issue_of(answer.start_ns, answer.found)
        _log.info("forecast of %d series, %s", len(answer.found), "learnt anew" if train else "as learnt")

    async def _answer(self, job: Job, learn_s: float) -> tuple[Foreseen, bool]:
        """What the child says, and whether it has learnt."""
        if job.train:
            try:
                return await foresee_apart(job, self._models.body, learn_s), True
            except ForecastError as error:
                _log.warning("nothing was learnt, the forecast goes by what was learnt before: %s", error)
        return await foresee_apart(replace(job, train=False), self._models.body), False

    async def _weather(
        self, site: ForecastSite, past: Quarters
    ) -> tuple[dict[str, FloatArray], dict[str, str] | None]:
        """The weather foreseen elsewhere, and why there is none where one is declared."""
        if site.file.weather is None:
            return {}, None
        outdoor = past.values["outdoor_c"]
        known = outdoor[-4:][np.isfinite(outdoor[-4:])]
        try:
            forecast = await fetch(site.file.weather, self._state)
            return on_quarters(forecast, past.end_ns, float(known[-1]) if len(known) else np.nan), None
        except ForecastError as error:
            said = str(error.args[0])
            _log.warning("no weather forecast: %s", said)
            return {}, {"en": said, "zh": str(error.context["zh"])}


def _read_past(site: ForecastSite, reader: StoreReader, now_ns: int) -> Quarters:
    """Means of the last 400 days, from the first that is known on."""
    end_ns = floor_quarter_ns(now_ns)
    count = MEMORY_DAYS * QUARTERS_A_DAY
    start_ns = end_ns - count * QUARTER_NS

    def means(local: str) -> FloatArray:
        return reader.quarters(local_point(site.id, local), start_ns, end_ns).mean

    whole = collect(sources(site.flowsheet), means, start_ns, count)
    known = np.flatnonzero(np.any([np.isfinite(values) for values in whole.values.values()], axis=0))
    first = min(int(known[0]) if len(known) else count, count - _LEAST_DAYS * QUARTERS_A_DAY)
    return Quarters(
        start_ns + first * QUARTER_NS, {name: values[first:] for name, values in whole.values.items()}
    )
