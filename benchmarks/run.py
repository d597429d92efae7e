"""`make bench [CASE=name]`: measures, prints a table, writes `benchmarks/results/<name>.json`."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.registry import Case, Result, cases
from benchmarks.tables import PAGE, filled
from protocols.errors import EmsError
from runtime.clock import SystemClock, iso_utc

RESULTS: Final = Path(__file__).parent / "results"
_PACKAGES: Final = ("numpy", "msgpack", "zstandard", "ortools", "pydantic")


def main(
    case: Annotated[str | None, typer.Option(help="Name of one case; without it all are measured.")] = None,
) -> None:
    """Measure; for example `python -m benchmarks.run --case codec`."""
    console = Console()
    try:
        known = cases()
        if case is not None and case not in known:
            console.print(f"there is no case {case!r}; known are: {', '.join(known)}")
            raise typer.Exit(2)
        for one in known.values():
            if case in {None, one.name}:
                console.print(f"[bold]{one.name}[/bold]: {one.about}")
                _show(console, one, write(one, one.run()))
                _renew_page()
    except EmsError as error:
        console.print(f"not measured: {error}")
        raise typer.Exit(1) from error


def write(case: Case, result: Result) -> dict[str, Any]:
    """Write the result file of a case and give what it says."""
    said: dict[str, Any] = {
        "case": case.name,
        "figures": result.figures,
        "against": result.against,
        **({"results": result.results} if result.results else {}),
        "environment": environment(),
        "when": iso_utc(SystemClock().now().wall_ns),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{case.name}.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return said


def environment() -> dict[str, object]:
    """What a number depends on: machine, Python, the packages that do the work."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count() or 1,
        **{name: version(name) for name in _PACKAGES},
    }


def _renew_page() -> None:
    """The table of the optimiser's figures says what was just measured."""
    text = PAGE.read_text(encoding="utf-8")
    fresh = filled(text)
    if fresh != text:
        PAGE.write_text(fresh, encoding="utf-8")


def _show(console: Console, case: Case, said: dict[str, Any]) -> None:
    table = Table("figure", "here", *said["against"], title=case.name)
    for name, value in said["figures"].items():
        peers = [_number(figures.get(name)) for figures in said["against"].values()]
        table.add_row(name, _number(value), *peers)
    console.print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"


if __name__ == "__main__":
    typer.run(main)
