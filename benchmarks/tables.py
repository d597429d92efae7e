"""Figures of the optimiser in docs/optimizer.md, from `benchmarks/results`: `python -m benchmarks.tables`.

`make bench` does it after each measurement; a test holds the page against the files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.cell_table import cell_tables
from protocols.errors import ConfigError

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
PAGE: Final = ROOT / "docs" / "optimizer.md"
BEGIN: Final = "<!-- figures: made by `python -m benchmarks.tables`, not by hand -->"
END: Final = "<!-- end of figures -->"

Judge = Callable[[dict[str, float]], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One figure with what is wanted of it.

    Attributes:
        case: Name of the benchmark.
        figure: Its name there, with its unit as suffix.
        target: What is wanted, in words; empty: told only.
        kept: Whether it is; None: nothing is wanted.
    """

    case: str
    figure: str
    target: str = ""
    kept: Judge | None = None


def at_most(case: str, figure: str, limit: float) -> Wanted:
    """A figure that shall not be higher."""
    return Wanted(case, figure, f"≤ {limit:g}", lambda figures: figures[figure] <= limit)


def at_least(case: str, figure: str, limit: float) -> Wanted:
    """A figure that shall not be lower."""
    return Wanted(case, figure, f"≥ {limit:g}", lambda figures: figures[figure] >= limit)


def same(case: str, figure: str, other: str) -> Wanted:
    """A figure that shall be all of another one."""
    return Wanted(case, figure, f"all {other}", lambda figures: figures[figure] == figures[other])


def within(case: str, figure: str, low: float, high: float) -> Wanted:
    """A figure that shall lie between two."""
    return Wanted(case, figure, f"{low:g} to {high:g}", lambda figures: low <= figures[figure] <= high)


def no_more_than(case: str, figure: str, other: str) -> Wanted:
    """A figure that shall not be higher than another one."""
    return Wanted(case, figure, f"≤ {other}", lambda figures: figures[figure] <= figures[other])


WANTED: Final = (
    at_most("b01_chiller_loading", "worst_excess_pct", 0.02),
    at_most("b01_chiller_loading", "max_s", 1.0),
    at_most("b02_chp", "worst_excess_pct", 0.01),
    at_most("b02_chp", "max_s", 0.5),
    at_most("b03_unit_commitment", "gap10_pct", 0.05),
    at_most("b03_unit_commitment", "s10", 5.0),
    at_most("b03_unit_commitment", "gap100_pct", 0.1),
    at_most("b03_unit_commitment", "s100", 60.0),
    at_most("b04_valve_point", "worst_excess_pct", 0.1),
    at_most("b04_valve_point", "max_s", 10.0),
    at_most("b05_plant_day", "excess_over_bound_pct", 0.5),
    at_most("b05_plant_day", "s", 60.0),
    at_most("b05_plant_day", "step_median_s", 3.0),
    at_most("b06_receding", "excess_perfect_pct", 1.0),
    at_most("b06_receding", "excess_forecast_pct", 2.0),
    at_most("b06_receding", "border_violations", 0.0),
    at_most("b06_receding", "starts_ratio", 1.1),
    at_most("b07_build", "ratio_oemof", 0.1),
    at_most("b07_build", "ratio_pypsa", 0.03),
    at_most("b11_setpoints", "worst_excess_pct", 0.5),
    at_most("b11_setpoints", "max_s", 5.0),
    at_most("b13_forecast", "pinball_ratio", 0.8),
    within("b13_forecast", "coverage_pct", 75.0, 85.0),
    at_most("b13_forecast", "retrain_s", 60.0),
    at_most("replan_events", "max_s", 10.0),
    at_most("replan_events", "max_busy_s", 10.0),
    at_most("curve_learning", "worst_error_pct", 3.0),
    at_most("curve_learning", "worst_error_spoilt_pct", 3.0),
    Wanted("curve_learning", "nominal_worst_pct"),
    at_most("curve_learning", "worse_than_nominal", 0.0),
    same("curve_learning", "refused", "wrong_units"),
    same("b16_broken", "answered", "cases"),
    same("b17_determinism", "identical", "runs"),
    at_least("chosen_levels", "worst_saving_pct", 0.0),
    at_most("chosen_levels", "starts_ratio", 1.1),
    at_most("chosen_levels", "plans_ratio", 1.1),
    at_most("chosen_levels", "outside_limits_s", 0.0),
    at_least("closed_loop_matrix", "saving_vs_plant_pct", 0.0),
    at_least("closed_loop_matrix", "saving_vs_rules_pct", 0.0),
    Wanted("closed_loop_matrix", "worst_cell_vs_rules_pct"),
    no_more_than("closed_loop_matrix", "outside_limits_s", "rules_outside_limits_s"),
)
"""What is asked of the optimiser, in the order it is shown."""


def table(results: Path = RESULTS) -> str:
    """The table as Markdown."""
    lines = ["| case | figure | measured | wanted | kept | on |", "|---|---|---:|---|---|---|"]
    lines += _rows(results)
    return "\n".join(lines)


def _rows(results: Path) -> Iterator[str]:
    said: dict[str, dict[str, Any]] = {}
    shown = ""
    for one in WANTED:
        path = results / f"{one.case}.json"
        if one.case not in said:
            said[one.case] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        found = said[one.case]
        name = "" if one.case == shown else f"`{one.case}`"
        shown = one.case
        yield f"| {name} | `{one.figure}` | {_cells(one, found)} |"


def _cells(one: Wanted, said: dict[str, Any]) -> str:
    figures = said.get("figures", {})
    value = figures.get(one.figure)
    if value is None:
        return f"not measured | {one.target} | – | "
    try:
        kept = "" if one.kept is None else ("yes" if one.kept(figures) else "**no**")
    except KeyError:
        kept = "–"
    return f"{number(float(value))} | {one.target} | {kept} | {said['when'][:10]}"


def number(value: float) -> str:
    """A figure with four digits that count; tiny ones as a power of ten.

    Example:
        >>> number(0.46317), number(2.0e-6), number(49.77), number(10.0), number(0.0)
        ('0.4632', '2e-06', '49.77', '10', '0')
    """
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4g}" if abs(value) >= _TINY or value == 0.0 else f"{value:.0e}"


_TINY: Final = 1e-3


def filled(text: str, results: Path = RESULTS) -> str:
    """The page with the tables of these results in it.

    Raises:
        ConfigError: The page has no place for it.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{PAGE}: the lines {BEGIN!r} and {END!r} are missing; put them back")
    parts = (BEGIN, table(results), "### In closed loop, cell by cell", cell_tables(results), END)
    return before + "\n\n".join(parts) + after


def main(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the page is current.")] = False,
) -> None:
    """Put the figures of the result files into the page."""
    text = PAGE.read_text(encoding="utf-8")
    fresh = filled(text)
    if check and fresh != text:
        typer.echo(f"{PAGE} is older than the results; run `python -m benchmarks.tables`")
        raise typer.Exit(1)
    if fresh != text:
        PAGE.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
