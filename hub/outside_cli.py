"""`ems hub outside`: whom the hub writes to and asks, and whether it may connect to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

if TYPE_CHECKING:
    from hub.outside.way_out import WayOut

NOT_ALL: Final = 1
"""Exit code: somebody cannot be connected to."""
_PORTS: Final = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Somebody the hub connects to: where that is declared, and their host and port."""

    declared: str
    host: str
    port: int


class Found(NamedTuple):
    """What became of one: their addresses, or why they are not connected to, or that the proxy does it."""

    place: Place
    addresses: tuple[str, ...]
    why: str
    proxy: bool = False


def outside(
    *,
    site: Annotated[str, typer.Option(help="Id of the site.")] = "demo",
    state: Annotated[Path, typer.Option(help="The hub's own folder.")] = Path("var/hub"),
    as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False,
) -> None:
    """Look up whom the hub writes to and asks, and say what `outside.yaml` has to allow.

    Example: ems hub outside --state var/hub
    """
    from hub.outside.way_out import load_way_out  # noqa: PLC0415  the help needs none of it

    way = load_way_out(state)
    found = [_looked_up(way, place) for place in places(state, site)]
    if as_json:
        told = [
            {
                **one.place._asdict(),
                "addresses": one.addresses,
                "ok": not one.why,
                "why": one.why,
                "proxy": one.proxy,
            }
            for one in found
        ]
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        for one in found:
            by = "by the proxy" if one.proxy else f"at {', '.join(one.addresses)}"
            at = f"{one.place.host} {by}"
            typer.echo(f"{one.place.declared}: {one.why or at}")
        if not found:
            typer.echo("the hub writes to nobody and asks nobody outside")
    if any(one.why for one in found):
        raise typer.Exit(NOT_ALL)


def places(state: Path, site: str) -> Iterator[Place]:
    """Everybody that the hub's own folder and the configuration in force name.

    Raises:
        ConfigError: A file has faults.
    """
    from hub.auth.provider import FILE as PROVIDER  # noqa: PLC0415  the help needs none of it
    from hub.auth.provider import load_provider  # noqa: PLC0415  as above
    from hub.forecast.config import WeatherHttp, load_forecast  # noqa: PLC0415  as above
    from hub.outside.senders import FILE, Mail, load_senders  # noqa: PLC0415  as above
    from hub.registry.documents import FOLDER  # noqa: PLC0415  as above

    for name, sender in load_senders(state).items():
        declared = f"{FILE}: {name}"
        yield (
            Place(declared, sender.host, sender.port)
            if isinstance(sender, Mail)
            else _of(declared, sender.url)
        )
    provider = load_provider(state)
    if provider is not None:
        yield _of(f"{PROVIDER}: issuer", provider.issuer)
    for folder in sorted((state / FOLDER).glob("*-*")):
        weather = load_forecast(folder, site).weather
        if isinstance(weather, WeatherHttp):
            yield _of("weather of the configuration in force", weather.url)


def _of(declared: str, address: str) -> Place:
    import httpx  # noqa: PLC0415  the help needs none of it

    url = httpx.URL(address)
    return Place(declared, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])


def _looked_up(way: WayOut, place: Place) -> Found:
    from protocols.errors import AddressRefusedError  # noqa: PLC0415  the help needs none of it

    try:
        found = way.direct(place.host, place.port)
        return Found(place, tuple(found or ()), "", proxy=found is None)
    except AddressRefusedError as error:
        return Found(place, (), str(error.args[0]))
    except OSError as error:
        return Found(place, (), f"{place.host} cannot be looked up: {error}")
