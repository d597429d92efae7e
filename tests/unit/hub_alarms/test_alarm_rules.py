"""Rules of a site: each slip is told with its line, all at once; what is right becomes an alarm."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.alarms.conditions import Apart, Beyond, Coming, Holds, Moving, Old, Unlike
from hub.alarms.rules import SiteAlarms, load_alarms
from hub.alarms.setpoints import Missed
from hub.registry.documents import read_documents
from hub.registry.site import load_registry
from hub.registry.whole import check_documents
from hub.values.load import known_points, load_values
from protocols.errors import ConfigError
from tests.conftest import ROOT

CONFIGS = ROOT / "configs"
TEXTS = "cause: {en: c, zh: 因}, consequence: {en: d, zh: 果}, action: {en: a, zh: 做}"


def rule(when: str, name: str = "a1", more: str = "") -> str:
    return f"  - {{id: {name}, label: {{en: L, zh: 名}}, when: {{{when}}}, priority: 2, {TEXTS}{more}}}\n"


def alarms(folder: Path, *rules: str) -> SiteAlarms:
    site = folder / "sites" / "demo"
    shutil.copytree(CONFIGS / "sites" / "demo", site)
    shutil.copytree(CONFIGS / "devices", folder / "devices")
    (site / "alarms.yaml").write_text("alarms:\n" + "".join(rules), encoding="utf-8")
    registry = load_registry(folder, "demo")
    return load_alarms(folder, registry, load_values(folder, "demo", known_points(registry)))


def test_the_demo_site_has_alarms_of_its_own_and_those_of_links_boxes_and_hub() -> None:
    registry = load_registry(CONFIGS, "demo")
    found = load_alarms(CONFIGS, registry, load_values(CONFIGS, "demo", known_points(registry)))
    assert {"air_pressure_low", "edge:edge1", "device:comp1", "box:edge1:disk_full", "hub:bus"} <= {
        *found.definitions
    }
    low = found.definitions["air_pressure_low"]
    assert {"hub:bus", "hub:ingest", "edge:edge1", "device:comp4"} <= {*low.under}
    assert found.definitions["edge:edge1"].behind == len(registry.points)
    assert found.keep_s == {"chiller1/supply_c": pytest.approx(360.0)}


def test_a_site_without_the_file_still_has_those_of_links_boxes_and_hub(tmp_path: Path) -> None:
    found = alarms(tmp_path, rule("kind: limit, point: comp1/power_kw, above: 50"))
    (tmp_path / "sites" / "demo" / "alarms.yaml").unlink()
    registry = load_registry(tmp_path, "demo")
    bare = load_alarms(tmp_path, registry, load_values(tmp_path, "demo", known_points(registry)))
    assert {*found.definitions} - {*bare.definitions} == {"a1"}
    assert "edge:edge1" in bare.definitions


@pytest.mark.parametrize(
    ("when", "kind"),
    [
        ("kind: limit, point: comp1/power_kw, above: 50", Beyond),
        ("kind: limit, point: plant/cooling_kw, below: 50", Beyond),
        ("kind: deviation, point: chiller1/supply_c, target: chiller1/supply_set_c, more_than: 2", Apart),
        ("kind: rate, point: comp4/header_bar_g, falls_per_min: 0.5", Moving),
        ("kind: stale, points: [comp1/power_kw]", Old),
        ("kind: mismatch, point: comp1/role_code, wanted: comp1/role_set_code, allowed: {2: [1, 2]}", Unlike),
        ("kind: expression, holds: comp1.power_kw > 5 kW and comp1.flow_m3_min < 1 m3/min", Holds),
        ("kind: forecast, point: battery1/soc_frac, below: 10, unit: '%', within_min: 12", Coming),
        ("kind: setpoint, points: [comp1/role_set_code], ended: [refused, stopped]", Missed),
    ],
)
def test_each_kind_becomes_a_condition(when: str, kind: type, tmp_path: Path) -> None:
    assert isinstance(alarms(tmp_path, rule(when)).definitions["a1"].condition, kind)


def test_numbers_in_another_unit_are_brought_into_that_of_the_point(tmp_path: Path) -> None:
    found = alarms(
        tmp_path, rule("kind: limit, point: comp4/header_bar_g, below: 700, deadband: 10, unit: kPa(a)")
    )
    condition = found.definitions["a1"].condition
    assert isinstance(condition, Beyond)
    assert condition.limit == pytest.approx(7.0 - 1.01325)
    assert condition.deadband == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (
            "kind: limit, point: comp9/power_kw, above: 5",
            "2: alarms.0.when.point: there is no point 'comp9/power_kw'",
        ),
        ("kind: limit, point: comp1/power, above: 5", "comp1 has "),
        ("kind: limit, point: comp1/power_kw, above: 5, unit: bar(g)", "comp1/power_kw is in kW: bar(g)"),
        ("kind: limit, point: comp1/state_code, above: 5", "is a code, which has no more or less"),
        ("kind: limit, point: comp1/power_kw", "give one of above and below"),
        ("kind: limit, point: comp1/power_kw, above: 5, below: 1", "give one of above and below"),
        ("kind: limit, point: comp1/power_kw, above: .nan", "alarms.0.when"),
        ("kind: limit, point: battery1/soc_frac, above: 3", "so it is never above 3"),
        ("kind: deviation, point: comp1/power_kw, target: chiller1/supply_c, more_than: 2", "cannot become"),
        (
            "kind: deviation, point: comp1/power_kw, target: comp2/power_kw, more_than: 2, deadband: 2",
            "it would never be over",
        ),
        ("kind: rate, point: comp1/power_kw", "give rises_per_min"),
        ("kind: rate, point: comp1/run_h, rises_per_min: 9, over_s: 10", "s at least"),
        ("kind: stale, points: [comp1/power_kw, comp1/nope]", "when.points.1: there is no point"),
        ("kind: mismatch, point: comp1/power_kw, wanted: comp1/role_set_code", "no code; use a deviation"),
        ("kind: expression, holds: comp1.power_kw + 5 kW", "no comparison"),
        ("kind: expression, holds: comp1.power_kw > 5 bar", "a comparison needs parts of one unit"),
        ("kind: expression, holds: __import__", "means nothing here"),
        ("kind: expression, holds: 1 > 0", "it names no point"),
        ("kind: forecast, point: comp1/power_kw, above: 5", "within_min"),
        ("kind: setpoint, points: [comp1/power_kw]", "is a measurement and never commanded"),
        ("kind: setpoint, points: [comp1/role_set_code, comp1/nope]", "when.points.1: there is no point"),
        ("kind: setpoint, points: [comp1/role_set_code], ended: [late]", "alarms.0.when"),
        ("kind: magic, point: comp1/power_kw", "alarms.0.when"),
    ],
)
def test_each_slip_is_told_with_its_line(when: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        alarms(tmp_path, rule(when))
    assert words in str(refused.value)
    assert "alarms.yaml:2: " in str(refused.value)


def test_all_slips_are_told_at_once_and_an_alarm_says_what_to_do(tmp_path: Path) -> None:
    bad = rule("kind: limit, point: x/y, above: 1").replace(
        "action: {en: a, zh: 做}", "action: {en: '', zh: ' '}"
    )
    good = rule("kind: limit, point: comp1/power_kw, above: 50", more=", unless: comp1.nope == 1")
    with pytest.raises(ConfigError) as refused:
        alarms(tmp_path, bad, good)
    lines = str(refused.value).splitlines()
    assert [line.partition("alarms.yaml:")[2].split(": ")[1] for line in lines] == [
        "alarms.0.action", "alarms.0.when.point", "alarms.1.id", "alarms.1.unless",
    ]  # fmt: skip


def test_the_whole_configuration_is_refused_with_them(tmp_path: Path) -> None:
    shutil.copytree(CONFIGS, tmp_path / "c")
    registry = check_documents(read_documents(tmp_path / "c", "demo"), "demo", tmp_path / "c")
    assert registry.site.id == "demo"
    file = tmp_path / "c" / "sites" / "demo" / "alarms.yaml"
    file.write_text("alarms:\n" + rule("kind: limit, point: x/y, above: 1"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"alarms\.yaml:2: alarms\.0\.when\.point"):
        check_documents(read_documents(tmp_path / "c", "demo"), "demo", tmp_path / "c")
