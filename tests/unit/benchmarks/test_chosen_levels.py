"""The case of set-points to choose: its plants, and what it makes of days."""

from __future__ import annotations

import pytest

from benchmarks.cases import chosen_levels
from benchmarks.cases.chosen_levels import DAYS, Job, figures_of, site_of
from benchmarks.cell_account import CellLedger
from optimizer.planned import planned_header_bar_g
from protocols.errors import ConfigError


def _day(cost: float, starts: int, outside_s: int = 0) -> CellLedger:
    return CellLedger(cost, {}, 0.0, 0.0, 0.0, starts, outside_s, plans=100)


def test_each_day_is_lived_with_levels_and_without() -> None:
    for season, tariff, what in DAYS:
        chosen, fixed = (site_of(Job(season, tariff, what, one)) for one in (True, False))
        assert chosen.plant == fixed.plant
        assert chosen.limits == fixed.limits
        assert chosen.supply[0].demand_per_kw == 0.0
        named = {name for name, one in chosen.planning.model_dump(exclude_defaults=True).items() if one}
        wanted = {"chilled_water", "condenser_water"} if what == "water" else {"pressure"}
        assert named == wanted
        assert fixed.planning.model_dump(exclude_defaults=True) == {}


def test_figures_tell_the_worst_day() -> None:
    figures = figures_of([(_day(100.0, 10), _day(98.0, 11)), (_day(200.0, 10), _day(201.0, 9, 3))])
    assert figures["saving_pct"] == pytest.approx(0.75)
    assert figures["worst_saving_pct"] == pytest.approx(-0.5)
    assert figures["starts_ratio"] == 1.0
    assert figures["plans_ratio"] == 1.0
    assert figures["outside_limits_s"] == 3.0


def test_a_level_that_the_plant_would_refuse_is_no_case(monkeypatch: pytest.MonkeyPatch) -> None:
    low = {"pressure": {"bar_g": [6.2, 6.65], "least_bar_g": 6.05}}
    monkeypatch.setattr(chosen_levels, "_PRESSURE", low)
    with pytest.raises(ConfigError, match=r"allowed are 6\.35"):
        site_of(Job("autumn", "hourly", "pressure", chosen=True))


def test_the_pressure_of_the_roles_is_among_the_levels() -> None:
    site = site_of(Job("autumn", "hourly", "pressure", chosen=True))
    assert site.planning.pressure is not None
    assert planned_header_bar_g(site.plant) in site.planning.pressure.bar_g
