"""What a person does on every page: sign in, choose a language; and what axe says of what they see."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.needs import missing
from tests.web.browser import Page
from tests.web.demo import ROOT, Demo

WORDS: Final = {lang: json.loads((ROOT / f"web/src/i18n/{lang}.json").read_text()) for lang in ("en", "zh")}
AXE: Final = ROOT / "web/node_modules/axe-core/axe.min.js"


def sign_in(page: Page, password: str, name: str = "admin") -> None:
    """Fill in name and password and press Enter."""
    page.fill("#username", name)
    page.fill("#password", password)
    page.press("Enter")


def enter(page: Page, demo: Demo) -> None:
    """Sign in and wait for the first good value."""
    sign_in(page, demo.password)
    page.until("document.querySelector('.plant [data-q=good]')", 20)


def speak(page: Page, lang: str) -> None:
    """Switch the language."""
    page.click(f"button[lang={lang}]")
    page.until(f"document.documentElement.lang.startsWith('{lang}')")


def fits_a_phone(page: Page) -> None:
    """Nothing is wider than a phone; charts take the new width a moment after the window has it."""
    page.until("document.documentElement.scrollWidth <= 390")


def axe(page: Page) -> list[Any]:
    """What axe finds serious or critical, in short."""
    if not AXE.exists():
        missing("axe", "axe-core is not installed (make web)")
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run().then(r => [r.passes.length, r.violations"
        ".filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => [v.id, v.nodes.length, v.nodes[0].html])])"
    )
    assert found[0] > 9, "axe looked at nothing"
    return list(found[1])
