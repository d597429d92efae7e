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
    rates = {"electricity": Rates(np.ones(2))}
    found = {one.key: one for one in accounts_of(flows, ("area",), rates)}
    assert (float(found[("",)].amount), found[("",)].missing) == (16, 0.5)
    assert (float(found[("a",)].amount), found[("a",)].missing) == (4, 0.5)
    (carrier,) = accounts_of(flows, ("carrier",), rates)
    assert (float(carrier.amount), float(carrier.cost or 0), carrier.missing) == (20, 20, 0.0)


def test_below_an_unknown_meter_its_own_hang_on_the_one_above() -> None:
    flows = [flow("supply", 10, 10), flow("hall", np.nan, 6, below="supply", area="h")]
    flows += [flow("press", 2, 2, below="hall", area="p"), flow("lamp", 1, np.nan, below="hall", area="h")]
    found = {one.key[0]: one for one in accounts_of(flows, ("area",), {})}
    assert [float(found[name].amount) for name in ("", "h", "p")] == [7 + 4, 1 + 4, 2 + 2]
    assert [found[name].missing for name in ("", "h", "p")] == [1 / 2, 1 / 4, 0.0]


def test_without_its_supply_an_account_has_what_is_known_below_and_says_so() -> None:
    flows = [flow("supply", np.nan, 10), flow("part", 4, 4, below="supply")]
    (found,) = accounts_of(flows, ("carrier",), {})
    assert (float(found.amount), found.missing) == (4 + 10, 0.25)


def test_each_interval_emits_by_the_factor_of_its_year() -> None:
    (found,) = accounts_of(
        [flow("s", 10, 10)], ("meter",), {"electricity": Rates(None, np.array([0.4, 0.3]))}
    )
    assert float(found.kg or 0) == 7


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


@given(st.lists(st.tuples(st.integers(0, 63), *[st.integers(0, 9)] * 4), min_size=1, max_size=8))
def test_whatever_is_unknown_below_it_the_carrier_is_what_the_supply_shows(
    rows: list[tuple[int, int, int, int, int]],
) -> None:
    names = ("supply", "hall", "press", "drill", "office")
    above = ("", "supply", "hall", "press", "supply")
    flows = []
    for at, (name, below) in enumerate(zip(names, above, strict=True)):
        lost = [at > 0 and row[0] >> at & 1 for row in rows]
        values = [100.0 if at == 0 else float(row[at]) for row in rows]
        amount = [np.nan if gone else value for gone, value in zip(lost, values, strict=True)]
        flows.append(flow(name, *amount, below=below, area=name))
    (carrier,) = accounts_of(flows, ("carrier",), {})
    assert (float(carrier.amount), carrier.missing) == (100.0 * len(rows), 0.0)
    assert sum(float(one.amount) for one in accounts_of(flows, ("area",), {})) == 100.0 * len(rows)


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
