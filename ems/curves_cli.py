"""`ems curves`: learn curves of machines from what was measured, look at them, accept them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocols.errors import ConfigError

if TYPE_CHECKING:
    from hub.database import Sessions
    from plant.learning.verdict import Verdict
    from plant.learnt import Learnable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Curves learnt from the plant: fit, look, accept.\n\nExample: ems curves fit --days 28",
)

Site = Annotated[str, typer.Option(help="Id of the site.")]
State = Annotated[Path, typer.Option(help="The hub's own folder.")]
Json = Annotated[bool, typer.Option("--json", help="For a machine to read.")]
Units = Annotated[list[str] | None, typer.Argument(help="Units of the flowsheet; without: all.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Rows of one machine instead of the hub's series.")]
Pump = Annotated[str | None, typer.Option(help="With --csv: a pump by its data sheet, as m³/h:kW,m³/h:kW,…")]
Config = Annotated[Path | None, typer.Option(help="With --csv: folder with sites/ instead of a hub.")]
Actor = Annotated[str, typer.Option(help="Who wants it.")]
Note = Annotated[str, typer.Option(help="What for.")]
_STATE = Path("var/hub")


@app.command()
def fit(  # noqa: PLR0913  one option each
    units: Units = None,
    *,
    days: Annotated[int, typer.Option(help="How far back. [days]", min=1, max=400)] = 28,
    csv: Csv = None,
    pump: Pump = None,
    config: Config = None,
    site: Site = "demo",
    state: State = _STATE,
    as_json: Json = False,
) -> None:
    """Learn curves and say which are better than those in use, judged on days held out; nothing is changed.

    Rows of standing, starting and cycling machines and of hanging sensors are left out. What is found is kept
    for `show` and `accept`; with --config or --pump there is no hub to keep it, so it is only told.

    Example: ems curves fit comp4 --csv comp4.csv --config configs
    """
    from hub.curves.in_force import keep_fits, learn_hub  # noqa: PLC0415  the help needs none of it

    if csv is None and (config is not None or pump is not None):
        raise ConfigError("--config and --pump go with rows from a file; give --csv too")
    if csv is None:
        found = learn_hub(state, site, days, units or [])
    else:
        found = [_of_csv(csv, units or [], pump, _machine_source(config, site, state))]
    kept = config is None and pump is None
    if kept:
        keep_fits(state, site, found)
    _tell(found, as_json=as_json, kept=kept)


def _machine_source(
    config: Path | None, site: str, state: Path
) -> Callable[[str], tuple[Learnable, str, Any]]:
    """Unit of a flowsheet to itself, the time zone and the curve in use."""

    def machine(name: str) -> tuple[Learnable, str, Any]:
        from hub.curves.history import learnable  # noqa: PLC0415  the help needs none of it
        from hub.curves.in_force import read_site, site_in_force  # noqa: PLC0415  as above

        of = site_in_force(state, site) if config is None else read_site(config, site)
        known = dict(learnable(of.flowsheet))
        if name not in known:
            raise ConfigError(f"{name}: no unit with a curve; those are {', '.join(known)}")
        return known[name], of.zone, of.book.curves.get(name)

    return machine


def _of_csv(
    csv: Path, units: list[str], pump: str | None, machine: Callable[[str], tuple[Learnable, str, Any]]
) -> Verdict:
    from hub.curves.csv_rows import read_csv  # noqa: PLC0415  the help needs none of it
    from plant.learning.learn import learn  # noqa: PLC0415  as above

    if (len(units) == 1) == (pump is not None):
        raise ConfigError(
            "--csv holds rows of one machine: name its unit, or give --pump with its data sheet"
        )
    name = units[0] if units else "pump"
    rows = read_csv(csv)
    if pump is not None:
        return learn(name, _pump_of(pump), rows)
    unit, zone, in_use = machine(name)
    return learn(name, unit, rows, zone, in_use)


def _pump_of(text: str) -> Learnable:
    from pydantic import ValidationError  # noqa: PLC0415  the help needs none of it

    from plant.curves import PiecewiseCurve  # noqa: PLC0415  as above
    from plant.learnt import PumpPlate  # noqa: PLC0415  as above

    try:
        pairs = [tuple(map(float, pair.split(":", 1))) for pair in text.split(",")]
        flows, powers = zip(*pairs, strict=True)
        return PumpPlate(curve=PiecewiseCurve(x=flows, y=powers))
    except (ValueError, ValidationError) as error:
        raise ConfigError(
            f"--pump {text!r}: write flow:power in rising order, such as 0:4,20:6.4,40:23.2 (m³/h and kW)"
        ) from error


def _tell(found: list[Verdict], *, as_json: bool, kept: bool) -> None:
    from hub.curves.learner import better  # noqa: PLC0415  the help needs none of it
    from hub.curves.proposal import body_of  # noqa: PLC0415  as above

    if as_json:
        typer.echo(json.dumps([body_of(one) for one in found], ensure_ascii=False, indent=1))
        return
    good = better(found, typer.echo)
    if good and kept:
        typer.echo(f"accept with: ems curves accept {' '.join(good)} --actor NAME")


@app.command()
def show(*, site: Site = "demo", state: State = _STATE, as_json: Json = False) -> None:
    """Show the curves in use with what they were learnt from, and the newest fits.

    Example: ems curves show --json
    """
    from hub.curves.in_force import site_in_force, with_sessions  # noqa: PLC0415  the help needs none of it
    from hub.curves.proposal import reason_of  # noqa: PLC0415  as above
    from hub.curves.tables import newest  # noqa: PLC0415  as above
    from runtime.clock import iso_utc  # noqa: PLC0415  as above

    of = site_in_force(state, site)
    rows = asyncio.run(with_sessions(state, lambda sessions: newest(sessions, site)))
    if as_json:
        said = {
            "in_use": {name: curve.model_dump(mode="json") for name, curve in of.book.curves.items()},
            "fits": [row.body | {"made": iso_utc(row.made_ns)} for row in rows],
        }
        typer.echo(json.dumps(said, ensure_ascii=False, indent=1))
        return
    for name, curve in of.book.curves.items():
        told = curve.learning
        typer.echo(
            f"{name:<12} in use: version {curve.version}, {told.rows} rows on {told.days} days to "
            f"{told.end:%Y-%m-%d}, {told.error_kw:.2f} kW off (nominal {told.nominal_error_kw:.2f} kW), "
            f"curve sure within {100.0 * told.uncertainty_frac:.1f} %"
        )
        spans = ", ".join(f"{key} {span.low:g} to {span.high:g}" for key, span in curve.valid.items())
        typer.echo(f"{'':<12} learnt in: {spans}")
    if not of.book.curves:
        typer.echo("no learnt curve is in use; every machine goes by its nominal one")
    for row in rows:
        typer.echo(
            f"{row.unit:<12} fit of {iso_utc(row.made_ns)}: {row.body['status']}, {reason_of(row.body).en}"
        )


@app.command()
def accept(
    units: Annotated[list[str], typer.Argument(help="Units whose newest fit is better than what is in use.")],
    *,
    actor: Actor,
    note: Note = "",
    site: Site = "demo",
    state: State = _STATE,
) -> None:
    """Put learnt curves into use: the next version of the configuration, which a running hub takes at once.

    Example: ems curves accept comp4 chiller2 --actor "A. Smith" --note "after the overhaul"
    """
    from hub.curves.in_force import site_in_force, with_sessions  # noqa: PLC0415  the help needs none of it
    from hub.curves.proposal import accepted  # noqa: PLC0415  as above
    from hub.curves.tables import newest  # noqa: PLC0415  as above

    async def bodies(sessions: Sessions) -> list[dict[str, Any]]:
        known = {row.unit: row.body for row in await newest(sessions, site)}
        missing = [unit for unit in units if unit not in known]
        if missing:
            raise ConfigError(f"{', '.join(missing)}: no fit is kept; run `ems curves fit` first")
        return [known[unit] for unit in units]

    of = site_in_force(state, site)
    asked = asyncio.run(with_sessions(state, bodies))
    _change(site, state, (actor, note), lambda documents: accepted(documents, site, asked, of.book))


@app.command()
def drop(
    units: Annotated[list[str], typer.Argument(help="Units that shall go by their nominal curve again.")],
    *,
    actor: Actor,
    note: Note = "",
    site: Site = "demo",
    state: State = _STATE,
) -> None:
    """Take learnt curves out of use; the machines are planned by their nominal ones again.

    Example: ems curves drop comp4 --actor "A. Smith" --note "new air end"
    """
    from hub.curves.in_force import site_in_force  # noqa: PLC0415  the help needs none of it
    from hub.curves.proposal import without  # noqa: PLC0415  as above

    of = site_in_force(state, site)
    _change(site, state, (actor, note), lambda documents: without(documents, site, units, of.book))


def _change(
    site: str,
    state: Path,
    who: tuple[str, str],
    change: Callable[[dict[str, bytes]], dict[str, bytes]],
) -> None:
    """Make the next version of the configuration from the one in force; it is checked like an import."""
    from hub.curves.in_force import with_sessions  # noqa: PLC0415  the help needs none of it
    from hub.registry.versions import Author, documents_of, keep, version_of  # noqa: PLC0415  as above
    from hub.registry.whole import check_documents  # noqa: PLC0415  as above
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    async def work(sessions: Sessions) -> str:
        row = await version_of(sessions, site, None)
        documents = change(await documents_of(sessions, site, row.version))
        check_documents(documents, site, Path("the configuration"))
        author = Author(who[0], who[1], source="ems curves", seen=row.version)
        kept = await keep(sessions, site, documents, author, SystemClock().now().wall_ns)
        if not kept.fresh:
            return f"{site}: nothing changed, version {kept.version} has these curves already"
        return (
            f"{site}: version {kept.version} of the configuration; a hub that runs goes by it within seconds"
        )

    typer.echo(asyncio.run(with_sessions(state, work)))
