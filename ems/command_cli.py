"""`ems command`: set-points and acts of a person, through the hub's API; the same checks as on the page."""

from __future__ import annotations

import difflib
import json
import math
from pathlib import Path
from typing import Annotated, Final

import typer

from ems import command_tables, order_watch
from ems.command_desk import Call, Desk, act, in_two_steps, run, say_why
from ems.hub_client import HubLogin
from protocols.errors import ConfigError
from runtime import spans

app = typer.Typer(
    no_args_is_help=True,
    help="Set a value, see who holds it, stop and release automatic control.\n\n"
    "Example: ems command set demo/comp4/pressure_set_bar_g 6.6 --for 15m --reason test",
)

PointArg = Annotated[str, typer.Argument(metavar="POINT", help="site/device/point.")]
ScopeArg = Annotated[
    str, typer.Argument(metavar="SCOPE", help="all, site:SITE, zone:ZONE, SITE/DEVICE or SITE/DEVICE/POINT.")
]
Hub = Annotated[str, typer.Option(help="Address of the hub's page and API.")]
User = Annotated[str, typer.Option(help="Who signs in; the password is asked for, or in EMS_PASSWORD.")]
Ca = Annotated[Path | None, typer.Option(help="Certificate of the installation's CA, PEM, for https.")]
Reason = Annotated[str, typer.Option(help="Why; everybody sees it.")]
Wait = Annotated[float, typer.Option(help="How long to watch. [s]", min=0, max=86_400)]
Json = Annotated[bool, typer.Option("--json", help="For a machine to read.")]

_HUB: Final = "http://127.0.0.1:8080"
_USER: Final = "admin"
_WAIT_S: Final = 30.0


@app.command("set", context_settings={"ignore_unknown_options": True})  # a value may be below zero
def set_(  # noqa: PLR0913  a command line
    point: PointArg,
    value: Annotated[float, typer.Argument(metavar="VALUE", help="In the unit of the point.")],
    *,
    length: Annotated[str, typer.Option("--for", help="How long, like 15m; at most 8h.")],
    reason: Reason = "",
    unit: Annotated[str | None, typer.Option(help="Unit of the value; default: that of the point.")] = None,
    expect: Annotated[float | None, typer.Option(help="Only if the point has this value now.")] = None,
    test: Annotated[bool, typer.Option("--test", help="All checks of the edge, no write.")] = False,
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """Set a point for a while and watch: received, written, verified; ends with 0 only when it is verified.

    Example: ems command set demo/comp4/pressure_set_bar_g 6.6 --for 15m --reason test
    """
    for_s = spans.seconds(length)
    say_why(reason)
    if not math.isfinite(value) or not math.isfinite(expect or 0.0):
        raise ConfigError(f"{value} is no value that a machine can have")

    def work(desk: Desk) -> int:
        known = desk.setpoint(point)
        asked = {"value": value, "unit": unit or known.get("unit"), "expect": expect}
        asked |= {"for_s": for_s, "reason": reason}
        if known.get("two_step") and not test:
            return in_two_steps(desk, known, asked)
        return desk.end(desk.follow(desk.ask("test" if test else "set", point, **asked)))

    run(_call(hub, user, ca, wait, as_json=as_json), point, work)


@app.command()
def release(  # noqa: PLR0913  a command line
    point: PointArg,
    *,
    reason: Reason = "",
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """End what a person has set: the point goes back to the plan, or to its fallback.

    Example: ems command release demo/comp4/pressure_set_bar_g
    """
    act(_call(hub, user, ca, wait, as_json=as_json), "release", point, {"reason": reason})


@app.command()
def stop(  # noqa: PLR0913  a command line
    scope: ScopeArg,
    *,
    reason: Reason = "",
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """Stop all automatic control of a scope: every point goes to its fallback and stays there.

    Example: ems command stop all --reason "smoke in the compressor room"
    """
    say_why(reason)
    act(_call(hub, user, ca, wait, as_json=as_json), "stop", scope, {"reason": reason})


@app.command()
def resume(  # noqa: PLR0913  a command line
    scope: ScopeArg,
    *,
    reason: Reason = "",
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """Release a stop, in two steps: it is armed, then you are asked, then it ends. Machines may start.

    Example: ems command resume all --reason "looked at, nothing burns"
    """
    say_why(reason)

    def work(desk: Desk) -> int:
        again = {"reason": reason, "password": desk.hub.password}
        armed = desk.follow(desk.ask("resume", scope, **again))
        if not order_watch.succeeded(armed):
            return desk.end(armed)
        typer.confirm(f"Release the stop of {scope}? Machines may start by themselves.", abort=True, err=True)
        return desk.end(desk.follow(desk.ask("resume", scope, **again, confirm=desk.hub.user)))

    run(_call(hub, user, ca, wait, as_json=as_json), scope, work)


@app.command("lock-out")
def lock_out(  # noqa: PLR0913  a command line
    scope: ScopeArg,
    *,
    reason: Reason = "",
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """Take equipment out of service: nothing is written to it until a person lifts it. This is no isolation.

    Example: ems command lock-out demo/comp3 --reason "oil change"
    """
    say_why(reason)
    act(_call(hub, user, ca, wait, as_json=as_json), "lock_out", scope, {"reason": reason})


@app.command()
def lift(  # noqa: PLR0913  a command line
    scope: ScopeArg,
    *,
    reason: Reason = "",
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """Put equipment back into service, or end the wait after somebody else had set a point.

    Example: ems command lift demo/comp3 --reason "oil changed"
    """
    say_why(reason)

    def work(desk: Desk) -> int:
        return desk.end(desk.follow(desk.ask("lift", scope, reason=reason, password=desk.hub.password)))

    run(_call(hub, user, ca, wait, as_json=as_json), scope, work)


@app.command("opt-out")
def opt_out(  # noqa: PLR0913  a command line
    scope: ScopeArg,
    *,
    length: Annotated[
        str | None, typer.Option("--for", help="How long, like 8h; without: until opt-in.")
    ] = None,
    reason: Reason = "",
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """Decline plans for a scope; what people set still holds.

    Example: ems command opt-out demo/battery1 --for 8h --reason "capacity test"
    """
    say_why(reason)
    parts = {"reason": reason, "for_s": None if length is None else spans.seconds(length)}
    act(_call(hub, user, ca, wait, as_json=as_json), "opt_out", scope, parts)


@app.command("opt-in")
def opt_in(  # noqa: PLR0913  a command line
    scope: ScopeArg,
    *,
    reason: Reason = "",
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """Take plans for a scope again.

    Example: ems command opt-in demo/battery1 --reason "test is over"
    """
    say_why(reason)
    act(_call(hub, user, ca, wait, as_json=as_json), "opt_in", scope, {"reason": reason})


@app.command()
def holders(
    point: Annotated[str | None, typer.Argument(metavar="[POINT]", help="One point; without: all.")] = None,
    *,
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Show who holds each point, why and for how long.

    Example: ems command holders demo/comp4/pressure_set_bar_g
    """

    def work(desk: Desk) -> int:
        rows = desk.hub.get(f"/sites/{desk.site}/setpoints")
        shown = [row for row in rows if point in {None, row["id"]}]
        if not shown:
            near = difflib.get_close_matches(str(point), [row["id"] for row in rows], 3, 0.5)
            hint = f"did you mean {', '.join(near)}?" if near else "`ems command holders` lists all that may"
            raise ConfigError(f"no point {point!r} may be written; {hint}")
        for line in [json.dumps(shown, ensure_ascii=False)] if as_json else command_tables.holders(shown):
            typer.echo(line)
        return 0

    run(_call(hub, user, ca, as_json=as_json), point or "all", work)


@app.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 20,
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Show what people asked for, newest first.

    Example: ems command list --limit 5
    """

    def work(desk: Desk) -> int:
        rows = desk.hub.get(f"/sites/{desk.site}/orders", limit=limit)
        for line in [json.dumps(rows, ensure_ascii=False)] if as_json else command_tables.orders(rows):
            typer.echo(line)
        return 0

    run(_call(hub, user, ca, as_json=as_json), "all", work)


@app.command()
def watch(  # noqa: PLR0913  a command line
    ident: Annotated[str, typer.Argument(metavar="ID", help="Id of an order, as `list` shows it.")],
    *,
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    wait: Wait = _WAIT_S,
    as_json: Json = False,
) -> None:
    """Watch an order until it is verified, refused or over.

    Example: ems command watch 4f1c0a9be2d84d57a6f0c7b1e93a5d22
    """
    call = _call(hub, user, ca, wait, as_json=as_json)
    run(call, "all", lambda desk: desk.end(desk.follow({"id": ident})))


def _call(hub: str, user: str, ca: Path | None, wait_s: float = 0.0, *, as_json: bool) -> Call:
    return Call(HubLogin(hub, user, "", ca), as_json, wait_s)
