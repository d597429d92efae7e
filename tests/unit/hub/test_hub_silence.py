"""The hub tells silence from loss: how long a point may say nothing is in its configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hub.dispatch.site import load_site
from hub.dispatch.snapshot import Reading, Snapshot, look
from hub.forecast.quarters import Quarters
from hub.registry.site import FRESH_S, load_registry
from protocols.point import local_point

NOW_NS = 1_800_000_000_000_000_000


@pytest.fixture
def config(configs: Path, tmp_path: Path) -> Path:
    """The demo's configuration with one device by exception."""
    for folder in ("sites", "devices", "tariffs", "emissions"):
        for file in (configs / folder).rglob("*.yaml"):
            target = tmp_path / file.relative_to(configs)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    file = tmp_path / "sites" / "demo" / "edge1.yaml"
    document = yaml.safe_load(file.read_text("utf-8"))
    battery = next(device for device in document["devices"] if device["id"] == "battery1")
    battery["report"] = {"dead_band_pct": 1.0, "max_silence_s": 300.0}
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return tmp_path


def test_a_point_by_exception_ages_by_its_longest_silence_and_any_other_as_ever(config: Path) -> None:
    registry = load_registry(config, "demo")
    silent, usual = local_point("demo", "battery1/soc_frac"), local_point("demo", "comp1/power_kw")
    assert (registry.silence_s(silent), registry.silence_s(usual)) == (300.0, 0.0)
    assert registry.stale_after_s(silent) > 300.0
    assert registry.stale_after_s(usual) == FRESH_S


def test_dispatch_uses_a_silent_value_until_its_silence_is_over(config: Path) -> None:
    site = load_site(config, "demo")
    for age_s, expected in ((290.0, 0.7), (320.0, 0.5)):
        reading = Reading(0.7, 0, NOW_NS - round(age_s * 1e9))
        snapshot = Snapshot(NOW_NS, {"battery1/soc_frac": reading}, {"battery1": "up"}, Quarters(0, {}))
        assert look(site, snapshot, {}).soc_frac == expected
