"""One call of `ems command`: sign in, ask, follow, say how it ended."""

from __future__ import annotations

import getpass
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import typer

from ems import order_watch
from ems.hub_client import HubClient, HubLogin, check_url
from protocols.errors import ConfigError, OrderRefusedError

PASSWORD: Final = "EMS_PASSWORD"  # noqa: S105  the name of a variable
"""Variable that may hold the password instead of the prompt."""
CODE: Final = "EMS_CODE"
"""Variable with the code of the second factor, of a person who has one."""
BAD_INPUT: Final = 2
NOT_DONE: Final = 3
_NOT_INPUT: Final = frozenset({403, 409, 429, 503})
"""Refusals that rest on the plant, on rights or on the moment, not on what was typed."""


@dataclass(frozen=True, slots=True)
class Call:
    """What every command of a person is told.

    Attributes:
        login: Where the hub is and who comes; the password is filled in by `run`.
        as_json: One JSON document instead of lines.
        wait_s: How long to watch. [s]
    """

    login: HubLogin
    as_json: bool
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Desk:
    """A sign-in, a site, and how to tell the person."""

    hub: HubClient
    site: str
    call: Call

    def tell(self, line: str) -> None:
        """A line of news; none where a machine reads."""
        if not self.call.as_json:
            typer.echo(line)

    def ask(self, kind: str, target: str, **parts: object) -> dict[str, Any]:
        """Place an order.

        Raises:
            OrderRefusedError: The hub does not take it.
        """
        body = {name: value for name, value in parts.items() if value is not None}
        order: dict[str, Any] = self.hub.post(
            f"/sites/{self.site}/orders", {"kind": kind, "target": target, **body}
        )
        self.tell(f"{order['id']}  {kind} {target}")
        return order

    def follow(self, order: Mapping[str, Any], until: frozenset[str] = order_watch.OVER) -> dict[str, Any]:
        """Watch an order, telling each step."""
        path = f"/sites/{self.site}/orders/{order['id']}"
        return order_watch.follow(self.hub, path, self.tell, self.call.wait_s, until)

    def end(self, order: dict[str, Any]) -> int:
        """Say how it ended; 0 only when it is verified."""
        if self.call.as_json:
            typer.echo(json.dumps(order, ensure_ascii=False))
        if order_watch.succeeded(order):
            return 0
        if order["state"] not in order_watch.OVER:
            sys.stderr.write(
                f"ems: no verdict after {self.call.wait_s:g} s, it is {order['state']}; "
                f"`ems command watch {order['id']}` goes on\n"
            )
        return NOT_DONE

    def setpoint(self, point: str) -> dict[str, Any]:
        """The set-point of a name; empty where there is none, which the hub says with names that are near."""
        rows = self.hub.get(f"/sites/{self.site}/setpoints")
        return next((row for row in rows if row["id"] == point), {})


def run(call: Call, target: str, work: Callable[[Desk], int]) -> None:
    """Sign in, work, sign out; ends the process with the code of the work.

    Raises:
        ConfigError: The hub does not answer, its address is none, or nobody is there to be asked.
        NotSignedInError: Wrong name or password.
        Exit: Always; 2 or 3 where the hub refused, after one sentence on standard error.
    """
    login = call.login
    check_url(login.url)
    password = os.environ.get(PASSWORD) or _asked_for(f"password of {login.user}")
    known = replace(login, password=password, code=os.environ.get(CODE, ""))
    try:
        with HubClient(known) as hub:
            code = work(Desk(hub, _site_of(hub, target), call))
    except OrderRefusedError as no:
        sys.stderr.write(f"ems: {no.args[0]}\n")
        raise typer.Exit(NOT_DONE if no.context.get("status") in _NOT_INPUT else BAD_INPUT) from no
    raise typer.Exit(code)


def _asked_for(what: str) -> str:
    """What a person types unseen.

    Raises:
        ConfigError: Nobody is there, or what is typed would be seen.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"{what}: ")
        except (getpass.GetPassWarning, EOFError) as error:
            raise ConfigError(f"there is no terminal to ask for the {what}; set {PASSWORD}") from error


def act(call: Call, kind: str, target: str, parts: Mapping[str, object]) -> None:
    """Place one order and follow it to its end."""
    run(call, target, lambda desk: desk.end(desk.follow(desk.ask(kind, target, **parts))))


def in_two_steps(desk: Desk, known: Mapping[str, Any], asked: Mapping[str, Any]) -> int:
    """Select, ask the person, operate; what is watched is the selection, under which the value then lives."""
    point = str(known["id"])
    select = desk.ask("select", point, **asked)
    chosen = desk.follow(select, frozenset({"received"}))
    if chosen["state"] != "received":
        return desk.end(chosen)
    name, password = desk.hub.user, desk.hub.password
    if known["two_persons"]:
        name = typer.prompt("Name of the second person", err=True)
        password = _asked_for(f"password of {name}")
    typer.confirm(f"Operate {point} to {asked['value']:g} {asked['unit']}?", abort=True, err=True)
    operate = desk.follow(desk.ask("operate", point, of=select["id"], confirm=name, password=password))
    return desk.end(desk.follow(select) if order_watch.succeeded(operate) else operate)


def say_why(reason: str) -> None:
    """An act of a person has a reason.

    Raises:
        ConfigError: It is empty.
    """
    if not reason.strip():
        raise ConfigError('say why, like --reason "pressure too low at line 2"; everybody sees it')


def _site_of(hub: HubClient, target: str) -> str:
    """The site a point or scope names, else the only one of the hub."""
    if "/" in target:
        return target.split("/", maxsplit=1)[0]
    if target.startswith("site:"):
        return target.removeprefix("site:")
    return str(hub.get("/sites")[0]["id"])
