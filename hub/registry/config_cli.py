"""`ems hub config …`: the site's configuration in versions; files in, files out, back to an old one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from protocols.errors import ConfigError

if TYPE_CHECKING:
    from hub.database import Sessions
    from hub.registry.version_tables import VersionRow

_T = TypeVar("_T")

app = typer.Typer(
    no_args_is_help=True,
    help="The site's configuration in versions.\n\nExample: ems hub config history",
)

Site = Annotated[str, typer.Option(help="Id of the site.")]
State = Annotated[Path, typer.Option(help="The hub's own folder.")]
Json = Annotated[bool, typer.Option("--json", help="For a machine to read.")]
Actor = Annotated[str, typer.Option(help="Who wants it.")]
Note = Annotated[str, typer.Option(help="What for.")]
_STATE = Path("var/hub")
_SHOWN = 1000
_IN_USE = "a hub that runs goes by it within seconds"


@app.command("import")
def import_(  # noqa: PLR0913  one option each
    folder: Annotated[Path, typer.Argument(help="Folder with sites/ and devices/.")],
    *,
    actor: Actor,
    note: Note = "",
    check: Annotated[bool, typer.Option("--check", help="Only say what would change.")] = False,
    site: Site = "demo",
    state: State = _STATE,
) -> None:
    """Check all files of a site together and accept them as its next version; with a fault nothing changes.

    Example: ems hub config import configs --actor "A. Smith" --note "one more meter"
    """
    from hub.registry.documents import differences, read_documents  # noqa: PLC0415  the help needs none of it
    from hub.registry.versions import Author, documents_of, keep, newest  # noqa: PLC0415  as above
    from hub.registry.whole import check_documents  # noqa: PLC0415  as above
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    documents = read_documents(folder, site)
    check_documents(documents, site, folder)

    async def work(sessions: Sessions) -> None:
        row = await newest(sessions, site)
        before = {} if row is None else await documents_of(sessions, site, row.version)
        for one in differences(before, documents) if row is not None else ():
            typer.echo(f"  {one.kind:8}{one.path}")
        if check:
            typer.echo(f"{site}: {len(documents)} files without a fault; nothing was changed")
            return
        now_ns = SystemClock().now().wall_ns
        kept = await keep(sessions, site, documents, Author(actor, note), now_ns)
        said = f"version {kept.version}, {len(documents)} files; {_IN_USE}"
        typer.echo(
            f"{site}: " + (said if kept.fresh else f"the same files as version {kept.version}; no new one")
        )

    asyncio.run(_with(state, work))


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write to, such as a working copy of Git.")],
    *,
    version: Annotated[int | None, typer.Option(help="Which; without: the one in force.", min=1)] = None,
    site: Site = "demo",
    state: State = _STATE,
) -> None:
    """Write the files of a version into a folder; files that are no part of it are named and stay.

    Example: ems hub config export configs --version 3
    """
    from hub.registry.documents import put_files, read_documents  # noqa: PLC0415  the help needs none of it
    from hub.registry.versions import documents_of, version_of  # noqa: PLC0415  as above

    async def work(sessions: Sessions) -> tuple[int, dict[str, bytes]]:
        row = await version_of(sessions, site, version)
        return row.version, await documents_of(sessions, site, row.version)

    number, documents = asyncio.run(_with(state, work))
    folder.mkdir(parents=True, exist_ok=True)
    written = put_files(folder, documents)
    for name in read_documents(folder, site):
        if name not in documents:
            typer.echo(f"  no part of version {number}, left as it is: {name}")
    typer.echo(f"{folder}: version {number}, {len(documents)} files, {len(written)} of them written")


@app.command("history")
def history_(*, site: Site = "demo", state: State = _STATE, as_json: Json = False) -> None:
    """Show who accepted which version, when and what for, newest first.

    Example: ems hub config history
    """
    from hub.registry.versions import history  # noqa: PLC0415  the help needs none of it
    from runtime.plain import one_line  # noqa: PLC0415  as above

    rows = [_told(row) for row in asyncio.run(_with(state, lambda sessions: history(sessions, site, _SHOWN)))]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        back = f"  back to {row['back_to']}" if row["back_to"] else ""
        said = one_line(f"{row['actor']}  {row['note']}")
        typer.echo(f"{row['version']:>5}  {row['made']}  {row['digest'][:12]}  {said}{back}")
    if not rows:
        typer.echo(f"site {site!r} has no configuration yet; `ems hub config import DIR` makes the first")


@app.command("show")
def show(
    path: Annotated[str | None, typer.Argument(help="A file of it; without: the list of files.")] = None,
    *,
    version: Annotated[int | None, typer.Option(help="Which; without: the one in force.", min=1)] = None,
    site: Site = "demo",
    state: State = _STATE,
) -> None:
    """Show the files of a version, or one of them.

    Example: ems hub config show sites/demo/site.yaml
    """
    from hub.registry.versions import documents_of, version_of  # noqa: PLC0415  the help needs none of it

    async def work(sessions: Sessions) -> dict[str, bytes]:
        row = await version_of(sessions, site, version)
        return await documents_of(sessions, site, row.version)

    documents = asyncio.run(_with(state, work))
    if path is None:
        for name, body in documents.items():
            typer.echo(f"{len(body):>8}  {name}")
    elif path in documents:
        typer.echo(documents[path].decode("utf-8", errors="replace"), nl=False)
    else:
        raise ConfigError(f"there is no {path!r} in it; `ems hub config show` lists its files")


@app.command("diff")
def diff(
    old: Annotated[int, typer.Argument(help="A version.", min=1)],
    new: Annotated[int | None, typer.Argument(help="Another; without: the one in force.", min=1)] = None,
    *,
    site: Site = "demo",
    state: State = _STATE,
) -> None:
    """Show what changed between two versions, as lines of the files.

    Example: ems hub config diff 3 4
    """
    from hub.registry.documents import differences  # noqa: PLC0415  the help needs none of it
    from hub.registry.versions import documents_of, version_of  # noqa: PLC0415  as above

    async def work(sessions: Sessions) -> tuple[dict[str, bytes], dict[str, bytes]]:
        later = await version_of(sessions, site, new)
        return await documents_of(sessions, site, old), await documents_of(sessions, site, later.version)

    for one in differences(*asyncio.run(_with(state, work))):
        typer.echo(one.text)


@app.command("rollback")
def rollback(
    version: Annotated[int, typer.Argument(help="Version whose files shall be in force again.", min=1)],
    *,
    actor: Actor,
    note: Note = "",
    site: Site = "demo",
    state: State = _STATE,
) -> None:
    """Accept the files of an old version again, as the next one; they are checked like an import.

    Example: ems hub config rollback 3 --actor "A. Smith" --note "the new meter is away"
    """
    from hub.registry.versions import Author, documents_of, roll_back  # noqa: PLC0415  the help needs none of it
    from hub.registry.whole import check_documents  # noqa: PLC0415  as above
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    async def work(sessions: Sessions) -> None:
        documents = await documents_of(sessions, site, version)
        check_documents(documents, site, Path(f"version {version}"))
        kept = await roll_back(sessions, site, version, Author(actor, note), SystemClock().now().wall_ns)
        said = f"version {kept.version} has the files of {version}; {_IN_USE}"
        typer.echo(f"{site}: " + (said if kept.fresh else f"version {version} is in force already"))

    asyncio.run(_with(state, work))


def _told(row: VersionRow) -> dict[str, Any]:
    from runtime.clock import iso_utc  # noqa: PLC0415  the help needs none of it

    return {
        "version": row.version, "made": iso_utc(row.made_ns), "actor": row.actor, "note": row.note,
        "digest": row.digest, "back_to": row.back_to,
    }  # fmt: skip


async def _with(state: Path, work: Callable[[Sessions], Awaitable[_T]]) -> _T:
    from hub.database import create_engine, known_url, sessions_of  # noqa: PLC0415  the help needs none of it

    engine = create_engine(known_url(state))
    try:
        return await work(sessions_of(engine))
    finally:
        await engine.dispose()


@app.command("add")
def add(  # noqa: PLR0913  one option each
    file: Annotated[Path, typer.Argument(help="Table, .csv or .yaml; a column is the path of a field.")],
    *,
    actor: Actor,
    devices_of: Annotated[str | None, typer.Option(help="Edge whose devices the rows are.")] = None,
    points_of: Annotated[str | None, typer.Option(help="Profile whose points the rows are.")] = None,
    take_good: Annotated[
        bool, typer.Option("--take-good", help="Take the good rows, leave the others.")
    ] = False,
    note: Note = "",
    site: Site = "demo",
    state: State = _STATE,
) -> None:
    """Add many devices or points; a fault in any row changes nothing unless --take-good is given.

    Example: ems hub config add meters.csv --devices-of edge1 --actor "A. Smith"
    """
    from hub.registry import bulk, versions  # noqa: PLC0415  the help needs none of it
    from hub.registry.whole import check_documents  # noqa: PLC0415  as above
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    if (devices_of is None) == (points_of is None):
        raise ConfigError("give one of --devices-of EDGE and --points-of PROFILE")
    target = bulk.points_of(points_of or "") if devices_of is None else bulk.devices_of(site, devices_of)

    async def work(sessions: Sessions) -> None:
        row = await versions.version_of(sessions, site, None)
        documents = await versions.documents_of(sessions, site, row.version)
        rows = bulk.read_rows(file, target, documents)
        for fault in rows.faults:
            typer.echo(fault, err=True)
        total = len(rows.good) + rows.bad
        if rows.bad and not (take_good and rows.good):
            raise ConfigError(
                f"{file}: {rows.bad} of {total} rows cannot be taken and nothing was changed; "
                "mend them, or take the others with --take-good"
            )
        merged = bulk.merged(documents, target, rows.good)
        check_documents(merged, site, Path(f"version {row.version} with {file.name}"))
        author = versions.Author(actor, note or f"{len(rows.good)} rows of {file.name}")
        kept = await versions.keep(sessions, site, merged, author, SystemClock().now().wall_ns)
        typer.echo(f"{site}: version {kept.version}, {len(rows.good)} of {total} rows taken; {_IN_USE}")

    asyncio.run(_with(state, work))
