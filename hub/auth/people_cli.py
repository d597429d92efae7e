"""`ems hub person …`: who may sign in, on the machine of the hub."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from hub.auth.people import Act

_T = TypeVar("_T")

app = typer.Typer(
    no_args_is_help=True, help="Who may sign in.\n\nExample: ems hub person add olga --role operator"
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, like olga or o.smith.")]
_ROLES = "viewer, operator (commands), engineer (configures too), manager (costs and reports) or admin."
At = Annotated[str | None, typer.Option(metavar="SITE", help="The role counts at this site alone.")]
Site = Annotated[str, typer.Option(help="Site whose audit notes it.")]
State = Annotated[Path, typer.Option(help="The hub's own folder.")]


@app.command()
def add(
    name: Name,
    *,
    role: Annotated[str, typer.Option(help=_ROLES)],
    at: At = None,
    site: Site = "demo",
    state: State = Path("var/hub"),
) -> None:
    """Add a person and print their password once; the role is theirs at every site, or at one with --at.

    Example: ems hub person add olga --role operator
    """
    from hub.auth import people  # noqa: PLC0415  the help needs none of it

    act, post = _act(at or site), people.Post(role, at)
    typer.echo(f"{name}: {asyncio.run(_with(state, lambda sessions: people.add(sessions, name, post, act)))}")


@app.command("role")
def role_(
    name: Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"{_ROLES} none takes it away.")],
    *,
    at: At = None,
    site: Site = "demo",
    state: State = Path("var/hub"),
) -> None:
    """Give a person another role, at every site or at one; it counts from their next request on.

    Example: ems hub person role olga engineer --at plant2
    """
    from hub.auth import people  # noqa: PLC0415  the help needs none of it

    act, post = _act(at or site), people.Post("" if role == "none" else role, at)
    asyncio.run(_with(state, lambda sessions: people.appoint(sessions, name, post, act)))
    typer.echo(f"{name}: {post}")


@app.command("no-factor")
def no_factor(name: Name, *, site: Site = "demo", state: State = Path("var/hub")) -> None:
    """Take a person's second factor away, for who lost it; all of their sessions end.

    Example: ems hub person no-factor olga
    """
    from hub.auth import people  # noqa: PLC0415  the help needs none of it

    act = _act(site)
    asyncio.run(_with(state, lambda sessions: people.without_factor(sessions, name, act)))
    typer.echo(f"{name} signs in with the password alone")


@app.command()
def password(name: Name, *, site: Site = "demo", state: State = Path("var/hub")) -> None:
    """Give a person a new password, print it once and end all of their sessions.

    Example: ems hub person password olga
    """
    from hub.auth import people  # noqa: PLC0415  the help needs none of it

    act = _act(site)
    typer.echo(f"{name}: {asyncio.run(_with(state, lambda sessions: people.renew(sessions, name, act)))}")


@app.command()
def remove(name: Name, *, site: Site = "demo", state: State = Path("var/hub")) -> None:
    """Remove a person; open sessions end at once, what they did stays in the audit.

    Example: ems hub person remove olga
    """
    from hub.auth import people  # noqa: PLC0415  the help needs none of it

    act = _act(site)
    blocked = asyncio.run(_with(state, lambda sessions: people.remove(sessions, name, act)))
    typer.echo(f"{name} is removed" + (", and blocked where they came from" if blocked else ""))


@app.command("let-in")
def let_in(name: Name, *, site: Site = "demo", state: State = Path("var/hub")) -> None:
    """Forget that a removed person is blocked: their provider of identities may bring them again.

    Example: ems hub person let-in olga
    """
    from hub.auth import people  # noqa: PLC0415  the help needs none of it

    act = _act(site)
    asyncio.run(_with(state, lambda sessions: people.let_in(sessions, name, act)))
    typer.echo(f"{name} may come by the provider again")


@app.command("list")
def list_(*, state: State = Path("var/hub")) -> None:
    """Show everybody and their roles.

    Example: ems hub person list
    """
    from hub.auth import people  # noqa: PLC0415  the help needs none of it

    for name, role in asyncio.run(_with(state, people.everybody)):
        typer.echo(f"{name}  {role}")


def _act(site: str) -> Act:
    from hub.auth.people import Act  # noqa: PLC0415  the help needs none of it
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    return Act(site, f"{getpass.getuser()} (system)", SystemClock().now().wall_ns)


async def _with(state: Path, work: Callable[..., Awaitable[_T]]) -> _T:
    from hub.database import create_engine, known_url, sessions_of  # noqa: PLC0415  the help needs none of it

    engine = create_engine(known_url(state))
    try:
        return await work(sessions_of(engine))
    finally:
        await engine.dispose()
