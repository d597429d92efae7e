"""`ems edge plan`: requests, points and bus time by hand-made figures; an overfull serial bus is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.plan import plan_lines, plan_site, refuse_overload
from protocols.errors import ConfigError
from runtime.site import SiteDevices, load_devices

TEXT = {"en": "x", "zh": "x"}


def configured(folder: Path, *, every_s: float, units: int = 1, baud: int = 9600) -> Path:
    """A configuration with one serial bus: units with ten registers and one bit field behind a hole."""
    points = [
        {"name": f"p{at}_kw", "label": TEXT, "unit": "kW", "every_s": every_s,
         "address": {"kind": "modbus", "address": at}}
        for at in (*range(8), 9, 200)
    ]  # fmt: skip
    profile = {"id": "meter", "label": TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    devices = [
        {"id": f"m{unit}", "label": TEXT, "profile": "meter",
         "connection": {"kind": "modbus_serial", "port": "/dev/ttyS9", "unit": unit, "baud": baud}}
        for unit in range(1, units + 1)
    ]  # fmt: skip
    (folder / "devices").mkdir(parents=True)
    (folder / "sites" / "demo").mkdir(parents=True)
    (folder / "devices" / "meter.yaml").write_text(json.dumps(profile))
    site = {"site": "demo", "edge": "edge1", "devices": devices}
    (folder / "sites" / "demo" / "edge1.yaml").write_text(json.dumps(site))
    return folder


def loaded(folder: Path) -> SiteDevices:
    return load_devices(folder, folder / "sites" / "demo" / "edge1.yaml")


def test_bus_time_is_bytes_gaps_and_the_units_own_time(tmp_path: Path) -> None:
    site = loaded(configured(tmp_path, every_s=1.0))
    first, second = plan_site(site)
    assert (first.start, first.cells, first.points, first.unused) == (0, 10, 9, 1)
    assert (second.start, second.cells, second.points, second.unused) == (200, 1, 1, 0)
    assert first.wire_bytes == 8 + 3 + 20 + 2
    gap_s = 3.5 * 10 / 9600
    assert first.busy_s == pytest.approx(33 * 10 / 9600 + gap_s + 0.020)
    (line,) = plan_lines(site, (first, second))
    assert line.serial
    assert line.requests_per_s == 2
    assert line.load_frac == pytest.approx(first.busy_s + second.busy_s)


def test_a_bus_within_its_bound_passes_and_a_fuller_one_is_refused_with_what_to_do(tmp_path: Path) -> None:
    refuse_overload(loaded(configured(tmp_path / "light", every_s=1.0, units=8)))
    with pytest.raises(ConfigError, match=r"/dev/ttyS9 would be busy \d+% .*every_s"):
        refuse_overload(loaded(configured(tmp_path / "full", every_s=1.0, units=10)))
    refuse_overload(loaded(configured(tmp_path / "faster", every_s=1.0, units=10, baud=38_400)))


def test_the_command_prints_the_plan_as_table_and_as_json_and_fails_when_overfull(tmp_path: Path) -> None:
    runner = CliRunner()
    light = str(configured(tmp_path / "light", every_s=1.0))
    table = runner.invoke(app, ["plan", "demo", "--config", light])
    assert table.exit_code == 0
    assert "/dev/ttyS9" in table.output
    said = json.loads(runner.invoke(app, ["plan", "demo", "--config", light, "--json"]).output)
    assert [request["cells"] for request in said["requests"]] == [10, 1]
    full = str(configured(tmp_path / "full", every_s=0.1))
    refused = runner.invoke(app, ["plan", "demo", "--config", full])
    assert isinstance(refused.exception, ConfigError)
    assert refused.exit_code != 0


def test_units_of_one_port_must_agree_on_its_settings(tmp_path: Path) -> None:
    folder = configured(tmp_path, every_s=1.0, units=2)
    file = folder / "sites" / "demo" / "edge1.yaml"
    site = yaml.safe_load(file.read_text())
    site["devices"][1]["connection"]["baud"] = 19_200
    file.write_text(json.dumps(site))
    with pytest.raises(ConfigError, match="'m1' and 'm2' share /dev/ttyS9 but say 9600 Bd"):
        loaded(folder)


def test_the_demo_site_has_a_plan() -> None:
    configs = Path(__file__).parents[3] / "configs"
    site = load_devices(configs, configs / "sites" / "demo" / "edge1.yaml")
    assert {request.device for request in plan_site(site)} >= {"comp1", "meter_main"}
