"""Readings are compared with the display of a device that really answers, and the comparison is kept."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from edge_agent.commission.commission_cli import commission
from edge_agent.commission.read_cli import read
from edge_agent.commission.record import describe, load_record, record_file
from runtime.children import free_port
from runtime.site import devices_file, load_devices

DEVICES = Path(__file__).parents[3] / "configs" / "devices"
SITE = """\
site: plant1
edge: edge1
devices:
  - id: meter1
    label: {en: Meter, zh: 电表}
    profile: eastron_sdm630
    connection: {kind: modbus, host: 127.0.0.1, port: PORT, unit: 1}
  - id: meter2
    label: {en: Meter, zh: 电表}
    profile: eastron_sdm630
    connection: {kind: modbus, host: 127.0.0.1, port: PORT, unit: 2, timeout_s: 0.2}
"""
app = typer.Typer()
app.command()(read)
app.command()(commission)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve the shipped profile from a process of its own, as `ems sim profile` does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    command = [sys.executable, "-m", "ems.main", "sim", "profile", str(DEVICES / "eastron_sdm630.yaml")]
    process = subprocess.Popen([*command, "--port", str(number)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "eastron_sdm630: 19 points" in process.stdout.readline()
        yield number
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture
def configs(tmp_path: Path, port: int) -> Path:
    (tmp_path / "devices").symlink_to(DEVICES)
    file = devices_file(tmp_path, "plant1", "edge1")
    file.parent.mkdir(parents=True)
    file.write_text(SITE.replace("PORT", str(port)), encoding="utf-8")
    return tmp_path


def _run(configs: Path, *words: str) -> Result:
    place = ["--config", str(configs), "--site", "plant1", "--state", str(configs / "state")]
    return CliRunner().invoke(app, [*words, *place])


@pytest.mark.net
def test_a_device_is_read_with_its_bytes_and_all_readings_are_usual(configs: Path) -> None:
    done = _run(configs, "read", "meter1")
    assert done.exception is None, done.exception
    assert "19 of 19 readings are usual for their unit" in done.output
    assert re.search(
        r"^frequency_hz +\S+ Hz +good +input 70 f32 abcd +42 4\w \w\w \w\w$", done.output, re.MULTILINE
    )


@pytest.mark.net
def test_a_machine_gets_the_readings_as_json(configs: Path) -> None:
    rows = json.loads(_run(configs, "read", "meter1", "voltage_l1_v", "--json").output)
    assert rows[0] | {"value": 0, "raw_hex": ""} == {
        "point": "voltage_l1_v",
        "value": 0,
        "unit": "V",
        "quality": "good",
        "usual": True,
        "raw_hex": "",
        "where": "input 0 f32 abcd",
        "fault": "",
        "source_time": None,
    }
    assert 225 < rows[0]["value"] < 235


@pytest.mark.net
def test_a_point_that_is_asked_for_is_shown_in_all_orders(configs: Path) -> None:
    done = _run(configs, "read", "meter1", "voltage_l1_v")
    assert "is a usual reading, compare it with the display" in done.output
    assert re.search(r"^ +0 +\*2[23]\d", done.output, re.MULTILINE)


@pytest.mark.net
def test_a_host_is_read_without_any_file(port: int) -> None:
    words = [
        "read",
        f"127.0.0.1:{port}",
        "--address",
        "1",
        "--type",
        "f32",
        "--table",
        "input",
        "--unit",
        "V",
    ]
    done = CliRunner().invoke(app, words)
    assert done.exception is None, done.exception
    assert "this looks right: 2" in done.output
    assert "(0 abcd" in done.output


@pytest.mark.net
def test_a_refused_address_ends_with_an_error_and_the_next_step(port: int) -> None:
    words = ["read", f"127.0.0.1:{port}", "--address", "900", "--table", "input"]
    text = str(CliRunner().invoke(app, words).exception)
    assert "came back: exception 2: illegal data address" in text
    assert "try next: address 899 (manuals count from 1), table holding, or a type of another length" in text


@pytest.mark.net
def test_a_unit_without_a_name_is_said_to_be_there(port: int) -> None:
    done = CliRunner().invoke(app, ["read", f"127.0.0.1:{port}"])
    assert done.exception is None, done.exception
    assert "answers, but tells no name" in done.output


@pytest.mark.net
def test_where_nobody_listens_nothing_was_sent_and_the_way_there_is_to_be_looked_at() -> None:
    words = ["read", f"127.0.0.1:{free_port()}", "--address", "0", "--table", "input"]
    text = str(CliRunner().invoke(app, words).exception)
    assert "nothing was sent: nobody answers at 127.0.0.1" in text
    assert "try next: the address and the port" in text
    assert "came back" not in text


@pytest.mark.net
def test_silence_says_what_was_sent_and_what_to_try(configs: Path) -> None:
    text = str(_run(configs, "read", "meter2").exception)
    assert "sent: unit 2, function 4, address 0, count 2" in text
    assert "came back: no answer" in text
    assert "try next: the unit id" in text


@pytest.mark.net
def test_what_agrees_with_the_display_is_recorded_and_told_by_check(configs: Path) -> None:
    shown = ("--shown", "voltage_l1_v=230", "--shown", "frequency_hz=50")
    done = _run(configs, "commission", "meter1", "--person", "A. Smith", *shown)
    assert done.exception is None, done.exception
    record = load_record(configs / "state", "meter1")
    assert record is not None
    assert [(one.point, one.shown) for one in record.comparisons] == [
        ("voltage_l1_v", 230.0),
        ("frequency_hz", 50.0),
    ]
    assert all(len(one.raw_hex) == 8 for one in record.comparisons)
    site = load_devices(configs, devices_file(configs, "plant1", "edge1"))
    told = describe(configs / "state", site)
    assert re.fullmatch(r"meter1: compared 20\S+Z by A\. Smith: voltage_l1_v, frequency_hz", told[0])
    assert told[1].startswith("not compared with their displays: meter2")


@pytest.mark.net
def test_nothing_is_recorded_while_one_reading_differs(configs: Path) -> None:
    shown = ("--shown", "voltage_l1_v=230", "--shown", "frequency_hz=60")
    done = _run(configs, "commission", "meter1", "--person", "A. Smith", *shown)
    assert "the display shows 60 Hz" in str(done.exception)
    assert load_record(configs / "state", "meter1") is None


@pytest.mark.net
def test_a_record_is_void_for_another_profile(configs: Path) -> None:
    _run(configs, "commission", "meter1", "--person", "A. Smith", "--shown", "frequency_hz=50")
    file = record_file(configs / "state", "meter1")
    other = json.loads(file.read_text(encoding="utf-8")) | {"profile_hash_hex": "00"}
    file.write_text(json.dumps(other), encoding="utf-8")
    site = load_devices(configs, devices_file(configs, "plant1", "edge1"))
    assert "VOID, the profile changed since" in describe(configs / "state", site)[0]


@pytest.mark.net
def test_what_is_typed_wrong_is_told_all_at_once(configs: Path) -> None:
    shown = ("--shown", "volts=1", "--shown", "frequency_hz")
    text = str(_run(configs, "commission", "meter1", "--person", "A", *shown).exception)
    assert "has no point 'volts'; there are: apparent_kva" in text
    assert "'frequency_hz' is not POINT=NUMBER" in text
    assert "no device 'meter9'" in str(_run(configs, "read", "meter9").exception)


def test_nobody_compares_nothing(configs: Path) -> None:
    done = _run(configs, "commission", "meter1", "--person", "  ", "--shown", "frequency_hz=50")
    assert done.exit_code == 2
    assert "give the name of whoever" in done.output
