from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.ledger import Flow, Intervals, Rates, accounts_of, residuals
from protocols.errors import ConfigError


def flow(meter: str, *amount: float, below: str = "", **place: str) -> Flow:
    return Flow(meter, "electricity", "kWh", np.array(amount), below=below, **place)


FLOWS = [
    flow("supply", 10, 10, 10, 10),
    flow("hall", 6, 6, 6, 6, below="supply", area="hall"),
    flow("press", 2, 2, 2, 2, below="hall", area="hall", device="press", product="cap"),
    flow("office", 1, 1, 1, 1, below="supply", area="office"),
]
RATES = {"electricity": Rates(np.array([0.1, 0.1, 0.3, 0.3]), 0.5)}


def amounts(*by: str) -> dict[tuple[str, ...], tuple[float, float, float]]:
    found = accounts_of(FLOWS, by, RATES)  # type: ignore[arg-type]  # names of dimensions
    return {one.key: (float(one.amount), float(one.cost or 0), float(one.kg or 0)) for one in found}


def test_a_meter_below_another_is_counted_once() -> None:
    assert amounts("carrier") == {("electricity",): (40, 8.0, 20)}
    assert amounts("area") == {("",): (12, 2.4, 6), ("hall",): (24, 4.8, 12), ("office",): (4, 0.8, 2)}
    assert amounts("device")[("press",)] == (8, 1.6, 4)


def test_what_no_meter_below_shows_is_the_meters_own_with_its_sign() -> None:
    own = {
        one.meter: one.amount.tolist() for one in residuals([*FLOWS, flow("odd", 4, 0, 0, 0, below="office")])
    }
    assert own["supply"] == [3, 3, 3, 3]
    assert own["hall"] == [4, 4, 4, 4]
    assert own["office"] == [-3, 1, 1, 1]


def test_shifts_and_products_share_a_meter_by_its_intervals() -> None:
    intervals = Intervals(
        ("early", "late"), np.array([0, 0, 1, -1]), ("red", "blue"), {"press": np.array([1, 0, 0, -1])}
    )
    found = accounts_of([flow("press", 2, 2, 2, 2)], ("shift", "product"), RATES, intervals)
    assert {one.key: float(one.amount) for one in found} == {
        ("early", "red"): 2, ("early", "blue"): 2, ("late", "red"): 2, ("", ""): 2,
    }  # fmt: skip


def test_a_missing_reading_is_told_and_not_filled_in() -> None:
    flows = [flow("supply", 10, 10), flow("part", 4, np.nan, below="supply", area="a")]
    found = {one.key: one for one in accounts_of(flows, ("area",), {"electricity": Rates(np.ones(2))})}
    assert (float(found[("",)].amount), found[("",)].missing) == (6, 0.5)
    assert (float(found[("a",)].amount), found[("a",)].missing) == (4, 0.5)


def test_what_nobody_priced_has_no_cost_and_not_none_of_it() -> None:
    (found,) = accounts_of([flow("supply", 10, 10)], ("carrier",), {})
    assert (found.cost, found.kg) == (None, None)


def test_carriers_are_never_added_to_each_other() -> None:
    gas = Flow("gas", "natural_gas", "m³", np.array([1.0, 1.0, 1.0, 1.0]), area="hall")
    found = accounts_of([*FLOWS, gas], ("area",), RATES)
    assert {(one.key, one.carrier, one.unit) for one in found if one.key == ("hall",)} == {
        (("hall",), "electricity", "kWh"), (("hall",), "natural_gas", "m³"),
    }  # fmt: skip


@given(
    st.lists(st.floats(0, 1e6), min_size=4, max_size=4), st.lists(st.floats(0, 1e6), min_size=4, max_size=4)
)
def test_the_sum_over_any_dimension_is_what_the_supply_shows(supply: list[float], below: list[float]) -> None:
    flows = [flow("supply", *supply), flow("part", *below, below="supply", area="a", device="d")]
    for by in ("area", "device", "meter"):
        total = sum(float(one.amount) for one in accounts_of(flows, (by,), {}))
        assert total == pytest.approx(sum(supply), abs=1e-5)


@pytest.mark.parametrize(
    ("flows", "why"),
    [
        ([flow("a", 1), flow("a", 1)], "an id each"),
        ([flow("a", 1), flow("b", 1, 2)], "the same intervals"),
        ([flow("a", 1, below="x")], "'x', which is none of them"),
        ([flow("a", 1, below="b"), flow("b", 1, below="a")], "hangs below itself"),
        ([flow("a", 1, below="b"), Flow("b", "air", "m³", np.ones(1))], "counts something else"),
    ],
)
def test_meters_that_make_no_tree_are_refused(flows: list[Flow], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        accounts_of(flows, ("carrier",), {})
