"""The files of the demo: every profile, device and write block is sound and fits the others."""

from pathlib import Path

import pytest

from plant.flowsheet import Flowsheet
from protocols.profile import Profile
from runtime.site import devices_file, load_devices, load_write_blocks
from runtime.yaml_config import load_config

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.mark.parametrize("file", sorted((CONFIGS / "devices").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_profile_loads_and_has_both_languages(file: Path) -> None:
    profile = load_config(file, Profile)
    assert profile.id == file.stem
    assert all(spec.label.en and spec.label.zh for spec in profile.points)


def test_every_writable_device_of_the_demo_has_limits_for_all_its_set_points() -> None:
    site = load_devices(CONFIGS, devices_file(CONFIGS, "demo", "edge1"))
    blocks = load_write_blocks(CONFIGS, "demo", site)
    for device in site.edge.devices:
        wanted = {s.name for s in site.profile_of(device.id).points if s.kind == "setpoint"}
        limited = {limits.point for limits in blocks[device.id].points} if device.id in blocks else set()
        assert wanted == limited, device.id


def test_a_lease_of_the_demo_lasts_at_most_ten_seconds() -> None:
    site = load_devices(CONFIGS, devices_file(CONFIGS, "demo", "edge1"))
    for block in load_write_blocks(CONFIGS, "demo", site).values():
        for limits in block.points:
            assert limits.max_lease_s <= 10.0
            assert limits.settle_s == 0.0
            assert limits.readback == "echo"


def test_every_point_the_flowsheet_binds_is_a_point_of_a_device() -> None:
    site = load_devices(CONFIGS, devices_file(CONFIGS, "demo", "edge1"))
    points = {f"{d.id}/{s.name}" for d in site.edge.devices for s in site.profile_of(d.id).points}
    bound = load_config(CONFIGS / "sites" / "demo" / "flowsheet.yaml", Flowsheet).points()
    assert set(bound) <= points
