from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from optimizer.tariff import Emissions, Tariff, bill, peak_weight, price_series, prices

CONFIGS = Path(__file__).parents[3] / "configs"
BERLIN = ZoneInfo("Europe/Berlin")


def _tariff() -> Tariff:
    return Tariff.model_validate(yaml.safe_load((CONFIGS / "tariffs/demo.yaml").read_text()))


def _emissions() -> Emissions:
    return Emissions.model_validate(yaml.safe_load((CONFIGS / "emissions/demo.yaml").read_text()))


def _ns(*local: int) -> int:
    return round(dt.datetime(*local, tzinfo=BERLIN).timestamp() * 1e9)  # type: ignore[arg-type, misc]  # y, m, d, …


def test_a_workday_runs_through_valley_shoulder_and_peak_by_local_time() -> None:
    hourly = price_series(_tariff(), _ns(2026, 2, 11), 24, 3600.0)
    assert hourly.tolist() == [0.08] * 6 + [0.16] * 2 + [0.24] * 4 + [0.16] * 5 + [0.24] * 4 + [0.16] * 3


def test_a_sunday_is_cheap_and_a_saturday_has_no_peak() -> None:
    assert set(price_series(_tariff(), _ns(2026, 2, 15), 24, 3600.0)) == {0.08}
    assert set(price_series(_tariff(), _ns(2026, 2, 14), 24, 3600.0)) == {0.08, 0.16}


@pytest.mark.parametrize(
    ("day", "quarters"), [((2026, 3, 29), 92), ((2026, 10, 25), 100), ((2026, 6, 1), 96)]
)
def test_days_of_92_and_100_quarters_end_at_local_midnight(day: tuple[int, int, int], quarters: int) -> None:
    start = _ns(*day)
    series = price_series(_tariff(), start, quarters + 24, 900.0)
    following = price_series(_tariff(), start + quarters * 900 * 10**9, 24, 900.0)
    assert (series[quarters:] == following).all()
    assert (following == 0.08).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 365 * 96), st.integers(0, 2**32 - 1))
def test_the_bill_agrees_with_the_price_series_to_the_cent(quarter: int, seed: int) -> None:
    tariff, start = _tariff(), _ns(2026, 1, 1) + quarter * 900 * 10**9
    rng = np.random.default_rng(seed)
    bought, sold = rng.uniform(0, 800, 12), rng.uniform(0, 100, 12)
    due = bill(tariff, start, 900.0, bought, sold)
    assert due.imported == pytest.approx(
        0.25 * float(bought @ price_series(tariff, start, 12, 900.0)), abs=0.005
    )
    assert due.exported == pytest.approx(0.25 * float(sold.sum()) * 0.05)
    assert due.peak_kw == pytest.approx(float(bought.max()))
    assert due.demand == pytest.approx(9.0 * float(bought.max()))


def test_a_peak_shorter_than_the_metering_interval_is_averaged() -> None:
    one_minute = np.array([900.0] + [0.0] * 14)
    assert bill(_tariff(), _ns(2026, 2, 11), 60.0, one_minute, np.zeros(15)).peak_kw == pytest.approx(60.0)


def test_a_bill_refuses_steps_that_are_no_whole_minutes() -> None:
    with pytest.raises(ValueError, match="whole minutes"):
        bill(_tariff(), _ns(2026, 2, 11), 90.5, np.zeros(2), np.zeros(2))


def test_a_day_answers_for_its_share_of_the_rest_of_the_month() -> None:
    tariff = _tariff()
    assert peak_weight(tariff, _ns(2026, 4, 1), 86_400.0) == pytest.approx(1 / 30)
    assert peak_weight(tariff, _ns(2026, 12, 31), 86_400.0) == pytest.approx(1.0)
    assert peak_weight(tariff, _ns(2026, 12, 31, 12), 86_400.0) == pytest.approx(1.0)


def test_prices_of_a_window_carry_factors_and_currency() -> None:
    window = prices(_tariff(), _emissions(), (_ns(2026, 2, 11), 4, 900.0), 640.0)
    assert (window.currency, window.month_peak_kw, window.gas_kg_kwh) == ("EUR", 640.0, 0.202)
    assert window.grid_kg_kwh.tolist() == [0.363] * 4


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("time_zone", "Europe/Nowhere", "no time zone"),
        ("default_band", "night", "has no price"),
        ("windows", [{"band": "peak", "from_hour": 20, "to_hour": 6}], "write a window past midnight as two"),
        ("surcharge", 1.0, "Extra inputs"),
    ],
)
def test_a_wrong_tariff_says_what_to_mend(key: str, value: object, words: str) -> None:
    plain = yaml.safe_load((CONFIGS / "tariffs/demo.yaml").read_text()) | {key: value}
    with pytest.raises(ValidationError, match=words):
        Tariff.model_validate(plain)
