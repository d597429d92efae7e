"""`ems hub …`: start the hub, look after its first person, print its API."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from hub.auth.keys_cli import app as keys_
from hub.auth.people_cli import app as person
from hub.command.election import LEASE_S
from hub.ledger.audit_cli import audit
from hub.moving.cli import app as series_store
from hub.outside_cli import outside
from hub.registry.cli import app as configuration
from hub.registry.config_cli import app as config_versions
from hub.roles.options import ROLES, RoleOptions
from hub.store.engine import StoreChoice, choice_of
from protocols.errors import ConfigError, EmsError
from runtime.keys import load_pair
from runtime.logs import setup_logging

app = typer.Typer(no_args_is_help=True, help="The central hub: store, page, forecast, dispatch.")
admin = typer.Typer(no_args_is_help=True, help="The person `admin`.\n\nExample: ems hub admin reset")
app.add_typer(admin, name="admin")
app.add_typer(config_versions, name="config")
app.add_typer(configuration, name="configuration")
app.add_typer(keys_, name="keys")
app.add_typer(person, name="person")
app.add_typer(series_store, name="store")
app.command()(audit)
app.command()(outside)

ConfigOption = Annotated[
    Path, typer.Option(help="Folder with sites/, devices/, tariffs/, emissions/; taken at the first start.")
]
SiteOption = Annotated[str, typer.Option(help="Id of the site.")]
StateOption = Annotated[Path, typer.Option(help="The hub's own folder.")]
BusOption = Annotated[
    str, typer.Option(help="Address of the plant bus; of a cluster those of all servers, with commas.")
]
ReplicasOption = Annotated[
    int | None,
    typer.Option(
        envvar="EMS_BUS_REPLICAS",
        help="Servers of a NATS cluster that keep each stream: 1, 3 or 5; as it is.",
        min=1,
        max=5,
    ),
]
KeysOption = Annotated[Path, typer.Option(help="Folder of keys and nkey seeds.")]
PortOption = Annotated[int, typer.Option(help="Port of the page and the API.", min=1, max=65535)]
CertOption = Annotated[Path | None, typer.Option(help="Certificate of page and API, PEM; makes them https.")]
KeyOption = Annotated[Path | None, typer.Option(help="Its private key, PEM, mode 0600.")]
LeaseOption = Annotated[
    float,
    typer.Option(help="Seconds the hub that commands may be silent before another does.", min=1, max=600),
]
DbOption = Annotated[
    str | None,
    typer.Option(
        envvar="EMS_DB",
        help="Business database: sqlite, or postgresql+psycopg://user@host/name; remembered.",
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        envvar="EMS_STORE",
        help="Series: embedded, or an InfluxDB 2 server as http://host:port; remembered.",
    ),
]
OrgOption = Annotated[str | None, typer.Option(help="Organisation on the InfluxDB server; ems.")]
BucketOption = Annotated[str | None, typer.Option(help="Bucket of the samples there; ems.")]
TokenOption = Annotated[
    Path | None, typer.Option(help="File with the token of InfluxDB; else EMS_INFLUX_TOKEN has it.")
]
KeepOption = Annotated[
    int | None, typer.Option(help="Days the InfluxDB server keeps samples; 0: for ever; 400.", min=0)
]
HostOption = Annotated[str, typer.Option(help="Address the page and the API listen on.")]
ProxyOption = Annotated[
    list[str] | None,
    typer.Option(
        envvar="EMS_TRUSTED_PROXIES",
        metavar="ADDRESS",
        help="A proxy, or a network of them, whose X-Forwarded-For is believed; none. May be repeated.",
    ),
]

_CONFIG = Path("configs")
_STATE = Path("var/hub")
_BUS = "nats://127.0.0.1:4222"
_KEYS = Path("var/keys")


@app.command()
def run(  # noqa: PLR0913, PLR0917  a command line
    config: ConfigOption = _CONFIG,
    site: SiteOption = "demo",
    state: StateOption = _STATE,
    bus: BusOption = _BUS,
    keys: KeysOption = _KEYS,
    port: PortOption = 8080,
    host: HostOption = "127.0.0.1",
    roles: Annotated[str, typer.Option(help="Roles to run, joined by commas.")] = ",".join(ROLES),
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    leader_lease_s: LeaseOption = LEASE_S,
    db: DbOption = None,
    store: StoreOption = None,
    store_org: OrgOption = None,
    store_bucket: BucketOption = None,
    store_token_file: TokenOption = None,
    store_keep_days: KeepOption = None,
    bus_replicas: ReplicasOption = None,
    trusted_proxy: ProxyOption = None,
) -> None:
    """Run the hub until Ctrl-C; each role is a process of its own.

    Example: ems hub run --site demo --state var/hub --port 8080
    """
    from hub.service import run_hub  # noqa: PLC0415  the help needs none of it

    setup_logging("hub")
    tls = _tls_of(tls_cert, tls_key)
    series = _series_of(store, store_org, store_bucket, store_token_file, store_keep_days)
    copies, proxies = _copies_of(bus_replicas), _proxies_of(trusted_proxy)
    options = RoleOptions(
        config, site, state, bus, keys, port, host, tls, leader_lease_s, db, series, copies, proxies
    )
    run_hub(options, _role_names(roles), typer.echo)


@app.command()
def init(  # noqa: PLR0913, PLR0917  a command line
    config: ConfigOption = _CONFIG,
    site: SiteOption = "demo",
    state: StateOption = _STATE,
    bus: BusOption = _BUS,
    keys: KeysOption = _KEYS,
    db: DbOption = None,
    store: StoreOption = None,
    store_org: OrgOption = None,
    store_bucket: BucketOption = None,
    store_token_file: TokenOption = None,
    store_keep_days: KeepOption = None,
) -> None:
    """Make databases and buckets; prints the one-time admin password when there was nobody yet.

    Example: ems hub init --site demo --state var/hub
    """
    from hub.preparing import (  # noqa: PLC0415  the help needs none of it
        first_configuration,
        prepare,
        take_configuration,
    )
    from runtime.lock import StateLock  # noqa: PLC0415  as above

    setup_logging("hub", "WARNING")
    series = _series_of(store, store_org, store_bucket, store_token_file, store_keep_days)
    options = RoleOptions(config, site, state, bus, keys, 8080, db=db, store=series)
    first = first_configuration(options)
    with StateLock(state):
        prepare(options, typer.echo)
        take_configuration(options, typer.echo, first)


@app.command(hidden=True)
def role(  # noqa: PLR0913, PLR0917  a command line
    name: str, config: ConfigOption, site: SiteOption, state: StateOption, bus: BusOption,
    keys: KeysOption, port: PortOption, host: HostOption = "127.0.0.1", tls_cert: CertOption = None,
    tls_key: KeyOption = None, leader_lease_s: LeaseOption = LEASE_S, bus_replicas: ReplicasOption = None,
    trusted_proxy: ProxyOption = None,
) -> None:  # fmt: skip
    """Be one role; started by `ems hub run`."""
    from hub.roles.process import run_role  # noqa: PLC0415  the help needs none of it

    setup_logging(f"hub.{name}")
    tls = _tls_of(tls_cert, tls_key)
    options = RoleOptions(
        config,
        site,
        state,
        bus,
        keys,
        port,
        host,
        tls,
        leader_lease_s,
        bus_replicas=bus_replicas,
        trusted_proxies=tuple(trusted_proxy or ()),
    )
    run_role(_role_names(name)[0], options)


@admin.command()
def reset(state: StateOption = _STATE) -> None:
    """Give `admin` a new password, print it once and end all of its sessions.

    Example: ems hub admin reset --state var/hub
    """
    from hub.auth.admin import reset_admin  # noqa: PLC0415  the help needs none of it
    from hub.database import known_url  # noqa: PLC0415  as above
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    typer.echo(f"admin password: {reset_admin(known_url(state), SystemClock())}")


@admin.callback()
def _admin() -> None:
    """Keep `reset` a sub-command though it is the only one."""


@app.command()
def openapi() -> None:
    """Print the API's OpenAPI document, the same bytes for the same version.

    Example: ems hub openapi > web/openapi.json
    """
    from hub.api.app import openapi_document  # noqa: PLC0415  the help needs none of it

    typer.echo(json.dumps(openapi_document(), indent=2, ensure_ascii=False, sort_keys=False))


def _series_of(
    store: str | None, org: str | None, bucket: str | None, token_file: Path | None, keep_days: int | None
) -> StoreChoice | None:
    """Where the series shall stand; None: where they stood before.

    Raises:
        ConfigError: No engine or server this version knows.
    """
    absolute = None if token_file is None else token_file.resolve()
    return choice_of(store, org=org, bucket=bucket, token_file=absolute, keep_days=keep_days)


def _tls_of(cert: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    """Certificate and key, checked before anything starts.

    Raises:
        ConfigError: One of the two is missing, or they do not fit.
        KeyFileError: Others can read the key.
    """
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise ConfigError("--tls-cert and --tls-key belong together; give both")
    return load_pair(cert, key)


def _proxies_of(told: list[str] | None) -> tuple[str, ...]:
    """Proxies that are believed, checked before anything starts.

    Raises:
        ConfigError: No address or network, or everybody.
    """
    from hub.api.server import checked_proxies  # noqa: PLC0415  the help needs none of it

    return checked_proxies(told) if told else ()


def _copies_of(replicas: int | None) -> int | None:
    """How many servers of the bus keep a copy.

    Raises:
        ConfigError: An even number, of which one more server may not fail than of the odd one below.
    """
    if replicas is not None and replicas % 2 == 0:
        raise ConfigError(f"--bus-replicas {replicas}: it is 1, 3 or 5, since a majority has to be there")
    return replicas


def _role_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in ROLES]
    if unknown or not names:
        raise ConfigError(f"--roles {text!r}: known roles are {', '.join(ROLES)}")
    return names


if __name__ == "__main__":
    try:
        app()
    except EmsError as error:
        sys.stderr.write(f"ems: {error}\n")
        sys.exit(2)
