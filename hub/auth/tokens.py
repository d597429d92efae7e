"""Access tokens: JWT by this installation's own Ed25519 key, ten minutes long, one algorithm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocols.clock import Clock
from protocols.errors import NotSignedInError
from runtime.keys import create_signing_key, load_signing_key

KEY_FILE: Final = "api_token.key"
LIFE_S: Final = 600
NOT_GOOD: Final = "the token is not good, or its sign-in is over; sign in again"
"""The one answer to every token that lets nobody in: it tells nothing of why."""
_ALGORITHM: Final = "EdDSA"
_ISSUER: Final = "ems-hub"
_AUDIENCE: Final = "ems-api"
_TYPE: Final = "access"
_EARLY_S: Final = 5
_NS: Final = 1_000_000_000
_REQUIRED: Final = ["iss", "aud", "sub", "exp", "nbf", "typ", "sid"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds a token.

    Attributes:
        name: Name of the person.
        session: Family of the sign-in; of an API token its id.
        made_s: Since when the token is good. [s since the epoch]
        role: What the person may do now at the site; empty until it was looked up, and where it is nothing.
        scope: Of an API token: role whose rights it does not go beyond; empty for a person.
    """

    name: str
    session: str
    made_s: int
    role: str = ""
    scope: str = ""

    @property
    def token(self) -> str:
        """What the audit calls the program's token: its scope and its id; empty for a person."""
        return f"{self.scope} {self.session}" if self.scope else ""


class Tokens:
    """Makes and reads access tokens."""

    def __init__(self, key: Ed25519PrivateKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def derived(self, purpose: str) -> bytes:
        """Another secret of this installation, 32 bytes, of which nothing tells the key (RFC 5869)."""
        hkdf = HKDF(SHA256(), 32, salt=None, info=f"ems {purpose}".encode())
        return hkdf.derive(self._key.private_bytes_raw())

    def issue(self, name: str, session: str) -> str:
        """A token of `LIFE_S` for a person and a sign-in."""
        now_s = self._clock.now().wall_ns // _NS
        claims = {
            "iss": _ISSUER, "aud": _AUDIENCE, "sub": name, "sid": session, "typ": _TYPE,
            "nbf": now_s, "exp": now_s + LIFE_S,
        }  # fmt: skip
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def read(self, token: str) -> Caller:
        """Check a token.

        Raises:
            NotSignedInError: Another key or algorithm, over, not yet good, for somebody else, no token.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._key.public_key(), algorithms=[_ALGORITHM], audience=_AUDIENCE, issuer=_ISSUER,
                options={"require": _REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )  # fmt: skip
            from_s, until_s = int(claims["nbf"]), int(claims["exp"])
        except (jwt.InvalidTokenError, json.JSONDecodeError, TypeError, ValueError) as error:
            raise NotSignedInError(NOT_GOOD) from error
        now_s = self._clock.now().wall_ns / _NS
        if claims["typ"] != _TYPE or not from_s - _EARLY_S <= now_s < until_s:
            raise NotSignedInError(NOT_GOOD)
        return Caller(str(claims["sub"]), str(claims["sid"]), from_s)


def open_tokens(state: Path, clock: Clock) -> Tokens:
    """Tokens of the installation in a state folder; its key is made at the first start.

    Raises:
        KeyFileError: The key cannot be made or read, or other users can read it.
    """
    path = state / KEY_FILE
    return Tokens(load_signing_key(path) if path.exists() else create_signing_key(path), clock)
