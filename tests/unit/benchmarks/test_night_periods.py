"""Whole billing periods in closed loop at 1 s, with the demand charge once: a season a cell, by night.

`EMS_NIGHT_CELLS` names cells (`winter-bands,spring-hourly`; else one of each season), `EMS_MATRIX_DAYS`
shortens the period to try it out, `EMS_BENCH_WORKERS` is the number of processes. A period of the EMS takes
about 95 min of a core, the four some three and a half hours on two; what was cut off goes on where it stood
(`benchmarks.courses`). What was saved stands in `var/closed_loop_periods.json`; copied beside the results of
the benchmarks it is shown in docs/optimizer.md (`python -m benchmarks.tables`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

import pytest

from benchmarks.cases.closed_loop_matrix import DAYS, Ledgers, figures_of, seconds_asked
from benchmarks.cell_account import CellLedger
from benchmarks.courses import live_all
from benchmarks.matrix_cells import PERIOD_DAYS, WHO, Cell, Job, cells, lived_through, tariffs
from benchmarks.plant_run import DAY_S
from hub.dispatch.site import load_site
from protocols.errors import ConfigError
from runtime.clock import SystemClock, iso_utc

CELLS: Final = "EMS_NIGHT_CELLS"
USUAL: Final = "winter-bands,spring-hourly,summer-bands,autumn-flat"
ROOT: Final = Path(__file__).parents[3]
RESULT: Final = ROOT / "var" / "closed_loop_periods.json"


def night_cells(named: str) -> tuple[Cell, ...]:
    """The cells named; one of each season where none is.

    Raises:
        ConfigError: A name that is none; the message lists them.
    """
    known = {cell.name: cell for cell in cells()}
    names = [name.strip() for name in (named.strip() or USUAL).split(",")]
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ConfigError(f"{CELLS} names {', '.join(wrong)}; there are {', '.join(known)}")
    return tuple(dict.fromkeys(known[name] for name in names))


def test_a_night_has_a_cell_of_each_season_and_every_tariff_and_refuses_names_that_are_none() -> None:
    usual = night_cells("")
    assert [cell.season for cell in usual] == list(dict.fromkeys(cell.season for cell in cells()))
    assert {cell.tariff for cell in usual} == {cell.tariff for cell in cells()}
    assert night_cells(" summer-flat, summer-flat") == (Cell("summer", "flat"),)
    with pytest.raises(ConfigError, match="EMS_NIGHT_CELLS names monsoon-flat; there are winter-bands"):
        night_cells("monsoon-flat")


@pytest.mark.nightly
@pytest.mark.timeout(10 * 3600)
def test_billing_periods_keep_their_limits_and_pay_the_demand_once(
    capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    asked = night_cells(os.environ.get(CELLS, ""))
    seconds = seconds_asked(os.environ.get(DAYS, str(PERIOD_DAYS)))
    jobs = {
        job.title: job
        for who in WHO[::-1]
        for cell in asked
        for job in [Job(cell, who, seconds, period=True)]
    }
    with capsys.disabled():  # bars of all courses
        lived = live_all("closed_loop_periods", jobs, lived_through, whole=not os.environ.get(CELLS))
    found: dict[Cell, Ledgers] = {cell: {} for cell in asked}
    for title, job in jobs.items():
        found[job.cell][job.who] = CellLedger(**lived[title])
    _tell(found, seconds, record_property)
    demand = tariffs(load_site(ROOT / "configs", "demo").supply[0])
    for cell, by in found.items():
        for who, one in by.items():
            charge = demand[cell.tariff].demand_per_kw * one.peak_kw
            assert one.parts["demand"] == pytest.approx(charge), (cell.name, who)
            assert sum(one.parts.values()) == pytest.approx(one.cost), (cell.name, who)
        assert by["ems"].outside_s <= by["rules"].outside_s, cell.name
        if seconds == PERIOD_DAYS * DAY_S:
            assert by["ems"].cost < by["plant"].cost, cell.name


def _tell(found: dict[Cell, Ledgers], seconds: int, record_property: Callable[[str, object], None]) -> None:
    """What was saved, for people and for the report of the night."""
    figures = figures_of(found) | {"days": seconds / DAY_S}
    by_cell = {cell.name: {who: asdict(one) for who, one in by.items()} for cell, by in found.items()}
    RESULT.parent.mkdir(exist_ok=True)
    said = {"figures": figures, "when": iso_utc(SystemClock().now().wall_ns), "results": by_cell}
    RESULT.write_text(json.dumps(said, indent=1), encoding="utf-8")
    for name in ("saving_vs_plant_pct", "saving_vs_rules_pct", "outside_limits_s", "rules_outside_limits_s"):
        record_property(name, round(figures[name], 2))
