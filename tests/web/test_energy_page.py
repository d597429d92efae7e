"""The page of energy and carbon in a real Chromium: figures, states, closing, both languages, on a phone."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hub.store.engine import embedded_place, open_store
from runtime.clock import SystemClock
from tests.hub_running import ROOT, HubProcess, need_the_page, running_hub
from tests.unit.accounts.site_series import QUARTER, Filling, S
from tests.web.browser import Page, browser
from tests.web.person import WORDS, axe, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(240)]

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = dt.datetime.fromtimestamp(SystemClock().now().wall_ns / 1e9, BERLIN).date()
DAY = (TODAY - dt.timedelta(days=1)).isoformat()
METERS = {"meter_main": 25.0, "meter_air": 10.0, "meter_cooling": 5.0, "meter_process": 7.5}
"""Counted in a quarter of an hour. [kWh]"""
POWERS = {
    "chp1": {"fuel_kw": 60.0, "power_kw": -24.0, "heat_kw": 30.0},
    "boiler1": {"fuel_kw": 20.0, "heat_kw": 18.0},
    "chiller1": {"cooling_kw": 50.0},
    "chiller2": {"cooling_kw": 0.0},
    **{f"comp{n}": {"flow_m3_min": 2.0} for n in (1, 2, 3, 4)},
}


def midnight_ns(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), BERLIN).timestamp()) * S


async def count(state: Path) -> None:
    """The day before yesterday's last hours, and yesterday whole."""
    start_ns = midnight_ns(TODAY - dt.timedelta(days=1)) - 8 * QUARTER
    steps = (midnight_ns(TODAY) - start_ns) // QUARTER + 1
    store = open_store(embedded_place(state), SystemClock())
    try:
        into = Filling(store)
        for device, kwh in METERS.items():
            into.put(device, start_ns, {"import_kwh": 5000.0 + kwh * np.arange(steps, dtype=np.float64)})
        for device, columns in POWERS.items():
            into.put(device, start_ns, {name: np.full(steps, value) for name, value in columns.items()})
    finally:
        store.close()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub that has counted for a day."""
    need_the_page()
    with running_hub(tmp_path_factory.mktemp("hub"), prepare=count) as made:
        yield made


def ems(hub: HubProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ems.main", "accounts", *arguments, f"--hub={hub.address}"]
    known = {**os.environ, "EMS_PASSWORD": hub.password}
    return subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, check=False)


def cells(page: Page, row: str) -> list[str]:
    found: list[Any] = page.evaluate(
        f"[...document.querySelectorAll('{row} td')].map(c => c.innerText.trim())"
    )
    return [str(one) for one in found]


def opened(page: Page, hub: HubProcess, query: str) -> None:
    page.open(f"{hub.address}/sites/demo/energy?{query}")
    page.until("document.activeElement?.id === 'username'", 20)
    sign_in(page, hub.password)


def test_a_manager_reads_a_day_in_both_languages_and_on_a_phone(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        opened(page, hub, f"period={DAY}&by=area")
        page.until("document.querySelector('[data-carrier=electricity] [data-key=production]')", 40)
        hours = (midnight_ns(TODAY) - midnight_ns(TODAY - dt.timedelta(days=1))) // (4 * QUARTER)
        row = cells(page, "[data-carrier=electricity] [data-key=production]")
        assert row[1] == f"{30.0 * hours:.0f} kWh"
        assert row[4] == "100.0 %"
        page.until("document.querySelector('[data-part=invoice]')?.innerText.includes('No invoice')", 20)
        assert "tce" in page.evaluate("document.querySelector('[data-part=carbon]').innerText")
        assert "Umweltbundesamt" in page.text()
        assert page.evaluate("document.querySelector('[data-chp=chp1]') !== null")
        page.until("document.querySelector('[data-goal=power_2026]')", 20)
        for lang in WORDS:
            speak(page, lang)
            words = WORDS[lang]["energy"]
            for part in (words["title"], words["carbon"]["title"], words["closing"]["title"], words["over"]):
                assert part in page.text()
            assert axe(page) == []
        page.size(390, 844)
        fits_a_phone(page)
        assert page.faults == []


def test_a_range_that_is_one_day_is_shown_as_that_day(chromium: str, hub: HubProcess, tmp_path: Path) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        opened(page, hub, f"period={DAY}..{DAY}&by=area")
        page.until("document.querySelector('[data-carrier=electricity] [data-key=production]')", 40)
        assert DAY in page.evaluate("document.querySelector('[data-testid=span]').innerText")
        assert page.faults == []


def test_a_manager_closes_a_day_despite_its_gaps_and_cannot_close_it_twice(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        opened(page, hub, f"period={DAY}")
        page.until("document.querySelector('[data-testid=close]')", 40)
        page.click("[data-testid=close]")
        page.click("dialog .act")
        page.until("document.querySelector('dialog [role=alert]')", 20)
        assert "has gaps" in page.evaluate("document.querySelector('dialog [role=alert]').innerText")
        page.click("dialog input[name=despite]")
        page.click("dialog .act")
        said = "document.querySelector('dialog [role=alert]')?.innerText.includes('no invoice can be made')"
        page.until(said, 20)  # demand has a price by the month
        page.click("dialog input[name=without]")
        page.click("dialog .act")
        page.until("document.querySelector('dialog [data-testid=done]')", 20)
        page.click("dialog .finish")
        page.until("document.querySelector('[data-testid=mark]')", 20)
        closed = "document.querySelector('[data-part=closed]')?.textContent"
        page.until(f"{closed}.includes('Electricity, amount [kWh]')", 20)
        speak(page, "zh")
        page.until(f"{closed}.includes('电力·用量 [kWh]')", 20)
        assert "electricity.electricity" not in page.evaluate(closed)
        assert page.faults == []
    listed = json.loads(ems(hub, "closed", "--json").stdout)
    assert [(one["period"], one["version"], one["by"]) for one in listed] == [(DAY, 1, "admin")]
    again = ems(hub, "close", "--period", DAY, "--despite-gaps", "--without-invoice")
    assert (again.returncode, "is closed since version 1" in again.stderr) == (3, True)
    despite = ("--despite-gaps", "--without-invoice")
    nothing = ems(hub, "restate", "--period", DAY, "--reason", "looked again", *despite)
    assert "nothing to restate" in nothing.stderr


def test_a_month_that_goes_on_says_how_far_it_is_reckoned_and_what_is_missing(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        opened(page, hub, "by=carrier")
        page.until("document.querySelector('[data-testid=partial]')", 40)
        page.until("document.querySelector('[data-part=invoice] [data-testid=total]')", 40)
        assert "Provisional" in page.text()
        assert WORDS["en"]["energy"]["byTariff"] in page.text()
        page.click("[data-testid=back]")
        page.until(f"document.querySelector('[data-testid=period]').innerText < '{TODAY:%Y-%m}'", 20)
        page.until("document.querySelector('[data-testid=span]')?.innerText.includes('over')", 40)
        assert page.faults == []
