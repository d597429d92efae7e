"""No need is left off for money: for a peak, in a currency of large numbers, inside a wide gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.build import build
from optimizer.dispatch import plan_day
from optimizer.plan import Plan
from optimizer.problem import Boiler, DispatchProblem, Prices
from optimizer.shortage_prices import need_level, price_level
from optimizer.solve import Feasible, Optimal
from optimizer.supply import DemandCharge, EnergyTier, Supply
from tests.unit.optimizer import cases

STEPS = 8


def _planned(asked: DispatchProblem) -> Plan:
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal | Feasible), outcome
    return outcome.plan


def _plant() -> DispatchProblem:
    """Air, cooling and heat, with a quarter hour in which all need more than before."""
    rise = np.array([1.0] * 3 + [1.8] + [1.0] * 4)
    asked = cases.with_need(
        cases.problem(STEPS),
        air_m3_min=10.0 * rise,
        cooling_kw=200.0 * rise,
        heat_kw=cases.flat(STEPS, 100.0),
        electric_kw=cases.flat(STEPS, 100.0),
    )
    return replace(
        asked,
        compressors=(cases.fixed_speed("a"), cases.fixed_speed("b")),
        chillers=(cases.chiller("c1", STEPS), cases.chiller("c2", STEPS)),
        boilers=(Boiler(name="boiler", capacity_kw=300.0),),
    )


def _charged(asked: DispatchProblem, charge: float, weight: float = 1.0) -> DispatchProblem:
    prices = replace(asked.prices, demand_charge_eur_kw=charge, month_peak_kw=150.0, peak_weight=weight)
    return replace(asked, prices=prices)


def _times(prices: Prices, factor: float) -> Prices:
    return replace(
        prices,
        import_eur_kwh=prices.import_eur_kwh * factor,
        export_eur_kwh=prices.export_eur_kwh * factor,
        gas_eur_kwh=prices.gas_eur_kwh * factor,
        co2_eur_t=prices.co2_eur_t * factor,
        demand_charge_eur_kw=prices.demand_charge_eur_kw * factor,
    )


@pytest.mark.parametrize("charge", [9.0, 48.0, 1800.0])
def test_the_peak_of_a_month_is_not_saved_by_a_need_left_off(charge: float) -> None:
    asked = _charged(_plant(), charge)
    plan = _planned(asked)
    assert plan.shortages == ()
    contract = DemandCharge(name="basic", eur_kw=charge, so_far_kw=150.0, window_s=1800.0, before_kw=(100.0,))
    assert _planned(replace(_plant(), supply=Supply(charges=(contract,)))).shortages == ()


@pytest.mark.parametrize("factor", [8.0, 150.0])
def test_a_currency_of_large_numbers_is_planned_as_one_of_small_ones(factor: float) -> None:
    asked = _plant()
    dear = replace(asked, prices=_times(asked.prices, factor))
    plan, other = _planned(asked), _planned(dear)
    assert plan.shortages == other.shortages == ()
    assert other.cost.energy == pytest.approx(factor * plan.cost.energy, rel=2e-3)
    assert other.cost.fuel == pytest.approx(factor * plan.cost.fuel, rel=2e-3)


def test_usual_prices_and_a_small_share_of_the_charge_change_no_price_of_a_shortage() -> None:
    asked = _charged(_plant(), 9.0, 0.05)
    assert (price_level(asked), need_level(asked)) == (1.0, 1.0)
    matrix, _ = build(asked)
    assert matrix.cost[matrix.columns["air_short"]] == pytest.approx(200.0 * 0.25)


def test_a_peak_makes_needs_dearer_and_reserves_not_but_a_currency_makes_all() -> None:
    reserved = replace(_plant(), limits=replace(_plant().limits, cooling_reserve_frac=0.1))
    peak, _ = build(_charged(reserved, 40.0))
    assert need_level(_charged(reserved, 40.0)) == pytest.approx((0.2247 + 160.0) / 4.0)
    assert peak.cost[peak.columns["air_short"]][0] > 200.0 * 0.25 * 30.0
    assert peak.cost[peak.columns["reserve_cooling"]] == pytest.approx(0.05 * 0.25)
    dear = replace(reserved, prices=_times(reserved.prices, 100.0))
    level = price_level(dear)
    assert level == pytest.approx(100.0 * 0.2247 / 4.0, rel=1e-6)
    priced, _ = build(dear)
    assert priced.cost[priced.columns["reserve_cooling"]] == pytest.approx(0.05 * 0.25 * level)


def test_a_dear_tier_counts_as_the_price_it_adds() -> None:
    tiers = (EnergyTier(room_kwh=100.0, eur_kwh=0.0), EnergyTier(room_kwh=np.inf, eur_kwh=7.8))
    assert price_level(replace(_plant(), supply=Supply(tiers=tiers))) == pytest.approx((0.2247 + 7.8) / 4.0)


def test_what_nobody_can_give_leaves_no_other_need_off() -> None:
    asked = _plant()
    hot = cases.with_need(asked, cooling_kw=cases.flat(STEPS, 40_000.0))
    plan = _planned(hot)
    assert {one.name for one in plan.shortages} == {"cooling_short"}
