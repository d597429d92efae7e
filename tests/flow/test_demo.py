"""The demo as a newcomer runs it, and with its parts killed: nothing lost, doubled or held."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge_agent.local_server import PORT_FILE
from tests.promql import alert_queries, missing, panel_queries, told

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def _demo(state: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ems.main", "demo", f"--state={state}", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with process:  # closes the pipe
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()


def _read_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if word in line:
            return seen
    pytest.fail(f"the demo ended before it said {word!r}:\n{seen}")


def _part(demo: int, *words: str) -> psutil.Process:
    """The demo's child whose command line holds all words."""
    for child in psutil.Process(demo).children(recursive=False):
        if all(word in child.cmdline() or any(word in part for part in child.cmdline()) for word in words):
            return child
    raise AssertionError(f"no part with {words} runs")


def _outlive(state: Path, most_s: float) -> list[psutil.Process]:
    """Processes that name the demo's folder; what the kernel is just ending is given `most_s`."""
    named = [p for p in psutil.process_iter(["cmdline"]) if str(state) in " ".join(p.info["cmdline"] or ())]
    return psutil.wait_procs(named, timeout=most_s)[1]


def _check(document: dict[str, Any]) -> None:
    samples = document["samples"]
    assert samples["lost"] == 0, samples
    assert samples["duplicate"] == 0, samples
    assert all(samples["by_protocol"][name] > 0 for name in ("modbus", "bacnet", "opcua", "mqtt")), samples
    fallback = document["fallback_test"]
    assert fallback["leases"] > 0, fallback
    assert fallback["held"] == 0, fallback
    commands = document["commands"]
    assert commands["verified"] > 0, commands
    assert commands["issued"] == commands["verified"] + commands["refused"] + commands["failed"], commands
    assert document["plan"]["status"] in {"optimal", "feasible"}, document["plan"]
    assert document["plan"]["cost"] <= document["plan"]["baseline_cost"], document["plan"]


def _every_figure_that_is_asked_for_is_told(said: str, state: Path) -> None:
    """Series and labels of panels and alerts are in what hub and edge tell; no backup is made here."""
    queries = panel_queries() + alert_queries()
    assert len(queries) > 25
    page = next(re.finditer(r"https?://127\.0\.0\.1:\d+", said.partition("page ")[2]))[0]
    until_s = time.monotonic() + 60
    gone = [""]
    while gone and time.monotonic() < until_s:
        edge = f"http://127.0.0.1:{(state / 'edge' / PORT_FILE).read_text().strip()}"
        series = told("".join(_text(f"{one}/metrics") for one in (page, edge)))
        gone = [one for query in queries for one in missing(query, series) if "backup" not in one]
        time.sleep(0.05)
    assert not gone


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own processes
        return str(answer.read().decode())


@pytest.mark.net
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_ninety_seconds_of_demo_lose_nothing_and_hold_nothing(tmp_path: Path) -> None:
    out = tmp_path / "demo.json"
    with _demo(tmp_path / "var", "--for=90", f"--out={out}") as demo:
        text = _read_until(demo, "page ")
        _every_figure_that_is_asked_for_is_told(text, tmp_path / "var")
        text += _read_until(demo, "written")
        assert demo.wait(60) == 0, text
    assert "login    admin / " in text
    _check(json.loads(out.read_text()))
    assert not _outlive(tmp_path, 2.0), "a process of the demo is still there"


@pytest.mark.net
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_edge_bus_and_hub_may_be_killed_in_the_middle(tmp_path: Path) -> None:
    out = tmp_path / "demo.json"
    with _demo(tmp_path / "var", "--for=100", f"--out={out}") as demo:
        _read_until(demo, "page ")
        for words in (("edge", "run"), ("nats-server",), ("hub", "run")):
            part = _part(demo.pid, *words)
            os.kill(part.pid, signal.SIGKILL)
            _wait_for_another(demo.pid, part.pid, words)
        text = _read_until(demo, "written")
        assert demo.wait(60) == 0, text
    _check(json.loads(out.read_text()))


@pytest.mark.net
@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_ten_rounds_of_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    out, series = tmp_path / "demo.json", tmp_path / "var" / "hub" / "series.db"
    with _demo(tmp_path / "var", "--for=420", f"--out={out}") as demo:
        _read_until(demo, "page ")
        for _ in range(10):
            for words in (("edge", "run"), ("nats-server",), ("hub", "run")):
                part = _part(demo.pid, *words)
                os.kill(part.pid, signal.SIGKILL)
                _wait_for_another(demo.pid, part.pid, words)
                _wait_for_data(series)
        text = _read_until(demo, "written")
        assert demo.wait(60) == 0, text
    _check(json.loads(out.read_text()))


def _wait_for_data(series: Path) -> None:
    """Wait until the hub has committed twice from now on."""
    with closing(sqlite3.connect(f"file:{series}?mode=ro", uri=True)) as database:
        first = last = _commits(database)
        until_s = time.monotonic() + 30
        while last < first + 2:
            assert time.monotonic() < until_s, "no data reaches the hub"
            time.sleep(0.05)
            last = _commits(database)


def _commits(database: sqlite3.Connection) -> int:
    (count,) = database.execute("SELECT count(*) FROM commits").fetchone()
    return int(count)


def _wait_for_another(demo: int, pid: int, words: tuple[str, ...]) -> None:
    until_s = time.monotonic() + 30
    while time.monotonic() < until_s:
        try:
            if _part(demo, *words).pid != pid:
                return
        except (AssertionError, psutil.NoSuchProcess, psutil.ZombieProcess):
            pass
        time.sleep(0.05)
    pytest.fail(f"{words} was not started again")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--for=30"], "is too short"),
        (["--out=x.json"], "OUT needs FOR"),
        (["--config=nowhere"], "holds no site 'demo'"),
    ],
)
def test_bad_input_is_one_clear_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ems.main", "demo", f"--state={tmp_path / 'var'}", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
