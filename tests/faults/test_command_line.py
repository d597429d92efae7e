"""Fat fingers at the command line: one clear sentence, exit code 2, no traceback, nothing begun."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.children import free_port

ROOT = Path(__file__).resolve().parents[2]
HELPED = (
    "", "demo", "bus", "bus run", "bus config", "bus show", "bus token", "bus revoke", "edge join",
    "edge", "edge run", "edge check", "edge prove", "hub", "hub run",
    "hub configuration", "hub configuration send", "hub configuration list", "hub configuration save",
    "edge save", "edge restore", "edge rules check",
    "edge rules try", "doctor", "hub init", "hub openapi", "hub admin", "hub admin reset", "sim", "sim run",
    "sim fault", "sim history", "command", "command set", "command resume", "hub audit", "hub person",
    "hub person add", "edge audit",
)  # fmt: skip


def _ems(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ems.main", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip


def _one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 2, done
    assert done.stderr.startswith("ems: "), done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.parametrize("command", HELPED)
def test_every_help_has_an_example(command: str) -> None:
    done = _ems(*command.split(), "--help")
    assert done.returncode == 0
    assert "Example:" in done.stdout


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("cook", "No such command 'cook'"),
        ("hub cook", "No such command 'cook'"),
        ("command set a/b/c 1 --for 1m", "say why"),
        ("command stop all --reason x --hub ftp://x", "is no address"),
        ("hub audit --state /nowhere", "run `ems hub init` first"),
        ("hub audit --state /nowhere --since soon", "no length of time"),
        ("edge audit /nowhere", "is missing"),
        ("demo --fro 90", "No such option: --fro"),
        ("demo --for abc", "Invalid value for '--for'"),
        ("demo --for 74", "FOR=74 is too short"),
        ("demo --for nan", "FOR=nan"),
        ("demo --for inf", "FOR=inf"),
        ("demo --for -90", "FOR=-90"),
        ("bus run --state x --keys x --port 65536", "Invalid value for '--port'"),
        ("bus show --state /nowhere", "run `ems bus config` first"),
        ("bus config --state /nowhere --listen here", "--listen 'here'"),
        ("bus config --state /nowhere --edge Edge1", "cannot be an edge's id"),
        ("edge join nonsense", "this is no join token"),
        ("sim fault comp1 angry", "Invalid value for"),
    ],
)
def test_a_slip_of_the_finger_is_one_sentence(command: str, words: str) -> None:
    _one_sentence(_ems(*command.split()), words)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("nowhere/demo.json", "there is no folder"),
        (".", "is a folder; give a file in it"),
        ("/proc/demo.json", "cannot be written"),
    ],
)
def test_a_result_that_cannot_be_written_is_refused_at_the_start(
    tmp_path: Path, out: str, words: str
) -> None:
    done = _ems("demo", "--for=90", f"--out={tmp_path / out}", f"--state={tmp_path / 'var'}")
    _one_sentence(done, words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["demo", "hub run", "hub init", "edge run", "sim run", "bus run"])
def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    more = [f"--keys={tmp_path / 'keys'}", f"--port={free_port()}"] if command == "bus run" else []
    done = _ems(*command.split(), f"--state={tmp_path / 'file' / 'state'}", *more)
    _one_sentence(done, "Not a directory")
    assert str(tmp_path / "file") in done.stderr


def _taken() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_taken_port_of_the_bus_is_one_sentence(tmp_path: Path) -> None:
    with _taken() as taken:
        port = taken.getsockname()[1]
        done = _ems("bus", "run", f"--state={tmp_path}", f"--keys={tmp_path}", f"--port={port}")
    _one_sentence(done, f"the bus cannot use 127.0.0.1:{port}")


def test_a_taken_port_of_the_page_is_one_sentence(tmp_path: Path) -> None:
    with _taken() as taken:
        port = taken.getsockname()[1]
        done = _ems("hub", "run", f"--state={tmp_path / 'hub'}", f"--keys={tmp_path}", f"--port={port}")
    _one_sentence(done, f"the page cannot use 127.0.0.1:{port}")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, to be broken."""
    folder = tmp_path / "configs"
    shutil.copytree(ROOT / "configs", folder)
    return folder


def _break(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def _refuses(site: Path, *words: str) -> str:
    """Edge and simulator refuse the configuration alike; the check makes nothing."""
    state = site.parent / "state"
    checked = _ems("edge", "check", f"--config={site}", f"--state={state}")
    assert not state.exists()
    simulated = _ems("sim", "run", f"--config={site}", f"--state={state}")
    for done in (checked, simulated):
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr
        assert all(word in done.stderr for word in words), done.stderr
    return checked.stderr


def test_broken_yaml_names_file_and_line(site: Path) -> None:
    file = site / "sites" / "demo" / "edge1.yaml"
    lines = file.read_text(encoding="utf-8").count("\n")
    with file.open("a", encoding="utf-8") as more:
        more.write("more: [1, 2\n")
    told = re.search(r"edge1\.yaml:(\d+): ", _refuses(site, "edge1.yaml:"))
    assert told is not None
    assert int(told.group(1)) in {lines + 1, lines + 2}


def test_an_unknown_unit_names_file_line_and_field(site: Path) -> None:
    profile = site / "devices" / "aeris_fs132.yaml"
    line = 1 + profile.read_text(encoding="utf-8").split("unit: kW\n")[0].count("\n")
    _break(profile, "unit: kW\n", "unit: horsepower\n")
    _refuses(site, f"{profile.name}:{line}: ", "unknown unit 'horsepower'")


def test_two_devices_on_one_address_are_both_named(site: Path) -> None:
    file = site / "sites" / "demo" / "edge1.yaml"
    first, second = re.findall(r"port: (\d+)", file.read_text(encoding="utf-8"))[:2]
    _break(file, f"port: {second}", f"port: {first}")
    _refuses(site, "edge1.yaml", "two devices share the address")


def test_two_points_on_one_address_are_both_named(site: Path) -> None:
    profile = site / "devices" / "aeris_fs132.yaml"
    _break(profile, "table: input, address: 1,", "table: input, address: 0,")
    _refuses(site, profile.name, "share the address input 0")


@pytest.mark.parametrize("gone", ["devices/aeris_fs132.yaml", "sites/demo/edge1.yaml"])
def test_a_missing_file_is_named(site: Path, gone: str) -> None:
    (site / gone).unlink()
    _refuses(site, Path(gone).stem)


def test_a_taken_port_of_a_simulated_device_is_one_sentence(site: Path) -> None:
    file = site / "sites" / "demo" / "edge1.yaml"
    port = re.findall(r"port: (\d+)", file.read_text(encoding="utf-8"))[0]
    with _taken() as taken:
        own = str(taken.getsockname()[1])
        _break(file, f"port: {port}", f"port: {own}")
        done = _ems("sim", "run", f"--config={site}", f"--state={site.parent / 'state'}")
    assert done.returncode == 2, done
    sentence = done.stderr.splitlines()[-1]
    assert re.search(r"cannot use 127\.0\.0\.1:\d+: .* choose another port", sentence), done.stderr
    assert "Traceback" not in done.stderr
