"""Speaks REST to a hub as a person: signs in, asks, and turns every refusal into one sentence."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from protocols.errors import ConfigError, EmsError, NotSignedInError, OrderRefusedError

TIMEOUT_S: Final = 10.0
_PREFIX: Final = "/api/v1"
_SIGNED_OUT: Final = 401
_REFUSED: Final = 400


@dataclass(frozen=True, slots=True)
class HubLogin:
    """Where the hub is and who comes.

    Attributes:
        url: `http://127.0.0.1:8080`, or https from elsewhere.
        user: Name of the person.
        password: Their password; kept in memory only.
        ca: Certificate of the installation's CA; None: those the system trusts.
        code: What their code generator shows; empty where they have none.
        timeout_s: How long an answer may take. [s]
    """

    url: str
    user: str
    password: str
    ca: Path | None = None
    code: str = ""
    timeout_s: float = TIMEOUT_S


class HubClient:
    """A sign-in at a hub, from `with` to its end."""

    def __init__(self, login: HubLogin) -> None:
        check_url(login.url)
        self._login = login
        verify = True if login.ca is None else ssl.create_default_context(cafile=str(login.ca))
        self._http = httpx.Client(
            base_url=login.url + _PREFIX, timeout=login.timeout_s, verify=verify, trust_env=False
        )

    def __enter__(self) -> Self:
        try:
            self._sign_in()
        except EmsError:
            self._http.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._http.post("/auth/logout")
        except httpx.HTTPError:
            return  # the session ends by itself
        finally:
            self._http.close()

    @property
    def user(self) -> str:
        """Who is signed in."""
        return self._login.user

    @property
    def password(self) -> str:
        """Their password, for acts that need it again."""
        return self._login.password

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401  JSON of the hub
        """Read; `query` without the parameters that are None.

        Raises:
            ConfigError: The hub does not answer.
            OrderRefusedError: It refused, with status and code.
        """
        wanted = {name: str(value) for name, value in query.items() if value is not None}
        return self._answer("GET", path, params=wanted)

    def post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401  as above
        """Ask for something.

        Raises:
            ConfigError: The hub does not answer.
            OrderRefusedError: It refused, with status and code.
        """
        return self._answer("POST", path, json=body)

    def delete(self, path: str) -> None:
        """Take something away.

        Raises:
            ConfigError: The hub does not answer.
            OrderRefusedError: It refused, with status and code.
        """
        answer = self._send("DELETE", path)
        if answer.status_code >= _REFUSED:
            _checked(answer)

    def fetch(self, path: str) -> bytes:
        """Read a file.

        Raises:
            ConfigError: The hub does not answer.
            OrderRefusedError: It refused, with status and code.
        """
        answer = self._send("GET", path)
        if answer.status_code >= _REFUSED:
            _checked(answer)
        return answer.content

    def _answer(self, method: str, path: str, **parts: Any) -> Any:  # noqa: ANN401  as above
        answer = self._send(method, path, **parts)
        if answer.status_code == _SIGNED_OUT:  # the token lives ten minutes
            self._sign_in()
            answer = self._send(method, path, **parts)
        return _checked(answer)

    def _sign_in(self) -> None:
        who = {"username": self._login.user, "password": self._login.password, "code": self._login.code}
        answer = self._send("POST", "/auth/login", json=who)
        if answer.status_code == _SIGNED_OUT and answer.json().get("code") == "second_factor":
            raise NotSignedInError(
                f"{self._login.user!r} has a second factor: put its code of now into EMS_CODE"
            )
        if answer.status_code == _SIGNED_OUT:
            raise NotSignedInError(f"wrong name or password for {self._login.user!r} at {self._login.url}")
        self._http.headers["Authorization"] = f"Bearer {_checked(answer)['access_token']}"

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:  # noqa: ANN401  as above
        try:
            return self._http.request(method, path, **parts)
        except httpx.ReadTimeout as error:
            raise ConfigError(
                f"the hub at {self._login.url} did not answer within {self._login.timeout_s:g} s; it may "
                "have taken the order, `ems command list` tells"
            ) from error
        except httpx.HTTPError as error:
            raise ConfigError(
                f"no hub answers at {self._login.url} ({error}); is it running, and is --hub its address?"
            ) from error


def check_url(url: str) -> None:
    """A password crosses a network only encrypted.

    Raises:
        ConfigError: Not an address, or plain HTTP to another machine.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"--hub {url!r} is no address; write it like http://127.0.0.1:8080")
    if parts.scheme == "http" and not _is_local(parts.hostname):
        raise ConfigError(
            f"--hub {url}: plain http would send the password unencrypted; use https, with --ca for an own CA"
        )


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked(answer: httpx.Response) -> Any:  # noqa: ANN401  JSON of the hub
    try:
        body = answer.json()
    except ValueError as error:
        raise ConfigError(f"{answer.url} is no hub: it does not answer with JSON; check --hub") from error
    if answer.status_code < _REFUSED:
        return body
    said = body if isinstance(body, dict) else {}
    raise OrderRefusedError(
        str(said.get("detail", answer.reason_phrase)), status=answer.status_code, code=said.get("code")
    )
