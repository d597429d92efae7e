from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from hub.preparing import prepare
from hub.roles.options import RoleOptions
from hub.roles.process import TOLD
from hub.service import run_hub
from protocols.errors import ConfigError, StoreLockedError
from runtime.children import free_port
from runtime.lock import StateLock

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.net


def _options(folder: Path, port: int | None = None) -> RoleOptions:
    return RoleOptions(
        ROOT / "configs", "demo", folder / "hub", "nats://127.0.0.1:9", folder / "keys", port or free_port()
    )


def _ems(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ems.main", "hub", *arguments]


def test_the_admin_password_is_said_at_the_first_start_and_never_again(tmp_path: Path) -> None:
    said: list[str] = []
    prepare(_options(tmp_path), said.append)
    prepare(_options(tmp_path), said.append)
    assert len(said) == 1
    assert re.fullmatch(r"admin password: [a-z0-9]{4}(-[a-z0-9]{4}){3}", said[0])


@pytest.mark.timeout(60)
def test_a_site_that_is_not_there_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    options, said = replace(_options(tmp_path), site="nosuch"), list[str]()
    with pytest.raises(ConfigError, match=r"sites/nosuch/site\.yaml"):
        run_hub(options, ["dispatch"], said.append)
    asked = [f"--site={options.site}", f"--state={options.state}", f"--config={options.config}"]
    done = subprocess.run(_ems("init", *asked), capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode != 0
    assert "sites/nosuch/site.yaml" in done.stderr
    assert (said, done.stdout, list(tmp_path.rglob("*.db*"))) == ([], "", [])


def test_a_hub_started_twice_says_who_holds_the_folder(tmp_path: Path) -> None:
    options = _options(tmp_path)
    with StateLock(options.state), pytest.raises(StoreLockedError, match=str(os.getpid())):
        run_hub(options, ["ingest"], print)


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    from socket import create_server  # noqa: PLC0415  only here

    with create_server(("127.0.0.1", 0)) as taken:
        options = _options(tmp_path, taken.getsockname()[1])
        with pytest.raises(ConfigError, match="choose another port"):
            run_hub(options, ["api"], print)


def _deadline(true: object, most_s: float = 15.0) -> None:
    until_s = time.monotonic() + most_s
    while not true():  # type: ignore[operator]  # a callable
        assert time.monotonic() < until_s
        time.sleep(0.03)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], RoleOptions, Path]]:
    options = _options(tmp_path)
    log = tmp_path / "out.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            _ems("run", *options.arguments(), "--roles=ingest,api"), stdout=out, stderr=out, cwd=ROOT
        )
    try:
        _deadline(lambda: log.read_text().count(" up, pid ") == 2)
        yield process, options, log
    finally:
        process.kill()
        process.wait()


def _pids(log: Path) -> list[int]:
    return [int(found) for found in re.findall(r"up, pid (\d+)", log.read_text())]


def _gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def test_roles_die_with_a_parent_that_is_killed_and_the_lock_with_them(
    running: tuple[subprocess.Popen[bytes], RoleOptions, Path],
) -> None:
    process, options, log = running
    second = subprocess.run(
        _ems("run", *options.arguments()), cwd=ROOT, capture_output=True, check=False, text=True
    )
    assert second.returncode != 0
    assert f"in use by process {process.pid}" in second.stderr
    assert "Traceback" not in second.stderr
    pids = _pids(log)
    _deadline(lambda: all(b"role" in " ".join(psutil.Process(pid).cmdline()).encode() for pid in pids))
    _deadline(lambda: "waiting for it" in log.read_text())
    process.kill()
    process.wait()
    _deadline(lambda: _gone(pids))
    with StateLock(options.state):
        pass


def test_a_role_that_dies_comes_back_and_sigterm_ends_all(
    running: tuple[subprocess.Popen[bytes], RoleOptions, Path],
) -> None:
    process, options, log = running
    first = _pids(log)[0]
    os.kill(first, signal.SIGKILL)
    _deadline(lambda: len(_pids(log)) == 3)
    _deadline(lambda: log.read_text().count("waiting for it") >= 2)
    _deadline((options.state / "api_token.key").exists)  # the role of the API makes it
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert _gone(_pids(log))
    text = log.read_text()
    password = re.search(r"admin password: (\S+)", text)
    assert password is not None
    assert text.count(password.group(1)) == 1
    mode = (options.state / "api_token.key").stat().st_mode
    assert not mode & (stat.S_IRWXG | stat.S_IRWXO)


def test_a_role_that_is_never_told_its_configuration_touches_nothing_and_ends(tmp_path: Path) -> None:
    options = replace(_options(tmp_path), config=TOLD)
    command = [sys.executable, "-m", "hub.cli", "role", "ingest", *options.arguments()]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not options.state.exists()


def test_an_unknown_role_or_site_ends_with_one_sentence(tmp_path: Path) -> None:
    for change in ("--roles=ingest,cook", "--site=nowhere"):
        options = _options(tmp_path)
        done = subprocess.run(
            _ems("run", *options.arguments(), change), cwd=ROOT, capture_output=True, check=False, text=True
        )
        assert done.returncode != 0
        assert done.stderr.startswith("ems: ")
        assert len(done.stderr.strip().splitlines()) == 1
