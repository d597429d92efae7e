"""The plan as a person reads it: what is saved, and a click on a machine says why it does what it does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import httpx
import pytest

from tests.web.browser import Page
from tests.web.demo import Demo
from tests.web.person import WORDS, axe, enter, fits_a_phone, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(300)]

CJK = re.compile(r"[\u4e00-\u9fff]")
STATE = "document.querySelector('[data-testid=plan-state]')"
NOTES = "document.querySelector('[data-testid=plan-notes]')"
REASON = "document.querySelector('[data-testid=plan-reason]')"
SENTENCE = "document.querySelector('.plan-why .sentence')"


def _planned(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.until("document.querySelectorAll('.gantt .bar:not(.sample)').length > 2", 60)


def test_a_click_on_a_machine_says_why_in_the_language_of_the_page(page: Page, demo: Demo) -> None:
    _planned(page, demo)
    page.until("document.querySelector('.plan-saving p')", 20)
    assert WORDS["en"]["why"]["working"] not in page.text()
    page.click(".gantt .lane .bar")
    page.until(SENTENCE, 40)
    english = str(page.evaluate(f"{SENTENCE}.innerText"))
    assert english.endswith(".")
    assert not CJK.search(english)
    figures = page.evaluate("[...document.querySelectorAll('.plan-why dd')].map(one => one.innerText)")
    assert len(figures) >= 4
    assert all(re.search(r"\d|–", str(one)) for one in figures)
    speak(page, "zh")
    chinese = str(page.evaluate(f"{SENTENCE}.innerText"))
    assert CJK.search(chinese)
    assert re.findall(r"\d+\.\d\d", english)[-1:] == re.findall(r"\d+\.\d\d", chinese)[-1:]
    assert CJK.search(str(page.evaluate("document.querySelector('.plan-saving p').innerText")))
    page.evaluate("document.querySelector('.plan-saving .forward summary').click()")
    page.until("document.querySelectorAll('.plan-saving .forward tbody tr').length >= 8")
    difference = str(
        page.evaluate("document.querySelector('.plan-saving .forward tbody td:last-child').innerText")
    )
    assert re.fullmatch(r"[\d.,\u2212-]+", difference)
    assert axe(page) == []
    page.click(".plan-why header button")
    page.until("document.querySelector('.plan-why') === null")
    page.size(390, 844)
    page.evaluate("document.querySelector('.gantt button.name').click()")
    page.until(SENTENCE, 40)
    fits_a_phone(page)
    assert page.evaluate(
        "[...document.querySelectorAll('.gantt button')].every(one => one.offsetHeight >= 44)"
    )


def test_what_the_site_is_run_by_and_why_the_plan_was_made_stand_over_it(page: Page, demo: Demo) -> None:
    _planned(page, demo)
    page.until(f"{STATE}?.dataset.goingBy === 'plan'", 60)
    assert re.search(r"The plan in force was made \d+ min ago", str(page.evaluate(f"{STATE}.innerText")))
    page.until(f"{REASON}?.innerText.startsWith('Made because of')", 20)
    speak(page, "zh")
    page.until(f"{STATE}?.innerText.includes('当前计划于') && {REASON}?.innerText.includes('生成原因')", 20)
    assert axe(page) == []
    page.size(390, 844)
    fits_a_phone(page)


def test_the_keyboard_asks_about_now_and_a_machine_at_rest_has_its_reason_too(page: Page, demo: Demo) -> None:
    _planned(page, demo)
    page.evaluate("document.querySelector('.gantt button.name').focus()")
    page.press("Enter")
    page.until(SENTENCE, 40)
    assert page.evaluate("document.activeElement.closest('.plan-why') !== null")
    name = page.evaluate("document.querySelector('.gantt button.name').innerText")
    title = str(page.evaluate("document.querySelector('.plan-why h3').innerText"))
    assert title.startswith(WORDS["en"]["why"]["title"].split("{")[0])
    assert str(name) in title
    resting = page.evaluate(
        "[...document.querySelectorAll('.gantt .row')].findIndex(one => !one.querySelector('.lane .bar'))"
    )
    if resting < 0:
        return
    page.click(f".gantt .row:nth-of-type({resting + 1}) .lane")
    other = page.evaluate(
        f"document.querySelectorAll('.gantt .row')[{resting}].querySelector('.name').innerText"
    )
    page.until(
        f"document.querySelector('.plan-why h3').innerText.includes({json.dumps(other)}) && {SENTENCE}", 40
    )


class Person:
    """The API of a demo, signed in."""

    def __init__(self, client: httpx.Client, demo: Demo) -> None:
        self._client = client
        body = {"username": "admin", "password": demo.password}
        token = self._client.post("/auth/login", json=body).json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path).raise_for_status()

    def accept(self, path: str, change: Callable[[str], str]) -> None:
        """Have another text of a file accepted, against the newest version."""
        newest = self._newest()
        text = self.get(f"/sites/demo/configuration/{newest}/document?file={path}").json()["text"]
        self.put(path, change(text))

    def _newest(self) -> str:
        return self.get("/sites/demo/configuration").headers["ETag"].strip('W/"')

    def put(self, path: str, text: str) -> None:
        """Have a file accepted with this text, against the newest version."""
        newest = self._newest()
        asked = {"files": [{"path": path, "text": text}], "reason": "who may be told what"}
        answer = self._client.post(
            "/sites/demo/configuration", json=asked, headers={"If-Match": f'"{newest}"'}
        )
        assert answer.status_code == 201, answer.text


def test_a_machine_that_waits_follows_the_plan_from_the_button_on_and_no_longer_when_it_is_taken_back(
    page: Page, demo: Demo
) -> None:
    with httpx.Client(base_url=f"{demo.address.rstrip('/')}/api/v1", timeout=30.0) as client:
        _approve_and_take_back(page, demo, Person(client, demo))


def _approve_and_take_back(page: Page, demo: Demo, person: Person) -> None:
    site = "sites/demo/site.yaml"

    def of_comp2() -> list[dict[str, object]]:
        found = person.get("/sites/demo/commands?limit=200").json()
        return [
            one for one in found if one["point"].startswith("demo/comp2/") and one["level"] == "optimiser"
        ]

    _planned(page, demo)
    first = person.get("/sites/demo/plan").json()["id"]
    person.accept(site, lambda text: text.replace("machine_modes: {}", "machine_modes: {comp2: approve}"))
    ends_s = time.monotonic() + 60.0
    while person.get("/sites/demo/plan").json()["id"] == first:  # until the planner goes by the mode too
        assert time.monotonic() < ends_s, "no plan of the new mode"
        time.sleep(0.05)
    item, button = ".approval [data-machine=comp2]", ".approval [data-machine=comp2] button"
    page.until(f"document.querySelector('{item}')?.innerText.includes('waits')", 90)
    before = {one["id"] for one in of_comp2()}
    page.click(button)
    page.until(f"document.querySelector('{item}').innerText.includes('admin')", 20)
    told = person.get("/sites/demo/audit").json()
    assert [(one["type"], one["target"]) for one in told if one["category"] == "plan"] == [
        ("approve", "comp2")
    ]
    speak(page, "zh")
    assert "批准" in str(page.evaluate(f"document.querySelector('{item}').innerText"))
    assert axe(page) == []
    ends_s = time.monotonic() + 30.0
    while not [one for one in of_comp2() if one["id"] not in before and one["state"] == "verified"]:
        assert time.monotonic() < ends_s, of_comp2()
        time.sleep(0.05)
    page.click(button)
    page.until(f"document.querySelector('{item}').innerText.includes('等待')", 20)
    person.accept(site, lambda text: text.replace("machine_modes: {comp2: approve}", "machine_modes: {}"))
    assert page.faults == []


PLANNING = """
chilled_water: {supply_c: [7, 8, 9, 10]}
pressure: {bar_g: [6.6, 6.65, 6.9], least_bar_g: 6.2}
"""


def test_set_points_that_are_chosen_stand_under_the_plan_with_their_times(page: Page, demo: Demo) -> None:
    with httpx.Client(base_url=f"{demo.address.rstrip('/')}/api/v1", timeout=30.0) as client:
        person = Person(client, demo)
        _planned(page, demo)
        person.put("sites/demo/planning.yaml", PLANNING)
        try:
            _shown(page)
        finally:
            person.put("sites/demo/planning.yaml", "reserve: {}\n")


def _shown(page: Page) -> None:
    there = "document.querySelector('[data-testid=plan-setpoints]')"
    page.until(f"{there}?.innerText.includes('chilled water')", 180)
    text = str(page.evaluate(f"{there}.innerText"))
    assert "°C" in text
    assert "network pressure" not in text, "the demo keeps the pressure for people"
    page.until(f"{NOTES}?.innerText.includes('network pressure is not chosen')", 60)
    speak(page, "zh")
    page.until(f"{there}.innerText.includes('冷冻水')", 20)
    page.until(f"{NOTES}?.innerText.includes('不优选管网压力')", 60)
    assert axe(page) == []
    page.size(390, 844)
    fits_a_phone(page)
    assert page.faults == []
