"""A device list is written from flags or questions, commented, and only when it is right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from edge_agent.commission.init_cli import init
from edge_agent.commission.site_file import parse_wish
from protocols.errors import ConfigError
from runtime.site import devices_file, load_devices

SHIPPED = Path(__file__).parents[3] / "configs" / "devices"
app = typer.Typer()
app.command()(init)


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "devices")
    return tmp_path


def _run(configs: Path, *options: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(app, ["--site", "plant1", "--config", str(configs), *options], input=answers)


def test_devices_of_every_protocol_are_written_and_load(configs: Path) -> None:
    wishes = [
        "meter1=eastron_sdm630@192.168.1.20:502#3",
        "meter2=eastron_sdm120@/dev/ttyUSB0,19200,even#4",
        "chiller1=frigor_wc600@192.168.1.30#3001",
        "battery1=voltis_bess500@opc.tcp://192.168.1.40:4840/ua",
        "pv1=solara_pv500@192.168.1.50:1884/plant/pv1",
    ]
    done = _run(configs, *(part for wish in wishes for part in ("--device", wish)))
    assert done.exception is None, done.exception
    file = devices_file(configs, "plant1", "edge1")
    found = {device.id: device.connection for device in load_devices(configs, file).edge.devices}
    assert found["meter1"].model_dump(include={"kind", "host", "port", "unit"}) == {
        "kind": "modbus",
        "host": "192.168.1.20",
        "port": 502,
        "unit": 3,
    }
    assert found["meter2"].model_dump(include={"baud", "parity", "unit"}) == {
        "baud": 19200,
        "parity": "even",
        "unit": 4,
    }
    assert found["chiller1"].model_dump()["device_instance"] == 3001
    assert found["battery1"].model_dump()["url"] == "opc.tcp://192.168.1.40:4840/ua"
    assert found["pv1"].model_dump()["prefix"] == "plant/pv1"
    text = file.read_text(encoding="utf-8")
    assert "# Eastron SDM630-Modbus (V2, MID): 19 points, two sources" in text
    assert "ems edge check --config" in text


def test_every_wrong_device_is_named_and_nothing_is_written(configs: Path) -> None:
    wishes = ("a1=no_such@10.0.0.1", "b1=eastron_sdm630@10.0.0.2:99999#1", "c1=frigor_wc600@10.0.0.3#x")
    done = _run(configs, *(part for wish in wishes for part in ("--device", wish)))
    text = str(done.exception)
    assert "no profile 'no_such'; there are: abb_b23" in text
    assert "device b1, connection.port: " in text
    assert "found 99999" in text
    assert "device c1, connection.device_instance: " in text
    assert not devices_file(configs, "plant1", "edge1").exists()


def test_two_devices_on_one_address_are_refused(configs: Path) -> None:
    wishes = ("a1=eastron_sdm630@10.0.0.1#1", "b1=eastron_sdm630@10.0.0.1#1")
    done = _run(configs, *(part for wish in wishes for part in ("--device", wish)))
    assert "two devices share the address 10.0.0.1:502 unit 1" in str(done.exception)


def test_a_list_that_is_there_is_kept(configs: Path) -> None:
    assert _run(configs, "--device", "a1=eastron_sdm630@10.0.0.1#1").exception is None
    again = _run(configs, "--device", "a1=eastron_sdm630@10.0.0.2#1")
    assert "is there already" in str(again.exception)


def test_questions_are_asked_at_a_terminal(configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.commission.init_cli._terminal", lambda: True)
    done = _run(configs, answers="meter1\nabb_b23\n10.0.0.5:502#2\nMain meter\n\n")
    assert done.exception is None, done.exception
    (device,) = load_devices(configs, devices_file(configs, "plant1", "edge1")).edge.devices
    assert (device.id, device.profile, device.label.en) == ("meter1", "abb_b23", "Main meter")


def test_without_terminal_and_flags_it_says_what_to_give(configs: Path) -> None:
    assert "give --device ID=PROFILE@WHERE" in str(_run(configs).exception)


def test_another_form_is_answered_with_an_example() -> None:
    with pytest.raises(ConfigError, match="for example meter1=eastron_sdm630@"):
        parse_wish("meter1 at 10.0.0.1")
