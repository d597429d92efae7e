"""Four seasons by three tariffs in closed loop at 1 s: the EMS, the plant's own control, and good rules.

The machines are true ones (other shapes than the planner's curves), the EMS is the hub's own core with its
own forecasts. `EMS_MATRIX_DAYS` is the length of a cell (3; 28 are a billing period with its demand charge),
`EMS_MATRIX_CELLS` names some of the cells, such as `winter-bands,summer-hourly`. A call that was interrupted
goes on where it stopped, and the answers of some cells are kept for the whole matrix (`benchmarks.courses`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from benchmarks.cell_account import CellLedger
from benchmarks.courses import live_all
from benchmarks.matrix_cells import FORECASTS, PERIOD_DAYS, SEASONS, WHO, Cell, Job, cells, lived_through
from benchmarks.plant_run import DAY_S, QUARTER_S
from benchmarks.registry import Case, Figures, Result
from protocols.errors import ConfigError

DAYS: Final = "EMS_MATRIX_DAYS"
CELLS: Final = "EMS_MATRIX_CELLS"
_BANDS: Final = frozenset({Cell("winter", "bands"), Cell("summer", "bands")})
"""Cells in which the cost's band from forecast error is looked for."""
_PEERS: Final = {"own_control": "plant", "good_rules": "rules", "good_rules_and_engine": "rules_engine"}

Ledgers = dict[str, CellLedger]


def run() -> Result:
    """Live through every cell under everybody, and compare."""
    asked = asked_cells(os.environ.get(CELLS, ""))
    seconds = seconds_asked(os.environ.get(DAYS, "3"))
    jobs = list(jobs_of(asked, seconds))
    whole = set(asked) == set(cells())
    lived = live_all("closed_loop_matrix", {job.title: job for job in jobs}, lived_through, whole=whole)
    found: dict[Cell, Ledgers] = {cell: {} for cell in asked}
    for job in jobs:
        found[job.cell][job.who] = CellLedger(**lived[job.title])
    peers = {name: _sums([one[who] for one in found.values()]) for name, who in _PEERS.items()}
    results = {cell.name: {who: _plain(one) for who, one in by.items()} for cell, by in found.items()}
    return Result(figures_of(found) | {"days": seconds / DAY_S}, peers, results)


def asked_cells(named: str) -> tuple[Cell, ...]:
    """The cells named, all where none is.

    Raises:
        ConfigError: A name that is none; the message lists them.
    """
    known = {cell.name: cell for cell in cells()}
    names = [name.strip() for name in named.split(",") if name.strip()] or list(known)
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ConfigError(f"{CELLS} names {', '.join(wrong)}; there are {', '.join(known)}")
    return tuple(known[name] for name in names)


def seconds_asked(text: str) -> int:
    """Length of a cell, whole quarters of an hour. [s].

    Raises:
        ConfigError: It is no length from a quarter of an hour to a billing period.
    """
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    seconds = QUARTER_S * round(days * DAY_S / QUARTER_S) if math.isfinite(days) else 0
    if not QUARTER_S <= seconds <= PERIOD_DAYS * DAY_S:
        raise ConfigError(f"{DAYS} is {text!r}; give a number of days up to {PERIOD_DAYS}, such as 0.5")
    return seconds


def jobs_of(asked: tuple[Cell, ...], seconds: int) -> Iterator[Job]:
    """All courses, the longest first."""
    period = seconds == PERIOD_DAYS * DAY_S
    yield from (Job(cell, "ems", seconds, period) for cell in asked)
    yield from (Job(cell, who, seconds, period) for cell in asked if cell in _BANDS for who in FORECASTS)
    yield from (Job(cell, who, seconds, period) for cell in asked for who in WHO if who != "ems")


def figures_of(found: Mapping[Cell, Ledgers]) -> Figures:
    """Mean and worst over the cells; a saving is positive where the EMS is cheaper."""
    every = list(found.values())
    figures = _sums([one["ems"] for one in every])
    for name, who in (("plant", "plant"), ("rules", "rules"), ("rules_engine", "rules_engine")):
        savings = [-_change(one[who].cost, one["ems"].cost) for one in every]
        figures[f"saving_vs_{name}_pct"] = sum(savings) / len(savings)
        figures[f"worst_cell_vs_{name}_pct"] = min(savings)
    figures["rules_outside_limits_s"] = float(sum(one["rules"].outside_s for one in every))
    figures["plant_outside_limits_s"] = float(sum(one["plant"].outside_s for one in every))
    for name, of in (("energy", "energy_kwh"), ("co2", "co2_kg")):
        changes = [_change(getattr(one["rules"], of), getattr(one["ems"], of)) for one in every]
        figures[f"{name}_vs_rules_pct"] = sum(changes) / len(changes)
        figures[f"worst_{name}_vs_rules_pct"] = max(changes)
    figures["worst_peak_vs_rules_kw"] = max(one["ems"].peak_kw - one["rules"].peak_kw for one in every)
    figures["worst_starts_vs_rules"] = float(max(one["ems"].starts - one["rules"].starts for one in every))
    figures["worst_outside_limits_s"] = float(max(one["ems"].outside_s for one in every))
    figures["cells"] = float(len(every))
    figures["plans"] = float(sum(one["ems"].plans for one in every))
    figures["plans_refused"] = float(sum(one["ems"].refused for one in every))
    return figures | _band(every)


def _band(every: list[Ledgers]) -> Figures:
    """What the cost owes to its forecasts: with perfect ones, and with poor ones. [% of the cost]."""
    known = [one for one in every if all(who in one for who in FORECASTS)]
    if not known:
        return {}
    changes = {who: [_change(one["ems"].cost, one[who].cost) for one in known] for who in FORECASTS}
    return {f"cost_with_{who[4:]}_forecasts_pct": sum(of) / len(of) for who, of in changes.items()}


def _sums(ledgers: list[CellLedger]) -> Figures:
    """Mean of a cell, and the highest peak; the time outside limits of all."""
    count = len(ledgers)
    return {
        "cost": sum(one.cost for one in ledgers) / count,
        "energy_mwh": sum(one.energy_kwh for one in ledgers) / count / 1000.0,
        "co2_t": sum(one.co2_kg for one in ledgers) / count / 1000.0,
        "peak_kw": sum(one.peak_kw for one in ledgers) / count,
        "starts": sum(one.starts for one in ledgers) / count,
        "outside_limits_s": float(sum(one.outside_s for one in ledgers)),
    }


def _plain(ledger: CellLedger) -> dict[str, Any]:
    told = {name: getattr(ledger, name) for name in ("cost", "energy_kwh", "co2_kg", "peak_kw", "dumped_kwh")}
    counts = {name: getattr(ledger, name) for name in ("starts", "outside_s", "plans", "refused", "reasons")}
    rounded = {name: round(value, 2) for name, value in told.items()}
    by_part = {name: round(value, 2) for name, value in ledger.parts.items()}
    by_unit = {name: round(value) for name, value in ledger.unit_kwh.items()}
    return rounded | {"parts": by_part, "unit_kwh": by_unit} | counts


def _change(base: float, value: float) -> float:
    return 100.0 * (value - base) / abs(base) if base else 0.0


CASE: Final = Case(
    "closed_loop_matrix",
    "EMS, own control and good rules, four seasons by three tariffs, 1 s steps; an hour, resumable",
    run,
    {"season": tuple(SEASONS), "tariff": ("bands", "flat", "hourly"), "who": WHO},
)
