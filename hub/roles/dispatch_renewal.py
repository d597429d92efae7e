"""How the role that commands goes by a newer configuration while it runs: planner, limits, edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from hub.command.issuer import CommandIssuer
from hub.command.lane import CommandLane
from hub.command.order_service import OrderService
from hub.database import Sessions
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import DispatchSite, load_site
from hub.dispatch.standing import PlanStanding
from hub.dispatch.view import PlantView
from hub.forecast.issue import Newest
from hub.forecast.service import Forecaster, ForecastSite, load_forecast_site
from hub.health.meter import Meter
from hub.registry.documents import version_of_folder
from hub.registry.follow import Follower
from hub.registry.site import load_registry
from hub.registry.writable import Writables, load_writables
from hub.roles.options import RoleOptions
from hub.store.port import StoreReader
from hub.values.cleaning import RuleMarker
from hub.values.kept import Rules, cleaning_rules
from protocols.clock import Clock


class Limits(NamedTuple):
    """What may be written, at which edges."""

    edges: tuple[str, ...]
    writables: Writables


def load_limits(folder: Path, site: str) -> Limits:
    """Read it.

    Raises:
        ConfigError: A file is missing or wrong.
    """
    registry = load_registry(folder, site)
    return Limits(registry.site.edges, load_writables(folder, registry))


class Plans(NamedTuple):
    """What the planner and the forecaster go by."""

    site: DispatchSite
    rules: Rules
    forecast: ForecastSite


class PilotRenewal:
    """The planner, the forecaster, and the plant they look at."""

    def __init__(self, history: StoreReader, marker: RuleMarker, newest: Newest) -> None:
        self._history = history
        self._marker = marker
        self._newest = newest
        self._pilot: Pilot | None = None
        self._forecaster: Forecaster | None = None

    def steer(self, pilot: Pilot, forecaster: Forecaster | None = None) -> Pilot:
        """Take what is read to this planner, and to this forecaster; gives the planner back."""
        self._pilot, self._forecaster = pilot, forecaster
        return pilot

    def hear(self, above: Callable[[], Mapping[str, float | None]]) -> None:
        """Let the planner know which points are held by somebody above it, and at what value."""
        if self._pilot is not None:
            self._pilot.hear(above)

    async def foresee(self, may_speak: Callable[[], bool]) -> None:
        """Make forecasts until cancelled."""
        if self._forecaster is not None:
            await self._forecaster.run(may_speak)

    def standing(self) -> PlanStanding | None:
        """How planning stands."""
        return None if self._pilot is None else self._pilot.standing()

    def load(self, folder: Path, site: str) -> Plans:
        """Read what it needs.

        Raises:
            ConfigError: A file is missing or wrong.
        """
        return Plans(load_site(folder, site), cleaning_rules(folder, site), load_forecast_site(folder, site))

    def swap(self, fresh: Plans, since_ns: int) -> None:
        """Foresee and plan by it from now on; it was accepted at `since_ns`."""
        self._marker.take(fresh.rules)
        if self._forecaster is not None:
            self._forecaster.take(fresh.forecast)
        if self._pilot is not None:
            self._pilot.take(fresh.site, PlantView(fresh.site, self._history, self._newest), since_ns)


class _Both(NamedTuple):
    limits: Limits
    plant: Plans | None


class DispatchRenewal:
    """Limits, edges and planner of the role that commands, changed together between two turns."""

    def __init__(
        self, options: RoleOptions, people: OrderService, issuer: CommandIssuer, lane: CommandLane
    ) -> None:
        self._options = options
        self._people = people
        self._issuer = issuer
        self._lane = lane
        self._planner: PilotRenewal | None = None
        self._follower: Follower[_Both] | None = None

    def follower(
        self, planner: PilotRenewal | None, sessions: Sessions, clock: Clock, meter: Meter
    ) -> Follower[_Both]:
        """Follows what is accepted; `planner` None: one that has no plant to look at."""
        self._planner = planner
        if planner is not None:
            planner.hear(lambda: self._issuer.above)
        place = (self._options.site, version_of_folder(self._options.config))
        self._follower = Follower(sessions, place, (self._load, self._swap), clock, meter)
        return self._follower

    def _load(self, folder: Path) -> _Both:
        site = self._options.site
        plant = None if self._planner is None else self._planner.load(folder, site)
        return _Both(load_limits(folder, site), plant)

    async def _swap(self, fresh: _Both, _version: int) -> None:
        self._issuer.add_edges(fresh.limits.edges)
        self._lane.add(fresh.limits.edges)
        self._people.take(fresh.limits.writables)
        if self._planner is not None and fresh.plant is not None:
            self._planner.swap(fresh.plant, self._follower.made_ns if self._follower else 0)
