"""`ems hub configuration …`: want a configuration of an edge, see what became of it, save a box."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from protocols.errors import ConfigError

if TYPE_CHECKING:
    from hub.database import Sessions

_T = TypeVar("_T")
KEY_FILE: Final = "config_sign.key"
"""The hub's configuration key; opened by these commands only, never by a role."""

app = typer.Typer(
    no_args_is_help=True,
    help="What edges shall go by, and do go by.\n\nExample: ems hub configuration list --edge edge1",
)

Configs = Annotated[
    Path | None,
    typer.Option("--config", help="Folder with sites/ and devices/; without: the accepted configuration."),
]
Site = Annotated[str, typer.Option(help="Id of the site.")]
Edge = Annotated[str, typer.Option(help="Id of the edge.")]
State = Annotated[Path, typer.Option(help="The hub's own folder.")]
Keys = Annotated[Path, typer.Option(help="Folder of keys.")]
Json = Annotated[bool, typer.Option("--json", help="For a machine to read.")]


@app.command()
def send(  # noqa: PLR0913  one option each
    *,
    actor: Annotated[str, typer.Option(help="Who wants it.")],
    note: Annotated[str, typer.Option(help="What for.")] = "",
    edge: Edge = "edge1",
    site: Site = "demo",
    config: Configs = None,
    state: State = Path("var/hub"),
    keys: Keys = Path("var/keys"),
) -> None:
    """Sign devices, profiles, controllers and rules of an edge as its next version; the hub brings it there.

    Example: ems hub configuration send --edge edge1 --actor "A. Smith" --note "one more meter"
    """
    from hub.registry.check import checked_files  # noqa: PLC0415  the help needs none of it
    from hub.registry.desired import Wish, want  # noqa: PLC0415  as above
    from hub.registry.edge_files import accepted_files  # noqa: PLC0415  as above
    from runtime.clock import SystemClock  # noqa: PLC0415  as above
    from runtime.keys import create_signing_key, load_signing_key  # noqa: PLC0415  as above

    if config is None:
        found = asyncio.run(_with(state, lambda sessions: accepted_files(sessions, site, edge)))
        files, note = found.files, f"configuration {found.version}. {note}"
    else:
        files = checked_files(config, site, edge)
    wish = Wish(site, edge, files, actor[:64], note.strip()[:200])
    file = keys / KEY_FILE
    if not file.exists():
        create_signing_key(file)
        typer.echo(f"made {file}; copy {file.with_suffix('.pub').name} to the keys folder of each edge")
    key, now_ns = load_signing_key(file), SystemClock().now().wall_ns
    version = asyncio.run(_with(state, lambda sessions: want(sessions, wish, key, now_ns)))
    typer.echo(f"{site}/{edge}: version {version} is wanted, {len(wish.files)} files; `list` tells its way")


@app.command("list")
def list_(
    *, edge: Edge = "edge1", site: Site = "demo", state: State = Path("var/hub"), as_json: Json = False
) -> None:
    """Show what the edge goes by, and every version that was wanted of it, newest first.

    Example: ems hub configuration list --edge edge1
    """
    from hub.registry.desired import reported, versions  # noqa: PLC0415  the help needs none of it
    from protocols.configuration import WHY_TEXTS, Why  # noqa: PLC0415  as above

    now = asyncio.run(_with(state, lambda sessions: reported(sessions, site, edge)))
    rows = asyncio.run(_with(state, lambda sessions: versions(sessions, site, edge)))
    heard = None if now is None else {
        "version": now.version, "trial": now.trial, "digest": now.digest, "edited": now.edited,
    }  # fmt: skip
    wanted = [
        {
            "version": row.version, "state": row.state, "actor": row.actor, "note": row.note,
            "digest": row.digest, "why": row.why, "text": WHY_TEXTS[Why(row.why)].model_dump(),
            "detail": row.detail,
        }
        for row in rows
    ]  # fmt: skip
    drift = asyncio.run(_with(state, lambda sessions: _drift(sessions, site, edge)))
    if as_json:
        told = {"reported": heard, "wanted": wanted, "accepted": drift}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    typer.echo(
        f"{site}/{edge}: " + ("never heard" if heard is None else f"goes by version {heard['version']}")
    )
    if drift is not None and drift["same"] is not None:
        words = "as in" if drift["same"] else "other files than in"
        typer.echo(f"  {words} the accepted configuration {drift['version']}")
    for path in [] if now is None else now.edited:
        typer.echo(f"  changed at the box: {path}")
    for row in rows:
        said = "" if row.why == Why.NONE else f": {WHY_TEXTS[Why(row.why)].en} {row.detail}"
        typer.echo(f"  {row.version}  {row.state}  {row.actor}  {row.note}{said}")


@app.command()
def save(
    file: Annotated[Path, typer.Argument(help="File to write.")],
    *,
    edge: Edge = "edge1",
    site: Site = "demo",
    state: State = Path("var/hub"),
) -> None:
    """Write what a new box needs to take the place of a dead one, without its write blocks.

    Example: ems hub configuration save box1.json --edge edge1
    """
    from hub.registry.desired import reported, versions  # noqa: PLC0415  the help needs none of it
    from protocols.saved_box import SavedBox  # noqa: PLC0415  as above
    from runtime.keys import write_private  # noqa: PLC0415  as above

    now = asyncio.run(_with(state, lambda sessions: reported(sessions, site, edge)))
    rows = asyncio.run(_with(state, lambda sessions: versions(sessions, site, edge)))
    signed = [row.envelope for row in rows if now is not None and row.version == now.version]
    if now is None or not signed:
        raise ConfigError(
            f"{site}/{edge} goes by no version of this hub; use the file of `ems edge save`, made at the box"
        )
    saved = SavedBox(
        site=site, edge=edge, agent_epoch=now.agent_epoch, accepted=now.version, seen=now.seen,
        signed_hex=signed[0].hex(),
    )  # fmt: skip
    write_private(file, saved.model_dump_json(indent=1).encode())
    typer.echo(f"{file}: version {now.version}; the new box is read-only until it has its write blocks")


async def _drift(sessions: Sessions, site: str, edge: str) -> dict[str, int | str | bool | None] | None:
    """The accepted configuration against what the edge goes by; None where there is none or it is faulty."""
    from hub.registry.desired import reported  # noqa: PLC0415  the help needs none of it
    from hub.registry.edge_files import accepted_files  # noqa: PLC0415  as above

    try:
        found = await accepted_files(sessions, site, edge)
    except ConfigError:
        return None
    now = await reported(sessions, site, edge)
    same = None if now is None else now.digest == found.digest
    return {"version": found.version, "digest": found.digest, "same": same}


async def _with(state: Path, work: Callable[..., Awaitable[_T]]) -> _T:
    from hub.database import create_engine, known_url, sessions_of  # noqa: PLC0415  the help needs none of it

    engine = create_engine(known_url(state))
    try:
        return await work(sessions_of(engine))
    finally:
        await engine.dispose()
