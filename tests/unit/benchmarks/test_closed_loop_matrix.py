"""The closed-loop matrix in small: its cells, its accounts, and minutes of one cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.cases.closed_loop_matrix import asked_cells, figures_of, jobs_of, seconds_asked
from benchmarks.cell_account import CellLedger, account
from benchmarks.courses import Place
from benchmarks.foretold import Foretold
from benchmarks.good_rules import by_tariff_kw, supply_reset_c
from benchmarks.matrix_cells import PERIOD_DAYS, Cell, Job, begin_of, begun, cells, tariffs
from benchmarks.plant_run import DAY_S, QUARTER_S, Course, Run, World
from hub.dispatch.site import load_site
from optimizer.tariff import price_series
from protocols.errors import ConfigError

SITE = load_site(Path(__file__).parents[3] / "configs", "demo")
BATTERY = SITE.plant.battery
PRICES = np.concatenate([np.full(24, 0.08), np.full(48, 0.16), np.full(24, 0.24)])


def ledger(cost: float, *, outside_s: int = 0, peak_kw: float = 500.0) -> CellLedger:
    return CellLedger(cost, {"energy": cost}, 10.0 * cost, 4.0 * cost, peak_kw, 7, outside_s, plans=3)


def test_twelve_cells_share_no_name_and_unknown_ones_are_refused_with_those_that_exist() -> None:
    assert len({cell.name for cell in cells()}) == 12
    assert asked_cells(" winter-flat , summer-bands") == (Cell("winter", "flat"), Cell("summer", "bands"))
    assert asked_cells("") == cells()
    with pytest.raises(ConfigError, match="monsoon-flat; there are winter-bands"):
        asked_cells("monsoon-flat")


@pytest.mark.parametrize("text", ["", "three", "nan", "inf", "-1", "0.001", "29"])
def test_a_length_that_is_none_is_refused_in_words(text: str) -> None:
    with pytest.raises(ConfigError, match="EMS_MATRIX_DAYS is"):
        seconds_asked(text)
    assert seconds_asked("0.5") == 43_200


def test_days_begin_on_a_thursday_and_billing_periods_with_a_month() -> None:
    for season in ("winter", "spring", "summer", "autumn"):
        days, period = begin_of(season, period=False), begin_of(season, period=True)
        assert (days.start_s // DAY_S) % 7 == 3
        assert min(days.start_s, period.start_s) >= 28 * DAY_S
        assert period.monday_ns + period.start_s * 1_000_000_000 <= days.monday_ns + days.start_s * 10**9


def test_the_hourly_tariff_has_a_price_for_each_hour_and_the_flat_one_a_single_price() -> None:
    known = tariffs(SITE.supply[0])
    begin = begin_of("summer", period=False)
    start_ns = begin.monday_ns + begin.start_s * 1_000_000_000
    hourly = price_series(known["hourly"], start_ns, 24, 3600.0)
    assert len(set(hourly.tolist())) == 24
    assert hourly.argmax() == 19
    assert len(set(price_series(known["flat"], start_ns, 24, 3600.0).tolist())) == 1


def test_a_battery_by_tariff_charges_below_the_peak_and_gives_no_more_than_is_bought() -> None:
    assert BATTERY is not None
    assert by_tariff_kw(BATTERY, PRICES, rest_kw=300.0, peak_kw=450.0) == 150.0
    assert by_tariff_kw(BATTERY, PRICES, rest_kw=449.0, peak_kw=450.0) == 0.0
    assert by_tariff_kw(BATTERY, PRICES[::-1], rest_kw=120.0, peak_kw=450.0) == -120.0
    assert by_tariff_kw(BATTERY, np.roll(PRICES, -30), rest_kw=120.0, peak_kw=450.0) == 0.0


def test_chilled_water_is_colder_the_warmer_it_is_outside() -> None:
    unit = SITE.plant.chillers[0]
    assert supply_reset_c(unit, 0.0) == unit.supply.high_c
    assert supply_reset_c(unit, 35.0) == unit.supply.default_c
    assert supply_reset_c(unit, 20.0) == pytest.approx((unit.supply.high_c + unit.supply.default_c) / 2.0)


def test_savings_are_the_mean_of_the_cells_with_the_worst_beside_it() -> None:
    one = {"ems": ledger(90.0, outside_s=3), "plant": ledger(100.0), "rules": ledger(95.0, outside_s=4)}
    other = {"ems": ledger(97.0), "plant": ledger(100.0), "rules": ledger(96.0), "ems_poor": ledger(99.0)}
    one |= {"rules_engine": ledger(90.0), "ems_perfect": ledger(88.0), "ems_poor": ledger(91.8)}
    other["rules_engine"] = ledger(97.0)
    figures = figures_of({Cell("winter", "bands"): one, Cell("spring", "flat"): other})
    assert figures["saving_vs_plant_pct"] == pytest.approx(6.5)
    assert figures["worst_cell_vs_rules_pct"] == pytest.approx(-100.0 / 96.0)
    assert (figures["outside_limits_s"], figures["rules_outside_limits_s"]) == (3.0, 4.0)
    assert figures["cost_with_poor_forecasts_pct"] == pytest.approx(2.0)
    assert figures["plans"] == 6.0


def test_every_cell_is_lived_by_everybody_and_the_longest_courses_come_first() -> None:
    jobs = list(jobs_of(cells(), 3 * DAY_S))
    assert [job.who for job in jobs[:12]] == ["ems"] * 12
    assert len(jobs) == len({job.title for job in jobs}) == 12 * 4 + 2 * 2
    assert not any(job.period for job in jobs)
    assert all(job.period for job in jobs_of(cells(), PERIOD_DAYS * DAY_S))


@pytest.mark.timeout(120)
def test_minutes_of_a_cell_under_everybody_and_put_away_on_the_way(tmp_path: Path) -> None:
    cell = Cell("autumn", "hourly")
    lived: dict[str, Course] = {}
    worlds: dict[str, World] = {}
    for who, seconds in (("plant", QUARTER_S), ("rules_engine", QUARTER_S), ("ems_poor", 60)):
        period = who == "rules_engine"
        begin = begun(Job(cell, who, seconds, period=period, history_days=2))
        place = Place(tmp_path / f"{who}.json")
        place.keep(begin)
        run: Run = place.kept(lambda: pytest.fail("a course that was put away begins anew"))
        lived[who], worlds[who] = run.go(place.tell), run.world
        assert lived[who].outside_s == 0
        if seconds == QUARTER_S:
            told = account(run.world, lived[who], period=period)
            assert sum(told.parts.values()) == pytest.approx(told.cost)
            assert told.parts["demand"] == (pytest.approx(9.0 * told.peak_kw) if period else 0.0)
            assert told.unit_kwh["comp4"] >= 0.0
            assert place.answer.with_suffix(".progress").read_text(encoding="ascii") == "1.0000"
    _foretold_is_true_but_for_its_error(worlds["ems_poor"])
    assert lived["ems_poor"].plans == 1, lived["ems_poor"].refused
    assert lived["plant"].discharged_kwh == 0.0


def _foretold_is_true_but_for_its_error(world: World) -> None:
    at_ns = world.monday_ns + world.start_s * 1_000_000_000
    minute = world.start_s // 60
    true_kw = float(world.scenario.heat_kw[minute : minute + 15].mean())
    perfect = Foretold(world, world.scenario, 0.0)(at_ns)
    poor = Foretold(world, world.scenario, 0.15)(at_ns)
    assert perfect.middle["heat_kw"][0] == pytest.approx(true_kw)
    off = poor.middle["heat_kw"] / perfect.middle["heat_kw"] - 1.0
    assert 0.02 < float(np.abs(off).mean()) < 0.45
    assert poor.before["heat_kw"].tolist() == perfect.before["heat_kw"].tolist()
