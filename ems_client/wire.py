"""One connection to a hub: signs in, goes on when the sign-in ends, tries again when the hub is away.

What changes something goes with an idempotency key, so that the hub does it once however often it is sent. A
refusal is an error with the hub's own sentence.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from protocols.errors import HubAwayError, HubRefusedError, NotSignedInError

PREFIX: Final = "/api/v1"
_LATER: Final = frozenset({429, 502, 503, 504})
_UNKNOWN: Final = 401
_Query = Mapping[str, Any] | None
_Told = tuple[Mapping[str, Any], str] | None
"""What is sent, and its idempotency key."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently a question is tried again.

    Attributes:
        most: Tries after the first.
        first_s: Wait before the second try; doubles each time. [s]
        most_s: Longest wait, also of one that the hub asks for. [s]
    """

    most: int = 4
    first_s: float = 0.5
    most_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Person:
    """Who signs in where there is no token."""

    name: str
    password: str


class Wire:
    """Asks and tells; not for several threads at once."""

    def __init__(
        self,
        http: httpx.Client,
        who: Person | str,
        retries: Retries,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._who = who
        self._retries = retries
        self._wait = wait
        self._token = who if isinstance(who, str) else ""

    @property
    def token(self) -> str:
        """A token that is good now, as far as is known; signs in where there is none.

        Raises:
            NotSignedInError: Name or password are wrong.
            HubAwayError: The hub does not answer.
        """
        if not self._token:
            self._sign_in()
        return self._token

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401  JSON
        """Ask.

        Raises:
            HubRefusedError: The hub says no; its sentence is the message.
            NotSignedInError: It knows nobody by this token, name or password.
            HubAwayError: It does not answer, or says "later" too often.
        """
        return self._asked("GET", path, query, None).json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401  JSON
        """Tell; the hub does it once, however often it has to be sent.

        Raises:
            HubRefusedError: As `get`.
            NotSignedInError: As `get`.
            HubAwayError: No answer came: nobody knows whether it was taken; look before it is told anew.
        """
        key = secrets.token_hex(16)
        return self._asked("POST", path, None, (body, key)).json()

    @contextmanager
    def stream(self, path: str, query: Mapping[str, Any]) -> Iterator[Iterator[bytes]]:
        """Ask for a file and read it as it comes; one that breaks off raises.

        Raises:
            HubRefusedError: As `get`.
            NotSignedInError: As `get`.
            HubAwayError: The hub does not answer, or its answer broke off.
        """
        self._asked("GET", "/sites", None, None)  # the sign-in is good from here on
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            with self._http.stream("GET", PREFIX + path, params=dict(query), headers=headers) as answer:
                if not answer.is_success:
                    answer.read()
                yield _judged(answer).iter_bytes()
        except httpx.TransportError as error:
            raise HubAwayError(f"the file broke off, what came of it is no whole one: {error}") from error

    def save(self, path: str, query: Mapping[str, Any], to: Path) -> int:
        """Ask for a file and write it as it comes; one that breaks off leaves nothing. How many bytes.

        Raises:
            HubRefusedError: As `get`.
            NotSignedInError: As `get`.
            HubAwayError: As `stream`.
        """
        partial = to.with_name(f"{to.name}.part")
        count = 0
        try:
            with self.stream(path, query) as portions, partial.open("wb") as file:
                for portion in portions:
                    count += file.write(portion)
            partial.replace(to)
        finally:
            partial.unlink(missing_ok=True)
        return count

    def _asked(self, method: str, path: str, query: _Query, told: _Told) -> httpx.Response:
        tries = 0
        while True:
            wait_s = min(self._retries.first_s * 2.0**tries, self._retries.most_s)
            try:
                answer = self._sent(method, path, query, told)
                if answer.status_code not in _LATER or tries >= self._retries.most:
                    return _judged(answer)
                wait_s = min(_told_wait_s(answer, wait_s), self._retries.most_s)
            except httpx.TransportError as error:
                if tries >= self._retries.most:
                    raise HubAwayError(f"{self._http.base_url} does not answer: {error}") from error
            tries += 1
            self._wait(wait_s * random.uniform(0.5, 1.0))  # noqa: S311  so that many do not come back at once

    def _sent(self, method: str, path: str, query: _Query, told: _Told) -> httpx.Response:
        """One answer; where the sign-in has ended, that of a new one."""
        answer = self._once(method, path, query, told)
        if answer.status_code == _UNKNOWN and isinstance(self._who, Person):
            self._token = ""
            answer = self._once(method, path, query, told)
        return answer

    def _once(self, method: str, path: str, query: _Query, told: _Told) -> httpx.Response:
        body, key = told or (None, "")
        headers = {"Authorization": f"Bearer {self.token}"}
        headers |= {"Idempotency-Key": key} if key else {}
        return self._http.request(method, PREFIX + path, params=query, json=body, headers=headers)

    def _sign_in(self) -> None:
        if isinstance(self._who, str):
            raise NotSignedInError("there is no token; make one, or give name and password")
        body = {"username": self._who.name, "password": self._who.password}
        try:
            answer = self._http.post(f"{PREFIX}/auth/login", json=body)
        except httpx.TransportError as error:
            raise HubAwayError(f"{self._http.base_url} does not answer: {error}") from error
        self._token = str(_judged(answer).json()["access_token"])


def _judged(answer: httpx.Response) -> httpx.Response:
    """The answer where it is a yes.

    Raises:
        NotSignedInError: 401.
        HubAwayError: The hub says "later".
        HubRefusedError: Any other no.
    """
    if answer.is_success:
        return answer
    said, more = _sentence(answer)
    if answer.status_code == _UNKNOWN:
        raise NotSignedInError(said)
    if answer.status_code in _LATER:
        raise HubAwayError(said, status=answer.status_code)
    raise HubRefusedError(said, status=answer.status_code, **more)


def _sentence(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """What the hub says, with the code of the refusal and the same in Chinese; also of what is no hub."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return f"{answer.url.host} answers {answer.status_code}, and not as a hub does", {"code": ""}
    said, text = str(body.get("detail") or answer.reason_phrase), body.get("text")
    in_chinese = {"zh": str(text["zh"])} if isinstance(text, dict) and "zh" in text else {}
    return said, {"code": str(body.get("code") or ""), **in_chinese}


def _told_wait_s(answer: httpx.Response, otherwise_s: float) -> float:
    try:
        return max(float(answer.headers.get("Retry-After", "")), otherwise_s)
    except ValueError:
        return otherwise_s
