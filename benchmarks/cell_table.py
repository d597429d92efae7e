"""The closed-loop matrix and the billing periods cell by cell, as Markdown for docs/optimizer.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Cell = Mapping[str, Mapping[str, Any]]
Value = Callable[[Cell], float | None]
Overall = Callable[[Sequence[float]], float]

_DAYS: Final = "closed_loop_matrix.json"
_PERIODS: Final = "closed_loop_periods.json"
_LEGEND: Final = """\
Cost in the currency of the tariff, and how much cheaper that is than by the plant's own control, by good
rules, and by rules whose engine follows the tariff too. Energy (electricity and gas), CO2 and the highest
quarter hour against the good rules; starts and seconds outside limits of EMS / rules; by how much perfect
and poor forecasts would have changed the cost. Worst: the worst of each column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        title: Its head.
        of: What stands in it of a cell, several with a stroke between; None where that was not lived through.
        form: How a number is written.
        worst: What of all cells is the worst.
    """

    title: str
    of: tuple[Value, ...]
    form: str
    worst: Overall = max

    def told(self, cells: Sequence[Cell], overall: Overall) -> str:
        """Its text for some cells, put together."""
        known = [[value for cell in cells if (value := of(cell)) is not None] for of in self.of]
        return " / ".join(format(overall(values), self.form) for values in known if values) or "–"


def _of(who: str, what: str) -> Value:
    return lambda cell: float(cell[who][what]) if who in cell else None


def _change(base: str, who: str, what: str = "cost", sign: float = 1.0) -> Value:
    """By how much of a hundred somebody's figure differs from another's."""

    def percent(cell: Cell) -> float | None:
        if base not in cell or who not in cell:
            return None
        before = float(cell[base][what])
        return sign * 100.0 * (float(cell[who][what]) - before) / abs(before)

    return percent


def _peak(cell: Cell) -> float:
    return float(cell["ems"]["peak_kw"] - cell["rules"]["peak_kw"])


COLUMNS: Final = (
    Column("cost", (_of("ems", "cost"),), ",.0f"),
    Column("vs own control, %", (_change("plant", "ems", sign=-1.0),), "+.2f", min),
    Column("vs good rules, %", (_change("rules", "ems", sign=-1.0),), "+.2f", min),
    Column("vs rules and engine, %", (_change("rules_engine", "ems", sign=-1.0),), "+.2f", min),
    Column("energy, %", (_change("rules", "ems", "energy_kwh"),), "+.2f"),
    Column("CO2, %", (_change("rules", "ems", "co2_kg"),), "+.2f"),
    Column("peak, kW", (_peak,), "+.0f"),
    Column("starts", (_of("ems", "starts"), _of("rules", "starts")), ".3g"),
    Column("outside, s", (_of("ems", "outside_s"), _of("rules", "outside_s")), ".3g"),
    Column("perfect / poor, %", (_change("ems", "ems_perfect"), _change("ems", "ems_poor")), "+.2f"),
)


def cell_tables(results: Path) -> str:
    """Both tables with their titles; what is not measured is said."""
    named = (
        (_DAYS, "Days without demand charge", "The matrix of days is not measured."),
        (_PERIODS, "Billing periods, the demand charge once", "Billing periods are not measured."),
    )
    parts = [_LEGEND]
    for file, title, missing in named:
        path = results / file
        if not path.exists():
            parts.append(missing)
            continue
        said = json.loads(path.read_text(encoding="utf-8"))
        length = f"{said['figures']['days']:g} days a cell, {said['when'][:10]}"
        parts.append(f"**{title}** ({length}):\n\n{_table(said['results'])}")
    return "\n\n".join(parts)


def _table(cells: Mapping[str, Cell]) -> str:
    every = list(cells.values())
    rows = [["cell", *(one.title for one in COLUMNS)], ["---", *("---:" for _ in COLUMNS)]]
    rows += [[name, *(one.told([cell], max) for one in COLUMNS)] for name, cell in cells.items()]
    rows.append(["mean", *(one.told(every, _mean) for one in COLUMNS)])
    rows.append(["worst", *(one.told(every, one.worst) for one in COLUMNS)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
