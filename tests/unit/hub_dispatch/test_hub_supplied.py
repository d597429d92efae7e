"""Gas, reactive power, prices of the day and demand windows in the hub's problem."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from accounts.contract import AnyPart, Contract
from accounts.invoice import Courses
from accounts.other_parts import FactorPart, ReactivePart
from accounts.parts import CoursePart
from hub.dispatch import core
from hub.dispatch.metering import SupplyMeter, period_ns
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import Accepted, Task, solve_task
from hub.dispatch.supplied import Used, foreseen, supply_of
from hub.dispatch.tasks import task_of
from hub.dispatch.view import PlantView
from hub.store.embedded import EmbeddedStore
from hub.store.engine import StorePlace, open_store
from optimizer.check import check
from optimizer.peaks import highest_kw, just_before
from optimizer.planning import PlanningFile
from optimizer.site_supply import terms_of
from optimizer.written import read
from protocols.point import local_point
from protocols.write_block import WriteLimits
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, snapshot
from tests.unit.hub_dispatch.dispatch_day import site as demo
from tests.unit.optimizer.test_contracted import DEMAND, NAME, contract

pytestmark = pytest.mark.timeout(120)
QUARTER_NS = 900 * 10**9
BEGIN_NS = NOW_NS - NOW_NS % QUARTER_NS


Course = Callable[[str, np.ndarray], np.ndarray]


def _store(place: Path, course: Course, *points: str) -> EmbeddedStore:
    """A store with 35 days of these points."""
    store = open_store(StorePlace(place / "series.db"), VirtualClock(wall_ns=NOW_NS))
    assert isinstance(store, EmbeddedStore)
    starts = BEGIN_NS + QUARTER_NS * (np.arange(35 * 96, dtype=np.int64) - 35 * 96)
    for point in points:
        store.seed_means(local_point("demo", point), starts, course(point, starts))
    return store


def _contract(*parts: AnyPart, **more: object) -> Contract:
    """Prices of the year the plan is in."""
    sheet = contract(*parts).sheets[0]
    year = sheet.model_copy(update={"first": dt.date(2025, 1, 1), "last": dt.date(2025, 12, 31)})
    return contract(**more).model_copy(update={"sheets": (year,)})


def _site(planning: object = None, **changed: object) -> DispatchSite:
    found = replace(demo(), planning=PlanningFile.model_validate(planning or {}))
    return replace(found, **changed)  # type: ignore[arg-type]  # fields by their names


def _task(site: DispatchSite, used: Used, seen: Snapshot | None = None) -> Task:
    look = replace(seen or snapshot(), used=used)
    memory, decision = core.step(site, core.Memory(), look, NOW_NS)
    return task_of(site, memory, decision, look)


def _checked(made: Accepted) -> None:
    problem, plan = read(made.made)
    assert check(problem, plan) == []


def test_gas_stays_below_its_hourly_limit_or_the_overshoot_has_a_name() -> None:
    free = solve_task(_task(_site(), Used()))
    most = 0.7 * float(free.plan.fuel_kw[:4].max())
    site = _site({"gas": {"hourly_kwh": most}})
    made = solve_task(_task(site, Used()))
    _checked(made)
    over = [one for one in made.plan.shortages if one.name == "gas_over"]
    hours = made.plan.fuel_kw[:16].reshape(4, 4).mean(axis=1)
    assert float(hours[1:].max()) <= most + 1e-3 + sum(one.amount for one in over)
    assert float(free.plan.fuel_kw[:16].reshape(4, 4).mean(axis=1).max()) > most


def test_what_was_burnt_in_the_hour_and_what_burns_since_counts() -> None:
    site = _site({"gas": {"hourly_kwh": 900.0}})
    look = snapshot(NOW_NS, {"boiler1/fuel_kw": 200.0, "chp1/fuel_kw": 400.0})
    task = _task(site, Used(gas_hour_kwh=120.0), replace(look, quarter_kw=100.0))
    assert task.beside.gas is not None
    gone_h = task.outlook.gone_s / 3600.0
    assert task.beside.gas.this_hour_kwh == pytest.approx(120.0 + 600.0 * gone_h)


def test_what_of_a_take_or_pay_quantity_is_left_is_shared_out_over_what_is_left_of_the_month() -> None:
    site = _site({"gas": {"take_kwh": 400_000.0}})
    task = _task(site, Used(gas_period_kwh=100_000.0))
    gas = task.beside.gas
    assert gas is not None
    assert 300_000.0 / 31 < gas.take_kwh < 300_000.0
    made, free = solve_task(task), solve_task(_task(_site(), Used()))
    _checked(made)
    assert float(made.plan.fuel_kw @ np.full(96, 0.25)) >= float(free.plan.fuel_kw @ np.full(96, 0.25)) - 1.0
    assert "gas_not_taken" in made.plan.charges
    done = _task(site, Used(gas_period_kwh=500_000.0)).beside.gas
    assert done is not None
    assert done.take_kwh == 0.0


def test_gas_and_power_factor_of_the_next_month_begin_anew_within_a_window() -> None:
    said = {
        "gas": {"take_kwh": 3000.0},
        "reactive": {"point": "meter_main/reactive_kvar", "factor_least": 0.9},
    }
    last_ns = int(dt.datetime(2025, 1, 31, 23, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) * 10**9
    supply, _ = supply_of(_site(said), Used(gas_period_kwh=1000.0, month_kwh=5.0), (last_ns, 96))
    assert supply.next_from == 4
    assert supply.gas is not None
    assert (supply.gas.take_kwh, supply.gas.next_from) == (2000.0, 4)
    assert supply.gas.next_take_kwh == pytest.approx(3000.0 * 23.0 / (28 * 24))


def _reactive(*, told: bool = True) -> DispatchSite:
    sheet = demo().plant.flowsheet
    pv = sheet.units["pv1"]
    bound = pv.model_copy(update={"bindings": {**pv.bindings, "reactive_set_kvar": "pv1/reactive_set_kvar"}})
    flowsheet = sheet.model_copy(update={"units": {**sheet.units, "pv1": bound}})
    plant = replace(demo().plant, flowsheet=flowsheet, pv=cast(Any, bound))
    some = demo().limits["pv1/limit_set_frac"]
    limits = WriteLimits.model_validate(
        some.model_dump() | {"point": "reactive_set_kvar", "unit": "kvar", "low": -500.0, "high": 500.0}
    )
    said = {
        "point": "meter_main/reactive_kvar",
        "inverter_kva": 500.0,
        "factor_least": 0.95,
        "per_kvarh": 0.05,
    }
    more = {"pv1/reactive_set_kvar": limits} if told else {}
    return _site({"reactive": said}, plant=plant, limits={**demo().limits, **more})


def test_the_inverters_keep_the_power_factor_of_the_month() -> None:
    used = Used(month_kwh=1000.0, month_kvarh=900.0, need_kvar=np.full(96, 300.0))
    made = solve_task(_task(_reactive(), used))
    _checked(made)
    given = made.plan.setpoints["inverter_kvar"]
    assert given.max() > 100.0
    assert made.plan.charges["power_factor"] < 0.05 * 300.0 * 24.0
    memory = core.planned(core.Memory(), made)
    _, decision = core.step(_reactive(), memory, snapshot(), NOW_NS)
    told = {one.point: one for one in decision.set_points}
    assert told["pv1/reactive_set_kvar"].value == pytest.approx(float(given[0]), abs=0.06)
    assert told["pv1/reactive_set_kvar"].unit == "kvar"


def test_inverters_give_nothing_where_it_changes_no_money_or_where_they_cannot_be_told() -> None:
    kept = Used(month_kwh=1e6, month_kvarh=0.0, need_kvar=np.full(96, 30.0))
    assert not solve_task(_task(_reactive(), kept)).plan.setpoints["inverter_kvar"].any()
    used = Used(month_kwh=1000.0, month_kvarh=900.0, need_kvar=np.full(96, 300.0))
    task = _task(_reactive(told=False), used)
    assert task.beside.inverter_kva == 0.0
    unknown = _task(_reactive(), Used())
    assert any("meter_main/reactive_kvar is not known" in note.en for note in unknown.notes)
    nothing = _site({"reactive": {"point": "meter_main/reactive_kvar"}})
    assert any("no contract charges for it" in note.en for note in _task(nothing, kept).notes)


def test_a_contract_says_what_reactive_energy_costs() -> None:
    priced = {"id": "q", "kind": "reactive", "label": NAME, "group": "energy", "per_kvarh": "0.02"}
    made = _contract(DEMAND)
    assert terms_of(made, BEGIN_NS) is None
    free = ReactivePart.model_validate(priced | {"free_share": "0.5"})
    terms = terms_of(_contract(DEMAND, free), BEGIN_NS)
    assert terms is not None
    assert terms.least == pytest.approx(1.0 / np.sqrt(1.25))
    assert terms.per_kvarh == 0.02
    factor = FactorPart.model_validate({"id": "f", "label": NAME, "standard": "0.90", "of": ["energy"]})
    chinese = terms_of(_contract(DEMAND, factor), BEGIN_NS)
    assert chinese is not None
    # a hundredth below the standard is half a percent of the bill of P kWh at 1 a kWh
    tangent = [np.sqrt(1.0 - cos**2) / cos for cos in (0.90, 0.89)]
    assert chinese.of_price == pytest.approx(0.005 / (tangent[1] - tangent[0]), rel=0.03)


def test_prices_that_are_not_known_yet_are_those_of_the_days_before(tmp_path: Path) -> None:
    def course(_point: str, starts: np.ndarray) -> np.ndarray:
        return np.asarray(100.0 + starts // 10**9 % 86400 / 3600.0)

    site = _site(courses={"epex": ("market/price_mwh", 0.001)})
    store = _store(tmp_path, course, "market/price_mwh")
    used = SupplyMeter(site, store).read(NOW_NS)
    store.close()
    ahead = BEGIN_NS + QUARTER_NS * np.arange(96)
    assert used.courses["epex"].at(ahead) == pytest.approx(0.001 * course("", ahead))
    assert [one.en for one in used.notes] == [
        "96 prices of epex are not known yet, foreseen by the days before"
    ]


def test_a_contract_of_spot_prices_moves_the_plan() -> None:
    spot = _contract(CoursePart(id="spot", label=NAME, course="epex"))
    dear = np.where(np.arange(96) % 48 < 24, 0.05, 0.60)
    site = replace(_site(), contract=spot)
    used = Used(courses={"epex": Courses(BEGIN_NS, 900, dear)})
    made = solve_task(_task(site, used))
    _checked(made)
    problem, _ = read(made.made)
    bands = problem.prices.import_eur_kwh[:16] - dear[:16]
    assert set(np.round(bands, 6)) <= {0.9, 0.3}
    power = made.plan.battery_kw
    assert power[dear < 0.1].sum() > 0 > power[dear > 0.1].sum()
    without = _task(site, Used())
    assert any("epex" in note.en for note in solve_task(without).notes)


def test_gaps_are_filled_by_the_newest_day_that_knows() -> None:
    known = np.concatenate([np.full(96, 1.0), np.full(96, 2.0), [np.nan, 5.0]])
    known[96] = np.nan
    found, missing = foreseen(known, 2)
    assert (found.tolist(), missing) == ([1.0, 5.0], 1)


def test_energies_are_those_since_the_hour_and_the_period_began(tmp_path: Path) -> None:
    def course(point: str, starts: np.ndarray) -> np.ndarray:
        rate = {"boiler1/fuel_kw": 100.0, "chp1/fuel_kw": 300.0, "meter_main/power_kw": 500.0}
        return np.full(len(starts), rate.get(point, -80.0))

    said = {"point": "meter_main/reactive_kvar"}
    site = _site({"gas": {"hourly_kwh": 900.0, "take_kwh": 1.0, "take_per": "month"}, "reactive": said})
    store = _store(tmp_path, course, "boiler1/fuel_kw", "chp1/fuel_kw", "meter_main/power_kw", said["point"])
    used = SupplyMeter(site, store).read(NOW_NS)
    store.close()
    zone = site.time_zone
    assert used.gas_hour_kwh == pytest.approx(400.0 * (BEGIN_NS % (3600 * 10**9)) / 3.6e12)
    assert used.gas_period_kwh == pytest.approx(
        400.0 * (BEGIN_NS - period_ns(BEGIN_NS, zone, "month")) / 3.6e12
    )
    month_h = (BEGIN_NS - period_ns(BEGIN_NS, zone, "month")) / 3.6e12
    assert used.month_kwh == pytest.approx(500.0 * month_h)
    assert used.month_kvarh == pytest.approx(80.0 * month_h)
    assert used.need_kvar is not None
    assert set(used.need_kvar) == {-80.0}


@pytest.mark.parametrize(
    ("window_s", "slide", "peak_kw"), [(900.0, False, 400.0), (1800.0, False, 250.0), (1800.0, True, 300.0)]
)
def test_the_highest_demand_is_that_of_the_meters_own_window(
    window_s: float,
    peak_kw: float,
    *,
    slide: bool,
) -> None:
    quarters = np.array([100.0, 400.0, 200.0, 100.0, np.nan, 900.0, 50.0])
    quarters[5] = np.nan
    assert highest_kw(1800 * 10**9, quarters, window_s, slide=slide) == peak_kw


def test_earlier_months_are_read_by_the_contracts_window_and_what_was_just_before_is_known(
    tmp_path: Path,
) -> None:
    def course(_point: str, starts: np.ndarray) -> np.ndarray:
        return np.where(starts // QUARTER_NS % 96 == 41, 600.0, 200.0)

    store = _store(tmp_path, course, "meter_main/power_kw")
    half = _contract(DEMAND, metering={"window_s": 1800, "slide": False})
    for bought, peak_kw, before in ((half, 400.0, 1), (_contract(DEMAND), 600.0, 0)):
        seen = PlantView(replace(demo(), contract=bought), store).snapshot(NOW_NS, {}, 10.0)
        assert seen.earlier_kw[-1] == peak_kw
        assert set(seen.earlier_kw[:-1]) == {0.0}
        assert seen.metered is not None
        assert seen.metered.month_kw == peak_kw
        assert len(seen.metered.before_kw) == before
    store.close()


def test_only_what_is_known_up_to_now_stands_before_the_window() -> None:
    quarters = np.array([1.0, np.nan, 3.0, 4.0])
    assert just_before(quarters, 3600.0, slide=False) == (3.0, 4.0)
    assert just_before(quarters, 900.0, slide=False) == ()
    assert just_before(quarters, 900.0, slide=True) == (4.0,)
