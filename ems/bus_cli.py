"""`ems bus`: the plant bus as a process of its own, who may log in, and how boxes come in and are cut off."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from protocols.errors import ConfigError
from protocols.join import check_address
from runtime.bus import ca_file
from runtime.bus_cluster import BusCluster, open_secret
from runtime.bus_guard import start_guard
from runtime.bus_layout import HUB
from runtime.bus_register import CONFIG, BusKeeper, BusRegister, differences, nobodys_key
from runtime.children import check_port_free
from runtime.nats_server import BusConfig, ensure_seed, public_of, server_binary, write_config

_T = TypeVar("_T")

app = typer.Typer(no_args_is_help=True, help="The plant bus (NATS JetStream).")

State = Annotated[Path, typer.Option(help="Folder of the streams and the written configuration.")]
Keys = Annotated[Path, typer.Option(help="Folder of the nkey seeds.")]
HubState = Annotated[Path, typer.Option(help="The hub's own folder, which keeps the join tokens.")]

_STATE: Final = Path("var/bus")
_KEYS: Final = Path("var/keys")
_HUB_STATE: Final = Path("var/hub")


@app.command()
def run(
    state: State = _STATE,
    keys: Keys = _KEYS,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Client port on loopback.")] = None,
    edge: Annotated[
        list[str] | None,
        typer.Option(help="Edge on this machine: its seed is made here too; may be repeated."),
    ] = None,
) -> None:
    """Run the bus until it is ended: as `ems bus config` wrote it, or on loopback with --port and --edge.

    Example: ems bus run --state var/bus --keys var/keys --port 4222 --edge edge1
    """
    keeper = BusKeeper(state)
    found = keeper.load()
    if port is not None or edge or found is None:
        before = None if found is None else int(found.listen.rpartition(":")[2])
        config = BusConfig(state.resolve(), keys.resolve(), port or before or 4222, tuple(edge or ()))
        write_config(config)
    register = keeper.known()
    host, _, at = register.listen.rpartition(":")
    check_port_free(host.strip("[]"), int(at), "the bus")
    binary = server_binary()
    start_guard(state.resolve())
    os.execv(binary, [str(binary), "-c", str(keeper.config)])  # noqa: S606  the server takes this process's place and pid


@app.command()
def config(  # noqa: PLR0913  one option each
    *,
    state: State = _STATE,
    keys: Keys = _KEYS,
    listen: Annotated[str | None, typer.Option(help="Address and port, as 0.0.0.0:4222.")] = None,
    address: Annotated[str | None, typer.Option(help="What boxes connect to, as hub.example:4222.")] = None,
    edge: Annotated[
        list[str] | None, typer.Option(help="Edge that gets an account; may be repeated.")
    ] = None,
    spare: Annotated[int, typer.Option(min=0, help="How many accounts wait for a box.")] = 0,
    monitor_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the monitoring pages on loopback; 0: none.")
    ] = None,
    max_store_mb: Annotated[int | None, typer.Option(min=1200, help="Most MB of streams on disk.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate of the server, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM, mode 0600.")] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Certificate of your CA; boxes pin it.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Let other machines in without TLS.")] = False,
    cluster_server: Annotated[
        str | None, typer.Option(help="Name of this server among several, another on each.")
    ] = None,
    cluster_listen: Annotated[
        str | None, typer.Option(help="Address and port for the other servers, as 0.0.0.0:6222.")
    ] = None,
    cluster_route: Annotated[
        list[str] | None,
        typer.Option(
            help="Where a server is met by the others, as bus1.example:6222; one for each, its own too."
        ),
    ] = None,
    cluster_secret: Annotated[
        Path | None,
        typer.Option(help="File with what the servers show each other, the same on each; made if missing."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, write nothing.")
    ] = False,
) -> None:
    """Write the server's configuration: one account a box, what each may do, bounds, TLS. Shows what changes.

    Run again it keeps every key and account; what is not said stays. A running bus takes it over at once.

    Example: ems bus config --edge edge1 --edge edge2 --spare 4
    """
    from ems.bus_settings import Wanted, cluster_of, settled, tls_files  # noqa: PLC0415  `run` needs none of it

    files = tls_files(tls_cert, tls_key, tls_ca)
    secret = cluster_secret or keys / "bus_cluster.secret"
    cluster = cluster_of(cluster_server, cluster_listen, cluster_route or (), secret)
    wanted = Wanted(
        listen, address, tuple(edge or ()), spare, monitor_port, max_store_mb, files, plain, cluster
    )
    keeper = BusKeeper(state)
    before = keeper.load()
    planned = settled(before, wanted, _hub_key_or_nobodys(keys))  # refuses before anything is made
    if dry_run:
        _tell(differences(before, planned))
        return
    ensure_seed(keys, HUB)
    hub_key = public_of(keys, HUB)
    _tell_secret(cluster)
    _tell(keeper.change(lambda old: settled(old, wanted, hub_key)))
    if files is not None:
        ca_file(keys).write_bytes(files[2].read_bytes())
    _take_over(keeper, before)


def _hub_key_or_nobodys(keys: Path) -> str:
    try:
        return public_of(keys, HUB)
    except ConfigError:
        return nobodys_key()


def _tell_secret(cluster: BusCluster | None) -> None:
    if cluster is not None and open_secret(cluster.secret_file)[1]:
        typer.echo(f"made {cluster.secret_file}: copy it, and {HUB}.nk, to the keys of the other servers")


def _tell(changes: list[str]) -> None:
    typer.echo("\n".join(changes) if changes else "nothing changes")


def _take_over(keeper: BusKeeper, before: BusRegister | None) -> None:
    if not keeper.reload_twice():
        typer.echo(f"written: {keeper.config}; start it with `ems bus run --state {keeper.config.parent}`")
        return
    now = keeper.known()
    fixed = before is not None and any(
        getattr(before, name) != getattr(now, name)
        for name in ("listen", "max_store_bytes", "monitor_port", "cluster")
    )
    typer.echo("the running bus was told" + ("; restart it for the new address or bounds" if fixed else ""))


@app.command()
def show(state: State = _STATE) -> None:
    """List the accounts: edge, state, public key.

    Example: ems bus show --state var/bus
    """
    register = BusKeeper(state).known()
    typer.echo(f"{register.address}  {state / CONFIG}")
    for one in register.edges:
        typer.echo(f"{one.edge}  {one.state}  {one.key if one.state == 'joined' else '-'}")


@app.command()
def follow(
    register: Annotated[Path, typer.Argument(help="bus.json of the server where boxes join.")],
    *,
    state: State = _STATE,
) -> None:
    """Take the accounts of another server of the cluster: who joined or was cut off there, is so here.

    Example: ems bus follow /tmp/bus.json --state var/bus
    """
    _tell(BusKeeper(state).follow(register))


@app.command()
def token(  # noqa: PLR0913  one option each
    edge: Annotated[str, typer.Argument(help="Id the box gets.")],
    *,
    hub: Annotated[str, typer.Option(help="Where the box finds the hub.")] = "http://127.0.0.1:8080",
    site: Annotated[str, typer.Option(help="Site of the box.")] = "demo",
    minutes: Annotated[float, typer.Option(min=1, max=1440, help="How long the token is good.")] = 15,
    replace: Annotated[
        bool, typer.Option("--replace", help="The edge has a box: a new one takes its place.")
    ] = False,
    state: State = _STATE,
    hub_state: HubState = _HUB_STATE,
) -> None:
    """Make a token that lets one box in, once; `ems edge join TOKEN` at the box uses it.

    Example: ems bus token edge2 --hub https://hub.example:8443 --minutes 15
    """
    from ems.bus_settings import ca_pin  # noqa: PLC0415  `run` needs none of it
    from hub.registry.join import Invitation, invite  # noqa: PLC0415  as above
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    keeper = BusKeeper(state)
    register = keeper.known()
    known = register.find(edge)
    if known is not None and known.state == "joined" and not replace:
        raise ConfigError(
            f"{edge} has a box; --replace lets a new one take its place and cuts the old one off"
        )
    pin = ca_pin(register.tls_ca) if register.tls_ca is not None and hub.startswith("https:") else b""
    check_address(hub, pin)
    with_hub = _with_hub(hub_state)
    _tell([line for line in keeper.provision([edge]) if line])
    wish = Invitation(site, edge, hub, pin, state, getpass.getuser(), minutes)
    made = with_hub(lambda sessions: invite(sessions, wish, SystemClock().now().wall_ns))
    typer.echo(f"good for {minutes:g} minutes and one box; at the box:\nems edge join {made.encode()}")


@app.command()
def revoke(
    edge: Annotated[str, typer.Argument(help="Edge whose box is cut off.")],
    *,
    state: State = _STATE,
    hub_state: HubState = _HUB_STATE,
) -> None:
    """Cut a box off: its key is refused from now on and its connection closed; the others stay connected.

    Example: ems bus revoke edge2
    """
    from hub.registry.join import void  # noqa: PLC0415  `run` needs none of it
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    keeper = BusKeeper(state)
    told = keeper.revoke(edge)
    typer.echo(f"{edge} is cut off" + ("" if told else "; no bus runs here, it holds from the next start"))
    _tell_others(keeper)
    _with_hub(hub_state)(lambda sessions: void(sessions, edge, SystemClock().now().wall_ns))


def _tell_others(keeper: BusKeeper) -> None:
    """Of a cluster: the other servers do not know yet."""
    cluster = keeper.known().cluster
    if cluster is not None:
        typer.echo(
            f"this is {cluster.server} alone: copy {keeper.register} to the other servers now, and there "
            "`ems bus follow`; docs/scaling.md has a timer for it"
        )


def _with_hub(hub_state: Path) -> Callable[[Callable[..., Awaitable[_T]]], _T]:
    """What runs a piece of work on the hub's business database.

    Raises:
        ConfigError: There is no hub.
    """
    from hub.database import create_engine, known_url, sessions_of  # noqa: PLC0415  `run` needs none of it

    url = known_url(hub_state, "--hub-state")

    async def work(what: Callable[..., Awaitable[_T]]) -> _T:
        engine = create_engine(url)
        try:
            return await what(sessions_of(engine))
        finally:
            await engine.dispose()

    return lambda what: asyncio.run(work(what))
