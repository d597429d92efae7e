"""Each driver says what it keeps to: what is done names a test that is there, what is not says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "protocols" / "drivers").glob("*/quality.yaml"))
EVERY_DRIVER = {"servers_of_others", "simulator_from_the_same_profile", "captures_of_real_devices"}


def test_every_driver_has_one() -> None:
    drivers = {file.parent.name for file in (ROOT / "protocols" / "drivers").glob("*/driver.py")}
    assert {file.parent.name for file in FILES} == drivers == {"bacnet", "modbus", "mqtt", "opcua"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_what_is_done_names_its_test_and_what_is_not_its_reason(file: Path) -> None:
    rules = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert rules.keys() >= EVERY_DRIVER
    for rule, said in rules.items():
        if said["status"] == "done":
            assert said.keys() == {"status", "test"}, rule
            where, _, name = said["test"].partition("::")
            source = (ROOT / "tests" / where).read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), (
                f"{rule}: no test {said['test']}"
            )
        else:
            assert said["status"] in {"todo", "exempt"}, rule
            assert said.keys() == {"status", "reason"}, rule
            assert len(said["reason"]) > 15, rule
