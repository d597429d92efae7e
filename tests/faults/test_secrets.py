"""Secrets: not in the tree, not in logs or command lines, and readable by their owner only."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.needs import missing

ROOT = Path(__file__).resolve().parents[2]
TOKEN_OR_HASH = re.compile(rb"eyJ[A-Za-z0-9_-]{10}|\$argon2|ems_refresh=|SU[A-Z2-7]{40}")


def test_no_key_password_or_database_is_in_the_tree() -> None:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"],  # noqa: S607  whichever git made the clone
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        missing("clone", "this is no clone")
    files = [ROOT / name.decode() for name in done.stdout.split(b"\0") if name]
    assert not [file for file in files if file.suffix in {".key", ".nk", ".pem", ".db"}]
    secret = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY|\bSU[A-Z2-7]{56}\b|\$argon2id\$v=")
    assert not [file for file in files if file.is_file() and secret.search(file.read_bytes())]


@pytest.mark.net
@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_running_demo_shows_its_secrets_to_nobody(tmp_path: Path) -> None:
    state = tmp_path / "var"
    command = [sys.executable, "-m", "ems.main", "demo", f"--state={state}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            while (line := demo.stdout.readline()) and not line.startswith("login "):
                pass
            found = re.search(r"admin / (\S+)", line)
            assert found is not None
            children = psutil.Process(demo.pid).children(recursive=True)
            shown = "\n".join(word for child in children for word in child.cmdline())
            demo.send_signal(signal.SIGINT)
            assert demo.wait(60) == 0
        finally:
            demo.kill()
    secrets = [found.group(1), *(f.read_text() for f in state.rglob("*") if f.suffix in {".key", ".nk"})]
    assert len(secrets) == 6, "a password, three signing keys, two seeds"
    files = [f for f in state.rglob("*") if f.is_file() and f.suffix not in {".key", ".nk"}]
    for secret in secrets:
        assert secret.strip() not in shown
        assert not [file for file in files if secret.strip().encode() in file.read_bytes()]
    assert not [log for log in (state / "log").iterdir() if TOKEN_OR_HASH.search(log.read_bytes())]
    _are_the_owners_only(state)


def _are_the_owners_only(state: Path) -> None:
    private = [*state.rglob("*.key"), *state.rglob("*.nk"), state / "hub" / "business.db"]
    others = stat.S_IRWXG | stat.S_IRWXO
    assert not [file for file in (state, *private) if file.stat().st_mode & others]
    assert all(file.stat().st_uid == os.getuid() for file in private)
