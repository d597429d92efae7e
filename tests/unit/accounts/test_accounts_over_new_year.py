"""A range over New Year: what is used in a year emits by the factor of that year."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hub.accounts.counted import Counted
from hub.accounts.goal_totals import total_of_goal
from hub.accounts.statement import Around, statement
from hub.accounts.tables import Table
from tests.unit.accounts.site_series import accounts_with, at

BOOK = """\
meters:
  - {id: main, point: meter_main/import_kwh}
  - {id: air_station, point: meter_air/import_kwh, below: main}
  - {id: air_made, carrier: air, unit: m³, point: comp1/flow_m3_min}
media:
  - {id: air, label: {en: Air, zh: 压缩空气}, made: air_made, inputs: [air_station]}
factors:
  - {id: old, carrier: electricity, kg_per_unit: 0.5, year: 2025, source: made up}
  - {id: new, carrier: electricity, kg_per_unit: 0.25, year: 2026, source: made up}
"""
HOURS = 24
"""Hours on either side of New Year."""


@pytest.fixture
def table() -> Table:
    ones = np.ones(2 * HOURS)
    columns = {"main": 10.0 * ones, "air_station": 4.0 * ones, "air_made": 100.0 * ones}
    return Table(at("2025-12-31"), 3600, columns)


def test_accounts_media_and_goals_emit_what_the_carbon_rows_say(table: Table, tmp_path: Path) -> None:
    site = accounts_with(tmp_path, BOOK)
    around = Around(None, {}, site.calendar, site.zone)
    made = statement(site.book, table, ("carrier",), around)
    due = HOURS * 10.0 * (0.5 + 0.25)
    power = next(one for one in made.accounts if one.carrier == "electricity")
    assert float(power.kg or 0) == pytest.approx(due)
    assert sum(float(row.kg) for row in made.carbon if row.scope == "2_location") == pytest.approx(due)
    assert sum(made.media[0].kg.values()) == pytest.approx(HOURS * 4.0 * (0.5 + 0.25))
    goal = total_of_goal(site, Counted(table), {}, "co2_kg")
    assert (goal[0], goal[-1], goal.sum()) == (5.0, 2.5, pytest.approx(due))


def test_where_one_of_the_years_has_no_factor_the_notes_say_so(table: Table, tmp_path: Path) -> None:
    site = accounts_with(tmp_path, BOOK.replace("year: 2025", "year: 2027"))
    made = statement(site.book, table, ("carrier",), Around(None, {}, site.calendar, site.zone))
    assert next(one for one in made.accounts if one.carrier == "electricity").kg is None
    told = [note.detail for note in made.notes if note.detail is not None]
    assert any("up to 2025" in one.en and "到 2025 年为止" in one.zh for one in told)
