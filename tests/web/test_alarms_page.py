"""The alarm console in a real Chromium, over a hub that watches and no plant: by keys, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.hub_running import HubProcess, need_the_page, running_hub
from tests.web.browser import Page, browser
from tests.web.person import WORDS, axe, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(150)]
EDGE = "tr[data-alarm='edge:edge1']"
STANDING = "[data-testid=alarms]"
HIDDEN = "[data-testid=alarms-hidden]"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub that shows and watches."""
    need_the_page()
    with running_hub(tmp_path_factory.mktemp("hub"), "api,alarms") as made:
        yield made


def test_a_silent_edge_is_one_alarm_that_is_worked_by_keys_alone(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        page.open(f"{hub.address}/sites/demo/alarms")
        page.until("document.activeElement?.id === 'username'", 20)
        sign_in(page, hub.password)
        page.until(f'document.querySelector("{STANDING} {EDGE}[data-state=unack]")', 70)
        shown = page.evaluate(f"document.querySelectorAll(\"{STANDING} tr[data-priority='2']\").length")
        assert shown == 1
        page.until('document.querySelector(\'[data-testid=alarm-counts] [data-of="2"][data-count="1"]\')')
        page.evaluate(f'document.querySelector("{STANDING} {EDGE}").focus()')
        page.press("Enter")
        page.until("document.querySelector('[data-more=\"edge:edge1\"]')")
        for lang in WORDS:
            speak(page, lang)
            assert WORDS[lang]["alarms"]["consequence"] in page.text()
            assert {"en": "nothing heard for", "zh": "秒无消息"}[lang] in page.text()
            assert axe(page) == []
        _by_keys(page)
        page.size(390, 844)
        fits_a_phone(page)
        _nobody_watches(page, hub.process)
        assert page.faults == []


def _by_keys(page: Page) -> None:
    """Acknowledge, then shelve with a reason; the alarm is kept in sight among the shelved."""
    page.evaluate(f'document.querySelector("{STANDING} {EDGE}").focus()')
    page.press("a")
    page.until(f'document.querySelector("{STANDING} {EDGE}[data-state=ack]")')
    assert "admin" in str(page.evaluate(f'document.querySelector("{EDGE}").innerText'))
    page.evaluate(f'document.querySelector("{STANDING} {EDGE}").focus()')
    page.press("s")
    page.until("document.querySelector('dialog[open]')")
    assert axe(page) == []
    page.press("Escape")
    page.until("!document.querySelector('dialog[open]')")
    page.press("s")
    page.fill("dialog input[name=reason]", "the box is changed today")
    page.press("Enter")
    page.until(f'document.querySelector("{HIDDEN} {EDGE}[data-state=shelved]")')
    assert "the box is changed today" in page.text()
    page.until("document.querySelector('[data-testid=alarm-journal] tr[data-kind=shelved]')")
    page.until("document.querySelector('[data-figure=raised]')")


def _nobody_watches(page: Page, process: psutil.Process) -> None:
    """A console whose watch is away says so, and shows what was known last."""
    role = next(one for one in process.children() if "alarms" in one.cmdline())
    role.suspend()
    try:
        page.until("document.querySelector('[data-testid=alarms-unknown]')", 30)
        assert page.evaluate(f'document.querySelector("{HIDDEN} {EDGE}") !== null')
    finally:
        role.resume()
    page.until("!document.querySelector('[data-testid=alarms-unknown]')", 30)
