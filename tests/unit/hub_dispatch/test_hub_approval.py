"""Machines that wait for a person, and what is told where no plan can be had."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hub.auth.tables import UserRow
from hub.command.wishes import Wish
from hub.database import Sessions
from hub.dispatch import core
from hub.dispatch.order import by_rule
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import DispatchSite, load_site
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.issue import Issue
from hub.forecast.quarters import QUARTER_NS
from hub.ledger.approvals import ApprovalRow, approvals, approve
from hub.ledger.queries import latest_plan
from hub.registry.site import Modes
from hub.store.engine import StorePlace, open_store
from optimizer.written import read
from plant.units.compressor import ROLE_BASE, ROLE_STANDBY, ROLE_TRIM
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import (
    CONFIG,
    NOW_NS,
    DayView,
    accepted,
    in_force,
    site,
    snapshot,
    told,
)

pytestmark = pytest.mark.timeout(60)
WAITS = Modes("auto", {"comp2": "approve"})
RECENT = {"air_m3_min": 40.0, "cooling_kw": 700.0, "process_kw": 500.0, "heat_kw": 300.0}


def waiting() -> DispatchSite:
    return replace(site(), modes=WAITS)


def of(machine: str, decision: core.Decision) -> dict[str, float]:
    return {point: value for point, value in told(decision).items() if point.startswith(f"{machine}/")}


def test_a_machine_that_waits_is_told_the_plan_that_was_approved_for_it_and_no_other() -> None:
    memory = in_force()
    assert not of("comp2", core.step(waiting(), memory, snapshot(), NOW_NS)[1])
    memory = replace(memory, approved={"comp2": accepted()})
    _, decision = core.step(waiting(), memory, snapshot(), NOW_NS)
    assert of("comp2", decision) == of("comp2", core.step(site(), in_force(), snapshot(), NOW_NS)[1])
    assert of("comp1", decision)


def test_an_approval_is_over_with_the_exact_steps_of_its_plan_or_with_the_mode() -> None:
    memory = replace(in_force(), approved={"comp2": accepted()})
    end_ns = accepted().plan.start_ns + accepted().plan.binary_steps * QUARTER_NS
    assert of("comp2", core.step(waiting(), memory, snapshot(end_ns - 1), end_ns - 1)[1])
    assert not of("comp2", core.step(waiting(), memory, snapshot(end_ns), end_ns)[1])
    advised = replace(site(), modes=Modes("auto", {"comp2": "advice"}))
    assert not of("comp2", core.step(advised, memory, snapshot(), NOW_NS)[1])


@pytest.fixture
async def pilot(sessions: Sessions, tmp_path: Path) -> AsyncIterator[Pilot]:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    yield Pilot(waiting(), DayView(waiting(), store), sessions, clock)
    store.close()


def wishes_of(machine: str, wishes: Mapping[str, list[Wish]]) -> list[Wish]:
    return [wish for found in wishes.values() for wish in found if wish.point.split("/")[1] == machine]


@pytest.mark.timeout(60)
async def test_what_a_person_approved_in_the_database_is_told_with_the_id_of_its_plan(
    pilot: Pilot, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        ana = UserRow(name="ana", role="operator", password="", changed_ns=0)
        session.add(ana)
    await pilot.decide({})
    await pilot.plan_when_asked()
    assert not wishes_of("comp2", await pilot.decide({}))
    async with sessions() as session:
        row = await latest_plan(session, "demo")
    assert row is not None

    async def say(plan_id: str | None) -> list[Wish]:
        said = ApprovalRow(site="demo", machine="comp2", plan_id=plan_id, person="ana", at_ns=NOW_NS)
        await approve(sessions, "demo", [said], [])
        return wishes_of("comp2", await pilot.decide({}))

    assert {wish.plan_id for wish in await say(row["id"])} == {row["id"]}
    assert await say("of-another-day") == []
    assert await approvals(sessions, "demo") == {}
    assert await say(row["id"])
    assert await say(None) == []
    assert await say(row["id"])
    async with sessions.begin() as session:
        (await session.merge(ana)).role = "viewer"
    assert wishes_of("comp2", await pilot.decide({})) == []
    assert await approvals(sessions, "demo") == {}


def without_a_plan(recent: Mapping[str, float], at_ns: int) -> Snapshot:
    return replace(snapshot(at_ns), recent=recent)


def test_where_the_last_plan_has_run_out_and_none_can_be_had_machines_run_by_rule() -> None:
    end_ns = accepted().plan.start_ns + accepted().plan.binary_steps * QUARTER_NS
    memory, decision = core.step(site(), in_force(), without_a_plan(RECENT, end_ns), end_ns)
    assert decision.set_points == ()  # another plan is on its way
    memory = core.planned(memory, None)
    memory, decision = core.step(site(), memory, without_a_plan(RECENT, end_ns), end_ns)
    roles = {point: value for point, value in told(decision).items() if point.endswith("role_set_code")}
    assert sorted(roles.values()) == [ROLE_STANDBY, ROLE_STANDBY, ROLE_TRIM, ROLE_BASE]
    assert roles["comp4/role_set_code"] == ROLE_TRIM
    assert {one.of_plan for one in decision.set_points} == {False}
    assert "no plan can be had" in decision.set_points[0].reason
    assert not any(point.startswith(("battery1/", "chp1/", "pv1/")) for point in told(decision))
    later = without_a_plan({**RECENT, "air_m3_min": 5.0}, end_ns + 10**9)
    assert told(core.step(site(), memory, later, end_ns + 10**9)[1]) == told(decision)
    memory = core.planned(memory, accepted())
    assert core.step(site(), replace(memory, ruled=(0, None)), snapshot(), NOW_NS)[1].set_points[0].of_plan


def test_where_not_even_the_need_is_known_nobody_is_told_anything() -> None:
    end_ns = accepted().plan.start_ns + accepted().plan.binary_steps * QUARTER_NS
    memory = replace(in_force(), owed="a new quarter hour", asked_ns=end_ns)
    assert core.step(site(), memory, without_a_plan({}, end_ns), end_ns)[1].set_points == ()


@pytest.mark.parametrize(
    ("need", "away", "base"),
    [(10.0, (), 0), (40.0, (), 1), (60.0, (), 2), (84.0, (), 3), (200.0, (), 3), (60.0, ("comp4",), 2)],
)
def test_by_rule_the_best_carry_the_base_and_one_regulates(
    need: float, away: tuple[str, ...], base: int
) -> None:
    plant = site().plant
    free = set(plant.compressor_ids) - set(away)
    found = by_rule(plant, free, {"air_m3_min": need})
    assert found is not None
    roles = dict(zip(plant.compressor_ids, (one.role for one in found.compressors), strict=True))
    given = [role for role in roles.values() if role is not None]
    assert given.count(ROLE_BASE) == base
    assert given.count(ROLE_TRIM) == 1
    assert all(roles[name] is None for name in away)


def test_by_rule_chillers_are_called_for_the_need_and_none_is_kept_from_running() -> None:
    plant = site().plant
    called = by_rule(plant, set(plant.chiller_ids), {"air_m3_min": 0.0, "cooling_kw": 400.0})
    both = by_rule(plant, set(plant.chiller_ids), {"air_m3_min": 0.0, "cooling_kw": 700.0})
    assert called is not None
    assert both is not None
    assert [one.permit for one in called.chillers] == [True, None]
    assert [one.permit for one in both.chillers] == [True, True]


def test_a_forecast_with_a_band_gives_the_plan_a_band_of_its_cost() -> None:
    outlook = accepted().outlook
    assert outlook is not None
    names = (
        "process_kw",
        "air_m3_min",
        "cooling_kw",
        "heat_kw",
        "irradiance_w_m2",
        "outdoor_c",
        "wet_bulb_c",
    )
    middle = {name: np.array(getattr(outlook, name)) for name in names}
    before = {name: np.full(4, course[0]) for name, course in middle.items()}
    low = {name: 0.8 * course for name, course in middle.items()}
    high = {name: 1.2 * course for name, course in middle.items()}
    issue = Issue(outlook.start_ns, middle, before, dict.fromkeys(names, "learned"), low, high)
    look = replace(snapshot(), issue=issue)
    memory, decision = core.step(site(), core.Memory(), look, NOW_NS)
    task = task_of(site(), memory, decision, look)
    assert task.band is not None
    cheap, dear = task.band
    assert cheap.process_kw == pytest.approx(task.outlook.process_kw - 0.2 * middle["process_kw"])
    assert dear.air_m3_min == pytest.approx(task.outlook.air_m3_min + 0.2 * middle["air_m3_min"])
    made = solve_task(task)
    assert made.cost_band is not None
    assert made.cost_band[0] < made.simulated.total < made.cost_band[1]
    plain = task_of(site(), memory, decision, replace(look, issue=replace(issue, low={})))
    assert plain.band is None


def contract_file(config: Path, last: str) -> None:
    """Two bands, a demand charge, until a day."""
    (config / "contracts").mkdir()
    (config / "contracts" / "demo.yaml").write_text(
        f"""id: demo
label: {{en: Supply, zh: 供电}}
currency: EUR
time_zone: Europe/Berlin
calendar:
  bands: [{{id: day, label: {{en: Day, zh: 日}}}}, {{id: night, label: {{en: Night, zh: 夜}}}}]
  windows: [{{band: day, hours: ["06:00-22:00"]}}, {{band: night, hours: ["22:00-06:00"]}}]
sheets:
  - first: 2025-01-01
    last: {last}
    source: made up
    parts:
      - {{id: energy, kind: energy, group: energy, label: {{en: Energy, zh: 电能}},
         by_band: {{day: 0.3, night: 0.1}}}}
      - {{id: demand, kind: demand, group: grid, label: {{en: Demand, zh: 需量}}, per_kw: 12.0}}
""",
        encoding="utf-8",
    )


@pytest.mark.parametrize(("last", "by_contract"), [("2025-12-31", True), ("2025-01-07", False)])
def test_a_site_with_a_contract_is_planned_by_it_and_by_the_tariff_where_it_has_ended(
    tmp_path: Path, last: str, *, by_contract: bool
) -> None:
    shutil.copytree(CONFIG, tmp_path / "config", ignore=shutil.ignore_patterns("contracts"))
    contract_file(tmp_path / "config", last)
    bought_by = load_site(tmp_path / "config", "demo")
    look = replace(snapshot(), earlier_kw=(950.0, 990.0))
    memory, decision = core.step(bought_by, core.Memory(), look, NOW_NS)
    made = solve_task(task_of(bought_by, memory, decision, look))
    problem, _ = read(made.made)
    if by_contract:
        assert set(np.unique(problem.prices.import_eur_kwh[:32])) == {0.3}
        assert [(one.name, one.so_far_kw) for one in problem.supply.charges] == [("demand", 900.0)]
        assert not any("planned by the tariff" in note.en for note in made.notes)
    else:
        assert problem.supply.charges == ()
        assert any(
            "has no prices for" in note.en and "planned by the tariff" in note.en for note in made.notes
        )
