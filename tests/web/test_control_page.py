"""Set-points, stop, out of service and audit as an operator has them: a real Chromium on the real demo."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.web.browser import Page
from tests.web.demo import Demo
from tests.web.person import WORDS, axe, enter, fits_a_phone, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(200)]

POINT: Final = "demo/comp4/pressure_set_bar_g"
ROW: Final = f"tr[data-point='{POINT}']"
MACHINE: Final = "tbody[data-device=pv1]"


class Person:
    """Somebody else at the same hub, by its REST interface."""

    def __init__(self, demo: Demo) -> None:
        self.password = demo.password
        self._client = httpx.Client(base_url=f"{demo.address.rstrip('/')}/api/v1", timeout=20)
        told = self._client.post("/auth/login", json={"username": "admin", "password": demo.password})
        self._client.headers["Authorization"] = f"Bearer {told.raise_for_status().json()['access_token']}"

    def ask(self, kind: str, target: str, **more: object) -> dict[str, Any]:
        """Place an order and give it when it is over."""
        body = {"kind": kind, "target": target, "reason": "a test of the page", **more}
        order = self._client.post("/sites/demo/orders", json=body).raise_for_status().json()
        while order["state"] not in {"verified", "refused", "failed", "ended"}:
            order = self._client.get(f"/sites/demo/orders/{order['id']}").raise_for_status().json()
        return dict(order)

    def rungs(self) -> dict[str, str]:
        """Who holds each point."""
        held = self._client.get("/sites/demo/holders").raise_for_status().json()
        return {one["point"]: one["rung"] for one in held}

    def resume(self, scope: str) -> None:
        """Both steps of the release of a stop."""
        self.ask("resume", scope, password=self.password)
        self.ask("resume", scope, password=self.password, confirm="admin")

    def tidy(self) -> None:
        """Give back whatever a test left held."""
        rungs = self.rungs()
        for point, rung in rungs.items():
            if rung == "operator":
                self.ask("release", point)
        if rungs.get(POINT) == "stopped":
            self.resume("demo/comp4")
        if "locked_out" in rungs.values():
            self.ask("lift", "demo/pv1", password=self.password)

    def close(self) -> None:
        """End the connection."""
        self._client.close()


@pytest.fixture
def other(demo: Demo) -> Iterator[Person]:
    person = Person(demo)
    yield person
    person.tidy()
    person.close()


def _at_set_points(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.until(f'document.querySelector("{ROW} .set:not([disabled])")', 30)


def _focus(page: Page, selector: str) -> None:
    page.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")


def _tab_to(page: Page, selector: str) -> None:
    """With the Tab key alone."""
    for _ in range(12):
        page.press("Tab")
        if page.evaluate(f"document.activeElement?.matches({json.dumps(selector)}) ?? false"):
            return
    raise AssertionError(f"the Tab key does not come to {selector}")


def _step(page: Page, name: str) -> None:
    page.until(f"document.querySelector('dialog[open][data-step={name}]')", 20)


def _no_dialog(page: Page) -> None:
    page.until("document.querySelector('dialog') === null")


def test_a_value_is_checked_set_read_back_and_released_by_the_keyboard_alone(
    page: Page, demo: Demo, other: Person
) -> None:
    _at_set_points(page, demo)
    _focus(page, f"{ROW} .set")
    page.press("Enter")
    _step(page, "form")
    _type_the_form(page)
    _tab_to(page, ".check")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press("Enter")
    _step(page, "confirm")
    page.press("Enter", "Enter")  # meant for the step before: the focus is on the title
    assert page.evaluate("document.querySelector('dialog').dataset.step") == "confirm"
    assert other.rungs()[POINT] == "fallback"  # checked, and nothing written
    _tab_to(page, ".send")
    page.press("Enter")
    page.until("document.querySelector('dialog [data-order=verified]')", 20)
    assert "6.60 bar(g)" in page.text()
    page.press("Escape")
    _no_dialog(page)
    assert page.evaluate("document.activeElement.classList.contains('set')")
    page.until(f'document.querySelector("{ROW}[data-rung=operator][data-verdict=equal] .release")', 20)
    assert "a test of the page" in page.evaluate(f'document.querySelector("{ROW} .by").innerText')
    _release(page)


def _type_the_form(page: Page) -> None:
    """A value outside the limits is told at once; Enter in a field sends nothing."""
    _tab_to(page, "input[name=value]")
    page.type("9")
    page.until("document.querySelector('dialog .fault').textContent.includes('7.50')")
    page.evaluate("document.activeElement.select()")
    page.type("6.6")
    _tab_to(page, "input[name=reason]")
    page.type("a test of the page")
    page.press("Enter", "Enter")
    assert page.evaluate("document.querySelector('dialog').dataset.step") == "form"


def _release(page: Page) -> None:
    _focus(page, f"{ROW} .release")
    page.press("Enter")
    _step(page, "form")
    _tab_to(page, ".act")
    page.press("Enter")
    _step(page, "over")
    page.press("Escape")
    page.until(f'document.querySelector("{ROW}[data-rung=fallback]")', 20)


def test_the_edge_refuses_in_the_language_of_the_person(page: Page, demo: Demo, other: Person) -> None:
    _at_set_points(page, demo)
    speak(page, "zh")
    page.click(f"{ROW} .set")
    _step(page, "form")
    page.fill("dialog input[name=value]", "6.7")
    page.fill("dialog input[name=reason]", "试验")
    assert other.ask("stop", "demo/comp4")["state"] == "verified"
    page.click("dialog .check")
    page.until("document.querySelector('dialog [data-order=refused]')", 20)
    assert "须分两步解除" in page.evaluate("document.querySelector('dialog').innerText")
    assert page.evaluate("document.querySelector('dialog').dataset.step") == "form"
    page.press("Escape")
    _no_dialog(page)
    page.until(f'document.querySelector("{ROW} .not")')  # a point that cannot be set says why
    assert page.evaluate(f'document.querySelector("{ROW} .set")') is None
    other.resume("demo/comp4")
    page.until(f'document.querySelector("{ROW} .set")', 20)


def test_a_stop_stands_as_a_banner_until_both_steps_release_it(page: Page, demo: Demo, other: Person) -> None:
    _at_set_points(page, demo)
    page.click("header .stop")
    _step(page, "form")
    assert axe(page) == []
    _stop_the_compressor(page)
    assert other.rungs()[POINT] == "stopped"
    banner = page.evaluate("document.querySelector('.stopped').innerText")
    assert "admin" in banner
    assert "smoke in the hall" in banner
    page.size(390, 844)
    speak(page, "zh")
    fits_a_phone(page)
    page.click(".resume")
    _step(page, "form")
    assert axe(page) == []
    page.fill("dialog input[name=reason]", "已确认安全")
    page.fill("dialog input[name=again]", demo.password)
    page.click("dialog .act")
    _step(page, "second")
    assert WORDS["zh"]["act"]["resume"]["second"] in page.text()
    assert other.rungs()[POINT] == "stopped"  # one step releases nothing
    small = "[...document.querySelectorAll('dialog button')].filter(one => one.offsetHeight < 44).length"
    assert page.evaluate(small) == 0
    page.click("dialog .act")
    _step(page, "over")
    page.click("dialog .done")
    page.until("document.querySelector('.stopped') === null", 20)
    assert other.rungs()[POINT] != "stopped"


def _press(page: Page, selector: str) -> None:
    """Press what opens a dialog; once more where its row was drawn anew under the finger."""
    page.click(selector)
    with contextlib.suppress(AssertionError):
        page.until("document.querySelector('dialog[open]')", 5)
        return
    page.click(selector)


def _stop_the_compressor(page: Page) -> None:
    assert page.evaluate("document.querySelector('dialog select').value") == "all"
    page.evaluate(
        "((one) => { one.value = 'demo/comp4'; one.dispatchEvent(new Event('change')) })"
        "(document.querySelector('dialog select'))"
    )
    page.fill("dialog input[name=reason]", "smoke in the hall")
    page.click("dialog .act")
    _step(page, "over")
    page.press("Escape")
    page.until("document.querySelector('.stopped[data-scope=\"demo/comp4\"]')", 20)


def test_out_of_service_says_that_it_is_no_isolation_and_a_person_lifts_it(
    page: Page, demo: Demo, other: Person
) -> None:
    _at_set_points(page, demo)
    _press(page, f"{MACHINE} .lock")
    _step(page, "form")
    assert "not isolation" in page.evaluate("document.querySelector('dialog').innerText")
    page.fill("dialog input[name=reason]", "new inverter")
    page.click("dialog .act")
    _step(page, "over")
    page.click("dialog .done")
    page.until(f"document.querySelector('{MACHINE} .locked')", 20)
    for lang in WORDS:
        speak(page, lang)
        assert "new inverter" in page.evaluate(f"document.querySelector('{MACHINE} .locked').innerText")
        assert axe(page) == []
    _press(page, f"{MACHINE} .lock")
    _step(page, "form")
    page.fill("dialog input[name=reason]", "逆变器已更换")
    page.fill("dialog input[name=again]", demo.password + "x")
    page.click("dialog .act")
    page.until("document.querySelector('dialog [data-order=untaken]')", 20)
    assert set(other.rungs().values()) >= {"locked_out"}
    page.fill("dialog input[name=again]", demo.password)
    page.click("dialog .act")
    _step(page, "over")
    page.click("dialog .done")
    page.until(f"document.querySelector('{MACHINE} .locked') === null", 20)


def test_the_audit_tells_every_act_and_that_its_chain_verifies(page: Page, demo: Demo, other: Person) -> None:
    other.ask("set", POINT, value=6.9, unit="bar(g)", for_s=60, reason="for the audit")
    other.ask("release", POINT)
    enter(page, demo)
    page.click("nav a[href$='/audit']")
    page.until("document.querySelector('tr[data-type=release]')", 20)
    page.until("document.querySelector('.chain[data-whole=true]')", 20)
    for lang in WORDS:
        speak(page, lang)
        assert axe(page) == []
    page.fill("main input[type=search]", "for the audit 6.9")
    page.until("document.querySelectorAll('tr[data-number]:not([data-type=set])').length === 0")
    results = page.evaluate("[...document.querySelectorAll('td.result')].map(one => one.innerText)")
    words = WORDS["zh"]["audit"]["results"]
    assert {words["asked"], words["issued"], words["verified"]} <= set(results)
    page.size(390, 844)
    fits_a_phone(page)
