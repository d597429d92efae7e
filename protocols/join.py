"""The token that brings a new box in: where the hub is, whose certificate to believe, and a secret for once.

    emsjoin1.<base64url of msgpack [site, edge, url, ca_pin, id, secret]>

`ca_pin` is the SHA-256 of the CA's certificate (DER), empty where the hub is on this machine. The box
asks for the certificate first, compares it, and only then sends the secret over a connection that it checks.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import astuple, dataclass
from typing import Final
from urllib.parse import urlsplit

import msgpack

from protocols.config import ID_PART
from protocols.errors import ContractError

PREFIX: Final = "emsjoin1."
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_FIELDS: Final = 6
_PIN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class JoinToken:
    """What a box is told, by the hands of the installer.

    Attributes:
        site: The site.
        edge: Id the box gets.
        url: Address of the hub's page, `https://host:port`.
        ca_pin: SHA-256 of the CA's certificate; empty on loopback.
        id: Names the token; no secret.
        secret: Good for one key, for some minutes.
    """

    site: str
    edge: str
    url: str
    ca_pin: bytes
    id: str
    secret: bytes

    def encode(self) -> str:
        """One word for a command line or a clipboard."""
        return PREFIX + base64.urlsafe_b64encode(msgpack.packb(astuple(self))).decode().rstrip("=")


def decode_token(word: str) -> JoinToken:
    """Read a token.

    Raises:
        ContractError: It is none, is cut short, or would send its secret in the clear.
    """
    text = word.strip()
    if not text.startswith(PREFIX):
        raise ContractError(f"this is no join token: one begins with {PREFIX}; `ems bus token` makes it")
    body = text.removeprefix(PREFIX)
    try:
        row = msgpack.unpackb(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError, msgpack.UnpackException) as error:
        raise ContractError("this join token is damaged; copy all of it") from error
    kinds = (str, str, str, bytes, str, bytes)
    if not isinstance(row, list) or [type(part) for part in row] != list(kinds):
        raise ContractError("this join token is damaged; copy all of it")
    token = JoinToken(*row)
    if not all(re.fullmatch(ID_PART, part) for part in (token.site, token.edge)) or not token.id.isalnum():
        raise ContractError("this join token is damaged; copy all of it")
    check_address(token.url, token.ca_pin)
    return token


def check_address(url: str, ca_pin: bytes) -> None:
    """Refuse an address of the hub over which a secret may not go.

    Raises:
        ContractError: No URL of a hub, `http` to another machine, or no pin for `https`.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ContractError(f"{url!r} is no address of a hub; one is https://hub.example:8443")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ContractError(
            f"{url} is not encrypted, and the token is a secret; give the hub's https address"
        )
    if parts.scheme == "https" and len(ca_pin) != _PIN_BYTES:
        raise ContractError(
            f"{url} needs the certificate of your CA; `ems bus config --tls-ca FILE` names it"
        )
