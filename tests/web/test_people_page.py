"""People, sign-ins and tokens in a real Chromium, over a hub that only shows: in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub_running import HubProcess, need_the_page, running_hub
from tests.web.browser import Page, browser
from tests.web.person import WORDS, axe, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(150)]
PEOPLE = "[data-testid=people]"
TOKENS = "[data-testid=my-tokens]"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub that shows."""
    need_the_page()
    with running_hub(tmp_path_factory.mktemp("hub")) as made:
        yield made


def test_an_admin_adds_a_person_who_then_sees_their_own_account_alone(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        _at_people(page, hub, "admin", hub.password)
        page.until(f"document.querySelector('{PEOPLE} [data-person=admin]')")
        page.fill("#person-name", "olga")
        page.click(f"{PEOPLE} .add")
        page.until(f"document.querySelector('{PEOPLE} [data-person=olga]')")
        told = str(page.evaluate(f"document.querySelector('{PEOPLE} .secret code').textContent"))
        assert re.fullmatch(r"\w{4}(-\w{4}){3}", told)
        for lang in WORDS:
            speak(page, lang)
            assert WORDS[lang]["people"]["mine"] in page.text()
            assert axe(page) == []
        page.size(390, 844)
        fits_a_phone(page)
    with browser(chromium, tmp_path / "other") as page:
        _at_people(page, hub, "olga", told)
        page.until("document.querySelector('[data-testid=my-sessions] [data-this=true]')")
        assert not page.evaluate(f"Boolean(document.querySelector('{PEOPLE}'))")
        _token_made_and_taken_away(page, told)


def _token_made_and_taken_away(page: Page, password: str) -> None:
    page.fill("#token-label", "report")
    page.fill("#token-password", password)
    page.click(f"{TOKENS} .make")
    page.until(f"document.querySelector('{TOKENS} code')?.textContent.startsWith('ems_')")
    page.until(f"document.querySelector('{TOKENS} [data-token] .end')")
    page.click(f"{TOKENS} [data-token] .end")
    page.until(f"!document.querySelector('{TOKENS} [data-token]')")


def _at_people(page: Page, hub: HubProcess, name: str, password: str) -> None:
    page.open(f"{hub.address}/sites/demo/people")
    page.until("document.activeElement?.id === 'username'", 20)
    sign_in(page, password, name)
    page.until("document.querySelector('[data-testid=my-account]')", 20)
