"""`ems hub store …`: bring the series to a server, say where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.store.engine import choice_of, place_of
from protocols.errors import ConfigError
from runtime.clock import SystemClock
from runtime.logs import setup_logging

app = typer.Typer(
    no_args_is_help=True, help="Where the series are.\n\nExample: ems hub store status --state var/hub"
)

SiteOption = Annotated[str, typer.Option(help="Id of the site.")]
StateOption = Annotated[Path, typer.Option(help="The hub's own folder.")]
ToOption = Annotated[
    str | None,
    typer.Option(help="InfluxDB 2 server as http://host:port; not needed to go on with a move."),
]
OrgOption = Annotated[str | None, typer.Option(help="Organisation on the InfluxDB server; ems.")]
BucketOption = Annotated[str | None, typer.Option(help="Bucket of the samples there; ems.")]
TokenOption = Annotated[
    Path | None, typer.Option(help="File with the token of InfluxDB; else EMS_INFLUX_TOKEN has it.")
]
KeepOption = Annotated[
    int | None, typer.Option(help="Days the InfluxDB server keeps samples; 0: for ever; 400.", min=0)
]

_STATE = Path("var/hub")


@app.command()
def move(  # noqa: PLR0913, PLR0917  a command line
    to: ToOption = None,
    site: SiteOption = "demo",
    state: StateOption = _STATE,
    store_org: OrgOption = None,
    store_bucket: BucketOption = None,
    store_token_file: TokenOption = None,
    store_keep_days: KeepOption = None,
) -> None:
    """Bring the series of an embedded store to an InfluxDB 2 server; go on with it after a stop.

    Stop the hub first; as soon as it says that the series are there from now on (seconds), start the hub
    again. The samples follow while it runs, newest first; the embedded files stay as they are.

    Example: ems hub store move --to http://influxdb:8086 --store-token-file influx.token --state var/hub
    """
    from hub.database import known_url  # noqa: PLC0415  the help needs none of it
    from hub.moving.mover import Mover  # noqa: PLC0415  as above
    from hub.moving.note import note_of  # noqa: PLC0415  as above
    from hub.moving.rules import rules_in_force  # noqa: PLC0415  as above
    from hub.moving.switching import Switch  # noqa: PLC0415  as above
    from hub.values.cleaning import RuleMarker  # noqa: PLC0415  as above

    setup_logging("hub", "WARNING")
    token_file = None if store_token_file is None else store_token_file.resolve()
    server = {"org": store_org, "bucket": store_bucket, "keep_days": store_keep_days}
    choice = None if to is None else choice_of(to, token_file=token_file, **server)
    url, clock = known_url(state), SystemClock()
    note = note_of(state)
    if note is None or place_of(state).influx is None:
        if choice is None or choice.influx is None:
            raise ConfigError("--to is missing: the address of an InfluxDB 2 server, as http://host:port")
        Switch(state, clock, typer.echo).work(choice.influx, url)
    elif choice is not None and choice.influx is not None and choice.influx.url != note.to.url:
        raise ConfigError(f"a move to {note.to.url} was begun; leave --to away, and it goes on")
    marker = RuleMarker(rules_in_force(url, site))
    found = Mover(state, clock, typer.echo, marker).copy(url, token_file)
    typer.echo(
        f"moved: {found.samples:,} samples of {found.days} days are on the server as they are here"
        + (f"; {found.meanwhile:,} more came there meanwhile" if found.meanwhile else "")
        + (f"; rollups: {found.waiting} stretches wait" if found.waiting else "; all rollups are made")
    )
    if found.damaged:
        typer.echo(
            f"{len(found.damaged)} sealed files are damaged and were left out: {', '.join(found.damaged)}"
        )
        raise typer.Exit(1)


@app.command()
def business(
    to: Annotated[str, typer.Option(help="Empty database, as postgresql+psycopg://user@host/name.")],
    state: StateOption = _STATE,
) -> None:
    """Bring people, orders, audit, plans and configuration to another business database; the hub is stopped.

    Example: ems hub store business --to postgresql+psycopg://ems@db/ems --state var/hub
    """
    from hub.database import checked_url  # noqa: PLC0415  the help needs none of it
    from hub.moving.business import move_business  # noqa: PLC0415  as above

    setup_logging("hub", "WARNING")
    url = checked_url(to)
    if not url:
        raise ConfigError("--to sqlite: from a server back to a file there is no way; restore a backup")
    rows = move_business(state, url, typer.echo)
    typer.echo(f"moved: {rows:,} rows; the hub goes by {url} from now on")


@app.command()
def status(state: StateOption = _STATE) -> None:
    """Say where the series are, and how far a move is.

    Example: ems hub store status --state var/hub
    """
    from hub.moving.note import note_of  # noqa: PLC0415  the help needs none of it

    influx = place_of(state).influx
    typer.echo(
        f"series: {'in ' + str(state) if influx is None else f'bucket {influx.bucket} of {influx.url}'}"
    )
    note = note_of(state)
    if note is not None:
        samples = sum(day.samples for day in note.days.values())
        words = "done and compared" if note.compared else "to be gone on with by `ems hub store move`"
        typer.echo(f"move to {note.to.url}: {len(note.days)} days, {samples:,} samples copied; {words}")
