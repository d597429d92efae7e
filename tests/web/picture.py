"""Remakes the pictures of the README from a real demo, in about two minutes.

`.venv/bin/python -m tests.web.picture`
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from tests.web.browser import Page, browser
from tests.web.demo import ROOT, Demo, running_demo

SETTLE_S = 40.0
"""From the first set-points until the machines follow them. [s]"""
WIDTH, SCALE = 1280, 0.75
"""Small enough for a README, and still to be read there. [px, px per px]"""
PICTURES = {"en": "overview.png", "zh": "overview.zh.png"}
READY = (
    "document.querySelectorAll('tr[data-verdict=equal]').length > 10"
    " && document.querySelectorAll('.chart canvas').length > 0"
    " && document.querySelectorAll('.plant [data-q=good]').length > 20"
)


def take(page: Page, demo: Demo, folder: Path) -> None:
    """Sign in, wait for plan, set-points and values, and take the whole page in both languages."""
    page.open(demo.address)
    page.until("document.querySelector('#username')")
    page.fill("#username", "admin")
    page.fill("#password", demo.password)
    page.press("Enter")
    page.until(READY, 90)
    time.sleep(SETTLE_S)
    for lang, name in PICTURES.items():
        page.size(WIDTH, 900, SCALE)
        page.click(f"button[lang={lang}]")
        page.until(f"document.documentElement.lang.startsWith('{lang}')")
        page.evaluate("document.activeElement.blur()")
        page.size(WIDTH, page.evaluate("document.documentElement.scrollHeight"), SCALE)
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 500)))")
        page.until(READY)
        page.picture(folder / name)


def main() -> None:
    """Take both pictures."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "chromium is not installed"
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary,
        running_demo(Path(temporary) / "var") as demo,
        browser(chromium, Path(temporary) / "chromium") as page,
    ):
        take(page, demo, ROOT / "docs/images")


if __name__ == "__main__":
    main()
