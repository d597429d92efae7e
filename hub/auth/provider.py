"""Signing in at a provider of identities: OpenID Connect, authorisation code with PKCE, keys by its JWKS.

A person there is known by issuer and subject, never by an e-mail address. What they may do here is said by
`provider.yaml` in the hub's own folder, which nobody else may read:

issuer: https://id.plant.example/realms/works
client_id: ems
client_secret: …
redirect_url: https://ems.plant.example/api/v1/auth/oidc/callback
roles: {ems-operators: operator, ems-admins: admin}
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from hub.auth.roles import Role
from hub.outside.http import async_client
from hub.outside.way_out import WayOut, load_way_out
from protocols.clock import Clock
from protocols.config import Config, Text
from protocols.errors import (
    AddressRefusedError,
    ConfigError,
    KeyFileError,
    NotSignedInError,
    ProviderError,
)
from runtime.keys import read_private
from runtime.yaml_config import load_config

FILE: Final = "provider.yaml"
WAIT_S: Final = 10.0
"""How long a provider may take. [s]"""
TRY_S: Final = 600
"""How long a person may take at the provider. [s]"""
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a key pair; with a shared secret whoever knows the public key could sign."""

_MOST_BYTES: Final = 500_000
_KEPT_S: Final = 3600.0
_ASKED_AGAIN_S: Final = 60.0
_FAILED_S: Final = 5.0
"""So long nobody asks again a provider that did not answer as it should. [s]"""
_SLACK_S: Final = 30
_NONCE_BYTES: Final = 12
_NS: Final = 1_000_000_000
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class ProviderConfig(Config):
    """`provider.yaml` in the hub's own folder."""

    issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=200)]
    """The provider, as its tokens name it; https, but for one on this machine."""

    client_id: Annotated[str, Field(min_length=1)]
    """What the provider calls this hub."""

    client_secret: str = ""
    """What this hub shows there; empty: the provider asks for none."""

    redirect_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+/api/v1/auth/oidc/callback$")]
    """Where the provider sends people back to: the address of this hub, with that path."""

    label: Text = Text(en="Sign in with the company account", zh="使用企业账号登录")
    """What stands on the button."""

    scope: str = "openid profile"
    """What is asked for; many providers want `groups` in it too."""

    name_claim: str = "preferred_username"
    """Where the provider says what a person is called."""

    roles_claim: str = "groups"
    """Where the provider says which groups a person is in."""

    roles: Annotated[dict[str, Role], Field(min_length=1)]
    """Role here by group there, the first that fits; who is in none of them does not come in."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider.

    Attributes:
        issuer: The provider.
        subject: Their lasting name there.
        name: What they are called, in letters of a name here.
        role: What they may do here; None: nothing.
    """

    issuer: str
    subject: str
    name: str
    role: Role | None


@dataclass(slots=True)
class _Known:
    """What a provider publishes about itself, and when it was asked. [s]."""

    endpoints: Mapping[str, str] = field(default_factory=dict)
    keys: list[jwt.PyJWK] = field(default_factory=list)
    asked_s: float = float("-inf")


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a provider could not be asked, and when. [s]."""

    why: str = ""
    at_s: float = float("-inf")


class Provider:
    """One provider; asked for what it publishes when the first person comes, and once an hour."""

    def __init__(
        self, config: ProviderConfig, key: bytes, clock: Clock, way_out: Callable[[], WayOut] = WayOut
    ) -> None:
        self.config = config
        self._way_out = way_out
        self._box = AESGCM(key)
        self._clock = clock
        self._known = _Known()
        self._failure = _Failure()
        self._asking = asyncio.Lock()

    async def start(self) -> tuple[str, str]:
        """Where to send a person, and a cookie that only this hub reads.

        Raises:
            ProviderError: The provider does not answer as it should.
        """
        endpoints = (await self._published()).endpoints
        attempt = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        digest = hashlib.sha256(attempt["verifier"].encode()).digest()
        query = {
            "response_type": "code", "client_id": self.config.client_id, "scope": self.config.scope,
            "redirect_uri": self.config.redirect_url, "state": attempt["state"], "nonce": attempt["nonce"],
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }  # fmt: skip
        address = endpoints["authorization_endpoint"]
        joined = f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
        return joined, self._sealed(attempt | {"until_s": self._now_s() + TRY_S})

    async def finish(self, state: str, code: str, cookie: str) -> Identity:
        """Who came back.

        Raises:
            NotSignedInError: Not the attempt that this browser began, too late, or a token that is not good.
            ProviderError: The provider does not answer as it should.
        """
        attempt = self._opened(cookie)
        if not hmac.compare_digest(attempt["state"].encode(), state.encode("utf-8", "surrogatepass")):
            raise NotSignedInError("this is not the sign-in that was begun here; begin again", stranger=True)
        known = await self._published()
        token = await self._exchanged(known.endpoints["token_endpoint"], code, attempt["verifier"])
        return self._identity(await self._claims(token, attempt["nonce"]))

    async def _exchanged(self, address: str, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.config.redirect_url,
            "client_id": self.config.client_id, "code_verifier": verifier,
        }  # fmt: skip
        auth = (self.config.client_id, self.config.client_secret) if self.config.client_secret else None
        status, body = await self._ask("POST", address, form, auth)
        if httpx.codes.BAD_REQUEST <= status < httpx.codes.INTERNAL_SERVER_ERROR:
            raise NotSignedInError("the provider of identities did not take the code; begin again")
        token = body.get("id_token")
        if status != httpx.codes.OK or not isinstance(token, str):
            raise ProviderError(f"the provider of identities gave no token (status {status})")
        return token

    async def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token, await self._key(token), algorithms=ALGORITHMS, audience=self.config.client_id,
                issuer=self.config.issuer, options={
                    "require": ["iss", "sub", "aud", "exp", "iat", "nonce"],
                    "verify_exp": False, "verify_nbf": False, "verify_iat": False,
                },
            )  # fmt: skip
            from_s = max(float(claims["iat"]), float(claims.get("nbf", 0)))
            until_s = float(claims["exp"])
        except (jwt.PyJWTError, json.JSONDecodeError, TypeError, ValueError) as error:
            raise NotSignedInError("the token of the provider is not good; begin again") from error
        now_s = self._now_s()
        good = from_s - _SLACK_S <= now_s < until_s + _SLACK_S
        mine = claims.get("azp", self.config.client_id) == self.config.client_id
        if not (good and mine and hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode())):
            raise NotSignedInError("the token of the provider is not good; begin again")
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        told = claims.get(self.config.roles_claim, [])
        groups = {told} if isinstance(told, str) else {one for one in told if isinstance(one, str)}
        role = next((role for group, role in self.config.roles.items() if group in groups), None)
        subject = str(claims["sub"])
        if not 0 < len(subject) <= 255:  # noqa: PLR2004  by the standard
            raise NotSignedInError("the provider's name of this person is empty or too long")
        wanted = str(claims.get(self.config.name_claim) or claims.get("name") or "")
        return Identity(self.config.issuer, subject, as_name(wanted), role)

    async def _key(self, token: str) -> jwt.PyJWK:
        """The key a token names; keys are asked for anew where it is not known, at most once a minute."""
        kid = jwt.get_unverified_header(token).get("kid")
        for again in (False, True):
            keys = (await self._published(again=again)).keys
            found = [key for key in keys if key.key_id == kid] if kid is not None else keys[:1]
            if found:
                return found[0]
        raise NotSignedInError("the token of the provider is signed with a key that it does not publish")

    async def _published(self, *, again: bool = False) -> _Known:
        """What the provider publishes; it is asked by one at a time, and those who wait take that answer."""
        most_s = _ASKED_AGAIN_S if again else _KEPT_S
        if self._age_s() < most_s:
            return self._known
        async with self._asking:
            if self._age_s() < most_s:
                return self._known
            if self._clock.mono_s() - self._failure.at_s < _FAILED_S:
                raise ProviderError(self._failure.why)
            try:
                self._known = await self._asked()
            except ProviderError as error:
                self._failure = _Failure(str(error.args[0]), self._clock.mono_s())
                raise
            return self._known

    def _age_s(self) -> float:
        return self._clock.mono_s() - self._known.asked_s

    async def _asked(self) -> _Known:
        base = self.config.issuer.rstrip("/")
        _, told = await self._ask("GET", f"{base}/.well-known/openid-configuration")
        if told.get("issuer") != self.config.issuer:
            raise ProviderError("the provider of identities names itself otherwise than provider.yaml does")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        endpoints = {name: _safe(told.get(name)) for name in names}
        _, published = await self._ask("GET", endpoints["jwks_uri"])
        try:
            keys = jwt.PyJWKSet.from_dict(published).keys
        except jwt.PyJWTError as error:
            raise ProviderError("the provider of identities publishes no key that can be used") from error
        return _Known(endpoints, keys, self._clock.mono_s())

    async def _ask(
        self,
        method: str,
        address: str,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """One question; nothing is followed elsewhere, and no answer is longer than it may be."""
        try:
            way = await asyncio.to_thread(self._way_out)
            async with (
                async_client(way, WAIT_S) as client,
                client.stream(method, address, data=form, auth=auth or httpx.USE_CLIENT_DEFAULT) as answer,
            ):
                told = json.loads(await _body(answer))
        except (AddressRefusedError, ConfigError) as error:
            raise ProviderError(f"the provider of identities: {error.args[0]}") from error
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise ProviderError(
                f"the provider of identities does not answer as it should: {error}"
            ) from error
        if not isinstance(told, dict):
            raise ProviderError("the provider of identities does not answer as it should: no object")
        return answer.status_code, told

    def _sealed(self, attempt: Mapping[str, Any]) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = nonce + self._box.encrypt(nonce, json.dumps(attempt).encode(), None)
        return base64.urlsafe_b64encode(body).decode()

    def _opened(self, cookie: str) -> dict[str, str]:
        try:
            body = base64.urlsafe_b64decode(cookie.encode())
            attempt = json.loads(self._box.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], None))
        except (InvalidTag, ValueError) as error:
            raise NotSignedInError(
                "this browser began no sign-in here; begin again", stranger=True
            ) from error
        if attempt.pop("until_s") < self._now_s():
            raise NotSignedInError("the sign-in took too long; begin again", stranger=True)
        return {str(name): str(value) for name, value in attempt.items()}

    def _now_s(self) -> float:
        return self._clock.now().wall_ns / _NS


def as_name(told: str) -> str:
    """What somebody is called, in the letters of a name here.

    Example:
        >>> as_name("Olga.Smith@plant.example")
        'olga.smith'
    """
    name = re.sub(r"[^a-z0-9_.-]", "", told.partition("@")[0].lower())[:50].lstrip("0123456789_.-")
    return name or "person"


def open_provider(state: Path, key: bytes, clock: Clock) -> Provider | None:
    """The provider of a state folder; None: none is set up.

    Raises:
        ConfigError: Its file has faults, others can read it, or an address is not https.
    """
    config = load_provider(state)
    return None if config is None else Provider(config, key, clock, partial(load_way_out, state))


def load_provider(state: Path) -> ProviderConfig | None:
    """What a state folder says of a provider; None: none is set up.

    Raises:
        ConfigError: As `open_provider`.
    """
    path = state / FILE
    if not path.exists():
        return None
    try:
        read_private(path)
    except KeyFileError as error:
        raise ConfigError(str(error)) from error
    config = load_config(path, ProviderConfig)
    try:
        _safe(config.issuer)
    except ProviderError as error:
        raise ConfigError(f"{path}: issuer: {error.args[0]}") from error
    return config


def _safe(address: object) -> str:
    parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL):
        return str(address)
    raise ProviderError("an address of the provider of identities is missing or not https")


async def _body(answer: httpx.Response) -> bytes:
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > _MOST_BYTES:
            raise ProviderError("an answer of the provider of identities is too long")
    return body
