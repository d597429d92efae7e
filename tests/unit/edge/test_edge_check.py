"""What may not stand in a configuration is told by `ems edge check`, all at once, with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.check import checked
from edge_agent.cli import app
from edge_agent.prove import sign_blocks
from edge_agent.settings import Place
from protocols.errors import ConfigError
from runtime.keys import create_signing_key, load_signing_key

CONTROLLERS = """\
controllers:
  - kind: sequencer
    id: air
    label: {en: Compressed air, zh: 压缩空气}
    header: comp4/header_bar_g
    settings: {target_bar_g: 6.7, volume_m3: 10, wake_bar: 0.6}
    machines:
      - machine: {id: comp1, flow_max_m3_min: 20}
        state: comp1/state_code
        permit_set: comp1/permit_set_code
      - machine: {id: comp4, flow_max_m3_min: 25, flow_min_m3_min: 8}
        state: comp4/state_code
        permit_set: comp4/permit_set_code
        target_set: comp4/pressure_set_bar_g
"""
SECOND = """\
  - kind: demand
    id: peak
    label: {en: Demand, zh: 需量}
    power: meter_main/power_kw
    settings: {window: block, limit_kw: 500}
    loads:
      - {load: {id: comp1, priority: 1, power_kw: 110}, set: comp1/permit_set_code, unit: code, shed_value: 0}
"""
RULES = """\
rules:
  - id: first
    label: {en: First, zh: 一}
    when: {kind: below, point: weather1/outdoor_c, limit: 0, unit: °C}
    then: [{point: pv1/limit_set_frac, value: 0.5, unit: "1"}]
  - id: second
    label: {en: Second, zh: 二}
    when: {kind: below, point: weather1/outdoor_c, limit: 5, unit: °C}
    then: [{point: comp4/permit_set_code, value: 0, unit: code}]
"""
AIR = """\
site: demo
edge: edge1
device: air
revision: 1
points:
  - {point: pressure_target_bar_g, unit: bar(g), low: 6.3, high: 6.9, fallback: {kind: value, value: 6.7}}
"""


class Box:
    """A copy of the demo's files, to be spoiled."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder / "configs", "demo", "edge1", folder / "edge", folder / "keys", "")
        self.site = self.place.config / "sites" / "demo"

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.site / name).read_text("utf-8")
        assert old in text, name
        (self.site / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    def controllers(self, text: str) -> None:
        (self.site / "edge1.controllers.yaml").write_text(text, encoding="utf-8")

    def rules(self, text: str) -> None:
        (self.site / "edge1.rules.yaml").write_text(text, encoding="utf-8")

    def faults(self) -> list[str]:
        with pytest.raises(ConfigError) as told:
            checked(self.place)
        return [line.removeprefix(f"{self.site}/") for line in str(told.value).splitlines()]

    def sign(self) -> None:
        path = self.place.keys / "commissioning.key"
        create_signing_key(path)
        sign_blocks(self.place.config, "demo", "edge1", self.place.state, load_signing_key(path))


@pytest.fixture
def box(tmp_path: Path, configs: Path) -> Box:
    shutil.copytree(configs, tmp_path / "configs")
    return Box(tmp_path)


def test_limits_that_contradict_each_other(box: Box) -> None:
    box.change("write/comp1.yaml", "high: 2", "high: -1")
    (fault,) = box.faults()
    assert fault.startswith("write/comp1.yaml:")
    assert "low 0.0 must not be above high -1.0" in fault


def test_limits_wider_than_what_can_be_read_back(box: Box) -> None:
    box.change("write/comp4.yaml", "high: 7.5", "high: 12")
    (fault,) = box.faults()
    assert fault.startswith("write/comp4.yaml:24: 'pressure_set_bar_g' has limits of 6.3 to 12 bar(g)")
    assert "calls 4 to 10 valid" in fault


def test_an_interlock_over_a_point_that_does_not_exist(box: Box) -> None:
    duty = "    duty: {interlock: [{input: comp1/no_such_c, high: 90}]}\n"
    box.change("write/comp1.yaml", "    fallback: {kind: release, value: 3}\n",
               "    fallback: {kind: release, value: 3}\n" + duty)  # fmt: skip
    (fault,) = box.faults()
    assert fault == (
        "write/comp1.yaml:7: 'role_set_code' has an interlock on 'comp1/no_such_c', "
        "which does not exist at this edge"
    )


def test_a_point_that_two_controllers_or_two_rules_fight_over(box: Box) -> None:
    box.controllers(CONTROLLERS + SECOND)
    box.rules(
        RULES.replace(
            "comp4/permit_set_code, value: 0, unit: code", 'pv1/limit_set_frac, value: 1, unit: "1"'
        )
    )
    faults = box.faults()
    assert faults[0].startswith("edge1.controllers.yaml:21: controllers.1.loads.0.set: ")
    assert "comp1/permit_set_code is set by air already; a point has one writer" in faults[0]
    assert any("pv1/limit_set_frac is set by first already" in fault for fault in faults[1:])


def test_a_rule_and_a_controller_that_fight_over_a_point(box: Box) -> None:
    box.controllers(CONTROLLERS)
    box.rules(RULES)
    (fault,) = box.faults()
    assert fault.startswith("edge1.rules.yaml:9: ")
    assert "comp4/permit_set_code is set by air already; a point has one writer" in fault


def test_an_active_controller_whose_points_have_another_writer(box: Box) -> None:
    box.controllers(CONTROLLERS.replace("    id: air\n", "    id: air\n    mode: active\n"))
    box.change("write/comp1.yaml", "    fallback: {kind: release, value: 2}\n",
               "    fallback: {kind: release, value: 2}\n    duty: {writer: other}\n")  # fmt: skip
    faults = box.faults()
    assert "comp1/permit_set_code has no signed limits with `writer: air`" in faults[0]
    assert len(faults) == 3, faults


def test_an_input_of_a_controller_outside_its_limits_or_beyond_those_of_the_machine(box: Box) -> None:
    box.controllers(CONTROLLERS)
    (box.site / "write" / "air.yaml").write_text(AIR.replace("high: 6.9", "high: 6.6"), encoding="utf-8")
    (outside,) = box.faults()
    assert outside.startswith("write/air.yaml:6: ")
    assert "fallback 6.7 lies outside 6.3 … 6.6" in outside
    (box.site / "write" / "air.yaml").write_text(AIR.replace("high: 6.9", "high: 7.2"), encoding="utf-8")
    (beyond,) = box.faults()
    assert beyond.startswith("edge1.controllers.yaml:14: controllers.0.machines.1.target_set: ")
    assert "let 6.3 … 7.8 bar(g) be wanted of comp4/pressure_set_bar_g, whose own are 6.3 … 7.5" in beyond


def test_all_of_it_is_told_at_once_signed_or_not(box: Box) -> None:
    box.sign()
    (box.place.state / "write" / "chp1.json").write_text("{}", encoding="utf-8")
    box.change("write/comp4.yaml", "high: 7.5", "high: 12")
    box.change("write/comp1.yaml", "high: 3", "high: -1")
    box.controllers(CONTROLLERS + SECOND)
    box.rules(RULES)
    text = "\n".join(box.faults())
    for part in ("chp1.json", "comp4.yaml:", "comp1.yaml:", "controllers.yaml:", "rules.yaml:"):
        assert part in text


def test_a_fallback_without_proof_is_named_and_so_is_a_writer_that_does_not_run(box: Box) -> None:
    box.change("write/comp1.yaml", "    fallback: {kind: release, value: 2}\n",
               "    fallback: {kind: release, value: 2}\n    duty: {writer: air}\n")  # fmt: skip
    box.sign()
    where = [f"--config={box.place.config}", f"--state={box.place.state}", f"--keys={box.place.keys}"]
    done = CliRunner().invoke(app, ["check", *where])
    assert done.exit_code == 0, done.output
    assert (
        "comp2: nothing is written, its fallback is not proven (role_set_code, permit_set_code)"
        in done.output
    )
    assert "comp1/permit_set_code: its one writer 'air' does not run here" in done.output
