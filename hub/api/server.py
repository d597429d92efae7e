"""The web server of the API: what is believed of a request's origin, and how large a message may be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from protocols.errors import ConfigError

MOST_MESSAGE_BYTES: Final = 65_536
"""Of a live socket; a client says what it shows, which is short. [B]"""
KEEP_ALIVE_S: Final = 75
"""So long a connection stays open without a question. [s]

A page asks every few seconds, and a question over a connection that is closed at that moment fails."""


class Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: who runs it is cancelled, the server ends with it."""

    @contextlib.contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield


def server_config(
    app: ASGIApp,
    place: tuple[str, int],
    *,
    tls: tuple[Path, Path] | None = None,
    proxies: Sequence[str] = (),
    grace_s: int = 3,
) -> uvicorn.Config:
    """How an application is served.

    Args:
        app: The application.
        place: Address and port it listens on.
        tls: Certificate and private key, PEM; None: plain HTTP, for loopback or a proxy.
        proxies: Addresses and networks whose word on where a request comes from is believed:
            `X-Forwarded-For` and `X-Forwarded-Proto`. Others' are ignored: anybody can write them.
        grace_s: How long open requests may take when it ends. [s]
    """
    return uvicorn.Config(
        app, host=place[0], port=place[1], log_config=None, access_log=False, server_header=False,
        proxy_headers=bool(proxies), forwarded_allow_ips=list(proxies), ws_max_size=MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # a page is told little a second; packing it for each socket costs more
        timeout_graceful_shutdown=grace_s, timeout_keep_alive=KEEP_ALIVE_S, lifespan="off",
        ssl_certfile=tls and tls[0], ssl_keyfile=tls and tls[1],
    )  # fmt: skip


def checked_proxies(told: Sequence[str]) -> tuple[str, ...]:
    """Addresses and networks of proxies as given by a person.

    Raises:
        ConfigError: No address or network, or one that is everybody.

    Example:
        >>> checked_proxies(["127.0.0.1", "10.1.0.0/16"])
        ('127.0.0.1', '10.1.0.0/16')
    """
    for one in told:
        try:
            network = ip_network(one)
        except ValueError as error:
            raise ConfigError(
                f"--trusted-proxy {one!r}: write an address like 10.1.2.3, or a network like 10.1.0.0/16"
            ) from error
        if network.prefixlen == 0:
            raise ConfigError(f"--trusted-proxy {one!r} is everybody; name the proxies alone")
    return tuple(told)
