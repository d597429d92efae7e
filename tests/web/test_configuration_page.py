"""The page of the configuration in a real Chromium: slips are shown, a change is in use at once, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub_running import HubProcess, need_the_page, running_hub
from tests.web.browser import Page, browser
from tests.web.demo import ROOT
from tests.web.person import WORDS, axe, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(150)]
EDGE = "sites/demo/edge1.yaml"
IMPORT = "[data-testid=config-import]"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub that shows."""
    need_the_page()
    with running_hub(tmp_path_factory.mktemp("hub")) as made:
        yield made


def choose(page: Page, text: str) -> None:
    """Give the page the file of the edge as a person would, and have it looked at."""
    page.evaluate(
        f"(() => {{ const box = new DataTransfer();"
        f" box.items.add(new File([{json.dumps(text)}], 'edge1.yaml'));"
        f" const input = document.querySelector('{IMPORT} input[name=files]'); input.files = box.files;"
        " input.dispatchEvent(new Event('change', { bubbles: true })) })()"
    )
    page.until(f"document.querySelector('{IMPORT} .path')?.value === '{EDGE}'")
    page.click(f"{IMPORT} .look")


def in_force(page: Page, version: int) -> None:
    """Wait until the page shows it."""
    page.until(f"document.querySelector('tr[data-version=\"{version}\"][data-force=true]')", 30)
    page.until("document.querySelector('[data-role=api][data-current=true]')", 20)


def test_a_slip_is_shown_a_change_is_in_use_at_once_and_goes_back(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    text = (ROOT / "configs" / EDGE).read_text(encoding="utf-8")
    with browser(chromium, tmp_path / "chromium") as page:
        page.open(f"{hub.address}/sites/demo/configuration")
        page.until("document.activeElement?.id === 'username'", 20)
        sign_in(page, hub.password)
        in_force(page, 1)
        page.until(f"document.querySelector('[data-document=\"{EDGE}\"]')", 20)

        choose(page, text.replace("profile: hexa_pm4", "profile: hexa_pm5", 1))
        page.until("document.querySelector('.faults')?.textContent.includes('hexa_pm5')", 30)
        for lang, said in (("zh", "hexa_pm5' 不存在"), ("en", "found profile 'hexa_pm5'")):
            speak(page, lang)
            page.until(f"document.querySelector('.faults').textContent.includes({json.dumps(said)})", 20)
        choose(page, text.replace("Main meter", "Incoming meter", 1))
        page.until(f"document.querySelector('{IMPORT} .verdict[data-acceptable=true]')", 30)
        assert "Incoming meter" in page.text()
        for lang in WORDS:
            speak(page, lang)
            assert WORDS[lang]["config"]["when"]["person"] in page.text()
            assert axe(page) == []
        page.fill(f"{IMPORT} input[name=reason]", "a clearer name")
        page.click(f"{IMPORT} .accept")
        in_force(page, 2)
        _back_to_the_first(page)
        assert page.faults == []


def _back_to_the_first(page: Page) -> None:
    page.click("tr[data-version='1'] .back")
    page.until("document.querySelector('dialog tr[data-kind=added]')?.textContent.includes('Main meter')", 20)
    page.fill("dialog input[name=reason]", "it was right before")
    page.click("dialog .act")
    in_force(page, 3)
    page.press("Escape")
    page.size(390, 844)
    fits_a_phone(page)
