"""Ctrl-C at every stage of the demo, a second demo beside it: no process stays, the next start goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED = 130

pytestmark = [pytest.mark.net, pytest.mark.slow]


def _command(state: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "ems.main", "demo", f"--state={state}", *arguments]


@contextmanager
def _demo(state: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo in a session of its own, as a terminal has one; killed at the end if it still runs."""
    process = subprocess.Popen(
        _command(state, *arguments), cwd=ROOT, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _read_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    seen = ""
    while word not in seen:
        line = process.stdout.readline()
        assert line, f"the demo ended before it said {word!r}:\n{seen}"
        seen += line
    return seen


def _ctrl_c(process: subprocess.Popen[str]) -> tuple[int, str]:
    """What a terminal does: SIGINT to the whole foreground group."""
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    return process.returncode, text


def _nobody_left(state: Path, most_s: float = 2.0) -> None:
    until_s = time.monotonic() + most_s
    left = ["?"]
    while left and time.monotonic() < until_s:
        left = [
            " ".join(process.info["cmdline"])
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and str(state) in " ".join(process.info["cmdline"] or ())
        ]
        time.sleep(0.05)
    assert not left


@pytest.mark.timeout(400)
def test_ctrl_c_at_any_stage_leaves_no_process_and_the_next_start_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "var"
    for stage in ("bus ", "history ", "plant ", "proofs "):
        with _demo(state) as demo:
            _read_until(demo, stage)
            code, text = _ctrl_c(demo)
        assert code == INTERRUPTED, f"{stage}: {text}"
        assert "Traceback" not in text, stage
        _nobody_left(state)
    with _demo(state) as demo:
        text = _read_until(demo, "login ")
        assert "history" not in text, "the past that was whole is kept"
        second = subprocess.run(
            _command(state), cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
        )
        assert second.returncode == 2
        assert f"is in use by process {demo.pid}" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        assert demo.poll() is None
        code, text = _ctrl_c(demo)
    assert (code, text) == (0, "")
    _nobody_left(state)


@pytest.mark.timeout(200)
def test_ctrl_c_before_the_time_is_over_writes_nothing_and_says_so(tmp_path: Path) -> None:
    state, out = tmp_path / "var", tmp_path / "demo.json"
    with _demo(state, "--for=90", f"--out={out}") as demo:
        _read_until(demo, "login ")
        code, text = _ctrl_c(demo)
    assert code == INTERRUPTED, text
    assert "nothing is counted or written" in text
    assert not out.exists()
    _nobody_left(state)


@pytest.mark.timeout(200)
def test_a_demo_that_is_killed_takes_all_its_processes_with_it(tmp_path: Path) -> None:
    state = tmp_path / "var"
    with _demo(state) as demo:
        _read_until(demo, "proofs ")
        demo.kill()
    _nobody_left(state, 5.0)


@pytest.mark.timeout(20)
def test_a_history_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    from ems.demo.history import seed_history  # noqa: PLC0415  the other tests are of processes

    hub = tmp_path / "hub"
    hub.mkdir()
    (hub / "series.db.new").write_bytes(b"half of a database")
    assert seed_history(ROOT / "configs", hub, 1, days=1) > 0
    assert {file.name for file in hub.iterdir()} == {"series.db"}
