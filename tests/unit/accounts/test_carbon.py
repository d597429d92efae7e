from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from accounts.carbon import Factor, Instrument, of_scope, report, usable
from accounts.closing import Change, Closed, changes, close, newest, restate, verify
from accounts.fuels import COAL_EQUIVALENT_KJ_KG, in_basis, standard_coal_kg
from accounts.goals import Day, Goal, intensity, standing
from protocols.errors import ConfigError, ContractError

LABEL = {"en": "x", "zh": "某"}


def factor(ident: str, carrier: str = "electricity", **more: object) -> Factor:
    plain = {"id": ident, "carrier": carrier, "kg_per_unit": "0.5", "year": 2024, "source": "made up", **more}
    return Factor.model_validate(plain)


def test_scope_2_comes_by_location_and_by_market() -> None:
    factors = [
        factor("grid", kg_per_unit="0.36"),
        factor("residual", kind="residual_year", kg_per_unit="0.7"),
        factor("gas", "natural_gas", kg_per_unit="0.202", basis="lhv"),
    ]
    green = Instrument(Decimal(400), Decimal(0), "certificates 2024/17")
    rows = report({"natural_gas": Decimal(100)}, Decimal(1000), factors, 2024, [green])
    assert of_scope(rows, "1") == Decimal("20.200")
    assert of_scope(rows, "2_location") == Decimal("360.000")
    assert of_scope(rows, "2_market") == Decimal("420.000")
    assert [row.unit for row in rows if row.scope == "1"] == ["kWh LHV"]
    assert {row.source for row in rows} == {"made up", "certificates 2024/17"}


@pytest.mark.parametrize("kind", ["average_hour", "marginal"])
def test_an_estimate_never_enters_a_report(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"guess .{kind}, 2024. may not"):
        report({}, Decimal(1), [factor("guess", kind=kind)], 2024)


def test_the_factor_of_the_year_or_the_newest_before_it_is_used_and_said() -> None:
    factors = [factor("old", year=2021), factor("new", year=2023), factor("later", year=2025)]
    assert usable(factors, "electricity", ("average_year",), 2024).id == "new"
    assert usable(factors, "electricity", ("average_year",), 2025).id == "later"
    assert all(row.note is not None for row in report({}, Decimal(1), factors, 2024))
    with pytest.raises(ConfigError, match="no factor for 'electricity' up to 2020"):
        usable(factors, "electricity", ("average_year",), 2020)


def test_more_attributes_than_energy_are_refused() -> None:
    with pytest.raises(ConfigError, match="attributes for 2 kWh"):
        report({}, Decimal(1), [factor("grid")], 2024, [Instrument(Decimal(2), Decimal(0), "x")])


def test_standard_coal_goes_by_gb_t_2589() -> None:
    found = standard_coal_kg(
        {"electricity": Decimal(10_000), "gas_field_gas": Decimal(100), "diesel": Decimal(10)}
    )
    assert found == {
        "electricity": Decimal("1229.0000"),
        "gas_field_gas": Decimal("121.430000"),
        "diesel": Decimal("14.5710"),
    }
    # the coefficients are the heating values of the annex over 29307.6 kJ/kg
    for heat_kj, coefficient in (
        (35_588, "1.2143"),
        (42_705, "1.4571"),
        (20_934, "0.7143"),
        (3_600, "0.1229"),
    ):
        assert round(heat_kj / float(COAL_EQUIVALENT_KJ_KG), 4) == pytest.approx(
            float(coefficient), abs=1.01e-4
        )
    assert standard_coal_kg({"wood": Decimal(2)}, {"wood": Decimal("0.571")}) == {"wood": Decimal("1.142")}
    with pytest.raises(ConfigError, match="no coefficient of standard coal for wood"):
        standard_coal_kg({"wood": Decimal(2)})


def test_heating_values_are_never_mixed_up_in_silence() -> None:
    assert in_basis(Decimal(100), "lhv", "lhv", None) == 100
    assert in_basis(Decimal(100), "lhv", "hhv", Decimal("1.1")) == Decimal("110.0")
    for ratio in (None, Decimal("0.9"), Decimal(3)):
        with pytest.raises(ConfigError, match="give the ratio of the two"):
            in_basis(Decimal(100), "hhv", "lhv", ratio)


def test_a_closed_period_is_restated_beside_itself_and_never_overwritten() -> None:
    records: list[Closed] = []
    records.append(close(records, "2026-09", {"kwh": Decimal("100.0"), "cost": Decimal("20.00")}, "ann", 1))
    with pytest.raises(ConfigError, match="is closed since version 1"):
        close(records, "2026-09", {"kwh": Decimal(1)}, "ann", 2)
    with pytest.raises(ConfigError, match="nothing to restate"):
        restate(records, "2026-09", {"kwh": Decimal("100.0"), "cost": Decimal("20.00")}, ("late", "bob"), 2)
    with pytest.raises(ConfigError, match="needs a reason"):
        restate(records, "2026-09", {"kwh": Decimal(1)}, ("  ", "bob"), 2)
    now = {"kwh": Decimal("104.5"), "cost": Decimal("20.00"), "kg": Decimal(50)}
    records.append(restate(records, "2026-09", now, ("two hours came late", "bob"), 2))
    assert changes(*records) == [
        Change("kwh", Decimal("100.0"), Decimal("104.5")),
        Change("kg", None, Decimal(50)),
    ]
    assert [one.difference for one in changes(*records)] == [Decimal("4.5"), None]
    assert records[0].figure("kwh") == Decimal("100.0")
    last = newest(records, "2026-09")
    assert last is not None
    assert (last.version, last.by) == (2, "bob")
    verify(records)


def test_a_changed_record_is_found() -> None:
    records = [close([], "2026-09", {"kwh": Decimal(100)}, "ann", 1)]
    records.append(close(records, "2026-10", {"kwh": Decimal(90)}, "ann", 2))
    for broken in (
        [replace(records[0], figures=(("kwh", "99"),)), records[1]],
        records[1:],
        [records[0], replace(records[1], version=2)],
    ):
        with pytest.raises(ContractError):
            verify(broken)


def goal(**more: object) -> Goal:
    plain = {
        "id": "g",
        "label": LABEL,
        "figure": "kwh",
        "first": "2026-01-01",
        "last": "2026-01-10",
        "at_most": 100,
    }
    return Goal.model_validate({**plain, **more})


def days(count: int, **figures: int) -> list[Day]:
    begin = dt.date(2026, 1, 1)
    known = {name: Decimal(value) for name, value in figures.items()}
    return [Day(begin + dt.timedelta(days=step), known) for step in range(count)]


def test_a_budget_says_where_it_ends_if_it_goes_on_so() -> None:
    assert standing(goal(), days(4, kwh=9)).state == "met"
    going = standing(goal(), days(4, kwh=12))
    assert (going.so_far, going.expected) == (Decimal(48), Decimal(120))
    assert going.state == "at_risk"
    assert standing(goal(), days(9, kwh=12)).state == "missed"
    assert standing(goal(), []).state == "unknown"


def test_an_intensity_counts_only_days_with_both_figures() -> None:
    asked = goal(per="pieces", at_most="2.0")
    both = days(5, kwh=30, pieces=10)
    lone = [Day(dt.date(2026, 1, 7), {"kwh": Decimal(1000)})]
    found = standing(asked, [*both, *lone])
    assert (found.so_far, found.elapsed) == (Decimal(3), 0.5)
    assert found.state == "at_risk"
    assert standing(asked, days(10, kwh=30, pieces=10)).state == "missed"
    assert standing(asked, days(3, kwh=30, pieces=0)).state == "unknown"
    with pytest.raises(ConfigError, match="output above zero"):
        intensity(Decimal(1), Decimal(0))
    with pytest.raises(ConfigError, match="a day twice"):
        standing(goal(), [*days(1, kwh=1), *days(1, kwh=1)])
