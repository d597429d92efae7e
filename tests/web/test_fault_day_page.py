"""An operator lives through faults of the standard day on the pages, in Chinese, at a desk and by phone.

A real hub, a real bus, the simulator's plant behind the journal and uplink of the agent; the rules of the
demo site, with delays of seconds instead of minutes.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.hub_running import ROOT, HubProcess, need_the_page, running_hub
from tests.web.browser import Page, browser
from tests.web.person import WORDS, axe, fits_a_phone, sign_in

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(900)]

ZH: dict[str, Any] = WORDS["zh"]["alarms"]
RULES = yaml.safe_load((ROOT / "configs/sites/demo/alarms.yaml").read_text(encoding="utf-8"))["alarms"]
LOW = next(rule for rule in RULES if rule["id"] == "air_pressure_low")
STANDING = "[data-testid=alarms]"
HIDDEN = "[data-testid=alarms-hidden]"
JOURNAL = "[data-testid=alarm-journal]"
EDGE = "edge:edge1"
MISMATCH, PRESSURE, WARM = "comp1_not_as_asked", "air_pressure_low", "cooling_supply_warm"
LONG_S = 120.0
"""So long a busy machine may take for what takes seconds. [s]"""


@dataclass(frozen=True, slots=True)
class Box:
    """The box of the plant, as `plant_box` tells of it."""

    process: subprocess.Popen[str]

    def tell(self, **instead: float | list[float] | None) -> None:
        """Points that are told otherwise from now on; two underscores part device and point."""
        assert self.process.stdin is not None
        named = {name.replace("__", "/"): value for name, value in instead.items()}
        self.process.stdin.write(json.dumps(named) + "\n")
        self.process.stdin.flush()


@contextmanager
def running_box(hub: HubProcess, config: Path, folder: Path) -> Iterator[Box]:
    """The box until the block ends; killed, also where it stands still."""
    command = [sys.executable, "-m", "tests.web.plant_box", hub.bus.url, str(hub.bus.config.keys)]
    with (folder / "box.log").open("wb") as log, subprocess.Popen(
        [*command, str(config), str(folder / "box")],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True,
    ) as process:  # fmt: skip
        try:
            yield Box(process)
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Day:
    """The hub, the box, and the password of the operator `olga`."""

    hub: HubProcess
    box: Box
    password: str


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A plant that is watched."""
    need_the_page()
    folder = tmp_path_factory.mktemp("day")
    config = folder / "config"
    shutil.copytree(ROOT / "configs", config)
    rules = config / "sites/demo/alarms.yaml"
    text = re.sub(r"(o(?:n|ff)_delay_s): \d+", r"\1: 1", rules.read_text(encoding="utf-8"))
    rules.write_text(text, encoding="utf-8")
    with (
        running_hub(folder, "api,ingest,alarms", config=config) as hub,
        running_box(hub, config, folder) as box,
    ):
        yield Day(hub, box, an_operator(hub))


def an_operator(hub: HubProcess) -> str:
    """Password of `olga`, whom the administrator lets in."""
    with httpx.Client(base_url=f"{hub.address}/api/v1", timeout=60) as client:
        body = {"username": "admin", "password": hub.password}
        token = client.post("/auth/login", json=body).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        made = client.post("/sites/demo/people", json={"name": "olga", "role": "operator"})
        return str(made.raise_for_status().json()["password"])


def row(alarm: str, more: str = "", part: str = STANDING) -> str:
    """Selector of the row of an alarm."""
    return f'{part} tr[data-alarm="{alarm}"]{more}'


def there(selector: str) -> str:
    """Script that is true once something is on the page."""
    return f"document.querySelector({json.dumps(selector)}) !== null"


def said(page: Page, selector: str) -> str:
    return str(page.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))


def press(page: Page, selector: str, key: str, done: str) -> None:
    """Press a key on a row until it has worked: a row that moves under the hand loses the focus."""
    for _ in range(6):
        if page.evaluate(done):
            return
        page.evaluate(f"document.querySelector({json.dumps(selector)})?.focus()")
        page.press(key)
        with contextlib.suppress(AssertionError):
            page.until(done, 10)
    page.until(done)


def test_an_operator_lives_through_a_day_of_faults(chromium: str, day: Day, tmp_path: Path) -> None:
    with browser(chromium, tmp_path / "chromium", "zh") as page:
        page.open(f"{day.hub.address}/sites/demo")
        page.until("document.activeElement?.id === 'username'", LONG_S)
        sign_in(page, day.password, "olga")
        page.until(there(".plant [data-q=good]"), 2 * LONG_S)
        _sees_it_on_the_overview(page, day.box)
        _reads_what_to_do_and_acknowledges(page)
        _shelves_for_an_hour(page)
        _sees_a_restless_value_raised_once_more_and_then_no_more(page, day.box)
        page.size(390, 844)
        _is_told_of_a_dead_box_once(page, day.box)
        _sees_it_come_back(page, day.box)
        _finds_the_day_in_the_journal(page)
        assert page.faults == []


def _sees_it_on_the_overview(page: Page, box: Box) -> None:
    """A machine that does not do as asked, then low pressure: the urgent one stands on top of every page."""
    box.tell(comp1__role_code=0.0)
    page.until(there('[data-testid=alarm-counts] [data-of="3"]:not([data-count="0"])'), LONG_S)
    box.tell(comp4__header_bar_g=5.6)
    page.until(there(f".banner[data-alarm={PRESSURE}]"), LONG_S)
    assert LOW["label"]["zh"] in said(page, f".banner[data-alarm={PRESSURE}]")
    press(page, f".banner[data-alarm={PRESSURE}] a", "Enter", "location.pathname.endsWith('/alarms')")
    page.until(there(row(PRESSURE, "[data-state=unack]")), LONG_S)


def _reads_what_to_do_and_acknowledges(page: Page) -> None:
    """The first of the group is marked, and what came after stands behind it."""
    page.until(there(f"{row(MISMATCH)} [data-mark=first]"), LONG_S)
    page.until(there(f'{STANDING} tr.behind[data-alarm="{PRESSURE}"]'), LONG_S)
    assert ZH["firstOut"] in said(page, row(MISMATCH))
    press(page, row(PRESSURE), "Enter", there(f'[data-more="{PRESSURE}"]'))
    shown = said(page, f'[data-more="{PRESSURE}"]')
    for words in (LOW["cause"]["zh"], LOW["consequence"]["zh"], LOW["action"]["zh"], ZH["consequence"]):
        assert words in shown
    assert axe(page) == []
    press(page, row(PRESSURE), "a", there(row(PRESSURE, "[data-state=ack]")))
    assert ZH["ackedBy"].format(name="olga") in said(page, row(PRESSURE))


def _shelves_for_an_hour(page: Page) -> None:
    press(page, row(MISMATCH), "s", there("dialog[open]"))
    assert page.evaluate("document.querySelector('dialog select').value") == "3600"
    page.fill("dialog input[name=reason]", "仪表检修")
    page.press("Enter")
    page.until(there(row(MISMATCH, "[data-state=shelved]", f"{HIDDEN} [data-list=shelved]")), LONG_S)
    shown = said(page, row(MISMATCH, part=HIDDEN))
    assert ZH["heldBy"].format(name="olga", reason="仪表检修") in shown
    assert re.search(ZH["left"].format(left=r"\d+ 分钟"), shown)


def _sees_a_restless_value_raised_once_more_and_then_no_more(page: Page, box: Box) -> None:
    """Pressure is back, and what was acknowledged goes by itself; chilled water swings about its limit."""
    box.tell(comp4__header_bar_g=None, chiller1__state_code=2.0, chiller1__supply_c=[14.0, 11.0])
    page.until(f"!({there(row(PRESSURE))})", LONG_S)
    raised = f"{JOURNAL} tr[data-kind=raised][data-of={WARM}]"
    page.until(f"document.querySelectorAll({json.dumps(raised)}).length >= 2", LONG_S)
    page.until(there(row(WARM)), LONG_S)


def _is_told_of_a_dead_box_once(page: Page, box: Box) -> None:
    """One alarm for all of its points; a tap shows what is away with it."""
    box.process.send_signal(signal.SIGSTOP)
    page.until(there(row(EDGE, "[data-state=unack]")), LONG_S)
    for other in ("device:", "box:"):
        assert not page.evaluate(there(f'tr[data-alarm^="{other}"]'))
    behind = re.search(ZH["behind"].format(n=r"(\d+)"), said(page, row(EDGE)))
    assert behind is not None
    press(page, row(EDGE), "Enter", there(f'[data-more="{EDGE}"]'))
    page.until("document.querySelectorAll('[data-away]').length >= 16", LONG_S)
    counts = page.evaluate("[...document.querySelectorAll('[data-away]')].map(one => one.innerText)")
    shown = [int(found[1]) for one in counts if (found := re.search(ZH["behind"].format(n=r"(\d+)"), one))]
    assert sum(shown) == int(behind[1])
    assert "1 号空压机" in counts[0]
    fits_a_phone(page)


def _sees_it_come_back(page: Page, box: Box) -> None:
    """Over, and nobody has seen it: it stands until somebody has."""
    box.process.send_signal(signal.SIGCONT)
    page.until(there(row(EDGE, "[data-state=rtn_unack]")), LONG_S)
    assert ZH["states"]["rtn_unack"] in said(page, row(EDGE))
    press(page, f"{row(EDGE)} button.ack", "Enter", f"!({there(row(EDGE))})")


def _finds_the_day_in_the_journal(page: Page) -> None:
    """What was done stands there with the name; nothing chattered."""
    page.until(there(f'{JOURNAL} tr[data-kind=acknowledged][data-of="{EDGE}"]'), LONG_S)
    page.fill(f"{JOURNAL} input[type=search]", "olga")
    kinds = f"[...document.querySelectorAll('{JOURNAL} tr[data-kind]')].map(one => one.dataset.kind)"
    page.until(f"{kinds}.sort().join() === 'acknowledged,acknowledged,shelved'", LONG_S)
    page.until(there("[data-figure=chattering][data-bad=false]"), LONG_S)
    fits_a_phone(page)
    assert axe(page) == []
