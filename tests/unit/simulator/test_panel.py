"""The panels of simulated machines: what their own control holds, for whoever compares."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.errors import ConfigError
from runtime.site import load_devices
from simulator.device import FieldDevice
from simulator.panel import show, shown

CONFIGS = Path(__file__).parents[3] / "configs"


def test_a_panel_shows_the_set_points_of_its_machine(tmp_path: Path) -> None:
    site = load_devices(CONFIGS, CONFIGS / "sites" / "demo" / "edge1.yaml")
    machine = FieldDevice(site.device("chiller1"), site.profile_of("chiller1"), lambda: 0.0)
    machine.write("supply_set_c", 8.5)
    show(tmp_path, [machine])
    assert shown(tmp_path, "chiller1")["supply_set_c"] == 8.5


def test_a_panel_that_nobody_wrote_is_a_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shows no panel of 'chiller1'"):
        shown(tmp_path, "chiller1")
