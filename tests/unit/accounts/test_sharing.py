from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.chp import METHODS, Chp, Reference, power_share
from accounts.sharing import UNMETERED, Medium, share_invoice, shares_of, split_money, unit_costs
from protocols.errors import ConfigError


@given(
    st.decimals(min_value=-(10**6), max_value=10**6, places=2, allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text("abcd", min_size=1, max_size=3), st.floats(0, 1e6), min_size=1),
)
def test_shares_add_up_to_the_cent_whatever_the_weights(total: Decimal, weights: dict[str, float]) -> None:
    if not any(weights.values()):
        return
    shares = split_money(total, weights)
    assert sum(shares.values()) == total
    whole = sum(Decimal(weight) for weight in weights.values())
    for name, share in shares.items():
        assert abs(share - total * Decimal(weights[name]) / whole) < Decimal("0.0101")


def test_what_nobody_used_cannot_be_shared() -> None:
    assert split_money(Decimal(0), {"a": 0}) == {"a": Decimal(0)}
    with pytest.raises(ConfigError, match="nothing was used"):
        split_money(Decimal(1), {"a": 0})
    with pytest.raises(ConfigError, match="weights from 0 on"):
        split_money(Decimal(1), {"a": 2, "b": -1})


def test_an_invoice_is_shared_by_the_price_of_hours_and_its_rest_by_energy() -> None:
    prices = np.array([0.1, 0.3])
    consumers = {"day": np.array([0.0, 10.0]), "night": np.array([10.0, 0.0])}
    shares = share_invoice(Decimal("10.00"), prices, consumers, np.array([12.0, 12.0]))
    # 4.80 by hours, 5.20 by energy: 10 : 10 : 4
    due = {"day": 3.0 + 5.2 * 10 / 24, "night": 1.0 + 5.2 * 10 / 24, UNMETERED: 0.8 + 5.2 * 4 / 24}
    assert {name: float(share) for name, share in shares.items()} == pytest.approx(due, abs=0.01)
    assert sum(shares.values()) == 10
    with pytest.raises(ConfigError, match="more than the supply"):
        share_invoice(Decimal(1), prices, consumers, np.array([1.0, 1.0]))


def test_media_that_need_each_other_are_solved_together() -> None:
    media = {
        "air": Medium(made=1000, direct=200, used={"cooling": 50}, taken={"line": 900}),
        "cooling": Medium(made=500, direct=100, used={"air": 20}, taken={"hall": 400}),
    }
    costs = unit_costs(media)
    assert 1000 * costs["air"] == pytest.approx(200 + 50 * costs["cooling"])
    assert 500 * costs["cooling"] == pytest.approx(100 + 20 * costs["air"])
    shares = shares_of(media)
    borne = sum(sum(parts.values()) for parts in shares.values())
    assert borne == pytest.approx(300)  # all that was bought, no more and no less
    assert shares["air"][UNMETERED] == pytest.approx(80 * costs["air"])


def test_media_that_cannot_be_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="uses steam, which is none of them"):
        unit_costs({"air": Medium(1, 1, {"steam": 1})})
    with pytest.raises(ConfigError, match="has costs and made nothing"):
        unit_costs({"air": Medium(0, 5)})
    with pytest.raises(ConfigError, match="need each other use"):
        unit_costs({"a": Medium(1, 1, {"b": 1}), "b": Medium(1, 1, {"a": 1})})
    with pytest.raises(ConfigError, match="need each other use more than they make"):
        unit_costs({"a": Medium(1, 1, {"b": 2}), "b": Medium(1, 1, {"a": 2})})


def test_each_method_splits_a_chp_by_its_own_formula() -> None:
    plant = Chp(fuel_kwh=1000, power_kwh=380, heat_kwh=450)
    shares = {method: power_share(plant, method) for method in METHODS}
    assert shares["energy"] == pytest.approx(380 / 830)
    assert shares["alternative"] == pytest.approx(380 / 0.53 / (380 / 0.53 + 450 / 0.92))
    assert shares["power_bonus"] == pytest.approx(0.95)
    mean_k = 25 / np.log(358.15 / 333.15)
    assert shares["exergy"] == pytest.approx(380 / (380 + 450 * (1 - 283.15 / mean_k)))
    assert power_share(plant, "exergy", Reference(supply_c=80, return_c=80)) > shares["energy"]


@pytest.mark.parametrize(
    ("plant", "reference", "why"),
    [
        (Chp(100, 80, 80), Reference(), "gives more than it burns"),
        (Chp(100, 0, 0), Reference(), "cannot be split"),
        (Chp(float("nan"), 1, 1), Reference(), "cannot be split"),
        (Chp(100, 30, 50), Reference(supply_c=50, return_c=60), "temperatures rise"),
        (Chp(100, 30, 50), Reference(power_eff_frac=1.2), "reference efficiencies"),
    ],
)
def test_a_chp_that_cannot_be_is_refused(plant: Chp, reference: Reference, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        power_share(plant, "exergy", reference)
