"""All of a site that the API shows, read from one folder in one go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hub.accounts.site import SiteAccounts, load_site_accounts
from hub.alarms.rules import SiteAlarms, load_alarms
from hub.registry.areas import Areas, load_areas
from hub.registry.calendars import Calendar, load_calendar
from hub.registry.plant_file import load_curves
from hub.registry.site import Registry, load_registry
from hub.registry.writable import Writables, load_writables
from hub.values.load import known_points, load_values
from hub.values.site import SiteValues
from plant.learnt import CurveBook


@dataclass(frozen=True, slots=True)
class Places:
    """Where things stand, and when people work there."""

    areas: Areas = field(default_factory=Areas)
    calendar: Calendar = field(default_factory=Calendar)


@dataclass(frozen=True, slots=True)
class SiteView:
    """One version of a site.

    Attributes:
        registry: Devices and points.
        writables: What may be written.
        values: What it declares about its values.
        places: Areas and calendar.
        alarms: What is an alarm here.
        curves: Learnt curves in use.
        accounts: What its accounts go by; None: it has no book.
    """

    registry: Registry
    writables: Writables
    values: SiteValues
    places: Places
    alarms: SiteAlarms
    curves: CurveBook = field(default_factory=CurveBook)
    accounts: SiteAccounts | None = None


def load_view(config_dir: Path, site: str) -> SiteView:
    """Read it.

    Raises:
        ConfigError: A file is missing or wrong; all faults of one kind of file, one a line.
    """
    registry = load_registry(config_dir, site)
    values = load_values(config_dir, site, known_points(registry))
    points = [point.local for point in (*registry.points, *values.virtual)]
    areas = load_areas(config_dir, site, points, [*registry.devices, *values.devices])
    places = Places(areas, load_calendar(config_dir, site))
    alarms = load_alarms(config_dir, registry, values)
    curves = load_curves(config_dir, site)
    accounts = load_site_accounts(config_dir, registry, values, places.calendar)
    return SiteView(registry, load_writables(config_dir, registry), values, places, alarms, curves, accounts)
