"""The installer's page of edges, in a real Chromium on the hub's real API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.database import create_engine, embedded_url, sessions_of
from hub.registry.desired import Wish, note_reported, take_reports, want
from protocols.clock import Instant
from protocols.configuration import WHY_TEXTS, ConfigurationReport, Outcome, Why
from protocols.heartbeat import Heartbeat
from runtime.clock import SystemClock
from tests.hub_running import HubProcess, need_the_page, running_hub
from tests.web.browser import Page, browser
from tests.web.person import WORDS, axe, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(120)]

DETAIL = "meter1: 3 of 10 polls in time, 10 before"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub whose edge undid one version and was edited at the box."""
    need_the_page()
    with running_hub(tmp_path_factory.mktemp("hub"), prepare=_history) as made:
        yield made


async def _history(state: Path) -> None:
    now_ns = SystemClock().now().wall_ns
    engine = create_engine(embedded_url(state))
    sessions, key = sessions_of(engine), Ed25519PrivateKey.generate()
    files = {"sites/demo/edge1.yaml": b"devices: []"}
    said = ((Outcome.ACCEPTED, Why.NONE, ""), (Outcome.ROLLED_BACK, Why.WORSE, DETAIL))
    for version, (outcome, why, detail) in enumerate(said, 1):
        await want(sessions, Wish("demo", "edge1", files, "A. Smith", "one more meter"), key, now_ns)
        at = Instant("b", version, now_ns)
        report = ConfigurationReport("edge1", version, outcome, why, detail, "00", at)
        await take_reports(sessions, "demo", [(version, report)])
    beat = replace(
        Heartbeat("edge1", "demo", 1, "b", 1, 1, 0),
        config_version=1, config_seen=2, config_edited=["devices/meter.yaml"],
    )  # fmt: skip
    await note_reported(sessions, "demo", [(now_ns, beat)])
    await engine.dispose()


def test_the_edges_page_tells_what_runs_what_was_undone_and_what_was_edited(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        page.open(f"{hub.address}/sites/demo/edges")
        page.until("document.activeElement?.id === 'username'", 20)
        sign_in(page, hub.password)
        page.until("document.querySelector('[data-edge=edge1][data-agreement=undone]')", 20)
        for lang in WORDS:
            _told(page, lang)
        page.size(390, 844)
        for lang in WORDS:
            speak(page, lang)
            fits_a_phone(page)
            assert page.evaluate("document.querySelector('.top .head').offsetHeight") <= 150
        page.click("nav a:not([href$='/edges'])")
        page.until("location.pathname === '/sites/demo' && document.querySelector('.plant')", 20)
        assert page.faults == []


def _told(page: Page, lang: str) -> None:
    speak(page, lang)
    seen, words = page.text(), WORDS[lang]["edges"]
    reason = WHY_TEXTS[Why.WORSE].model_dump()[lang]
    for text in (
        words["stands"]["undone"],
        words["states"]["rolled_back"],
        reason,
        DETAIL,
        "devices/meter.yaml",
    ):
        assert text in seen
    assert words["version"].replace("{n}", "1") in seen
    assert axe(page) == []
