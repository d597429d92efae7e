"""The page as a person at the plant has it: a real Chromium on the real demo."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal

import pytest

from tests.web.browser import Page
from tests.web.demo import Demo
from tests.web.person import WORDS, axe, enter, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(300)]

CJK = re.compile(r"[\u3000-\u9fff\uff00-\uffef]+")
# Latin words that stand in a Chinese page too: units, protocols, names of the trade.
LATIN = {
    "Ai", "Energy", "EMS", "English", "admin", "UTC", "EUR", "CO", "COP", "LHV", "PV", "CHP", "SOC", "Bad",
    "kW", "kWh", "kvar", "kvarh", "bar", "min", "kg", "Hz", "rpm", "RT", "modbus", "bacnet", "opcua", "mqtt",
}  # fmt: skip


def _open_points(page: Page) -> None:
    """With the keyboard: what arrives meanwhile may move the list away from under a mouse."""
    for _ in range(4):
        page.until("document.querySelector('details > summary')")
        if not page.evaluate("document.querySelector('details')?.open"):  # drawn anew, it loses the focus
            page.evaluate("document.querySelector('summary')?.focus()")
            page.press("Enter")
        with contextlib.suppress(AssertionError):
            page.until("document.querySelectorAll('details tbody tr').length > 50")
            return
    raise AssertionError(f"the points do not open\n{page.text()}")


def _all_text(page: Page) -> str:
    """What is in sight, and what is read out or shown on hover."""
    spoken = page.evaluate(
        "[...document.querySelectorAll('[title], [aria-label], svg title')]"
        ".map(one => one.getAttribute('title') ?? one.getAttribute('aria-label') ?? one.textContent)"
        ".join('\\n')"
    )
    return page.text() + "\n" + str(spoken)


def test_a_wrong_password_is_told_in_the_language_of_the_page(page: Page, demo: Demo) -> None:
    for lang, words in WORDS.items():
        speak(page, lang)
        sign_in(page, demo.password + "x")
        page.until(f"document.body.innerText.includes({json.dumps(words['login']['wrong'])})")
    page.faults.clear()


def test_the_keyboard_alone_signs_in_and_out(page: Page, demo: Demo) -> None:
    page.type("admin")
    page.press("Tab")
    page.type(demo.password)
    page.press("Enter")
    page.until("document.querySelector('.plant')", 20)
    for _ in range(10):
        page.press("Tab")
        if page.evaluate("document.activeElement.innerText") == WORDS["en"]["head"]["logout"]:
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press("Enter")
    page.until("document.querySelector('#username')")


def test_every_number_has_unit_quality_and_age_and_it_lives(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.until(
        "document.querySelectorAll('[data-q=missing]').length <= 1", 20
    )  # a ratio of nothing has no value
    abouts = page.evaluate(
        "[...document.querySelectorAll('.pv[data-q=good], .pv-svg[data-q=good]')]"
        ".map(one => [one.querySelector('.unit:last-of-type')?.textContent ?? '',"
        " one.title ?? '', one.querySelector('title')?.textContent ?? ''])"
    )
    assert len(abouts) > 40
    without = [about for about in abouts if not about[0] and "COP" not in about[1] + about[2]]
    assert [about for about in without if "(0 " not in about[1]] == []  # a code has its word instead
    assert [about for about in abouts if " ago · 20" not in about[1] + about[2]] == []
    number = "document.querySelector('.plant .pv-svg .num').textContent"
    first = page.evaluate(number)
    page.until(f"{number} !== {json.dumps(first)}")


def test_plan_and_set_points_are_there_and_leases_are_renewed(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.until("document.querySelectorAll('tr[data-verdict=equal]').length > 3", 60)
    page.until("document.querySelectorAll('tr[data-verdict]:not([data-verdict=equal])').length === 0", 30)
    left = "Number(document.querySelector('tr[data-verdict] td:nth-child(4)').textContent.split(':')[1])"
    page.until(f"{left} < 9")
    page.until(f"{left} >= 9")  # a lease is 10 s; only a renewal makes it longer again
    page.until(
        "((all) => all.length > 1 && all.every(one => one.getContext('2d')"
        ".getImageData(0, 0, one.width, one.height).data.some(v => v > 0)))"
        "([...document.querySelectorAll('.chart canvas')])"
    )
    assert "–" not in page.evaluate("document.querySelector('.facts').innerText")
    assert page.evaluate(
        "[...document.querySelectorAll('figcaption b')].every(one => / \\S/.test(one.textContent))"
    )


def test_the_language_switch_turns_every_text(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.until("document.querySelectorAll('tr[data-verdict=equal]').length > 3", 60)
    _open_points(page)
    speak(page, "zh")
    chinese = re.sub(r"\bdemo/\S+", "", _all_text(page))
    assert len(CJK.findall(chinese)) > 300
    lines = chinese.splitlines()
    assert [one for one in lines if set(re.findall(r"[A-Za-z]{2,}", one)) - LATIN] == []
    speak(page, "en")
    assert set(CJK.findall(_all_text(page))) == {"中文"}
    for text in (chinese, _all_text(page)):
        assert re.findall(rf"\b(?:{'|'.join(WORDS['en'])})\.[a-z]\w+", text) == []


def test_a_phone_shows_all_without_scrolling_sideways(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.until("document.querySelectorAll('tr[data-verdict=equal]').length > 3", 60)
    page.size(390, 844)
    for lang in WORDS:
        speak(page, lang)
        fits_a_phone(page)
        assert page.evaluate("document.querySelector('.top').offsetHeight") <= 150
        small = page.evaluate(
            "[...document.querySelectorAll('button, summary, input')]"
            ".filter(one => one.offsetHeight < 44).length"
        )
        assert small == 0


def test_no_serious_fault_of_accessibility(page: Page, demo: Demo) -> None:
    for lang in WORDS:
        speak(page, lang)
        assert axe(page) == []
    enter(page, demo)
    page.until("document.querySelectorAll('tr[data-verdict=equal]').length > 3", 60)
    _open_points(page)
    for lang in WORDS:
        speak(page, lang)
        assert axe(page) == []


def test_a_dead_hub_is_seen_at_once_and_nothing_stale_looks_live(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.until("document.querySelectorAll('tr[data-verdict=equal]').length > 3", 60)
    speak(page, "zh")
    hub = demo.hub()
    os.kill(hub, signal.SIGKILL)
    page.until("document.querySelector('.badge[data-link=down]')")
    seen = page.text()
    assert WORDS["zh"]["way"]["down"] in seen
    assert re.search(WORDS["zh"]["banner"]["hub"].replace("{age}", r"\d+ 秒"), seen)
    assert WORDS["zh"]["head"]["known"].removeprefix("{mode}") in seen
    assert page.evaluate("document.querySelectorAll('[data-q=good], [data-q=uncertain]').length") == 0
    assert page.evaluate("document.querySelectorAll('.plant g[data-standing]:not(.stale)').length") == 0
    assert WORDS["zh"]["commands"]["lost"] in seen
    assert page.evaluate("document.querySelectorAll('tr[data-point]:not(.old)').length") == 0
    assert page.evaluate("document.querySelectorAll('tr[data-point] button:not([disabled])').length") == 0
    page.until(
        "document.querySelector('.banner') === null && document.querySelector('.plant [data-q=good]')", 60
    )
    assert page.evaluate("document.querySelectorAll('.badge[data-link=down]').length") == 0
    assert demo.hub() != hub
