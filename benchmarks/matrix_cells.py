"""The cells of the closed-loop matrix: four seasons, three tariffs, and who runs the plant in each.

A season has its own true machines, weather, loads and sensors; its three tariffs share them. Days are
measured from a Thursday on (two working days and a Saturday) without demand charge; whole billing periods
begin with a month and pay the demand charge once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.cell_account import account
from benchmarks.courses import Place
from benchmarks.ems_above import Ems, Means
from benchmarks.foretold import Foretold
from benchmarks.good_rules import Rules
from benchmarks.plant_run import DAY_S, HISTORY_DAYS, Above, Run, World, make_world
from optimizer.tariff import Tariff, TariffWindow
from plant.scenario import Scenario, make_scenario

PERIOD_DAYS: Final = 28
"""A run of this length is a whole billing period."""
SEASONS: Final = {"winter": 2, "spring": 5, "summer": 7, "autumn": 9}
"""Month of 2025 in which a season is measured; no clock is changed in it, nor in the four weeks before."""
WHO: Final = ("plant", "rules", "rules_engine", "ems")
FORECASTS: Final = {"ems_perfect": 0.0, "ems_poor": 0.15}
"""The EMS with forecasts from elsewhere, to the size of their error; `ems` makes its own."""

_YEAR: Final = 2025
_THURSDAY: Final = 3
_ZONE: Final = "Europe/Berlin"
_FLAT: Final = 0.158
"""About what the bands come to over a week of this plant. [EUR/kWh]"""
_HOURLY: Final = (
    *(0.086, 0.080, 0.076, 0.074, 0.078, 0.096, 0.148, 0.196, 0.204, 0.168, 0.122, 0.088),
    *(0.066, 0.052, 0.050, 0.062, 0.098, 0.164, 0.232, 0.264, 0.238, 0.178, 0.132, 0.104),
)
"""Price of each hour of the day with a valley of sun and a dear evening. [EUR/kWh]"""


class Cell(NamedTuple):
    """One season under one tariff."""

    season: str
    tariff: str

    @property
    def name(self) -> str:
        """As in `EMS_MATRIX_CELLS`."""
        return f"{self.season}-{self.tariff}"


class Job(NamedTuple):
    """One course of the plant."""

    cell: Cell
    who: str
    seconds: int
    period: bool = False
    """Whether it is a billing period, with its demand charge."""
    history_days: int = HISTORY_DAYS

    @property
    def title(self) -> str:
        """Of its bar and its files."""
        return f"{self.cell.name} {self.who}"


@dataclass(frozen=True, slots=True)
class Begin:
    """When a course is lived.

    Attributes:
        monday_ns: Time 0 of its scenario.
        start_s: Begin of what is measured, seconds from there.
    """

    monday_ns: int
    start_s: int


def tariffs(base: Tariff) -> dict[str, Tariff]:
    """The three contracts by name: bands as in the site's own, one price, a price for each hour."""
    hours = {f"h{hour:02d}": price for hour, price in enumerate(_HOURLY)}
    windows = tuple(
        TariffWindow(band=band, from_hour=float(hour), to_hour=hour + 1.0) for hour, band in enumerate(hours)
    )
    of_one = {"bands_per_kwh": {"flat": _FLAT}, "windows": (), "default_band": "flat"}
    of_hours = {"bands_per_kwh": hours, "windows": windows, "default_band": "h00"}
    return {
        "bands": base,
        "flat": base.model_copy(update=of_one),
        "hourly": base.model_copy(update=of_hours),
    }


def cells() -> tuple[Cell, ...]:
    """All twelve."""
    return tuple(Cell(season, tariff) for season in SEASONS for tariff in ("bands", "flat", "hourly"))


def begin_of(season: str, *, period: bool, history_days: int = HISTORY_DAYS) -> Begin:
    """A month's first Thursday, or its first day where a billing period begins."""
    zone = ZoneInfo(_ZONE)
    first = dt.datetime(_YEAR, SEASONS[season], 1, tzinfo=zone)
    if not period:
        first += dt.timedelta(days=(_THURSDAY - first.weekday()) % 7)
    past = first - dt.timedelta(days=history_days)
    monday = past - dt.timedelta(days=past.weekday())
    return Begin(round(monday.timestamp()) * 1_000_000_000, (first - monday).days * DAY_S)


def lived_through(job: Job, place: Place) -> Mapping[str, Any]:
    """Live through one course and account for it."""
    lived = place.kept(lambda: begun(job))
    course = lived.go(place.tell, place.keep)
    return asdict(account(lived.world, course, period=job.period))


def begun(job: Job) -> Run:
    """A course at its begin."""
    season, tariff = job.cell
    begin = begin_of(season, period=job.period, history_days=job.history_days)
    seed = 1 + list(SEASONS).index(season)
    days = -(-(begin.start_s + job.seconds) // DAY_S) + 2
    scenario = make_scenario(season, seed, days=days)
    world = make_world(scenario, begin.monday_ns, begin.start_s, seed, job.history_days)
    known = tariffs(world.site.supply[0])[tariff]
    told = known if job.period else known.model_copy(update={"demand_per_kw": 0.0})
    world = replace(world, site=replace(world.site, supply=(told, world.site.supply[1])))
    return Run(world, job.seconds, _above(job.who, world, scenario, 0.0 if job.period else None))


def _above(who: str, world: World, scenario: Scenario, peak_kw: float | None) -> Above | None:
    if who == "plant":
        return None
    if who.startswith("rules"):
        return Rules(world, engine=who == "rules_engine", peak_kw=peak_kw)
    if who in FORECASTS:
        return Ems(world, Means(foretold=Foretold(world, scenario, FORECASTS[who]), peak_kw=peak_kw))
    return Ems(world, Means(peak_kw=peak_kw))
