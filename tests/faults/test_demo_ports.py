"""Ports that others hold, and a second start with a newer configuration."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
import yaml

from ems.demo.layout import EDGE, SITE, Layout, choose_ports, prepare
from protocols.errors import ConfigError
from runtime.site import devices_file, load_devices

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (tmp_path / "var").mkdir()
    return Layout(tmp_path / "var", tmp_path / "configs")


def _shipped(layout: Layout) -> Path:
    return layout.source / "sites" / SITE / f"{EDGE}.yaml"


def _port(layout: Layout, device: str) -> int:
    found = load_devices(layout.config, devices_file(layout.config, SITE, EDGE)).edge.devices
    return int(next(one.connection.port for one in found if one.id == device))  # type: ignore[union-attr]  # Modbus


def test_a_port_held_by_another_program_is_exchanged_and_the_new_one_remembered(layout: Layout) -> None:
    document = yaml.safe_load(_shipped(layout).read_text(encoding="utf-8"))
    with socket.create_server(("127.0.0.1", 0)) as held:
        taken = held.getsockname()[1]
        document["devices"][0]["connection"]["port"] = taken
        _shipped(layout).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        prepare(layout)
        moved = _port(layout, document["devices"][0]["id"])
        assert moved != taken
    prepare(layout)
    assert _port(layout, document["devices"][0]["id"]) == moved


def test_a_newer_device_list_is_used_although_ports_were_remembered(layout: Layout) -> None:
    document = yaml.safe_load(_shipped(layout).read_text(encoding="utf-8"))
    with socket.create_server(("127.0.0.1", 0)) as held:
        document["devices"][0]["connection"]["port"] = held.getsockname()[1]
        _shipped(layout).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        prepare(layout)
    document["devices"][0]["label"] = {"en": "Renamed", "zh": "改名"}
    _shipped(layout).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    prepare(layout)
    devices = load_devices(layout.config, devices_file(layout.config, SITE, EDGE)).edge.devices
    assert devices[0].label.en == "Renamed"


def test_the_page_gets_another_port_when_its_own_was_taken_meanwhile(layout: Layout) -> None:
    ports = prepare(layout)
    with socket.create_server(("127.0.0.1", ports.page)):
        chosen = choose_ports(layout, ports)
        assert chosen.bus == ports.bus
        assert chosen.page != ports.page


def test_a_public_key_that_was_cut_off_is_made_again(layout: Layout) -> None:
    prepare(layout)
    public = layout.keys / "commissioning.pub"
    before = public.read_bytes()
    public.unlink()
    prepare(layout)
    assert public.read_bytes() == before
    assert {key.stat().st_mode & 0o777 for key in layout.keys.glob("*.key")} == {0o600}


def test_without_a_site_the_start_is_refused(layout: Layout) -> None:
    with pytest.raises(ConfigError, match="holds no site"):
        prepare(Layout(layout.root, layout.root))
