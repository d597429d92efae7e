"""`ems optimize`: a plan from a case file, without hub and bus."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from ems.optimize_file import PLANT, kind_of, parsed
from ems.optimize_told import told_of
from protocols.errors import ConfigError, SolveError

if TYPE_CHECKING:
    from optimizer.coarse import Grid
    from optimizer.problem import DispatchProblem

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def optimize() -> None:
    """Plans from a case file: data in, plan out.

    Example: ems optimize dispatch case.yaml --plot plan.svg
    """


@app.command()
def dispatch(  # noqa: PLR0913  each is an option of the command
    case: Annotated[Path, typer.Argument(metavar="CASE.yaml", help="The case, YAML or JSON.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the plan into this SVG file.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a page about the plan into this HTML file, English and Chinese."),
    ] = None,
    why: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT@TIME", help="Say why a machine does what it does at a time (10:15, or ISO)."
        ),
    ] = None,
    gap_pct: Annotated[float, typer.Option(help="Gap at which a plant's search ends. [%]")] = 0.1,
    limit_s: Annotated[float, typer.Option(help="Longest search; what is known then is told. [s]")] = 60.0,
    hourly_after_h: Annotated[
        float | None,
        typer.Option(help="Plan a plant by the hour from so many hours on, as the hub does. [h]"),
    ] = None,
) -> None:
    """Plan a case at least cost: a plant's window, or one of the published forms.

    Example: ems optimize dispatch configs/cases/small-plant.yaml --why chiller1@08:15
    """
    if hourly_after_h is not None and not 0 <= hourly_after_h < 1e4:  # noqa: PLR2004  more than a year
        raise ConfigError("--hourly-after-h must be a number of hours from 0 on")
    if not 0 < limit_s < 1e5 or not 0 <= gap_pct < 100:  # noqa: PLR2004  a day is the longest search
        raise ConfigError("--limit-s must lie between 0 and 100000, --gap-pct between 0 and 100")
    said: dict[str, Any]
    try:
        said = _answered(case, (gap_pct / 100.0, limit_s), _More(plot, report, why, hourly_after_h))
    except SolveError as error:
        said = {"status": "refused", "reason": str(error), "reason_zh": str(error.context.get("zh", error))}
    if as_json:
        typer.echo(json.dumps(said, indent=1))
    else:
        _show(said)
    if "plan" not in said:
        raise typer.Exit(2)


class _More(NamedTuple):
    """What is wanted beside the plan: a drawing, a page, a reason; from when on it is made by the hour."""

    plot: Path | None = None
    report: Path | None = None
    why: str | None = None
    hourly_after_h: float | None = None


def _answered(case: Path, how: tuple[float, float], more: _More) -> dict[str, Any]:
    plain = parsed(case)
    kind = kind_of(case, plain)
    if kind in {PLANT, "plant_day"}:
        return _plant(case, (plain, kind), how, more)
    if more != _More():
        raise ConfigError(
            "--plot, --report, --why and --hourly-after-h are about the plan of a plant; this case has no "
            "course over time"
        )
    from ems.optimize_answers import PUBLISHED  # noqa: PLC0415  the help needs none of it

    return {"kind": kind, **PUBLISHED[kind](plain, how[1])}


def _asked(
    case: Path, of: tuple[dict[str, Any], str], hourly_after_h: float | None
) -> tuple[DispatchProblem, dt.tzinfo | None, Grid | None]:
    """The problem of a plant's file, the zone of its times, and the grid it is planned on."""
    from optimizer.cases.forms import read_form  # noqa: PLC0415  the help needs none of it
    from optimizer.cases.plant_case import PlantCase  # noqa: PLC0415  as above
    from optimizer.cases.plant_day import PlantDay, problem_of  # noqa: PLC0415  as above
    from optimizer.cases.plant_problem import problem_of_plant  # noqa: PLC0415  as above
    from optimizer.coarse import coarsened, far_by_the_hour  # noqa: PLC0415  as above
    from runtime.yaml_config import as_config, load_config  # noqa: PLC0415  as above

    plain, kind = of
    zone: dt.tzinfo | None = None
    if kind == "plant_day":
        problem = problem_of(read_form(PlantDay, plain))
    else:
        # with the line of each fault where the file has lines a person counts
        asked = (
            as_config(str(case), plain, PlantCase)
            if case.suffix.lower() == ".json"
            else load_config(case, PlantCase)
        )
        problem, zone = problem_of_plant(asked), asked.start.tzinfo
    if hourly_after_h is None:
        return problem, zone, None
    grid = far_by_the_hour(problem.start_ns, problem.step_s, hourly_after_h)
    return coarsened(problem, grid), zone, grid


def _plant(
    case: Path,
    of: tuple[dict[str, Any], str],
    how: tuple[float, float],
    more: _More,
) -> dict[str, Any]:
    from optimizer.check import check  # noqa: PLC0415  the help needs none of it
    from optimizer.dispatch import plan_day  # noqa: PLC0415  as above
    from optimizer.short_words import short_texts  # noqa: PLC0415  as above
    from optimizer.solve import Infeasible, Stopped  # noqa: PLC0415  as above

    kind = of[1]
    problem, zone, grid = _asked(case, of, more.hourly_after_h)
    outcome = plan_day(problem, limit_s=how[1], gap_frac=how[0], grid=grid)
    said: dict[str, Any] = {"kind": kind, "status": type(outcome).__name__.lower()}
    if isinstance(outcome, Infeasible | Stopped):
        return said | {"reason": outcome.reason, "reason_zh": outcome.words.zh}
    if more.plot is not None:
        from optimizer.plot import drawing  # noqa: PLC0415  as above

        more.plot.write_text(drawing(outcome.plan, case.stem, *([zone] if zone else [])), encoding="utf-8")
    if outcome.plan.shortages or more.why is not None:
        from ems.optimize_why import shortages_of, why_of  # noqa: PLC0415  as above

        said |= shortages_of(problem, outcome.plan)
        said |= {} if more.why is None else why_of(problem, outcome.plan, more.why, zone)
    stats = outcome.stats
    said |= {
        "cost": outcome.plan.cost.total,
        "objective": outcome.objective,
        "bound": outcome.bound,
        "gap_pct": 100.0 * outcome.gap,
        "s": stats.solve_s,
        "nodes": stats.nodes,
        "size": {"columns": stats.columns, "rows": stats.rows, "whole": stats.binaries},
        "solver": f"{stats.solver} {stats.version}",
        "not_kept": [
            f"{fault.machine}, step {fault.step}: {fault.limit} (off by {fault.amount:.4g})"
            for fault in check(problem, outcome.plan)
        ],
        "short": [one.model_dump() for one in short_texts(problem, outcome.plan.shortages)],
        "plan": outcome.plan.to_dict(),
    }
    if more.report is not None:
        from ems.optimize_report import page_of  # noqa: PLC0415  as above

        more.report.write_text(page_of(case.stem, problem, outcome.plan, said, zone), encoding="utf-8")
    return said


def _show(said: dict[str, Any]) -> None:
    console = Console()
    table = Table("", "", show_header=False)
    for name in ("kind", "status", "reason", "cost", "objective", "bound", "gap_pct", "s", "nodes", "solver"):
        if name in said:
            value = said[name]
            table.add_row(name, f"{value:,.4f}" if isinstance(value, float) else str(value))
    for note in said.get("not_kept", []):
        table.add_row("not kept", note)
    plan = said.get("plan")
    course = plan if isinstance(plan, dict) and "machines" in plan else None
    for line in (*_notes(said, course), *told_of(said)):
        table.add_row(*line)
    console.print(table)
    if course is not None:
        console.print(_course(course))


def _notes(said: dict[str, Any], plan: dict[str, Any] | None) -> list[tuple[str, str]]:
    short = [("short", text["en"]) for text in said.get("short", [])]
    return short + [("note", note["en"]) for note in (plan or {}).get("notes", [])]


def _course(plan: dict[str, Any]) -> Table:
    table = Table("machine", "kind", "steps on", "starts", "energy, kWh", "first steps", title="machines")
    hours = plan["step_s"] / 3600.0
    for name, machine in plan["machines"].items():
        on = machine["on"]
        starts = sum(now and not before for before, now in pairwise(on))
        energy = f"{sum(machine['power_kw']) * hours:,.1f}"
        levels = " ".join(f"{level:.0f}" for level in machine["level"][:8])
        table.add_row(name, machine["kind"], str(sum(on)), str(starts), energy, levels)
    return table
