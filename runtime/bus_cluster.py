"""This server among the servers of one bus: how they find each other, and what they show each other.

The routes between servers have a listener, a secret and, where the server has a certificate, TLS of their own
with both sides checked against the installation's CA. A route is no way in for a box: its account and its
permissions are the same at every server (docs/adr/0036).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import Field

from protocols.config import Config, IdPart
from protocols.errors import ConfigError
from runtime.keys import read_private, write_private

NAME: Final = "ems"
"""Name of the cluster; servers of another name refuse each other."""

HOST_PORT: Final = r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$"
_USER: Final = "route"
_LEAST_SECRET: Final = 16
_MOST_SECRET: Final = 200


class BusCluster(Config):
    """One server of a cluster; routes and secret are the same on each, name and address are its own."""

    server: IdPart
    """Name of this server, another one on each."""

    listen: Annotated[str, Field(pattern=HOST_PORT)]
    """Address and port of the routes, `host:port`."""

    routes: Annotated[tuple[Annotated[str, Field(pattern=HOST_PORT)], ...], Field(min_length=2)]
    """Route addresses of all servers, this one's too, `host:port`."""

    secret_file: Path
    """What the servers show each other, the same on each, mode 0600."""


@dataclass(frozen=True, slots=True)
class RouteTls:
    """Certificate that a server shows the others, and the CA it checks theirs against."""

    cert: Path
    key: Path
    ca: Path


def open_secret(path: Path) -> tuple[str, bool]:
    """The secret of the routes, and whether it was made now because there was none.

    Raises:
        ConfigError: It is too short, or not of printable ASCII.
        KeyFileError: Others can read the file, or it cannot be written.
    """
    made = not path.exists()
    if made:
        write_private(path, secrets.token_urlsafe(32).encode())
    text = read_private(path).decode("ascii", errors="replace").strip()
    if not (_LEAST_SECRET <= len(text) <= _MOST_SECRET and text.isascii() and text.isprintable()):
        raise ConfigError(
            f"{path}: the secret of the routes has {_LEAST_SECRET} to {_MOST_SECRET} printable characters; "
            "delete the file and run this again to have one made"
        )
    return text, made


def render_cluster(cluster: BusCluster, secret: str, tls: RouteTls | None) -> list[str]:
    """The block of the server's configuration.

    Client addresses are not told around: boxes go by the list they were given, whose names are in the
    certificates.
    """
    routes = [f'    "nats-route://{_USER}:{quote(secret, safe="")}@{route}"' for route in cluster.routes]
    return [
        "cluster {",
        f"  name: {NAME}",
        f'  listen: "{cluster.listen}"',
        "  no_advertise: true",
        f'  authorization {{ user: {_USER}, password: "{_quoted(secret)}", timeout: 2 }}',
        *([] if tls is None else _tls(tls)),
        "  routes: [",
        ",\n".join(routes),
        "  ]",
        "}",
    ]


def _tls(files: RouteTls) -> list[str]:
    return [
        "  tls {",
        f'    cert_file: "{files.cert}"',
        f'    key_file: "{files.key}"',
        f'    ca_file: "{files.ca}"',
        '    min_version: "1.3"',
        "    verify: true",
        "    timeout: 5",
        "  }",
    ]


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
