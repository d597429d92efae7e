"""`ems accounts chp` and `ems accounts factor`: single figures from numbers at the command line."""

from __future__ import annotations

import json
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.table import Table

from protocols.errors import ConfigError


def chp(
    *,
    fuel_kwh: Annotated[float, typer.Option(help="Burnt. [kWh]")],
    power_kwh: Annotated[float, typer.Option(help="Generated. [kWh]")],
    heat_kwh: Annotated[float, typer.Option(help="Heat that was used. [kWh]")],
    as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False,
) -> None:
    """How much of a CHP's fuel its power bears and how much its heat, by each of four methods.

    Example: ems accounts chp --fuel-kwh 1000 --power-kwh 380 --heat-kwh 450
    """
    from accounts.chp import METHODS, Chp, power_share  # noqa: PLC0415  the help needs none of it

    plant = Chp(fuel_kwh, power_kwh, heat_kwh)
    shares = {method: power_share(plant, method) for method in METHODS}
    if as_json:
        typer.echo(
            json.dumps({method: {"power": share, "heat": 1 - share} for method, share in shares.items()})
        )
        return
    table = Table("method", "power", "heat", title="share of the fuel")
    for method, share in shares.items():
        table.add_row(method, f"{share:.4f}", f"{1 - share:.4f}")
    Console().print(table)


def factor(  # noqa: PLR0913  each is an option of the command
    *,
    kwh: Annotated[str, typer.Option(help="Active energy of the month until now. [kWh]")],
    kvarh: Annotated[str, typer.Option(help="Reactive energy until now. [kvarh]")],
    rest_kwh: Annotated[str, typer.Option(help="Active energy that is expected until the end. [kWh]")] = "0",
    rest_kvarh: Annotated[str, typer.Option(help="Reactive energy that is expected. [kvarh]")] = "0",
    standard: Annotated[str, typer.Option(help="0.90, 0.85 or 0.80.")] = "0.90",
    as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False,
) -> None:
    """Where the power factor of a month will end, what the bill changes by, what is to be compensated.

    Example: ems accounts factor --kwh 60000 --kvarh 40000 --rest-kwh 40000 --rest-kvarh 35000
    """
    from accounts.power_factor import Standard, foreseen  # noqa: PLC0415  the help needs none of it
    from ems.accounts_cli import number_of  # noqa: PLC0415  as above

    if standard not in {"0.90", "0.85", "0.80"}:
        raise ConfigError(f"--standard is {standard!r}; allowed are 0.90, 0.85 and 0.80")
    so_far, to_come = (number_of(kwh), number_of(kvarh)), (number_of(rest_kwh), number_of(rest_kvarh))
    seen = foreseen(so_far, to_come, cast("Standard", standard))
    said = {
        "factor": str(seen.factor),
        "percent": str(seen.percent),
        "to_standard_kvarh": str(round(seen.to_standard_kvarh, 1)),
        "to_best_kvarh": str(round(seen.to_best_kvarh, 1)),
    }
    if as_json:
        typer.echo(json.dumps(said))
        return
    table = Table("", "", show_header=False, title="power factor of the month")
    for name, value in said.items():
        table.add_row(name, value)
    Console().print(table)
