"""The systemd units of hub and bus: hardened like the edge's, and of one mind about folders and user."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.needs import missing

UNITS = Path(__file__).resolve().parents[3] / "systemd"
MOST_EXPOSURE = 2.0


@pytest.mark.parametrize("unit", ["ems-hub", "ems-bus"])
def test_the_units_of_the_hub_machine_are_hardened(unit: str) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        missing("systemd-analyze", "it is not installed here")
    said = subprocess.run(
        [tool, "security", "--offline=true", "--no-pager", UNITS / f"{unit}.service"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"exposure level for \S+: ([\d.]+)", said.stdout)
    if found is None:
        missing("systemd-analyze", f"this systemd-analyze does not rate files: {said.stderr.strip()[:200]}")
    assert float(found[1]) <= MOST_EXPOSURE


@pytest.mark.parametrize("unit", ["ems-hub", "ems-bus"])
def test_what_a_unit_names_is_made_for_it(unit: str) -> None:
    text = (UNITS / f"{unit}.service").read_text()
    made = (UNITS / "ems-hub.tmpfiles").read_text()
    for folder in re.findall(r"--(?:state|keys) (\S+)", text):
        assert f"d {folder} 0700 ems-hub ems-hub -" in made
    assert "User=ems-hub\nGroup=ems-hub" in text
    assert (UNITS / "ems-hub.sysusers").read_text().count("\nu ems-hub - ") == 1
    settings = (UNITS / "hub.env.example").read_text()
    for name in re.findall(r"\$\{?(EMS_\w+)", text):
        assert f"\n{name}=" in settings


def test_the_hub_may_see_the_process_of_the_bus_and_change_its_register() -> None:
    hub = (UNITS / "ems-hub.service").read_text()
    assert "ProtectProc=default" in hub
    assert "ReadWritePaths=-/var/lib/ems-bus" in hub
    assert "PrivatePIDs" not in hub
