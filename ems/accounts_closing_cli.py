"""`ems accounts close`, `restate` and `closed`: the hub keeps periods as they were reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from ems.command_desk import Desk

_HUB_URL: Final = "http://127.0.0.1:8080"
_TIMEOUT_S: Final = 120.0
"""A year is reckoned for a while. [s]"""

_BROKEN: Final = 1
"""Exit code: the audit does not verify."""

_PERIOD = Annotated[str, typer.Option(metavar="2026-01", help="The period: a day, week, month, year, range.")]
_SITE = Annotated[str, typer.Option(help="The site.")]
_GAPS = Annotated[bool, typer.Option("--despite-gaps", help="Although readings are missing.")]
_NO_INVOICE = Annotated[
    bool, typer.Option("--without-invoice", help="Although its invoice cannot be made; it is noted.")
]
_HUB = Annotated[str, typer.Option(help="Address of the hub.")]
_USER = Annotated[str, typer.Option(help="Who signs in; password asked for, or in EMS_PASSWORD.")]
_CA = Annotated[Path | None, typer.Option(help="Certificate of the installation's CA, for https.")]


def close(  # noqa: PLR0913  each is an option of the command
    *,
    period: _PERIOD,
    site: _SITE = "demo",
    despite_gaps: _GAPS = False,
    without_invoice: _NO_INVOICE = False,
    hub: _HUB = _HUB_URL,
    user: _USER = "admin",
    ca: _CA = None,
) -> None:
    """Close a period: from now on its figures stand, and can only be restated.

    Example: ems accounts close --period 2026-01 --site demo
    """
    body = {"period": period, "despite_gaps": despite_gaps, "without_invoice": without_invoice}

    def work(desk: Desk) -> int:
        made = desk.hub.post(f"/sites/{site}/accounts/closed", body)
        typer.echo(f"{made['period']} is closed with {len(made['figures'])} figures, {made['hash'][:12]}")
        return 0

    _run((hub, user, ca), site, work)


def restate(  # noqa: PLR0913  as above
    *,
    period: _PERIOD,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the figures.")],
    site: _SITE = "demo",
    despite_gaps: _GAPS = False,
    without_invoice: _NO_INVOICE = False,
    hub: _HUB = _HUB_URL,
    user: _USER = "admin",
    ca: _CA = None,
) -> None:
    """Restate a closed period: old, new and difference are told, the old figures stay.

    Example: ems accounts restate --period 2026-01 --reason "two hours came late"
    """
    goes_without = {"despite_gaps": despite_gaps, "without_invoice": without_invoice}
    body = {"period": period, "reason": reason, **goes_without}

    def work(desk: Desk) -> int:
        made = desk.hub.post(f"/sites/{site}/accounts/restatements", body)
        title = f"{made['period']}, version {made['version']}: {made['reason']}"
        table = Table("figure", "old", "new", "difference", title=title)
        for change in made["changes"]:
            table.add_row(_called(change), *(change[side] or "-" for side in ("old", "new", "difference")))
        Console().print(table)
        return 0

    _run((hub, user, ca), site, work)


def closed(  # noqa: PLR0913  as above
    *,
    site: _SITE = "demo",
    as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only say whether they are what was kept.")] = False,
    hub: _HUB = _HUB_URL,
    user: _USER = "admin",
    ca: _CA = None,
) -> None:
    """All closed periods with their restatements; the hub first holds them against hashes and audit.

    With --check also the audit itself is gone through; ends with 1 when it does not verify.

    Example: ems accounts closed --site demo --check
    """

    def work(desk: Desk) -> int:
        rows: list[dict[str, Any]] = desk.hub.get(f"/sites/{site}/accounts/closed")
        if check:
            return _verdict(rows, desk.hub.get(f"/sites/{site}/audit/check"))
        if as_json:
            typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
            return 0
        table = Table("period", "version", "by", "at", "reason", "figures changed")
        for row in rows:
            changed = ", ".join(f"{_called(one)} {one['old']} → {one['new']}" for one in row["changes"])
            table.add_row(row["period"], str(row["version"]), row["by"], row["time"], row["reason"], changed)
        Console().print(table)
        return 0

    _run((hub, user, ca), site, work)


def _called(one: dict[str, Any]) -> str:
    """What people call a figure, with its unit."""
    unit = f" [{one['unit']}]" if one["unit"] else ""
    return f"{one['label']['en']}{unit}"


def _verdict(rows: list[dict[str, Any]], audit: dict[str, Any]) -> int:
    """The chain of the periods verifies, or the hub had refused it; now the chain it is anchored in."""
    if not audit["whole"]:
        typer.echo(
            f"the audit is broken at entry {audit['broken_at']}: nothing holds the closed periods", err=True
        )
        return _BROKEN
    ends = rows[0]["hash"][:12] if rows else "none"
    typer.echo(
        f"{len(rows)} records verify, the last is {ends}; the audit of {audit['entries']} entries does too"
    )
    return 0


def _run(where: tuple[str, str, Path | None], site: str, work: Callable[[Desk], int]) -> None:
    from ems.command_desk import Call, run  # noqa: PLC0415  the help needs none of it
    from ems.hub_client import HubLogin  # noqa: PLC0415  as above

    hub, user, ca = where
    run(Call(HubLogin(hub, user, "", ca, timeout_s=_TIMEOUT_S), as_json=True), f"site:{site}", work)
