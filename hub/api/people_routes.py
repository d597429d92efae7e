"""Who may do what at this site: people, their roles, passwords, second factors and sign-ins. Admins alone.

Who administers this site alone sees and changes what belongs to it; people of other sites are not there for
them. What belongs to several sites is changed by an admin of all of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from hub.api.access_models import NewPerson, OncePassword, Person, PersonRole, SignedInFrom
from hub.api.deep_refusals import heard
from hub.api.deps import Deps, SiteId, address_of, problems
from hub.api.me_routes import end_session_of, sessions_of_person
from hub.api.once import OnceRoute
from hub.api.policy import Permitted, permitted
from hub.api.refusals import refused
from hub.auth import factor, people, signed_in
from hub.auth.people import Act, Post
from hub.auth.roles import NONE, people_at, roles_at
from hub.auth.tables import IdentityRow, UserRow
from hub.auth.tokens import Caller
from protocols.errors import ConfigError

_READ: Final = problems(401, 403, 404, 422, 503)
_WRITE: Final = problems(401, 403, 404, 409, 422, 429, 503)

router = APIRouter(prefix="/sites/{site}/people", dependencies=[Depends(permitted)], route_class=OnceRoute)


class Admin:
    """An admin who was let in, and whom they see."""

    def __init__(self, site: SiteId, deps: Deps, caller: Permitted, request: Request) -> None:
        self.site = site
        self.deps = deps
        self.caller: Caller = caller
        self._address = address_of(request)

    async def act(self) -> Act:
        """What the audit says of who does it."""
        async with self.deps.sessions() as session:
            everywhere = await people.administers_all(session, self.caller.name)
        now_ns = self.deps.clock.now().wall_ns
        return Act(
            self.site, self.caller.name, now_ns, self.caller.role, self._address, everywhere=everywhere
        )

    async def visible(self, act: Act) -> dict[str, str]:
        """Names and roles here of the people this admin may know of."""
        async with self.deps.sessions() as session:
            if not act.everywhere:
                return dict(await people_at(session, self.site))
            names = list((await session.execute(select(UserRow.name).order_by(UserRow.name))).scalars())
            return await roles_at(session, self.site, names)

    async def somebody(self, name: str, act: Act) -> UserRow:
        """A person this admin may know of.

        Raises:
            RefusedError: 404.
        """
        if name in await self.visible(act):
            async with self.deps.sessions() as session:
                found = await people.find(session, name)
            if found is not None:
                return found
        raise refused("person_here", name=name)

    def another(self, name: str) -> None:
        """Nobody shuts themselves out.

        Raises:
            RefusedError: 409.
        """
        if name == self.caller.name:
            raise refused("yourself")


Asking = Annotated[Admin, Depends()]


@asynccontextmanager
async def _said() -> AsyncIterator[None]:
    """What cannot be is told in words."""
    try:
        yield
    except ConfigError as error:
        raise refused("person_act", why=heard(error)) from error


@router.get("", operation_id="people", responses=_READ)
async def everybody(admin: Asking) -> list[Person]:
    """Everybody with a role at this site, by name; an admin of all sites sees the others too."""
    act = await admin.act()
    roles = await admin.visible(act)
    async with admin.deps.sessions() as session:
        wanted = select(UserRow).where(UserRow.name.in_(list(roles)))
        rows = await session.execute(wanted.order_by(UserRow.name))
        identities = await session.execute(select(IdentityRow.user_id, IdentityRow.issuer))
        issuers = {row.user_id: row.issuer for row in identities}
        return [
            Person(
                name=row.name, role=roles[row.name], everywhere=row.role,
                factor=await factor.asked_for(session, row.id), provider=issuers.get(row.id, ""),
                password=bool(row.password),
                sessions=len(await signed_in.going_on(session, row.id, act.now_ns)),
            )
            for row in rows.scalars().all()
        ]  # fmt: skip


@router.post("", operation_id="addPerson", status_code=201, responses=_WRITE)
async def add(body: NewPerson, admin: Asking) -> OncePassword:
    """Add somebody with a role at this site; their first password is shown once."""
    act = await admin.act()
    async with _said():
        password = await people.add(admin.deps.sessions, body.name, Post(body.role, admin.site), act)
    return OncePassword(name=body.name, password=password)


@router.put(
    "/{name}/role",
    operation_id="givePersonRole",
    status_code=204,
    response_class=Response,
    responses=_WRITE,
)
async def give_role(name: str, body: PersonRole, admin: Asking) -> Response:
    """Give somebody a role at this site, or none; it counts from their next request on."""
    act = await admin.act()
    admin.another(name)
    async with admin.deps.sessions() as session:
        if await people.find(session, name) is None:
            raise refused("person", name=name)
    role = NONE if body.role == "none" else body.role
    async with _said():
        await people.appoint(admin.deps.sessions, name, Post(role, admin.site), act)
    return Response(status_code=204)


@router.post("/{name}/password", operation_id="renewPersonPassword", responses=_WRITE)
async def renew(name: str, admin: Asking) -> OncePassword:
    """A new password for somebody, shown once; all of their sign-ins and tokens end."""
    act = await admin.act()
    await admin.somebody(name, act)
    async with _said():
        return OncePassword(name=name, password=await people.renew(admin.deps.sessions, name, act))


@router.delete(
    "/{name}/factor",
    operation_id="dropPersonFactor",
    status_code=204,
    response_class=Response,
    responses=_WRITE,
)
async def drop_factor(name: str, admin: Asking) -> Response:
    """Take somebody's second factor away, who lost it; all of their sign-ins end."""
    act = await admin.act()
    await admin.somebody(name, act)
    async with _said():
        await people.without_factor(admin.deps.sessions, name, act)
    return Response(status_code=204)


@router.delete(
    "/{name}", operation_id="removePerson", status_code=204, response_class=Response, responses=_WRITE
)
async def remove(name: str, admin: Asking) -> Response:
    """Remove somebody; what they did stays. Whom a provider of identities would bring back is blocked."""
    act = await admin.act()
    admin.another(name)
    await admin.somebody(name, act)
    async with _said():
        await people.remove(admin.deps.sessions, name, act)
    return Response(status_code=204)


@router.delete(
    "/{name}/block",
    operation_id="letPersonIn",
    status_code=204,
    response_class=Response,
    responses=_WRITE,
)
async def let_in(name: str, admin: Asking) -> Response:
    """Forget that somebody is blocked: their provider may bring them again."""
    act = await admin.act()
    await admin.somebody(name, act)
    async with _said():
        await people.let_in(admin.deps.sessions, name, act)
    return Response(status_code=204)


@router.get("/{name}/sessions", operation_id="personSessions", responses=_READ)
async def sessions(name: str, admin: Asking) -> list[SignedInFrom]:
    """Somebody's sign-ins that go on."""
    act = await admin.act()
    user = await admin.somebody(name, act)
    async with admin.deps.sessions() as session:
        if name != admin.caller.name and await people.elsewhere(session, user, act):
            raise refused("person_elsewhere", name=name)
    return await sessions_of_person(admin.deps, user.id, admin.caller.session)


@router.delete(
    "/{name}/sessions/{ident}",
    operation_id="endPersonSession",
    status_code=204,
    response_class=Response,
    responses=_WRITE,
)
async def end_session(name: str, ident: str, admin: Asking) -> Response:
    """End one sign-in of somebody."""
    act = await admin.act()
    user = await admin.somebody(name, act)
    async with _said(), admin.deps.sessions() as session:
        await people.reachable(session, user, act)
    return await end_session_of(admin.deps, user, ident, act)
