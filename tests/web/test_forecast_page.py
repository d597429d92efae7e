"""The page of forecasts in a real Chromium: courses, scores and reasons, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.database import create_engine, embedded_url, sessions_of
from hub.forecast import tables
from hub.forecast.issue import body_of, live_scores
from hub.forecast.job import Job, Site, work
from hub.forecast.quarters import QUARTER_NS, Quarters, floor_quarter_ns
from runtime.clock import SystemClock
from tests.hub_running import HubProcess, need_the_page, running_hub
from tests.unit.hub_forecast.forecast_plant import CALENDAR, ZONE, past
from tests.web.browser import browser
from tests.web.person import WORDS, axe, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(150)]


WHY = {"en": "the provider answered 503", "zh": "天气服务答复 503"}


async def foresee(state: Path) -> None:
    """What simple methods make of twenty days, kept as the hub keeps it; that of two hours ago is scored."""
    now_ns = SystemClock().now().wall_ns
    whole = past(20)
    count = 20 * 96
    measured = Quarters(floor_quarter_ns(now_ns) - count * QUARTER_NS, whole.values)
    engine = create_engine(embedded_url(state))
    bodies: list[tuple[int, dict[str, Any]]] = []
    for back in (8, 0):
        seen = Quarters(
            measured.start_ns, {name: one[: count - back] for name, one in measured.values.items()}
        )
        answer = work(Job(Site(CALENDAR, ZONE), seen, train=False))
        live = live_scores(bodies, measured)
        body = body_of(answer.found, seen, live, {"trained": None, "weather": WHY})
        bodies.append((answer.start_ns, body))
        made_ns = now_ns - back * QUARTER_NS
        await tables.keep(sessions_of(engine), "demo", (made_ns, answer.start_ns), body)
    await engine.dispose()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub that shows what was foreseen."""
    need_the_page()
    with running_hub(tmp_path_factory.mktemp("hub"), prepare=foresee) as made:
        yield made


def test_a_person_sees_what_is_foreseen_how_sure_it_is_and_who_says_so(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        page.open(f"{hub.address}/sites/demo/forecast")
        page.until("document.activeElement?.id === 'username'", 20)
        sign_in(page, hub.password)
        page.until("document.querySelectorAll('[data-series] canvas').length >= 3", 40)
        load = "document.querySelector('[data-series=process_kw]')"
        assert "%" in page.evaluate(f"{load}.querySelector('[data-testid=live]').innerText")
        page.evaluate(f"{load}.querySelector('summary').click()")
        assert page.evaluate(f"{load}.querySelectorAll('tbody tr').length") == 3
        for lang in WORDS:
            speak(page, lang)
            words = WORDS[lang]["forecast"]
            for name in ("title", "untrained", "compared"):
                assert words[name] in page.text()
            assert words["methods"]["similar_days"] in page.text()
            assert WHY[lang] in page.text()
            assert axe(page) == []
        page.size(390, 844)
        fits_a_phone(page)
        assert page.faults == []
