"""Fat fingers at the command line: one clear sentence, exit code 2, no traceback, nothing begun."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HELPED = (
    "", "demo", "bus", "bus run", "edge", "edge run", "edge check", "edge prove", "hub", "hub run",
    "hub init", "hub openapi", "hub admin", "hub admin reset", "sim", "sim run", "sim fault", "sim history",
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
        ("demo --fro 90", "No such option: --fro"),
        ("demo --for abc", "Invalid value for '--for'"),
        ("demo --for 74", "FOR=74 is too short"),
        ("demo --for nan", "FOR=nan"),
        ("demo --for inf", "FOR=inf"),
        ("demo --for -90", "FOR=-90"),
        ("bus run --state x --keys x --port 65536", "Invalid value for '--port'"),
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
    keys = [f"--keys={tmp_path / 'keys'}"] if command == "bus run" else []
    done = _ems(*command.split(), f"--state={tmp_path / 'file' / 'state'}", *keys)
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
