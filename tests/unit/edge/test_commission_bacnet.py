"""`ems edge scan bacnet`, `browse` and `profile from-ede` on the real command line, with real devices."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from protocols.profile import Profile
from runtime.children import free_port
from runtime.yaml_config import load_config

pytestmark = [pytest.mark.net, pytest.mark.timeout(90)]
TEXT = {"en": "x", "zh": "x"}
SERVE = """
import asyncio
from tests.unit.protocols.bacnet_devices import served, usual_objects
async def main():
    with served(usual_objects(3)) as (port, _):
        print(port, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
LIST = """\
# keyname;device obj.-instance;object-name;object-type;object-instance;unit-code;settable
a;3001;Supply;0;1;62;N
b;3001;Pressure;0;2;55;N
c;3001;Calendar;6;1;;N
"""


@contextmanager
def device() -> Iterator[int]:
    """A bacpypes3 device in a process of its own; gives its port."""
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def ems(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ems.main", "edge", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_scan_names_who_answers() -> None:
    with device() as port:
        done = ems("scan", "bacnet", "--to", f"127.0.0.1:{port}", "--wait", "0.3", "--json")
        shown = ems("scan", "bacnet", "--to", f"127.0.0.1:{port}", "--wait", "0.3")
    (row,) = json.loads(done.stdout)
    assert (row["instance"], row["vendor"], row["model"], row["max_apdu"]) == ("3001", "Maker", "M1", "1024")
    assert row["address"] == f"127.0.0.1:{port}"
    assert "Maker" in shown.stdout


def test_a_scan_that_finds_nobody_says_what_was_sent_and_what_to_try() -> None:
    port = free_port(socket.SOCK_DGRAM)
    done = ems("scan", "bacnet", "--to", f"127.0.0.1:{port}", "--high", "10", "--wait", "0.2")
    assert done.returncode == 2
    assert f"instances 0 to 10 went to 127.0.0.1:{port}" in done.stderr
    assert "--bind" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say whom to ask"),
        (("--to", "plc.local"), "is no address"),
        (("--to", "10.0.0.1:99999"), "is no port"),
        (("--to", "10.0.0.256"), "is no address"),
        (("--to", "10.0.0.25", "--low", "9", "--high", "3"), "--low 9 is above --high 3"),
    ],
)
def test_a_scan_without_a_sound_address_is_one_sentence(words: tuple[str, ...], told: str) -> None:
    done = ems("scan", "bacnet", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def write_site(folder: Path, port: int) -> None:
    points = [
        {"name": name, "label": TEXT, "unit": "kW", "scale": 0.1,
         "address": {"kind": "bacnet", "object": "analog-input", "instance": at}}
        for name, at in (("power_kw", 2), ("gone_kw", 77))
    ]  # fmt: skip
    profile = {"id": "test", "label": TEXT, "protocol": "bacnet", "equipment": "meter", "points": points}
    at = {"kind": "bacnet", "host": "127.0.0.1", "port": port, "device_instance": 3001}
    one = {"id": "ahu", "label": TEXT, "profile": "test", "connection": at}
    edge = {"site": "demo", "edge": "edge1", "devices": [one]}
    for path, body in ((folder / "devices/test.yaml", profile), (folder / "sites/demo/edge1.yaml", edge)):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(body))


def test_a_configured_device_is_browsed_beside_its_profile(tmp_path: Path) -> None:
    with device() as port:
        write_site(tmp_path, port)
        done = ems("browse", "ahu", "--config", str(tmp_path), "--json")
        shown = ems("browse", "ahu", "--config", str(tmp_path))
    rows = {row["object"]: row for row in json.loads(done.stdout)}
    power = rows["analog-input 2"]
    assert (power["value"], power["point"], power["point_value"], power["point_unit"]) == (
        20.0, "power_kw", 2.0, "kW",
    )  # fmt: skip
    assert (rows["analog-input 77"]["value"], rows["analog-input 77"]["point"]) == (None, "gone_kw")
    assert rows["analog-value 1"]["commandable"] is True
    assert "analog-input 2" in shown.stdout
    wrong = ems("browse", "nobody", "--config", str(tmp_path))
    assert "it has ahu" in wrong.stderr


def test_an_ede_list_becomes_a_profile_file_that_loads(tmp_path: Path) -> None:
    (tmp_path / "plant_EDE.csv").write_text(LIST)
    out = tmp_path / "maker_ahu.yaml"
    words = ("profile", "from-ede", str(tmp_path / "plant_EDE.csv"), str(out), "--equipment", "air_handler")
    done = ems(*words)
    assert done.returncode == 2
    assert "plant_EDE.csv:3: unit-code: unit code 55 is a pressure" in done.stderr
    assert not out.exists()
    done = ems(*words, "--pressure", "gauge")
    assert done.returncode == 0, done.stderr
    assert "2 points, 1 lines left out" in done.stdout
    profile = load_config(out, Profile)
    assert [spec.name for spec in profile.points] == ["supply_c", "pressure_bar_g"]
    assert "# line 4 was left out" in out.read_text()
    assert "is there already" in ems(*words, "--pressure", "gauge").stderr
