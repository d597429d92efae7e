"""The proxy by which a plant reaches the internet: its administrator names it, its password has a file.

proxy: {url: "http://proxy.plant.lan:3128", login: {user: ems, password: {file: proxy_password}, plain: true}}
"""

from __future__ import annotations

import re
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Self

import httpx
from pydantic import Field, model_validator

from protocols.access import Login
from protocols.config import Config
from runtime.passwords import read_secret

_PORTS: Final = {"http": 80, "https": 443}
_YES: Final = re.compile(r"HTTP/1\.[01] 2\d\d")
_PLACE: Final = re.compile(r"[A-Za-z0-9._\[\]:-]+")
_MOST_BYTES: Final = 16_384
"""Longest answer of a proxy to the wish for a way."""
_INNER: Final = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost"}
)
"""Last parts of names that nobody has in the internet."""


class ProxyAt(Config):
    """A proxy of the plant."""

    url: Annotated[str, Field(pattern=r"^https?://[^/@\s]+/?$")]
    """Where it listens: `http://proxy.plant.lan:3128`, or https; mail goes by an http one alone."""

    login: Login | None = None
    """User and where the password stands, below the hub's own folder; None: it asks nobody."""

    @model_validator(mode="after")
    def _password_is_covered(self) -> Self:
        told = self.login is not None and self.login.password is not None and not self.login.plain
        if told and self.url.startswith("http:"):
            raise ValueError("a password needs an https proxy; `plain: true` in `login` sends it unprotected")
        return self


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy with what it asks; neither its text nor an error holds the password.

    Attributes:
        url: Where it listens.
        user: Who signs in; empty: nobody has to.
        password: Their password.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)

    def for_http(self) -> httpx.Proxy:
        """As the library of the web takes it."""
        return httpx.Proxy(self.url, auth=(self.user, self.password) if self.user else None)

    def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connection through the proxy.

        Raises:
            OSError: The proxy is not there, or says no; the message says which.
        """
        at = httpx.URL(self.url)
        if at.scheme != "http":
            raise OSError(f"mail cannot go by {self.url}; name a proxy with http, or allow the mail server")
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if not _PLACE.fullmatch(where):
            raise OSError(f"{host!r} is no name of a host")
        way = socket.create_connection((at.host, at.port or _PORTS[at.scheme]), timeout_s)
        try:
            way.sendall(self._question(where))
            told = _head(way).partition(b"\r\n")[0].decode("ascii", errors="replace")
        except OSError:
            way.close()
            raise
        if not _YES.match(told):
            way.close()
            raise OSError(f"the proxy {self.url} says {told.partition(' ')[2] or 'nothing'}")
        return way

    def _question(self, where: str) -> bytes:
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        if self.user:
            signed = b64encode(f"{self.user}:{self.password}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {signed}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")


def _head(way: socket.socket) -> bytes:
    """What the proxy answers, and no byte more: a mail server behind it speaks first."""
    told = b""
    while not told.endswith(b"\r\n\r\n") and len(told) < _MOST_BYTES:
        byte = way.recv(1)
        if not byte:
            break
        told += byte
    return told


def opened(told: ProxyAt | None, state: Path) -> Proxy | None:
    """A proxy as the file says, with its password.

    Raises:
        KeyFileError: The password is not where the file says, or others can read it.
    """
    if told is None:
        return None
    if told.login is None:
        return Proxy(told.url)
    secret = told.login.password
    return Proxy(told.url, told.login.user, "" if secret is None else read_secret(state, secret))


def is_inner(host: str) -> bool:
    """Whether a name is one of a plant's own, whatever a proxy would answer.

    Example:
        >>> [is_inner(name) for name in ("mes", "mail.plant.lan", "127.0.0.1.", "api.example.com")]
        [True, True, True, False]
    """
    labels = host.lower().rstrip(".").split(".")
    return len(labels) == 1 or labels[-1] in _INNER or not labels[-1][:1].isalpha()
