"""Rules and controllers are checked before a version is signed: all faults, with file, line and field."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from hub.registry.check import checked_files
from protocols.errors import ConfigError

RULES, CONTROLLERS = "sites/demo/edge1.rules.yaml", "sites/demo/edge1.controllers.yaml"


@pytest.fixture
def folder(tmp_path: Path, configs: Path) -> Path:
    """The demo with the controllers and rules of the page."""
    shutil.copytree(configs, tmp_path / "configs")
    page = (configs.parent / "docs/local-controllers.md").read_text("utf-8")
    texts = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for path, text in zip((CONTROLLERS, RULES), texts, strict=True):
        (tmp_path / "configs" / path).write_text(text, encoding="utf-8")
    return tmp_path / "configs"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_both_files_go_along_and_write_blocks_never_do(folder: Path) -> None:
    files = checked_files(folder, "demo", "edge1")
    assert {RULES, CONTROLLERS} < set(files)
    assert not any("/write/" in path for path in files)


def test_all_faults_of_both_files_are_told_at_once(folder: Path) -> None:
    change(folder / CONTROLLERS, "header: comp4/header_bar_g", "header: comp4/no_such_bar_g")
    change(folder / RULES, "comp2/permit_set_code, value: 0", "comp1/permit_set_code, value: 9")
    change(folder / RULES, "meter_air/power_kw", "meter_air/power")
    with pytest.raises(ConfigError) as told:
        checked_files(folder, "demo", "edge1")
    lines = str(told.value).splitlines()
    assert [line.removeprefix(f"{folder}/").split(":")[0] for line in lines] == [CONTROLLERS, *[RULES] * 3]
    assert "controllers.0.header: there is no point 'comp4/no_such_bar_g' on this edge" in lines[0]
    assert "rules.0.when.point: there is no point 'meter_air/power'" in lines[1]
    assert {"comp1/permit_set_code is set by air already; a point has one writer, join the two"} == {
        line.split(": ", 2)[2] for line in lines if "is set by" in line
    }


def test_a_rule_that_bears_the_name_of_a_controller_is_a_fault(folder: Path) -> None:
    change(folder / RULES, "id: quiet_night", "id: air")
    with pytest.raises(ConfigError, match=r"rules\.yaml:2: rules\.0\.id: air is the name of a controller"):
        checked_files(folder, "demo", "edge1")


def test_a_controller_that_is_to_act_is_left_to_the_box_to_judge(folder: Path) -> None:
    change(folder / CONTROLLERS, "    id: air\n", "    id: air\n    mode: active\n")
    assert CONTROLLERS in checked_files(folder, "demo", "edge1")
