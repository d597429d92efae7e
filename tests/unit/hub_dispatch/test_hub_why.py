from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from hub.dispatch.asking import Asker, Question
from hub.dispatch.report import row_of
from optimizer.dispatch import plan_day
from optimizer.solve import Optimal
from optimizer.written import written
from protocols.config import Text
from protocols.errors import SolveError
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, accepted, site
from tests.unit.optimizer import cases

CJK = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.timeout(60)
async def test_a_plan_of_the_hub_is_explained_in_a_child_process_and_remembered() -> None:
    body = row_of(site(), accepted(), NOW_NS, 1).body
    labels = {"comp1": Text(en="Compressor 1", zh="1 号空压机")}
    question = Question("p1", body["made"], "comp1", 3, labels, "Asia/Shanghai")
    asker = Asker()
    said = await asker.ask(question)
    assert said["sentence"]["en"].startswith("Compressor 1 ")
    assert "1 号空压机" in said["sentence"]["zh"]
    assert {one["name"] for one in said["figures"]} >= {"price_electric", "price_air"}
    assert await asker.ask(question) is said
    # remembered by plan, unit and step; another plan of the same id does not exist
    again = await asker.ask(Question("p1", "damaged", "comp1", 3))
    assert again is said


@pytest.mark.timeout(60)
def test_a_plan_of_the_hub_is_held_against_the_curves_of_its_machines_step_by_step() -> None:
    body = row_of(site(), accepted(), NOW_NS, 1).body
    uses = {one["machine"]: one for one in body["curves"]}
    assert set(uses) == {"comp1", "comp2", "comp3", "comp4", "chiller1", "chiller2"}
    for one in uses.values():
        assert (one["version"], one["outside_steps"]) == (0, 0)
        assert one["curve_kwh"] == pytest.approx(one["planned_kwh"], rel=0.05, abs=2.0)
    assert not any("curve was learnt" in note["en"] for note in body["notes"])


@pytest.mark.timeout(60)
def test_the_row_of_a_plan_tells_what_is_saved_and_the_parts_add_up() -> None:
    plan = accepted()
    saving = row_of(site(), plan, NOW_NS, 1).body["saving"]
    total = plan.baseline.total - plan.simulated.total
    assert saving["total"] == pytest.approx(total, abs=1e-6)
    assert sum(one["value"] for one in saving["parts"]) == pytest.approx(total, abs=1e-6)
    assert "the plant's own control" in saving["sentence"]["en"]
    assert CJK.search(saving["sentence"]["zh"])


async def test_what_is_short_is_traced_to_its_limits() -> None:
    asked = cases.with_need(cases.problem(3), air_m3_min=cases.flat(3, 13.0))
    asked = replace(asked, compressors=(cases.fixed_speed("comp_1"),))
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal)
    labels = {"comp_1": Text(en="Compressor 1", zh="1 号空压机")}
    said = await Asker().ask(Question("p2", written(asked, outcome.plan), labels=labels))
    short = said["short"][0]
    assert (short["name"], short["unit"], round(short["amount"], 3)) == ("air_short", "m³/min", 3.0)
    assert short["limits"][0]["en"] == "Compressor 1 gives at most 10.0 m³/min"


async def test_a_question_without_an_answer_is_refused_in_words_and_another_one_is_answered() -> None:
    asked = cases.with_need(cases.problem(2), electric_kw=cases.flat(2, 10.0))
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal)
    made = written(asked, outcome.plan)
    asker = Asker()
    with pytest.raises(SolveError, match="no unit pump"):
        await asker.ask(Question("p3", made, "pump", 0))
    with pytest.raises(SolveError, match="make a new plan"):
        await asker.ask(Question("p4", "damaged"))
    assert await asker.ask(Question("p3", made)) == {"short": []}
    with pytest.raises(SolveError, match="no explanation within"):
        await Asker(limit_s=0.01).ask(Question("p3", made))


async def test_questions_are_worked_on_one_after_the_other() -> None:
    asked = cases.problem(2)
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal)
    asker, made = Asker(), written(asked, outcome.plan)
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(asker.ask(Question(f"p{k % 2}", made))) for k in range(4)]
    assert [one.result() for one in asking] == [{"short": []}] * 4
    assert asking[0].result() is asking[2].result()


async def test_more_questions_than_can_wait_are_refused_and_the_others_answered() -> None:
    asked = cases.problem(2)
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal)
    asker, made = Asker(), written(asked, outcome.plan)
    said = await asyncio.gather(*(asker.ask(Question("p1", made)) for _ in range(12)), return_exceptions=True)
    refused = [one for one in said if isinstance(one, SolveError)]
    assert len(refused) == 4
    assert "8 questions about plans are waiting" in str(refused[0])
    assert [one for one in said if one not in refused] == [{"short": []}] * 8
    assert await asker.ask(Question("p1", made)) == {"short": []}
