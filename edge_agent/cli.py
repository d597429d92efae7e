"""`ems edge`: the agent beside the equipment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.audit_cli import audit
from edge_agent.check import checked, refused_points
from edge_agent.commission.cli import add_commands
from edge_agent.commission.comparing import refuse_uncompared
from edge_agent.commission.opcua_cli import app as opcua_app
from edge_agent.commission.person import a_name
from edge_agent.commission.record import describe
from edge_agent.commission.trust_cli import app as trust_app
from edge_agent.doctor import doctor
from edge_agent.drivers import make_drivers
from edge_agent.export import export
from edge_agent.join import join
from edge_agent.lines import Lines
from edge_agent.outlet.cli import outlet
from edge_agent.plan import plan
from edge_agent.prove import ProveJob, sign_blocks
from edge_agent.prove import prove as prove_all
from edge_agent.restore import restore, save
from edge_agent.rules_cli import app as rules_app
from edge_agent.run_cli import Bus, Configs, Edge, Keys, Site, State, run
from edge_agent.settings import Accepted, Place, load_accepted, load_site
from edge_agent.top import top
from protocols.errors import ConfigError
from protocols.write_block import FallbackProof
from runtime.clock import SystemClock
from runtime.keys import load_or_create_signing_key
from runtime.lock import StateLock
from runtime.logs import setup_logging
from runtime.site import load_write_blocks

app = typer.Typer(no_args_is_help=True, help="The agent beside the equipment.")
app.add_typer(trust_app, name="trust")
app.add_typer(opcua_app, name="opcua")
app.add_typer(rules_app, name="rules")
app.command()(run)
app.command()(plan)
app.command()(top)
app.command()(doctor)
app.command()(export)
app.command()(audit)
app.command()(outlet)
app.command()(join)
app.command()(save)
app.command()(restore)
add_commands(app)


@app.command()
def check(  # noqa: PLR0913  one option each
    *,
    config: Configs = Path("configs"),
    site: Site = "demo",
    edge: Edge = "edge1",
    state: State = Path("var/edge"),
    keys: Keys = Path("var/keys"),
    bus: Bus = "nats://127.0.0.1:4222",
) -> None:
    """Check the configuration without touching a device; every fault is named with file and line.

    Example: ems edge check --config configs --site demo --edge edge1
    """
    accepted, found = checked(Place(config, site, edge, state, keys, bus))
    devices = accepted.site.edge.devices
    points = sum(len(accepted.site.profile_of(device.id).points) for device in devices)
    typer.echo(
        f"{site}/{edge}: {len(devices)} devices, {points} points; "
        f"{len(accepted.blocks)} devices with limits, {len(accepted.cap_hashes)} of them proven"
    )
    for sentence in refused_points(accepted, found):
        typer.echo(sentence)
    if found.hosted:
        acting = [one.id for one in found.hosted if any(wish.active for wish in one.wishes)]
        names = ", ".join(f"{one.id} ({'acts' if one.id in acting else 'advises'})" for one in found.hosted)
        typer.echo("\n".join([f"controllers: {names}", *found.notes, *found.facts]))
    typer.echo("\n".join(describe(state, accepted.site)))


@app.command()
def prove(  # noqa: PLR0913  one option each
    *,
    person: Annotated[str, typer.Option(callback=a_name, help="Who stands beside the machines.")],
    config: Configs = Path("configs"),
    site: Site = "demo",
    edge: Edge = "edge1",
    state: State = Path("var/edge"),
    keys: Keys = Path("var/keys"),
    bus: Bus = "nats://127.0.0.1:4222",
    sign: Annotated[
        bool,
        typer.Option(
            "--sign",
            help="First sign the site's write blocks with commissioning.key, made where there is none.",
        ),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Prove also what has a valid proof.")] = False,
) -> None:
    """Prove on the wire that every set-point comes back to its fallback; moves the machines for some seconds.

    Each of them must have been compared with the display first (`ems edge commission`), with the profile as
    it is now. Ends with an error that names each device that is not proven.

    Example: ems edge prove --person "A. Smith" --state var/edge --keys var/keys
    """
    setup_logging("prove")
    place = Place(config, site, edge, state, keys, bus)
    with StateLock(state):
        if sign:
            devices = load_site(place, config)
            refuse_uncompared(devices, load_write_blocks(config, site, devices), state)
            key = load_or_create_signing_key(keys / "commissioning.key")
            sign_blocks(config, site, edge, state, key)
        accepted = load_accepted(place)
        if not accepted.blocks:
            raise ConfigError(
                f"{state / 'write'} holds no signed write block, so there is nothing to prove; "
                "add --sign where the commissioning key is"
            )
        refuse_uncompared(accepted.site, accepted.blocks, state)
        outcomes = asyncio.run(_prove(accepted, person, again=again))
    failed = [outcome for outcome in outcomes.values() if isinstance(outcome, str)]
    typer.echo(f"{len(outcomes) - len(failed)} of {len(outcomes)} devices are proven")
    if failed:
        raise ConfigError("; ".join(failed))


async def _prove(accepted: Accepted, person: str, *, again: bool) -> dict[str, FallbackProof | str]:
    clock, site = SystemClock(), accepted.site
    job = ProveJob(site, accepted.blocks, accepted.place.state, person, again)
    async with Lines(site, make_drivers(site, accepted.place.state), clock) as lines:
        return await prove_all(job, lines, clock)
