"""What the routes work with, handed in once by the role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hub.accounts.desk import AccountsDesk
from hub.accounts.site import SiteAccounts
from hub.alarms.rules import SiteAlarms
from hub.api.control import Control
from hub.api.edges import EdgeWatch
from hub.api.models import Problem
from hub.api.newest import NewestValues
from hub.api.pace import PERSON, STRANGER, Pace
from hub.api.plan_standing import PlanningBook
from hub.api.refusals import refused
from hub.api.why_words import WhyWords
from hub.auth.provider import Provider
from hub.auth.sessions import Auth
from hub.auth.throttle import network_of
from hub.auth.tokens import Caller
from hub.database import Sessions
from hub.dispatch.asking import Asker
from hub.health.book import RoleBook
from hub.registry.site import Registry
from hub.registry.view import Places, SiteView
from hub.store.port import SeriesReader
from hub.values.site import SiteValues
from plant.learnt import CurveBook
from protocols.clock import Clock
from protocols.errors import NotSignedInError, StoreError
from protocols.point import PointId

_T = TypeVar("_T")
_BEARER: Final = HTTPBearer(auto_error=False, scheme_name="bearer")


@dataclass(slots=True)
class ApiDeps:
    """Everything the API reads.

    Attributes:
        registry: The site.
        series: Reads the series store; only ever called in a thread.
        sessions: Business database.
        auth: Sign-ins.
        edges: Heartbeats of the edges and state of the bus.
        clock: Time.
        control: Orders of people: limits, holders, quota.
        static: Folder of the built page; it may be missing.
        metrics_token: Who shows it may read the figures from elsewhere; empty: nobody may.
        config_version: Configuration this process goes by; 0: a folder that was never accepted.
        roles: What the other roles tell of themselves.
        planning: How planning stands, as the role that plans tells it.
        values: What the site declares about its values.
        places: Its areas and its calendar.
        alarms: What is an alarm here.
        curves: Learnt curves in use.
        look: Takes a newer configuration at once where this process follows it.
        checking: Held while a proposed configuration is checked: one at a time.
        edge_digests: A version of the configuration, and what the files of each edge are called in it.
        units: Unit of every point, measured and virtual.
        why: Reasons in both languages.
        newest: Newest values, also while the store cannot be read; only ever asked in a thread.
        asker: Explains plans, in a child process.
        pace: How fast a signed-in caller may ask.
        open_pace: How fast an address may ask to sign in.
        provider: Where people sign in elsewhere; None: nowhere.
        accounts: What accounts go by; None: the site has no book.
        accounts_desk: Asks for accounts, one at a time, in a thread.
    """

    registry: Registry
    series: SeriesReader
    sessions: Sessions
    auth: Auth
    edges: EdgeWatch
    clock: Clock
    control: Control
    static: Path = field(default=Path(__file__).parent.parent / "static")
    metrics_token: str = ""
    config_version: int = 0
    roles: RoleBook = field(init=False)
    planning: PlanningBook = field(init=False)
    values: SiteValues = field(default_factory=SiteValues)
    places: Places = field(default_factory=Places)
    alarms: SiteAlarms = field(default_factory=SiteAlarms)
    curves: CurveBook = field(default_factory=CurveBook)
    look: Callable[[], Awaitable[bool]] | None = None
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    edge_digests: tuple[int, Mapping[str, str]] = (0, MappingProxyType({}))
    units: dict[PointId, str] = field(init=False)
    why: WhyWords = field(init=False)
    newest: NewestValues = field(init=False)
    asker: Asker = field(init=False)
    pace: Pace = field(init=False)
    open_pace: Pace = field(init=False)
    provider: Provider | None = None
    accounts: SiteAccounts | None = None
    accounts_desk: AccountsDesk = field(init=False)

    def __post_init__(self) -> None:
        self.asker = Asker()
        self.pace = Pace(self.clock, PERSON)
        self.open_pace = Pace(self.clock, STRANGER)
        self.roles = RoleBook(self.clock)
        self.planning = PlanningBook(self.clock)
        self.newest = NewestValues(self.series)
        self.accounts_desk = AccountsDesk(self.series, self.clock)
        self._name_parts()

    def take(self, view: SiteView, version: int) -> None:
        """Show the site by another version of its configuration from now on."""
        self.registry, self.values, self.places = view.registry, view.values, view.places
        self.config_version, self.alarms, self.curves = version, view.alarms, view.curves
        self.accounts = view.accounts
        self.accounts_desk.forget()
        self.edges.follow(view.registry.site.edges)
        self.control.take(view.writables)
        self._name_parts()

    def _name_parts(self) -> None:
        self.why = WhyWords(self.registry)
        self.control.holders.speak(self.why)
        self.units = {point: spec.unit for point, spec in self.registry.points.items()}
        self.units |= {point: one.declared.unit for point, one in self.values.virtual.items()}

    async def ask_series(self, work: Callable[[SeriesReader], _T]) -> _T:
        """Read the series store in a thread.

        Raises:
            StoreError: It cannot be read now.
        """
        return await asyncio.to_thread(work, self.series)

    async def database_fault(self) -> str | None:
        """Why the business database cannot be read; None when it can."""
        try:
            async with self.sessions() as session:
                await session.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            return f"the business database cannot be read: {error}"
        return None

    async def series_fault(self) -> str | None:
        """Why the series store cannot be read; None when it can."""
        try:
            await self.ask_series(lambda series: series.last([]))
        except StoreError as error:
            return str(error)
        return None


def deps_of(request: Request) -> ApiDeps:
    """The dependencies of the running application."""
    deps: ApiDeps = request.app.state.deps
    return deps


Deps = Annotated[ApiDeps, Depends(deps_of)]
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


async def require_caller(deps: Deps, bearer: _Bearer) -> Caller:
    """Let only signed-in callers pass.

    Raises:
        NotSignedInError: No token, or one that is not good.
    """
    if bearer is None:
        raise NotSignedInError("this needs a sign-in")
    return await deps.auth.caller(bearer.credentials)


async def maybe_caller(request: Request, deps: Deps) -> Caller | None:
    """The caller when there is a good token, and a role at this site; None otherwise."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        caller = await deps.auth.caller(token) if kind.lower() == "bearer" else None
    except NotSignedInError:
        return None
    return caller if caller is not None and caller.role else None


def slowly(request: Request, deps: Deps) -> None:
    """Let an address try the routes of signing in no faster than people do.

    Raises:
        RefusedError: 429.
    """
    wait_s = deps.open_pace.wait_s(network_of(address_of(request)))
    if wait_s > 0:
        raise refused("pace_address", wait_s=wait_s)


def address_of(request: Request) -> str:
    """Where a request comes from; empty where that is not known."""
    return request.client.host if request.client else ""


def require_site(site: str, deps: Deps) -> str:
    """Let only sites of this hub pass.

    Raises:
        RefusedError: 404.
    """
    if site != deps.registry.site.id:
        raise refused("site", site=site)
    return site


SiteId = Annotated[str, Depends(require_site)]


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Entries of `responses=` for refusals."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": "Problem", "content": content} for code in codes}


PROBLEM_MODEL: Final = Problem
