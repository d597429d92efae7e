"""The image: its recipe holds every package, and its health command tells the truth."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

ROOT = Path(__file__).resolve().parents[3]
RECIPE = (ROOT / "deploy" / "Dockerfile").read_text()
HEALTH = ROOT / "deploy" / "ems_health.py"


def test_the_recipe_is_sound_by_hadolint() -> None:
    tool = Path(sys.executable).with_name("hadolint")
    subprocess.run([tool, "--failure-threshold", "style", ROOT / "deploy" / "Dockerfile"], check=True)


def test_every_package_of_the_wheel_is_copied_into_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"\nCOPY {package}/ {package}/\n" in RECIPE
        assert f"\n!{package}\n" in (ROOT / "deploy" / "Dockerfile.dockerignore").read_text()


def test_every_base_is_pinned_by_a_full_version() -> None:
    bases = re.findall(r"^ARG (?:PYTHON|NODE)=(\S+)$", RECIPE, re.MULTILINE)
    assert len(bases) == 2
    assert all(re.match(r"\d+\.\d+\.\d+-", base) for base in bases)
    stages = set(re.findall(r" AS (\w+)$", RECIPE, re.MULTILINE))
    for image in re.findall(r"^FROM (?:--platform=\S+ )?(\S+)", RECIPE, re.MULTILINE):
        assert image in stages or image.endswith((":${PYTHON}", ":${NODE}")), image
    assert "\nUSER 10001:10001\n" in RECIPE


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"the store takes no data")

        @override
        def log_message(self, *_args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/healthz"
        server.shutdown()
        thread.join()


def asked(*urls: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, HEALTH, *urls], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.net
def test_the_health_command_ends_well_only_where_somebody_answers_well() -> None:
    with answering(200) as good, answering(503) as ill:
        assert asked(good) == (0, "")
        assert asked(ill, good) == (0, "")
        code, said = asked(ill)
        assert code == 1
        assert "answers 503: the store takes no data" in said
    code, said = asked(good, "ftp://x")
    assert code == 1
    assert "refused" in said
    assert "is no address" in said


def test_a_sign_of_life_is_believed_for_half_a_minute(tmp_path: Path) -> None:
    file = tmp_path / "ingest.alive"
    assert asked(str(file))[0] == 1
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    file.write_text(f"{now_s:.1f}\n")
    assert asked(str(file)) == (0, "")
    file.write_text(f"{time.clock_gettime(time.CLOCK_BOOTTIME) + 0.05:.3f}\n")
    assert asked(str(file)) == (0, "")
    file.write_text(f"{now_s + 3600:.1f}\n")
    assert asked(str(file))[0] == 1
    file.write_text(f"{now_s - 31:.1f}\n")
    code, said = asked(str(file))
    assert (code, "is 31 s old" in said or "is 32 s old" in said) == (1, True)
