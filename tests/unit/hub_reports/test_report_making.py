"""Reports made by real child processes from a hub's folder: figures, files, refusals, crashes."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from tests.unit.hub_reports.report_hub import ReportHub, hub_folder, last_month, report_hub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
MONTH, FIRST, AFTER = last_month()


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


async def test_a_month_of_carbon_in_chinese_has_its_figures_in_both_files(hub: ReportHub) -> None:
    ident = await hub.order("carbon", MONTH)
    assert await hub.keeper().turn()
    row = await hub.row(ident)
    assert (row.state, row.error_en, row.progress_frac) == ("done", "", 1.0)
    assert row.completeness_pct is not None
    assert row.completeness_pct > 99
    files = await hub.files(ident)
    kwh = 25.0 * ((AFTER - FIRST).days * 96 + _quarters_of_clock_changes())
    shown = words_of(files["pdf"])
    assert "碳排放月报" in shown
    assert f"{kwh * 0.5 / 1000:,.3f} t CO2" in shown
    cells = [
        cell for sheet in load_workbook(io.BytesIO(files["xlsx"])) for row_ in sheet.values for cell in row_
    ]
    assert any(isinstance(cell, float) and abs(cell - kwh * 0.5 / 1000) < 0.001 for cell in cells)
    assert row.digest in shown
    assert row.digest in cells


def _quarters_of_clock_changes() -> int:
    from tests.unit.hub_reports.report_hub import ns  # noqa: PLC0415  beside the figure it explains

    return (ns(AFTER) - ns(FIRST)) // (900 * 10**9) - (AFTER - FIRST).days * 96
