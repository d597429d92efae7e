"""Access tokens: JWT by this installation's own Ed25519 key, ten minutes long, one algorithm.

The key of an installation is made once: other secrets are derived from it. What signs may be renewed
(`ems hub keys renew`): each token names its key, and the one before is taken until the renewal after it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocols.clock import Clock
from protocols.errors import ConfigError, NotSignedInError
from runtime.keys import create_signing_key, load_signing_key, remove_private, replace_private

KEY_FILE: Final = "api_token.key"
SIGNING_FILE: Final = "api_signing.key"
"""What signs after a renewal; where it is not, the key of the installation does."""
BEFORE_FILE: Final = "api_signing.before.key"
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

    def __init__(
        self,
        key: Ed25519PrivateKey,
        clock: Clock,
        signing: Ed25519PrivateKey | None = None,
        before: Ed25519PrivateKey | None = None,
    ) -> None:
        """Make it.

        Args:
            key: Of the installation.
            clock: Time.
            signing: What signs; None: the key of the installation.
            before: What signed before, whose tokens are good to their end; None: nothing else.
        """
        self._key = key
        self._clock = clock
        self._signing = signing or key
        taken = [one.public_key() for one in (self._signing, before) if one is not None]
        self._taken: Mapping[str, Ed25519PublicKey] = {name_of(one): one for one in taken}

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
        kid = name_of(self._signing.public_key())
        return jwt.encode(claims, self._signing, algorithm=_ALGORITHM, headers={"kid": kid})

    def read(self, token: str) -> Caller:
        """Check a token.

        Raises:
            NotSignedInError: Another key or algorithm, over, not yet good, for somebody else, no token.
        """
        try:
            key = self._taken[jwt.get_unverified_header(token)["kid"]]
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, issuer=_ISSUER,
                options={"require": _REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )  # fmt: skip
            from_s, until_s = int(claims["nbf"]), int(claims["exp"])
        except (jwt.InvalidTokenError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise NotSignedInError(NOT_GOOD) from error
        now_s = self._clock.now().wall_ns / _NS
        if claims["typ"] != _TYPE or not from_s - _EARLY_S <= now_s < until_s:
            raise NotSignedInError(NOT_GOOD)
        return Caller(str(claims["sub"]), str(claims["sid"]), from_s)


def open_tokens(state: Path, clock: Clock) -> Tokens:
    """Tokens of the installation in a state folder; its key is made at the first start.

    Changed keys are seen at the next start.

    Raises:
        KeyFileError: The key cannot be made or read, or other users can read it.
    """
    path = state / KEY_FILE
    key = load_signing_key(path) if path.exists() else create_signing_key(path)
    signing, before = (_loaded(state / name) for name in (SIGNING_FILE, BEFORE_FILE))
    return Tokens(key, clock, signing, before)


def renew_signing(state: Path, *, at_once: bool = False) -> str:
    """Make another key that signs from the next start of the hub on; gives its name.

    Args:
        state: Folder of the hub.
        at_once: Whether tokens of the key before are refused then; else they are good to their end.

    Raises:
        ConfigError: There is no key in the folder, so no hub ever ran here.
        KeyFileError: A key cannot be read or written.
    """
    signing, before, first = state / SIGNING_FILE, state / BEFORE_FILE, state / KEY_FILE
    if not first.exists():
        raise ConfigError(
            f"there is no {KEY_FILE} in {state}; run `ems hub init` first or give another --state"
        )
    old, fresh = load_signing_key(signing if signing.exists() else first), Ed25519PrivateKey.generate()
    # Cut off in between, the old key signs on: what signs is replaced in one step, and last.
    if at_once:
        remove_private(before)
    else:
        replace_private(before, old.private_bytes_raw().hex().encode())
    replace_private(signing, fresh.private_bytes_raw().hex().encode())
    return name_of(fresh.public_key())


def name_of(key: Ed25519PublicKey) -> str:
    """What a token calls the key that signed it, as `kid`."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _loaded(path: Path) -> Ed25519PrivateKey | None:
    return load_signing_key(path) if path.exists() else None
