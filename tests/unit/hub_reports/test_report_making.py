"""Reports made by real child processes from a hub's folder: figures, files, refusals, crashes."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from hub.accounts.billing import invoice_of
from hub.accounts.making import statement_of
from hub.accounts.periods import named
from hub.alarms.tables import AlarmLineRow, AlarmOfficeRow
from hub.ledger.tables import PlanRow
from hub.reports.worker import view_in_force
from hub.store.engine import open_reader, place_of
from hub.values.cleaning import RuleMarker
from runtime.clock import iso_utc
from tests.unit.accounts.site_series import S
from tests.unit.hub_reports.report_hub import ReportHub, hub_folder, last_month, ns, report_hub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
MONTH, FIRST, AFTER = last_month()
QUARTERS = (ns(AFTER) - ns(FIRST)) // (900 * S)


@pytest.fixture(scope="module")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_folder(tmp_path_factory.mktemp("reports"))


@pytest.fixture
async def hub(made_folder: Path, tmp_path: Path) -> AsyncIterator[ReportHub]:
    state = await asyncio.to_thread(shutil.copytree, made_folder, tmp_path / "state")
    async with report_hub(state) as found:
        yield found


def words_of(made: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages)


def cells_of(made: bytes) -> list[object]:
    return [
        cell for sheet in load_workbook(io.BytesIO(made)).worksheets for row in sheet.values for cell in row
    ]


def figures_of(made: bytes) -> dict[str, object]:
    """Figures of the first sheet by their label."""
    rows = load_workbook(io.BytesIO(made)).worksheets[0].iter_rows(max_col=2, values_only=True)
    return {str(row[0]): row[1] for row in rows if row[0] is not None}


async def test_a_month_of_carbon_in_chinese_has_its_figures_in_both_files(hub: ReportHub) -> None:
    ident = await hub.order("carbon", MONTH)
    assert await hub.keeper().turn()
    row = await hub.row(ident)
    assert (row.state, row.error_en, row.progress_frac, row.completeness_pct) == ("done", "", 1.0, 100.0)
    files = await hub.files(ident)
    tonnes = QUARTERS * 25.0 * 0.5 / 1000.0
    shown, cells = words_of(files["pdf"]), cells_of(files["xlsx"])
    assert "碳排放月报" in shown
    assert f"{tonnes:,.3f} t CO2" in shown
    assert any(isinstance(cell, float) and abs(cell - tonnes) < 0.0005 for cell in cells)
    assert row.digest in shown
    assert row.digest in cells


async def test_a_month_of_energy_says_what_the_api_says(hub: ReportHub) -> None:
    ident = await hub.order("energy", MONTH, "en", ("xlsx",))
    await hub.keeper().turn()
    found = figures_of((await hub.files(ident))["xlsx"])
    view = await asyncio.to_thread(view_in_force, hub.state, "demo")
    assert view.accounts is not None
    reader = open_reader(place_of(hub.state), RuleMarker(view.values.cleaning))
    try:
        now_ns = hub.clock.now().wall_ns
        made = statement_of(reader, view.accounts, named(MONTH), ("carrier",), (now_ns, None))
        billed = invoice_of(reader, view.accounts, named(MONTH), now_ns)
    finally:
        reader.close()
    [electricity] = made.statement.accounts
    assert found["Electricity used"] == pytest.approx(float(electricity.amount))
    assert found["Energy cost"] == pytest.approx(float(electricity.cost or 0))
    assert found["Highest demand, 15 min"] == pytest.approx(100.0)
    cells = cells_of((await hub.files(ident))["xlsx"])
    for line in billed.invoice.lines:
        assert any(isinstance(cell, int | float) and abs(cell - float(line.amount)) < 0.005 for cell in cells)
    quarters = load_workbook(io.BytesIO((await hub.files(ident))["xlsx"]))["Quarter hours"]
    assert sum(isinstance(row[0], datetime) for row in quarters.values) == QUARTERS


async def test_a_report_with_a_gap_is_marked_and_says_how_much_is_there(hub: ReportHub) -> None:
    middle = FIRST + timedelta(days=15)
    ident = await hub.order("energy", f"{middle - timedelta(days=20)}..{middle}", "zh", ("pdf",))
    await hub.keeper().turn()
    row = await hub.row(ident)
    assert row.completeness_pct is not None
    assert 70 < row.completeness_pct < 80
    assert "数据不完整" in words_of((await hub.files(ident))["pdf"])


async def test_a_site_without_a_book_gets_its_counters_one_by_one(tmp_path: Path) -> None:
    state = await asyncio.to_thread(hub_folder, tmp_path, "")
    async with report_hub(state) as hub:
        energy, carbon = await hub.order("energy", MONTH, "en"), await hub.order("carbon", MONTH)
        keeper = hub.keeper()
        assert [await keeper.turn(), await keeper.turn()] == [True, True]
        shown = words_of((await hub.files(energy))["pdf"])
        assert "has no book of accounts" in shown
        assert f"{QUARTERS * 25.0:,.2f}" in shown
        row = await hub.row(carbon)
        assert (row.state, await hub.files(carbon)) == ("failed", {})
        assert "账簿" in row.error_zh


async def test_alarms_of_a_month_are_counted_and_the_journal_is_in_it(hub: ReportHub) -> None:
    start_ns = ns(FIRST)
    async with hub.sessions.begin() as session:
        session.add(
            AlarmOfficeRow(site="demo", revision=1, ballot="b", claim=b"", commits=1, watched_ns=start_ns)
        )
        for at in range(12):
            session.add(
                AlarmLineRow(
                    site="demo", alarm="low", kind="raised", time_ns=start_ns + at * 30 * S, priority=2,
                    occurrence=at, label_en="=Air pressure low", label_zh="气压过低", actor="", words="",
                    value=5.5, quiet=False,
                )
            )  # fmt: skip
    ident = await hub.order("alarms", MONTH, "en")
    await hub.keeper().turn()
    files = await hub.files(ident)
    found = figures_of(files["xlsx"])
    assert (found["Alarms raised"], found["Most in any 10 min"], found["Priority 2"]) == (12, 12, 12)
    assert words_of(files["pdf"]).count("=Air pressure low") >= 13
    sheets = load_workbook(io.BytesIO(files["xlsx"])).worksheets
    types = {
        cell.data_type
        for sheet in sheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.value == "=Air pressure low"
    }
    assert types == {"s"}


async def test_plan_against_baseline_goes_by_the_plan_in_force_and_is_called_an_estimate(
    hub: ReportHub,
) -> None:
    start_ns = ns(FIRST)
    async with hub.sessions.begin() as session:
        for ident, made_ns, planned, baseline in (
            ("a", start_ns, 80.0, 100.0),
            ("b", start_ns + 3600 * S, 60.0, 90.0),
        ):
            session.add(
                PlanRow(
                    id=ident, site="demo", revision=1, created_ns=made_ns, status="optimal", gap=0.0,
                    bound=0.0, cost=1.0, baseline_cost=2.0, co2_kg=0.0, solve_s=1.0, currency="EUR", steps=96,
                    binary_steps=96, body=_plan(made_ns, planned, baseline),
                )
            )  # fmt: skip
    name = f"{FIRST}"
    ident = await hub.order("plan", name, "en")
    await hub.keeper().turn()
    row = await hub.row(ident)
    assert (row.state, row.error_en) == ("done", "")
    files = await hub.files(ident)
    found = figures_of(files["xlsx"])
    assert found["Plans made"] == 2
    assert found["Bought by the plans in force"] == pytest.approx(80.0 * 1 + 60.0 * 23)
    assert found["Baseline less plan, estimate"] == pytest.approx(20.0 * 1 + 30.0 * 23)
    assert found["Bought, measured"] == pytest.approx(100.0 * 24)
    shown = words_of(files["pdf"])
    assert "estimate" in shown
    assert "saving" not in shown.replace("no measured saving", "")


def _plan(made_ns: int, planned_kw: float, baseline_kw: float) -> dict[str, object]:
    times = [iso_utc(made_ns + step * 900 * S) for step in range(96)]
    series = [
        {"name": name, "unit": "kW", "label": {"en": name, "zh": name}, "values": [value] * 96}
        for name, value in (("import_kw", planned_kw), ("baseline_kw", baseline_kw))
    ]
    return {"step_s": 900, "times": times, "series": series}
