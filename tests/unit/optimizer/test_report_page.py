from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from typing_extensions import override

from optimizer.dispatch import plan_day
from optimizer.plan import Plan, Shortage
from optimizer.problem import DispatchProblem
from optimizer.report_page import About, report_page
from optimizer.solve import Feasible, Optimal
from protocols.config import Text
from tests.unit.optimizer import cases

VOID = {"meta", "input"}


class _Whole(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: dict[str, list[str]] = {"en": [], "zh": []}
        self.links: list[str] = []
        self._lang: list[str | None] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [str(found[name]) for name in ("src", "href") if name in found]
        if tag not in VOID:
            self.open.append(tag)
            self._lang.append(found.get("class"))

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._lang.pop()

    @override
    def handle_data(self, data: str) -> None:
        for lang in ("en", "zh"):
            if lang in self._lang:
                self.words[lang].append(data)


@pytest.fixture(scope="module")
def made() -> tuple[DispatchProblem, Plan]:
    problem = cases.problem(8, price=cases.flat(8, 0.2))
    problem = cases.with_need(problem, air_m3_min=cases.flat(8, 15.0), electric_kw=cases.flat(8, 100.0))
    problem = replace(problem, compressors=(cases.fixed_speed("comp1"), cases.fixed_speed("comp2")))
    outcome = plan_day(problem)
    assert isinstance(outcome, Optimal | Feasible)
    return problem, outcome.plan


def _read(page: str) -> _Whole:
    whole = _Whole()
    whole.feed(page)
    whole.close()
    assert whole.open == []
    return whole


def test_the_page_is_whole_needs_nothing_beside_it_and_speaks_both_languages(
    made: tuple[DispatchProblem, Plan],
) -> None:
    problem, plan = made
    about = About(
        title="a <plan> & more",
        status="optimal",
        gap=0.001,
        bound=12.0,
        solver="HiGHS 1.12",
        solve_s=0.4,
        labels={"comp1": Text(en="Compressor <1>", zh="一号空压机")},
        curves=(
            {
                "machine": "comp1",
                "version": 2,
                "corner_error_frac": 0.004,
                "worst_frac": 0.01,
                "planned_kwh": 10.0,
                "curve_kwh": 10.1,
                "outside_steps": 2,
                "outside": ["inlet_c"],
            },
        ),
        forward=({"device": "comp2", "planned_kwh": 5.0, "simulated_kwh": 5.5},),
    )
    page = report_page(problem, plan, about, dt.timezone(dt.timedelta(hours=8)))
    whole = _read(page)
    assert whole.links == []
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "a &lt;plan&gt; &amp; more" in page
    assert "一号空压机" in " ".join(whole.words["zh"])
    assert "Compressor <1>" in " ".join(whole.words["en"])
    assert f"{plan.cost.total:,.2f}" in page
    assert "+0.5" in page
    assert "2 (inlet_c)" in page
    assert len(whole.words["en"]) == len(whole.words["zh"])
    assert not any(re.search(r"[\u4e00-\u9fff]", word) for word in whole.words["en"])
    assert page.count("<svg") == 2


def test_what_is_not_kept_and_what_is_short_stands_first(made: tuple[DispatchProblem, Plan]) -> None:
    problem, plan = made
    short = replace(plan, shortages=(Shortage("air_short", 3, 2.5),))
    page = report_page(problem, short, About(title="t", not_kept=("comp1, step 2: too much",)))
    assert page.index("compressed air is short, by 2.5 m³/min") < page.index("<svg")
    assert "压缩空气不足" in page
    assert "comp1, step 2: too much" in page
    assert "Every declared limit is kept" not in page
    assert "Every declared limit is kept" in report_page(problem, plan, About(title="t"))


def test_the_language_asked_for_is_shown_first(made: tuple[DispatchProblem, Plan]) -> None:
    problem, plan = made
    page = report_page(problem, plan, About(title="t"), lang="zh")
    assert '<html lang="zh">' in page
    assert 'id="zh" checked' in page
