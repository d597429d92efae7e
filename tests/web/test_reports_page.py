"""Reports in a real Chromium: asked for, made by a real process, fetched; refused; schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.clock import SystemClock
from tests.hub_running import HubProcess, need_the_page, running_hub
from tests.unit.accounts.site_series import QUARTER, filling
from tests.unit.hub_reports.report_hub import last_month, ns
from tests.web.browser import Page, browser
from tests.web.person import WORDS, axe, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(240)]
MONTH, FIRST, AFTER = last_month()
ROWS = "[data-testid=reports] tr[data-report]"


async def _a_month(state: Path) -> None:
    """Readings of the main meter of last month."""
    count = (ns(AFTER) - ns(FIRST)) // QUARTER
    await asyncio.to_thread(_put, state, count)


def _put(state: Path, count: int) -> None:
    with filling(state, SystemClock().now().wall_ns) as filled:
        filled.put("meter_main", ns(FIRST), {"import_kwh": np.array(20.0 * np.arange(count + 1), np.float64)})


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub that shows and makes reports."""
    need_the_page()
    with running_hub(tmp_path_factory.mktemp("hub"), "api,jobs", _a_month) as made:
        yield made


def test_a_report_is_asked_for_made_and_fetched_in_both_languages(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        page.open(f"{hub.address}/sites/demo/reports")
        page.until("document.activeElement?.id === 'username'", 20)
        sign_in(page, hub.password)
        page.until("document.querySelector('[data-testid=none]')", 30)
        page.until("document.querySelector('[data-testid=no-schedule]')", 30)
        speak(page, "zh")
        assert WORDS["zh"]["reports"]["none"] in page.text()
        _order(page, MONTH)
        page.until(f"document.querySelector('{ROWS}[data-state=done] button.file[data-form=pdf]')", 120)
        page.evaluate(
            "window.saved = []; URL.createObjectURL = (body) => { window.saved.push(body); return 'blob:x' }"
        )
        page.click(f"{ROWS}[data-state=done] button.file[data-form=pdf]")
        page.until("window.saved.length === 1", 30)
        assert page.evaluate("window.saved[0].slice(0, 5).text()") == "%PDF-"
        _order(page, "2001-02")
        page.until(f"document.querySelector('{ROWS}[data-state=failed] button.again')", 120)
        assert "没有任何数据" in page.text()
        page.click("button.schedule")
        page.until("document.querySelector('tr[data-schedule]')", 30)
        for lang in WORDS:
            speak(page, lang)
            assert {"en": "there are no data", "zh": "没有任何数据"}[lang] in page.text()
            assert {"en": "Monthly energy report", "zh": "能源月报"}[lang] in page.text()
            assert axe(page) == []
        page.size(390, 844)
        fits_a_phone(page)
        page.click("tr[data-schedule] button.end")
        page.until("document.querySelector('[data-testid=no-schedule]')", 30)


def _order(page: Page, period: str) -> None:
    page.fill("#report-period", period)
    page.click("button.order")
    page.until(
        f"[...document.querySelectorAll('{ROWS}')].some(row => row.innerText.includes('{period}'))", 30
    )
