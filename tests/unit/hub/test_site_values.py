from __future__ import annotations

from pathlib import Path

import pytest

from hub.accounts.book import AccountsFile, book_file, columns_of
from hub.registry.site import load_registry
from hub.values.load import known_points, load_values, values_file
from hub.values.site import Known, SiteValues
from protocols.errors import ConfigError
from protocols.point import PointId, PointKind
from runtime.yaml_config import load_config

CONFIGS = Path(__file__).parents[3] / "configs"
MEASURED = PointKind.MEASUREMENT
POINTS = {
    PointId("demo", "comp1", "power_kw"): Known("kW", MEASURED),
    PointId("demo", "comp1", "flow_m3_min"): Known("m³/min", MEASURED),
    PointId("demo", "chiller1", "supply_c"): Known("°C", MEASURED),
    PointId("demo", "meter", "power_kw"): Known("kW", MEASURED),
    PointId("demo", "meter", "import_kwh"): Known("kWh", PointKind.COUNTER),
}


def load(folder: Path, text: str) -> SiteValues:
    path = values_file(folder, "demo")
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return load_values(folder, "demo", POINTS)


def test_the_demo_site_declares_virtual_points_over_measured_ones_alone() -> None:
    registry = load_registry(CONFIGS, "demo")
    values = load_values(CONFIGS, "demo", known_points(registry))
    specific = values.virtual[PointId("demo", "plant", "air_specific_kw_m3_min")]
    assert [str(point) for point in specific.inputs] == [
        "demo/meter_air/power_kw", "demo/comp1/flow_m3_min", "demo/comp2/flow_m3_min",
        "demo/comp3/flow_m3_min", "demo/comp4/flow_m3_min",
    ]  # fmt: skip
    assert set(values.virtual).isdisjoint(registry.points)
    assert {one.power for one in values.counters.values()} >= {"plant/import_kw", "plant/pv_kw"}


def test_each_counter_that_accounts_of_the_demo_go_by_says_what_is_no_consumption() -> None:
    registry = load_registry(CONFIGS, "demo")
    counters = load_values(CONFIGS, "demo", known_points(registry)).counters
    book = load_config(book_file(CONFIGS, "demo"), AccountsFile)
    assert book.supply is not None
    read = {*columns_of(book).values(), book.supply.export_point, book.supply.kvarh_point}
    counted = {
        point
        for point, spec in registry.points.items()
        if spec.kind is PointKind.COUNTER and point.local in read
    }
    assert len(counted) == 8
    assert {
        point for point in counted if point not in counters or counters[point].most_per_h is None
    } == set()


def test_a_site_without_the_file_declares_nothing(tmp_path: Path) -> None:
    assert load_values(tmp_path, "demo", POINTS) == SiteValues()


def test_all_faults_are_told_at_once_with_file_and_line(tmp_path: Path) -> None:
    text = """\
version: 1
devices:
  comp1: {en: x, zh: x}
virtual:
  - id: comp1/wrong_kw
    label: {en: x, zh: x}
    unit: kW
    expression: comp1.power_kw + chiller1.supply_c
  - {id: nowhere/x_kw, label: {en: x, zh: x}, unit: kW, expression: comp1.power_kw}
  - {id: comp1/power_kw, label: {en: x, zh: x}, unit: kW, expression: comp1.power_kw}
  - {id: comp1/x_kwh, label: {en: x, zh: x}, unit: kilowatt, expression: comp1.power_kw}
  - {id: comp1/no_suffix, label: {en: x, zh: x}, unit: kW, expression: comp1.power_kw}
  - {id: comp1/a_kw, label: {en: x, zh: x}, unit: kW, expression: comp1.b_kw}
  - {id: comp1/b_kw, label: {en: x, zh: x}, unit: kW, expression: comp1.a_kw * 2}
  - {id: comp1/gone_kw, label: {en: x, zh: x}, unit: kW, expression: comp7.power_kw}
  - {id: comp1/plain_kw, label: {en: x, zh: x}, unit: kW, expression: 5 kW}
  - {id: comp1/half_kw, label: {en: x, zh: x}, unit: kW, expression: (comp1.power_kw}
balances:
  - {id: b, label: {en: x, zh: x}, parent: meter/power_kw, children: [meter/power_kw, comp1/flow_m3_min]}
counters:
  - {point: meter/power_kw}
  - {point: meter/import_kwh, power: comp1/flow_m3_min}
cleaning:
  - {points: [comp1/nothing, comp1/a_kw], low: 3}
"""
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    lines = str(refused.value).splitlines()
    expected = {
        3: "'comp1' is a device of the site already",
        8: "kW and °C: a level is no amount",
        9: "there is no device 'nowhere'; name it in `devices`",
        10: "there is a point 'comp1/power_kw' already",
        11: "unknown unit 'kilowatt'; known are",
        12: "must end in '_kw', the suffix of kW",
        13: "calculated from itself: comp1/a_kw -> comp1/b_kw -> comp1/a_kw; break the circle",
        14: "calculated from itself: comp1/b_kw -> comp1/a_kw -> comp1/b_kw",
        15: "there is no device 'comp7' on this site",
        16: "it names no point",
        17: "found the end, expected ')'",
        19: "meter/power_kw is in the balance twice",
        21: "meter/power_kw is a measurement, no counter",
        22: "take energy and power",
        24: "there is no point 'comp1/nothing'; comp1 has",
    }
    for line, words in expected.items():
        assert any(f"values.yaml:{line}:" in told and words in told for told in lines), refused.value
    assert any("m³/min (free air flow) cannot become kW" in told for told in lines)
    assert any("comp1/a_kw is a virtual point, which has no samples to mark" in told for told in lines)


def test_a_rule_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"values.yaml:2: cleaning.0: no rule; give low"):
        load(tmp_path, "cleaning:\n  - {points: [comp1/power_kw]}\n")


def test_expressions_that_double_each_other_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    rows = ["virtual:", "  - {id: comp1/p0_kw, label: {en: x, zh: x}, unit: kW, expression: comp1.power_kw}"]
    rows += [
        f"  - {{id: comp1/p{n}_kw, label: {{en: x, zh: x}}, unit: kW, "
        f"expression: comp1.p{n - 1}_kw + comp1.p{n - 1}_kw}}"
        for n in range(1, 60)
    ]
    with pytest.raises(ConfigError, match="more than 5000 parts with all virtual points put in"):
        load(tmp_path, "\n".join(rows))
