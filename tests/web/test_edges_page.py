"""The installer's page of edges, in a real Chromium on the hub's real API."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.database import create_engine, embedded_url, sessions_of
from hub.registry.desired import Wish, note_reported, take_reports, want
from protocols.clock import Instant
from protocols.configuration import WHY_TEXTS, ConfigurationReport, Outcome, Why
from protocols.heartbeat import Heartbeat
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.nats_server import running_bus
from tests.needs import missing
from tests.web.browser import Page, browser
from tests.web.demo import ROOT

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(120)]

WORDS = {lang: json.loads((ROOT / f"web/src/i18n/{lang}.json").read_text()) for lang in ("en", "zh")}
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
DETAIL = "meter1: 3 of 10 polls in time, 10 before"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and password of a hub whose edge undid one version and was edited at the box."""
    if not (ROOT / "hub/static/index.html").exists() or not AXE.exists():
        missing("page", "the page is not built (make web)")
    folder = tmp_path_factory.mktemp("hub")
    with running_bus(folder) as bus:
        port = free_port()
        options = [f"--config={ROOT / 'configs'}", f"--state={folder / 'hub'}", f"--keys={bus.config.keys}"]
        ems = [sys.executable, "-m", "ems.main", "hub"]
        made = subprocess.run([*ems, "init", *options], check=True, capture_output=True, text=True, cwd=ROOT)
        password = re.search(r"password: (\S+)", made.stdout)
        assert password is not None, made.stdout
        asyncio.run(_history(folder / "hub"))
        command = [*ems, "run", *options, f"--bus={bus.url}", f"--port={port}", "--roles=api"]
        with _running(command, f"http://127.0.0.1:{port}"):
            yield f"http://127.0.0.1:{port}", password[1]


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


@contextmanager
def _running(command: list[str], address: str) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT) as process:
        try:
            transport = httpx.HTTPTransport(retries=8)
            with httpx.Client(base_url=address, transport=transport, timeout=30) as client:
                assert client.get("/api/v1/health").status_code == httpx.codes.OK
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_the_edges_page_tells_what_runs_what_was_undone_and_what_was_edited(
    chromium: str, hub: tuple[str, str], tmp_path: Path
) -> None:
    address, password = hub
    with browser(chromium, tmp_path / "chromium") as page:
        page.open(f"{address}/sites/demo/edges")
        page.until("document.activeElement?.id === 'username'", 20)
        page.fill("#username", "admin")
        page.fill("#password", password)
        page.press("Enter")
        page.until("document.querySelector('[data-edge=edge1][data-agreement=undone]')", 20)
        for lang in WORDS:
            _told(page, lang)
        page.size(390, 844)
        for lang in WORDS:
            _speak(page, lang)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert page.evaluate("document.querySelector('.top .head').offsetHeight") <= 150
        page.click("nav a:not([href$='/edges'])")
        page.until("location.pathname === '/sites/demo' && document.querySelector('.plant')", 20)
        assert page.faults == []


def _told(page: Page, lang: str) -> None:
    _speak(page, lang)
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
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run().then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => [v.id, v.nodes[0].html]))"
    )
    assert found == []


def _speak(page: Page, lang: str) -> None:
    page.click(f"button[lang={lang}]")
    page.until(f"document.documentElement.lang.startsWith('{lang}')")
