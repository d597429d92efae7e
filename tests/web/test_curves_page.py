"""The page of curves in a real Chromium: what is in use, what was fitted, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.curves import tables
from hub.curves.proposal import body_of
from hub.database import create_engine, embedded_url, sessions_of
from hub.registry.plant_file import load_nominal
from plant.learning.learn import learn
from plant.learning.verdict import Verdict
from plant.units.compressor import VsdCompressor
from protocols.config import Text
from runtime.clock import SystemClock
from tests.hub_running import HubProcess, need_the_page, running_hub
from tests.unit.plant.learnt_curves import rows_of_week
from tests.web.browser import browser
from tests.web.person import WORDS, axe, fits_a_phone, sign_in, speak

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(150)]
DOUBT = Text(en="cooling_kw looks like RT", zh="cooling_kw 看起来像是 RT")
CONFIGS = Path(__file__).parents[2] / "configs"


async def fitted(state: Path) -> None:
    """A fit that is better than the data sheet, and one that is refused."""
    unit = load_nominal(CONFIGS, "demo").units["comp4"]
    assert isinstance(unit, VsdCompressor)
    verdicts = (
        learn("comp4", unit, rows_of_week(unit), "Asia/Shanghai"),
        Verdict(unit="chiller1", status="doubtful", reason=DOUBT),
    )
    engine = create_engine(embedded_url(state))
    now_ns = SystemClock().now().wall_ns
    await tables.keep(sessions_of(engine), "demo", now_ns, [body_of(one) for one in verdicts])
    await engine.dispose()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub in which curves were learnt."""
    need_the_page()
    with running_hub(tmp_path_factory.mktemp("hub"), prepare=fitted) as made:
        yield made


def test_a_person_sees_what_was_measured_and_why_a_curve_is_offered_or_not(
    chromium: str, hub: HubProcess, tmp_path: Path
) -> None:
    with browser(chromium, tmp_path / "chromium") as page:
        page.open(f"{hub.address}/sites/demo/curves")
        page.until("document.activeElement?.id === 'username'", 20)
        sign_in(page, hub.password)
        page.until("document.querySelectorAll('[data-unit]').length === 2", 40)
        assert page.evaluate("document.querySelectorAll('[data-unit=comp4] circle').length") > 50
        assert page.evaluate("document.querySelectorAll('[data-unit=comp4] polyline').length") == 3
        assert "ems curves accept comp4" in page.text()
        for lang in WORDS:
            speak(page, lang)
            words = WORDS[lang]["curves"]
            for said in (
                words["title"],
                words["nominal"],
                words["status"]["better"],
                words["status"]["doubtful"],
                getattr(DOUBT, lang),
            ):
                assert said in page.text()
            assert axe(page) == []
        page.size(390, 844)
        fits_a_phone(page)
        assert page.faults == []
