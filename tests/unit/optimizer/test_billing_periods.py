"""A window that reaches into the next billing period: the peak of the old one makes nothing free in it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from accounts.power_parts import DemandPart, Ratchet
from optimizer.contracted import priced
from optimizer.peaks import Peaks
from optimizer.periods import next_from, share_of_period
from optimizer.problem import Boiler, DispatchProblem
from optimizer.supply import DemandCharge, GasContract, Reactive, Supply
from optimizer.tariff import Emissions, Tariff, metered, prices
from runtime.yaml_config import load_config
from tests.unit.optimizer.cases import battery, flat, with_need
from tests.unit.optimizer.features import bare, planned
from tests.unit.optimizer.test_contracted import DEMAND, contract

CONFIG = Path(__file__).parents[3] / "configs"
ZONE = ZoneInfo("Asia/Shanghai")
PEAKS = Peaks(900.0, (700.0, 500.0))


def _ns(year: int, month: int, day: int, hour: int, zone: ZoneInfo = ZONE) -> int:
    return int(dt.datetime(year, month, day, hour, tzinfo=zone).timestamp()) * 10**9


def _at(start_ns: int, need_kw: float = 500.0) -> DispatchProblem:
    """Two hours."""
    return replace(bare(8, need_kw=need_kw), start_ns=start_ns)


def _charges(part: DemandPart, start_ns: int) -> tuple[DemandCharge, ...]:
    return priced(_at(start_ns), contract(part), PEAKS).supply.charges


@pytest.mark.parametrize(
    ("when", "steps", "months", "first"),
    [
        ((2026, 3, 31, 23), 8, 1, 4),
        ((2026, 3, 31, 22), 8, 1, None),
        ((2026, 3, 31, 22), 9, 1, 8),
        ((2026, 4, 1, 0), 96, 1, None),
        ((2026, 4, 30, 23), 8, 12, None),
        ((2026, 12, 31, 23), 8, 12, 4),
    ],
)
def test_the_next_period_begins_at_local_midnight(
    when: tuple[int, int, int, int], steps: int, months: int, first: int | None
) -> None:
    assert next_from(ZONE, (_ns(*when), steps, 900.0), months) == first


def test_the_peak_of_a_month_is_no_floor_of_the_next() -> None:
    running, following = _charges(DEMAND, _ns(2026, 3, 31, 23))
    assert (running.name, running.so_far_kw, running.weight_frac) == ("demand", 900.0, 1.0)
    assert (following.name, following.so_far_kw) == ("demand.next", 0.0)
    assert following.weight_frac == pytest.approx(1.0 / (30 * 24))
    plan = planned(priced(_at(_ns(2026, 3, 31, 23)), contract(DEMAND), PEAKS))
    assert plan.charges == pytest.approx({"demand": 0.0, "demand.next": 500.0 * 40.0 / 720.0})


def test_a_battery_sinks_the_peak_of_the_month_that_has_none_yet() -> None:
    dear = DEMAND.model_copy(update={"per_kw": Decimal(40_000)})
    need = np.array([500.0] * 4 + [500.0, 700.0, 500.0, 500.0])
    asked = replace(_at(_ns(2026, 3, 31, 23)), batteries=(replace(battery(), soc_kwh=100.0),))
    plan = planned(priced(with_need(asked, electric_kw=need), contract(dear), PEAKS))
    assert plan.import_kw[4:].max() == pytest.approx(600.0, abs=0.1)
    assert plan.charges["demand"] == 0.0


def test_what_a_ratchet_owes_goes_on_and_a_yearly_price_ends_with_its_year() -> None:
    ratchet = DEMAND.model_copy(update={"ratchet": Ratchet(share=Decimal("0.5"), months=2)})
    assert [one.so_far_kw for one in _charges(ratchet, _ns(2026, 3, 31, 23))] == [900.0, 450.0]
    yearly = DEMAND.model_copy(update={"per": "year"})
    assert [one.so_far_kw for one in _charges(yearly, _ns(2026, 3, 31, 23))] == [900.0]
    assert [one.so_far_kw for one in _charges(yearly, _ns(2026, 12, 31, 23))] == [900.0, 0.0]


def test_hours_of_a_band_count_in_their_own_month() -> None:
    banded = DEMAND.model_copy(update={"bands": ("valley",)})
    running, following = _charges(banded, _ns(2026, 3, 31, 23))
    assert running.counts is not None
    assert following.counts is not None
    assert running.counts.tolist() == [True] * 4 + [False] * 4
    assert following.counts.tolist() == [False] * 4 + [True] * 4


@pytest.mark.parametrize("metering_s", [900, 1800])
def test_a_tariff_charges_month_by_month_too(metering_s: int) -> None:
    tariff = load_config(CONFIG / "tariffs" / "demo.yaml", Tariff)
    tariff = tariff.model_copy(update={"metering_s": metering_s})
    emissions = load_config(CONFIG / "emissions" / "demo.yaml", Emissions)
    berlin = ZoneInfo("Europe/Berlin")
    window = (_ns(2026, 3, 31, 23, zone=berlin), 8, 900.0)
    bought, supply = metered(tariff, prices(tariff, emissions, window, 900.0), window)
    assert bought.demand_charge_eur_kw == 0.0
    plan = planned(replace(_at(window[0]), prices=bought, supply=supply))
    month_h = 30 * 24
    assert plan.charges == pytest.approx({"demand": 0.0, "demand.next": 500.0 * 9.0 / month_h})
    inside = (_ns(2026, 3, 31, 12, zone=berlin), 8, 900.0)
    _, within = metered(tariff, prices(tariff, emissions, inside, 900.0), inside)
    assert len(within.charges) == (0 if metering_s == 900 else 1)


def test_the_power_factor_of_the_next_month_begins_anew() -> None:
    reactive = Reactive(
        need_kvar=flat(8, 300.0), factor_least=0.9, eur_kvarh=0.2, month_kwh=10_000.0, next_from=4
    )
    plan = planned(replace(_at(_ns(2026, 3, 31, 23), 400.0), supply=Supply(reactive=reactive)))
    # the month that ends has room for all of its hour, the one that begins has none but its own
    assert plan.charges["power_factor"] == pytest.approx(
        0.2 * (300.0 - 400.0 * np.tan(np.arccos(0.9))), abs=0.02
    )
    whole = replace(reactive, next_from=None)
    asked = replace(_at(_ns(2026, 3, 31, 23), 400.0), supply=Supply(reactive=whole))
    assert planned(asked).charges["power_factor"] == pytest.approx(0.0, abs=1e-6)


def test_gas_of_the_next_period_is_no_gas_of_this_one() -> None:
    gas = GasContract(take_kwh=100.0, next_from=4, next_take_kwh=30.0)
    asked = replace(
        with_need(_at(_ns(2026, 3, 31, 23)), heat_kw=np.array([0.0] * 4 + [90.0] * 4)),
        boilers=(Boiler(name="boiler", capacity_kw=400.0, efficiency_frac=0.9),),
        supply=Supply(gas=gas),
    )
    assert planned(asked).charges["gas_not_taken"] == pytest.approx(100.0 * asked.prices.gas_eur_kwh)


def test_a_share_is_that_of_what_remains_of_the_period() -> None:
    assert share_of_period(ZONE, _ns(2026, 4, 30, 12), 6 * 3600.0) == pytest.approx(0.5)
