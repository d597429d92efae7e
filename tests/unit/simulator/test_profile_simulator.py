"""`ems sim profile` on each protocol as a process, read back by the commands it prints."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import typer
from typer.testing import CliRunner

from edge_agent.commission.init_cli import init
from edge_agent.commission.read_cli import read
from protocols.errors import ConfigError
from runtime.children import free_port
from simulator.device import Fault
from simulator.faults import request
from simulator.profile_cli import profile as serve

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
ROOT = Path(__file__).parents[3]
TEXT = {"en": "x", "zh": "x"}
SPARKPLUG = """\
id: acme_gw
label: {en: Acme gateway, zh: 网关}
protocol: mqtt
equipment: meter
points:
  - {name: power_kw, label: {en: Power, zh: 功率}, unit: kW,
     address: {kind: mqtt, metric: Power, metric_type: float}}
  - {name: run_h, label: {en: Hours, zh: 小时}, unit: h, kind: counter,
     address: {kind: mqtt, metric: Hours, metric_type: uint64}}
  - {name: on_code, label: {en: Running, zh: 运行}, unit: code, kind: state,
     address: {kind: mqtt, metric: Run, metric_type: boolean}}
  - {name: offset_c, label: {en: Offset, zh: 偏移}, unit: "°C", kind: setpoint, low: -20, high: -2,
     address: {kind: mqtt, metric: Set/Offset, metric_type: int16}}
"""
app = typer.Typer()
app.command()(read)
app.command()(init)
app.command("serve")(serve)


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """A configuration folder with the shipped profiles and one of Sparkplug B."""
    folder = tmp_path / "configs" / "devices"
    folder.mkdir(parents=True)
    for file in (ROOT / "configs" / "devices").glob("*.yaml"):
        (folder / file.name).symlink_to(file)
    (folder / "acme_gw.yaml").write_text(SPARKPLUG, encoding="utf-8")
    return folder.parent


def _started(configs: Path, profile: str, *options: str) -> subprocess.Popen[str]:
    file = configs / "devices" / f"{profile}.yaml"
    return subprocess.Popen(
        [sys.executable, "-m", "ems.main", "sim", "profile", str(file), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=configs.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@contextmanager
def _served(configs: Path, profile: str, *options: str) -> Iterator[dict[str, Any]]:
    """What the simulator says of itself; at the end it gets a Ctrl-C and must leave in order."""
    process = _started(configs, profile, "--still", "--json", *options)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield json.loads(line)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        assert not any(child.is_running() for child in children)
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()


def _read(configs: Path, profile: str, wish: str) -> list[dict[str, Any]]:
    """All points of the device by our edge agent, through a site file that `ems edge init` writes."""
    place = ["--site", "sim", "--config", str(configs)]
    made = CliRunner().invoke(app, ["init", *place, "--force", "--device", f"dev={profile}@{wish}"])
    assert made.exception is None, made.exception
    done = CliRunner().invoke(app, ["read", "dev", *place, "--json", "--state", str(configs / "state")])
    assert done.exception is None, done.exception
    rows: list[dict[str, Any]] = json.loads(done.output)
    return rows


def _port(kind: socket.SocketKind = socket.SOCK_STREAM) -> tuple[str, str]:
    return "--port", str(free_port(kind))


@pytest.mark.parametrize(
    ("profile", "options", "spoken"),
    [
        ("eastron_sdm630", ["--unit-id", "3"], "Modbus TCP"),
        ("sunspec_inverter_103", ["--line", "rtu-tcp"], "Modbus RTU over TCP"),
        ("janitza_umg96rm", ["--line", "serial", "--unit-id", "7"], "Modbus RTU at /dev/"),
        ("frigor_wc600", [], "BACnet/IP"),
        ("carrier_30rap", [], "BACnet/IP"),
        ("voltis_bess500", [], "OPC UA"),
        ("meteo_ws3", [], "MQTT"),
        ("solara_pv500", ["--prefix", "plant/pv7"], "MQTT"),
        ("acme_gw", ["--prefix", "plant/gw/dev"], "Sparkplug B"),
        ("acme_gw", [], "Sparkplug B"),
    ],
)
def test_every_point_is_read_as_the_simulator_says(
    configs: Path, profile: str, options: list[str], spoken: str
) -> None:
    port = _port(socket.SOCK_DGRAM if spoken == "BACnet/IP" else socket.SOCK_STREAM)
    with _served(configs, profile, *options, *port) as said:
        assert said["at"].startswith(spoken)
        rows = _read(configs, profile, said["wish"])
    assert {row["point"] for row in rows} == said["values"].keys()
    assert {row["quality"] for row in rows} == {"good"}
    for row in rows:
        assert row["value"] == pytest.approx(said["values"][row["point"]], rel=1e-9), row


def test_two_devices_share_a_named_broker(configs: Path) -> None:
    port = free_port()
    with _served(configs, "meteo_ws3", "--port", str(port)) as _:
        options = ("--broker", f"127.0.0.1:{port}", "--prefix", "roof", "--state", str(configs / "pv"))
        with _served(configs, "solara_pv500", *options) as said:
            assert {row["quality"] for row in _read(configs, "solara_pv500", said["wish"])} == {"good"}


def test_a_fault_from_the_start_lasts_until_it_is_taken_away(configs: Path) -> None:
    state = configs / "sim"
    with _served(configs, "eastron_sdm630", "--fault", "silent", "--state", str(state), *_port()) as said:
        place = ["--site", "sim", "--config", str(configs)]
        CliRunner().invoke(app, ["init", *place, "--device", f"dev=eastron_sdm630@{said['wish']}"])
        words = ["read", "dev", "voltage_l1_v", *place, "--state", str(configs / "state")]
        assert "no answer" in str(CliRunner().invoke(app, words).exception)
        request(state, "eastron_sdm630", Fault.NONE)
        deadline_s = time.monotonic() + 10.0
        while CliRunner().invoke(app, words).exception is not None:
            assert time.monotonic() < deadline_s


def test_the_printed_line_reads_the_first_point_and_names_every_point(configs: Path) -> None:
    process = _started(configs, "eastron_sdm630", "--still", *_port())
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], process.communicate()[1]
        (direct,) = (line.split()[3:] for line in lines if re.match(r" +ems edge read 127", line))
        told = CliRunner().invoke(app, ["read", *direct])
        assert told.exception is None, told.exception
        assert "is a usual reading, compare it with the display" in told.output
        assert len([line for line in lines if re.match(r"  \w+ +\S+ \S+ +input ", line)]) == 19
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()


@pytest.mark.parametrize(
    ("profile", "options", "sentence"),
    [
        ("nothing", [], "nothing.yaml: no such file"),
        ("frigor_wc600", ["--line", "serial"], "--line is for Modbus"),
        ("thermax_b1000", ["--unit-id", "3"], "--unit-id is for Modbus and BACnet"),
        ("eastron_sdm630", ["--unit-id", "300"], "--unit-id 300 is not from 0 to 255"),
        ("eastron_sdm630", ["--broker", "localhost"], "--broker and --prefix are for MQTT"),
        ("meteo_ws3", ["--broker", "localhost:x"], "is not HOST:PORT"),
        ("acme_gw", ["--prefix", "plant"], "is not GROUP/NODE"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    configs: Path, profile: str, options: list[str], sentence: str
) -> None:
    words = [str(configs / "devices" / f"{profile}.yaml"), "--state", str(configs / "state"), *options]
    done = CliRunner().invoke(app, ["serve", *words, *_port()])
    assert isinstance(done.exception, ConfigError)
    assert sentence in str(done.exception)


def test_a_taken_port_is_one_sentence(configs: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = _started(configs, "eastron_sdm630", "--port", str(taken.getsockname()[1]))
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "simulator of eastron_sdm630 cannot use 127.0.0.1:" in errors
