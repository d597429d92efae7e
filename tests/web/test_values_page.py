"""From a number on a chart back to the row of the journal: trends, balances and system, on the demo."""

from __future__ import annotations

import pytest

from tests.web.browser import Page
from tests.web.demo import Demo
from tests.web.person import WORDS, axe, enter, fits_a_phone, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(180)]

POINTS = "meter_air/power_kw,meter_air/import_kwh,plant/air_specific_kw_m3_min"


def test_a_number_of_a_chart_leads_to_the_rows_it_was_made_of(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.click("nav a[href$='/trends']")
    page.until("document.querySelector('[data-suggested]')", 20)
    assert axe(page) == []
    page.fill("input[type=search]", "air power")
    meter = "document.querySelector(\"[data-point='demo/meter_air/power_kw']\")"
    page.until(meter)
    page.evaluate(f"{meter}.click()")  # the list is still searched through: no place in it rests
    page.until("document.querySelector('.charts canvas')", 20)
    assert "meter_air/power_kw" in page.evaluate("decodeURIComponent(location.search)")
    page.evaluate(
        "document.querySelector('[data-testid=last]').value = '1h';"
        "document.querySelector('[data-testid=last]').dispatchEvent(new Event('change', {bubbles: true}))"
    )
    page.until(  # those of the hour, not those of the day that stood there before
        "(rows => rows.length > 20 && rows[0].dataset.window - rows[1].dataset.window < 20000)"
        "([...document.querySelectorAll('[data-window]')])",
        20,
    )
    covered = "[...document.querySelectorAll('tr[data-window]')].find(r => /kW/.test(r.innerText))"
    page.until(f"{covered} && ({covered}.querySelector('button').focus() || true)")
    page.press("Enter")  # by keyboard alone
    page.until("document.querySelectorAll('[data-testid=trace] tbody tr').length > 0", 20)
    row = page.evaluate("[...document.querySelectorAll('[data-testid=trace] tbody tr')].at(-1).innerText")
    cells = row.split("\t")
    assert "kW" in cells[1]
    assert cells[5] == "edge1"
    assert int(cells[7]) > 0
    assert page.evaluate("document.activeElement.closest('.trace') !== null")
    for lang in WORDS:
        speak(page, lang)
        assert WORDS[lang]["trace"]["seq"] in page.text()
        assert axe(page) == []


def test_what_is_calculated_tells_its_inputs_and_a_counter_its_reconciliation(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.open(f"{demo.address.rstrip('/')}/sites/demo/trends?p={POINTS}&last=1h&cut=60")
    page.until("document.querySelectorAll('.charts canvas').length === 3", 30)
    page.until("document.querySelector('[data-testid=counted]')", 20)
    for lang in WORDS:
        speak(page, lang)
        seen = page.text()
        assert "specific_power(meter_air.power_kw, plant.air_flow_m3_min)" in seen
        assert WORDS[lang]["counter"]["difference"] in seen
        assert axe(page) == []
    page.click(".expression button:last-of-type")
    page.until("document.querySelectorAll('[data-total]').length === 4", 20)
    page.size(390, 844)
    fits_a_phone(page)
    page.open(
        f"{demo.address.rstrip('/')}/sites/demo/trends?p=nothing/at_all&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z"
    )
    page.until("document.querySelector('[data-suggested]')", 20)
    page.open(
        f"{demo.address.rstrip('/')}/sites/demo/trends?p=meter_air/power_kw&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z"
    )
    page.until(f"document.body.innerText.includes({WORDS['zh']['trends']['blank']!r})", 20)


def test_balances_and_the_system_tell_how_sure_they_are(page: Page, demo: Demo) -> None:
    enter(page, demo)
    page.click("nav a[href$='/balances']")
    page.until("/kW/.test(document.querySelector('[data-testid=residual]')?.innerText ?? '')", 30)
    assert "%" in page.evaluate("document.querySelector('[data-testid=complete]').innerText")
    for lang in WORDS:
        speak(page, lang)
        assert WORDS[lang]["balances"]["residual"] in page.text()
        assert axe(page) == []
    page.click("nav a[href$='/system']")
    page.until(
        "document.querySelector('[data-testid=seal]') && document.querySelector('tr[data-edge=edge1]')", 20
    )
    page.until("/^[0-9]/.test(document.querySelector('[data-testid=waiting]').innerText)", 30)
    for lang in WORDS:
        speak(page, lang)
        assert WORDS[lang]["system"]["seal"] in page.text()
        assert axe(page) == []
    page.size(390, 844)
    fits_a_phone(page)
