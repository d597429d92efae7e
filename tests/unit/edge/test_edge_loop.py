"""The faster loop is for boxes with nothing but Modbus."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edge_agent.loop import loop_factory
from runtime.site import SiteDevices, load_devices
from tests.needs import missing


def test_a_box_with_other_protocols_keeps_the_standard_loop_and_a_modbus_box_gets_the_faster_one(
    configs: Path,
) -> None:
    if importlib.util.find_spec("uvloop") is None:
        missing("uvloop", "it is not installed")
    site = load_devices(configs, configs / "sites" / "demo" / "edge1.yaml")
    assert loop_factory(site) is None
    modbus = tuple(device for device in site.edge.devices if device.connection.kind == "modbus")
    make = loop_factory(SiteDevices(site.edge.model_copy(update={"devices": modbus}), site.profiles))
    assert make is not None
    loop = make()
    assert type(loop).__module__.startswith("uvloop")
    loop.close()
