"""Every route by every caller on this site and a foreign one, from the OpenAPI document.

What must come is said here by itself, not read from the hub's own table of who may do what: a new route that
changes something is wrong until it stands here, and a new route to look at is for everybody with a role.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.access_rig import ELSEWHERE, SITE, Access
from benchmarks.foreign_things import MARK, Question, foreign_rows, foreign_things
from hub.api.app import openapi_document
from protocols.errors import ContractError

_EVERYBODY: Final = frozenset({"viewer", "operator", "engineer", "manager", "admin"})
_OPERATE: Final = frozenset({"operator", "engineer", "admin"})
_ENGINEER: Final = frozenset({"engineer", "admin"})
_MANAGER: Final = frozenset({"manager", "admin"})
_ADMIN: Final = frozenset({"admin"})
_OWN: Final = _EVERYBODY | {""}

OPEN: Final = frozenset({"login", "refresh", "logout", "oidcStart", "oidcCallback", "health"})
"""The only routes without a sign-in; the one that signs out and the one that goes on need the cookie."""
_MAY: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("placeOrder", "placeAlarmAct", "approvePlan"), _OPERATE),
    **dict.fromkeys(
        ("checkConfig", "checkConfigRows", "acceptConfig", "acceptConfigRows", "rollBackConfig"), _ENGINEER
    ),
    **dict.fromkeys(
        (
            "closePeriod", "restatePeriod", "orderReport", "reportSchedules", "addReportSchedule",
            "endReportSchedule",
        ), _MANAGER,
    ),
    **dict.fromkeys(
        (
            "people", "addPerson", "givePersonRole", "renewPersonPassword", "dropPersonFactor",
            "removePerson", "letPersonIn", "personSessions", "endPersonSession",
        ), _ADMIN,
    ),
    **dict.fromkeys(
        (
            "me", "changePassword", "beginFactor", "proveFactor", "dropFactor", "mySessions", "endMySession",
            "myTokens", "endMyToken",
        ), _OWN,
    ),
    "makeToken": _EVERYBODY,
}  # fmt: skip
_PEOPLE_ONLY: Final = frozenset(_MAY) - {
    "placeOrder", "placeAlarmAct", "checkConfig", "checkConfigRows", "acceptConfig", "acceptConfigRows",
    "rollBackConfig", "closePeriod", "restatePeriod", "orderReport", "reportSchedules", "addReportSchedule",
    "endReportSchedule", "me",
}  # fmt: skip
"""No program with a token does these."""

_SHUT: Final = frozenset({401, 403})
_FOREIGN: Final = 404
_SERVER: Final = 500


@dataclass(frozen=True, slots=True)
class Cell:
    """One question.

    Attributes:
        operation: Operation id; `live` is the WebSocket.
        method: HTTP method.
        path: With its site.
        caller: Who asks; empty: nobody.
        foreign: Whether the path names a foreign site.
        asked: What it asks for of another site by its id, on a path of this one; None: nothing of the kind.
    """

    operation: str
    method: str
    path: str
    caller: str
    foreign: bool
    asked: Question | None = None


def may(access: Access, caller: str, operation: str, method: str) -> bool | None:
    """Whether a caller may use a route; None: nothing says so."""
    default = _EVERYBODY if method == "get" else None
    roles = _MAY.get(operation, default)
    if roles is None:
        return None
    scope = access.scopes.get(caller)
    if scope is None:
        return access.roles[caller] in roles
    return operation not in _PEOPLE_ONLY and access.roles[caller] in roles and scope in roles


def cells(document: dict[str, Any], callers: list[str]) -> Iterator[Cell]:
    """All questions of the document."""
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            for foreign in (False, True) if "{site}" in path else (False,):
                for caller in ["", *callers]:
                    where = _filled(path, ELSEWHERE if foreign else SITE)
                    yield Cell(route["operationId"], method, where, caller, foreign)


def strange_cells(
    document: dict[str, Any], callers: list[str], things: Mapping[str, Question]
) -> Iterator[Cell]:
    """Every route that takes an id, asked for that of a thing of another site.

    Raises:
        ContractError: There is a route with an id that nothing stands for.
    """
    for path, methods in document["paths"].items():
        if not set(re.findall(r"{(\w+)}", path)) - {"site"}:
            continue
        for method, route in methods.items():
            asked = things.get(route["operationId"])
            if asked is None:
                raise ContractError(f"{route['operationId']} takes an id; say in foreign_things.py of what")
            for caller in ["", *callers]:
                where = _filled(path, SITE, asked.parts)
                yield Cell(route["operationId"], method, where, caller, foreign=False, asked=asked)


def _filled(path: str, site: str, parts: Mapping[str, str] = MappingProxyType({})) -> str:
    values = {"site": site, "ident": "none", "version": "1", "name": "nobody", "form": "pdf", **parts}
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path


async def wrong_cells(access: Access, callers: list[str]) -> tuple[int, list[str]]:
    """How many questions were asked, and those whose answer is not what it must be."""
    document, wrong, count = openapi_document(), [], 0
    things = await foreign_things(access)
    before = await foreign_rows(access)
    for cell in chain(strange_cells(document, callers, things), cells(document, callers)):
        count += 1
        fault = await _fault(access, cell)
        if fault:
            wrong.append(f"{cell.method} {cell.path} by {cell.caller or 'nobody'}: {fault}")
    after = await foreign_rows(access)
    wrong += [
        f"rows of {ELSEWHERE} in {name} are others now" for name in before if before[name] != after[name]
    ]
    return count, wrong


async def _fault(access: Access, cell: Cell) -> str:
    answer = await _answer(access, cell)
    status = answer.status_code
    if status >= _SERVER:
        return f"the server failed ({status})"
    if MARK in answer.text or MARK in str(answer.headers):
        return f"something of another site is in the answer ({status})"
    return _right(access, cell, status)


async def _answer(access: Access, cell: Cell) -> httpx.Response:
    headers = {"Authorization": f"Bearer {access.tokens[cell.caller]}"} if cell.caller else {}
    asked = cell.asked or Question({})
    if cell.asked is not None:
        headers["If-Match"] = '"1"'
    answer = await access.api.client.request(
        cell.method, cell.path, headers=headers, json=asked.body, params=asked.query
    )
    access.api.client.cookies.clear()
    return answer


def _right(access: Access, cell: Cell, status: int) -> str:
    if cell.operation in OPEN:
        return ""
    if not cell.caller:
        return "" if status == 401 else f"open without a sign-in ({status})"  # noqa: PLR2004  Unauthorized
    return _judged(access, cell, status)


def _judged(access: Access, cell: Cell, status: int) -> str:
    allowed = may(access, cell.caller, cell.operation, cell.method)
    if allowed is None:
        return "no expectation names it; say in benchmarks/rights_matrix.py who may"
    if not allowed:
        return "" if status == 403 else f"not refused ({status})"  # noqa: PLR2004  Forbidden
    if status in _SHUT:
        return f"refused ({status})"
    strange = cell.foreign or cell.asked is not None
    return f"something of another site is there ({status})" if strange and status != _FOREIGN else ""


async def wrong_sockets(access: Access, url: str, callers: list[str]) -> tuple[int, list[str]]:
    """The same of the WebSocket, which a server at `url` has."""
    wrong, count = [], 0
    for foreign in (False, True):
        for caller in ["", *callers]:
            count += 1
            token = access.tokens[caller] if caller else "none"
            allowed = bool(caller) and not foreign and bool(may(access, caller, "live", "get"))
            if await _opens(url, token, ELSEWHERE if foreign else SITE) != allowed:
                wrong.append(f"live by {caller or 'nobody'}{' elsewhere' if foreign else ''}: not {allowed}")
    return count, wrong


async def _opens(url: str, token: str, site: str) -> bool:
    async with connect(f"{url}/api/v1/live") as socket:
        await socket.send(json.dumps({"type": "auth", "token": token, "site": site}))
        try:
            await socket.recv()
        except ConnectionClosed:
            return False
        return True
