"""The contract that the invoice is made from, as prices and charges of a plan."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from accounts.bands import TariffBand, TouCalendar, Window
from accounts.contract import AnyPart, Contract, Sheet
from accounts.other_parts import FeedInPart, TaxPart
from accounts.parts import CoursePart, EnergyPart, HoursOfUse, StandingPart
from accounts.power_parts import BasicPart, DemandPart, Ratchet
from accounts.readings import Metering
from optimizer.contracted import courses_asked, priced
from optimizer.peaks import Peaks, month_peaks
from optimizer.periods import share_of_period
from optimizer.problem import DispatchProblem
from protocols.config import Text
from protocols.errors import SolveError
from tests.unit.optimizer.features import bare, planned

ZONE = ZoneInfo("Asia/Shanghai")
START_NS = int(dt.datetime(2026, 3, 2, 7, 0, tzinfo=ZONE).timestamp()) * 1_000_000_000
NAME = Text(en="part", zh="部分")
PEAKS = Peaks(400.0, (700.0, 500.0))


def contract(*parts: AnyPart, **more: object) -> Contract:
    bands = tuple(TariffBand(id=name, label=NAME) for name in ("peak", "valley"))
    windows = (
        Window(band="peak", hours=("08:00-22:00",)),
        Window(band="valley", hours=("00:00-08:00", "22:00-24:00")),
    )
    sheet = Sheet(
        first=dt.date(2026, 1, 1), last=dt.date(2026, 12, 31), source="made up", parts=(ENERGY, *parts)
    )
    plain = {
        "id": "site", "label": NAME, "currency": "EUR", "time_zone": "Asia/Shanghai",
        "calendar": TouCalendar(bands=bands, windows=windows), "sheets": (sheet,),
    }  # fmt: skip
    return Contract.model_validate({**plain, **more})


ENERGY = EnergyPart(
    id="energy", label=NAME, group="energy", by_band={"peak": Decimal("0.9"), "valley": Decimal("0.3")}
)
DEMAND = DemandPart(id="demand", label=NAME, group="basic", per_kw=Decimal(40))


def window(steps: int = 8) -> DispatchProblem:
    """Two hours from seven in the morning, 500 kW."""
    return replace(bare(steps), start_ns=START_NS)


def test_prices_are_those_of_the_invoice_with_its_taxes_band_by_band() -> None:
    tax = TaxPart(id="vat", label=NAME, percent=Decimal(10), group="tax")
    within = TaxPart(id="told", label=NAME, percent=Decimal(13), group="tax", within=True)
    fed = FeedInPart(id="fed", label=NAME, group="feed_in", per_kwh=Decimal("0.25"))
    found = priced(window(), contract(tax, within, fed), PEAKS)
    assert found.prices.import_eur_kwh == pytest.approx([0.33] * 4 + [0.99] * 4)
    assert found.prices.export_eur_kwh == pytest.approx([0.25] * 8)
    assert found.supply.charges == ()
    assert planned(found).cost.energy == pytest.approx(500.0 * (0.33 + 0.99))


def test_what_is_fed_in_is_paid_by_the_sheet_of_its_day() -> None:
    def until(last: dt.date, first: dt.date, per_kwh: str) -> Sheet:
        fed = FeedInPart(id="fed", label=NAME, group="feed_in", per_kwh=Decimal(per_kwh))
        return Sheet(first=first, last=last, source="made up", parts=(ENERGY, fed))

    march = dt.date(2026, 3, 31)
    sheets = (
        until(march, dt.date(2026, 1, 1), "0.25"),
        until(dt.date(2026, 4, 30), dt.date(2026, 4, 1), "0.31"),
    )
    evening_ns = int(dt.datetime(2026, 3, 31, 23, 0, tzinfo=ZONE).timestamp()) * 1_000_000_000
    over_midnight = replace(window(), start_ns=evening_ns)
    sold = priced(over_midnight, contract(sheets=sheets), PEAKS).prices.export_eur_kwh
    assert sold == pytest.approx([0.25] * 4 + [0.31] * 4)
    alone = priced(over_midnight, contract(sheets=sheets[:1]), PEAKS).prices.export_eur_kwh
    assert alone == pytest.approx([0.25] * 8), "prices of the next sheet are not published yet"


def test_a_demand_charge_begins_at_the_months_peak_and_is_weighed_by_its_share() -> None:
    found = priced(window(), contract(DEMAND), PEAKS)
    (charge,) = found.supply.charges
    assert (charge.eur_kw, charge.so_far_kw, charge.window_s, charge.sliding) == (40.0, 400.0, 900.0, False)
    assert charge.weight_frac == pytest.approx(share_of_period(ZONE, START_NS, 7200.0))
    assert found.prices.demand_charge_eur_kw == 0.0
    assert planned(found).charges["demand"] == pytest.approx(100.0 * 40.0 * charge.weight_frac)


@pytest.mark.parametrize(
    ("part", "floor_kw"),
    [
        (DEMAND.model_copy(update={"ratchet": Ratchet(share=Decimal("0.8"), months=2)}), 560.0),
        (DEMAND.model_copy(update={"ratchet": Ratchet(share=Decimal("0.8"), months=1)}), 400.0),
        (DEMAND.model_copy(update={"per": "year"}), 700.0),
    ],
)
def test_earlier_months_are_a_floor_of_a_ratchet_and_of_a_yearly_price(
    part: DemandPart, floor_kw: float
) -> None:
    (charge,) = priced(window(), contract(part), PEAKS).supply.charges
    assert charge.so_far_kw == pytest.approx(floor_kw)


def test_a_demand_of_some_bands_counts_in_their_steps_alone() -> None:
    part = DEMAND.model_copy(update={"bands": ("peak",)})
    (charge,) = priced(window(), contract(part), PEAKS).supply.charges
    assert charge.counts is not None
    assert charge.counts.tolist() == [False] * 4 + [True] * 4


@pytest.mark.parametrize(
    ("mode", "eur_kw", "over"),
    [("capacity", None, None), ("measured", 40.0, np.inf), ("contract", 0.0, 630.0)],
)
def test_a_basic_charge_moves_a_plan_only_where_it_goes_by_demand(
    mode: str, eur_kw: float | None, over: float | None
) -> None:
    basic = BasicPart(
        id="basic", label=NAME, group="basic", mode=mode, capacity_kva=Decimal(1000), per_kva=Decimal(25),
        per_kw=Decimal(40), contract_kw=Decimal(600),
    )  # fmt: skip
    charges = priced(
        window(), contract(basic, StandingPart(id="fee", label=NAME, amount=Decimal(9))), PEAKS
    ).supply.charges
    if eur_kw is None:
        assert charges == ()
        return
    assert (charges[0].eur_kw, charges[0].over_from_kw) == (eur_kw, over)
    assert charges[0].over_eur_kw == (80.0 if mode == "contract" else 0.0)


def test_a_sliding_meter_slides_in_the_plan_too() -> None:
    (charge,) = priced(
        window(), contract(DEMAND, metering=Metering(window_s=1800, slide=True)), PEAKS
    ).supply.charges
    assert (charge.window_s, charge.sliding) == (1800.0, True)


def test_a_contract_without_prices_for_the_window_or_in_another_currency_is_refused_in_words() -> None:
    late = replace(window(), start_ns=START_NS + 400 * 86_400 * 1_000_000_000)
    with pytest.raises(SolveError, match="no prices to plan on: the contract 'site' has no prices for 2027"):
        priced(late, contract(DEMAND), PEAKS)
    with pytest.raises(SolveError, match="the contract site is in CNY, fuel and wear are in EUR"):
        priced(window(), contract(currency="CNY"), PEAKS)


def test_a_plan_over_the_end_of_the_last_sheet_has_its_prices_on() -> None:
    last = int(dt.datetime(2026, 12, 31, 23, 0, tzinfo=ZONE).timestamp()) * 1_000_000_000
    found = priced(replace(window(), start_ns=last), contract(DEMAND), PEAKS)
    assert found.prices.import_eur_kwh == pytest.approx([0.3] * 8)


def test_demand_of_some_bands_is_not_free_below_a_peak_of_other_hours() -> None:
    part = DEMAND.model_copy(update={"bands": ("peak",)})
    at_seven = np.array([900.0] * 4 + [300.0, 420.0, 100.0, np.nan])
    found = month_peaks(contract(part), START_NS, at_seven)
    assert (found.month_kw, found.banded_kw) == (900.0, {("peak",): 420.0})
    (charge,) = priced(window(), contract(part), found).supply.charges
    assert charge.so_far_kw == 420.0
    assert priced(window(), contract(part), PEAKS).supply.charges[0].so_far_kw == 0.0
    # a window counts by the interval it ends in: that from 07:45 to 08:15 is one of the band from 08:00 on
    slides = contract(part, metering=Metering(window_s=1800, slide=True))
    assert month_peaks(slides, START_NS, at_seven).banded_kw == {("peak",): 600.0}


@pytest.mark.parametrize(
    ("metering", "peak_kw"),
    [
        (Metering(window_s=900), 800.0),
        (Metering(window_s=1800), 500.0),
        (Metering(window_s=1800, slide=True), 600.0),
        (Metering(window_s=3600), 450.0),
    ],
)
def test_the_peak_so_far_is_of_the_meters_own_window(metering: Metering, peak_kw: float) -> None:
    quarters = np.array([200.0, 800.0, 400.0, 400.0, 100.0])
    assert month_peaks(contract(DEMAND, metering=metering), START_NS, quarters).month_kw == peak_kw


def test_prices_that_come_day_by_day_are_no_prices_to_plan_on() -> None:
    assert courses_asked(contract(DEMAND)) == frozenset()
    assert courses_asked(contract(CoursePart(id="spot", label=NAME, course="epex"))) == {"epex"}


@pytest.mark.parametrize(
    ("day", "months", "left_days"),
    [((2026, 3, 31), 1, 1.0), ((2026, 3, 1), 1, 31.0), ((2026, 12, 1), 12, 31.0)],
)
def test_a_window_answers_for_its_share_of_what_remains(
    day: tuple[int, int, int], months: int, left_days: float
) -> None:
    start_ns = int(dt.datetime(*day, tzinfo=ZONE).timestamp()) * 1_000_000_000
    assert share_of_period(ZONE, start_ns, 43_200.0, months) == pytest.approx(0.5 / left_days)


def test_of_prices_by_hours_of_use_those_of_long_use_hold() -> None:
    short = DEMAND.model_copy(update={"id": "short", "hours_of_use": HoursOfUse(below=2500)})
    long = DEMAND.model_copy(update={"id": "long", "hours_of_use": HoursOfUse(least=2500)})
    charges = priced(window(), contract(short, long), PEAKS).supply.charges
    assert [one.name for one in charges] == ["long"]
