"""What the plant is foreseen to need: courses with their band, who says so, and how good that was."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import APIRouter, Depends

from hub.api.deps import Deps, SiteId, problems
from hub.api.models import Number
from hub.api.policy import permitted
from hub.api.refusals import refused
from hub.forecast import tables
from hub.forecast.quarters import QUARTER_NS
from protocols.config import Config, Text
from runtime.clock import iso_utc

_STEP_S: Final = QUARTER_NS // 1_000_000_000

router = APIRouter(prefix="/sites/{site}", dependencies=[Depends(permitted)])


class ForecastMethod(Config):
    """How one method did on days it had not seen."""

    name: str
    """`learned`, `similar_days`, `last_week` or `yesterday`."""

    days: int
    """Days that were scored. [days]"""

    loss: Number | None
    """Pinball loss over 10, 50 and 90 %, in the unit of the series; None before there is one."""

    recent: Number | None
    """The same over the last three days."""

    coverage: Number | None
    """Share of the quarters inside the band, which is made to hold 0.8."""


class ForecastLive(Config):
    """How the forecasts of the last week did, by what was measured since."""

    loss: Number
    """Pinball loss, in the unit of the series."""

    baseline: Number
    """Pinball loss of the same weekday of last week, over the same quarters."""

    coverage: Number
    """Share of the quarters inside the band."""

    quarters: int
    """Quarters compared, one for each forecast it was in."""


class ForecastData(Config):
    """What was learnt from, and what was left out."""

    days: int
    """Days with a measurement. [days]"""

    gaps: int
    """Quarters that are not known."""

    stuck: int
    """Quarters in which a meter hung."""

    spikes: int
    """Quarters far beyond anything else."""

    drift: Number
    """How far the last three days lie beside the models, in half widths of the band; 1: the plant changed."""


class ForecastSeries(Config):
    """One need, or one quantity of the weather."""

    name: str
    """Which."""

    unit: str
    """Symbol."""

    label: Text
    """What people call it."""

    low: list[Number | None]
    """Course that one in ten quarters lies below. [unit]"""

    middle: list[Number | None]
    """Course that is planned on. [unit]"""

    high: list[Number | None]
    """Course that one in ten quarters lies above. [unit]"""

    measured: list[Number | None]
    """Quarters of the last day, up to where the courses begin. [unit]"""

    method: str
    """Who says so; `imported`: a weather forecast from elsewhere."""

    champion: str
    """Who would if nothing were wrong with it."""

    methods: list[ForecastMethod]
    """All that compete."""

    live: ForecastLive | None
    """How it does; None before anything it foresaw was measured."""

    data: ForecastData
    """What was learnt from."""


class Forecast(Config):
    """The forecast made last."""

    made: datetime
    """When it was made."""

    start: datetime
    """Begin of the first quarter that is foreseen."""

    step_s: int
    """Length of a step. [s]"""

    trained: datetime | None
    """When models were learnt last; None: none yet."""

    weather: Text | None
    """Why there is no weather forecast though one is declared; None: all is well."""

    series: list[ForecastSeries]
    """Needs and weather."""


@router.get("/forecast", operation_id="forecast", responses=problems(401, 403, 404, 422))
async def forecast(site: SiteId, deps: Deps) -> Forecast:
    """The forecast made last; 404 before the first, some minutes after the start of a hub."""
    row = await tables.newest(deps.sessions, site)
    if row is None:
        raise refused("forecast")
    head = {"made": iso_utc(row.made_ns), "start": iso_utc(row.start_ns), "step_s": _STEP_S}
    said = row.body["weather"]  # of forecasts of earlier versions in English alone
    told = {"weather": {"en": said, "zh": said} if isinstance(said, str) else said}
    return Forecast.model_validate(row.body | told | head)
