"""Where the scenario stands on the wall clock: the season of the month, the hour of the site's day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plant.scenario import Scenario, make_scenario
from plant.state import Loads, Weather
from protocols.errors import ConfigError
from runtime.clock import NS

_WEEKS_BEFORE: Final = 5
_WEEKS: Final = 8
_SEASON_OF_MONTH: Final = (
    ("winter",) * 2 + ("transition",) * 3 + ("summer",) * 3 + ("transition",) * 3 + ("winter",)
)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A scenario whose Monday 00:00 is a Monday 00:00 of the site.

    Attributes:
        scenario: Weather and loads.
        monday_ns: Wall clock of the scenario's time 0, five weeks before the present week. [ns]
    """

    scenario: Scenario
    monday_ns: int

    def at(self, wall_ns: int) -> tuple[Weather, Loads]:
        """Weather and loads of a moment; before the first Monday and after eight weeks they repeat."""
        return self.scenario.at((wall_ns - self.monday_ns) / NS)


def season_of(month: int) -> str:
    """Season of a month of the northern hemisphere, 1 to 12.

    Example:
        >>> season_of(7), season_of(12)
        ('summer', 'winter')
    """
    return _SEASON_OF_MONTH[month - 1]


def timeline(time_zone: str, wall_ns: int, seed: int) -> Timeline:
    """Lay a scenario so that the present week lies inside it, with 30 days of past before it.

    Raises:
        ConfigError: The time zone is not known on this machine.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"time zone {time_zone!r} is not known here; write it like Europe/Berlin"
        ) from error
    now = dt.datetime.fromtimestamp(wall_ns // NS, tz=zone)
    monday = now.replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(
        days=now.weekday() + 7 * _WEEKS_BEFORE
    )
    scenario = make_scenario(season_of(now.month), seed, days=7 * _WEEKS)
    return Timeline(scenario, round(monday.timestamp()) * NS)
