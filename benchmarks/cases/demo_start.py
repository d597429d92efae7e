"""From a bare clone to the printed address; from a healthy hub to the first plan and verified set-point."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.registry import Case, Result
from protocols.errors import ConfigError

_FOR_S: Final = 90
_MOST_S: Final = 900.0
_ROOT: Final = Path(__file__).parents[2]
_PAGE: Final = re.compile(r"(http://127\.0\.0\.1:\d+)/")


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the demo.

    Attributes:
        address_s: To the printed address. [s]
        healthy_ns: Wall clock of the first good answer of the hub's health.
    """

    address_s: float
    healthy_ns: int


def run() -> Result:
    """Clone, start cold with empty caches, start again.

    Raises:
        ConfigError: The clone or a demo failed.
    """
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as folder:
        clone, caches = Path(folder) / "clone", Path(folder) / "caches"
        begin_s = time.monotonic()
        _call(["git", "clone", "--quiet", f"file://{_ROOT}", str(clone)])
        cold = _start(clone, caches, begin_s)
        first_plan_s, first_verified_s = _firsts(clone, cold.healthy_ns)
        warm = _start(clone, caches, time.monotonic())
    return Result(
        {
            "cold_s": cold.address_s,
            "warm_s": warm.address_s,
            "first_plan_s": first_plan_s,
            "first_verified_s": first_verified_s,
        }
    )


def _start(clone: Path, caches: Path, begin_s: float) -> Start:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
        "PIP_CACHE_DIR": str(caches / "pip"),
        "npm_config_cache": str(caches / "npm"),
        "PYTHON": sys.executable,
    }
    with subprocess.Popen(  # noqa: S603  our own make in our own clone
        ["make", "demo", f"FOR={_FOR_S}", "OUT=demo.json"],  # noqa: S607  make of the machine
        cwd=clone, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as demo:  # fmt: skip
        told: list[str] = []
        start: Start | None = None
        for line in demo.stdout or ():
            told.append(line)
            page = _PAGE.search(line)
            if page is not None and start is None:
                start = Start(time.monotonic() - begin_s, _healthy_ns(page.group(1)))
        code = demo.wait(_MOST_S)
    if code != 0 or start is None:
        raise ConfigError(f"the demo ended with {code}: {' '.join(told[-3:]).strip()}")
    return start


def _healthy_ns(page: str) -> int:
    until_s = time.monotonic() + 60.0
    while time.monotonic() < until_s:
        try:
            with urllib.request.urlopen(f"{page}/api/v1/health", timeout=1.0) as answer:  # noqa: S310  loopback
                if answer.status == 200:  # noqa: PLR2004  HTTP: all is well
                    return time.time_ns()
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise ConfigError("the hub's health did not answer within 60 s of the printed address")


def _firsts(clone: Path, healthy_ns: int) -> tuple[float, float]:
    """First plan and first verified set-point after the hub was healthy; 0 when it was there already. [s]."""
    with sqlite3.connect(f"file:{clone / 'var/hub/business.db'}?mode=ro", uri=True) as database:
        (planned,) = database.execute("SELECT min(created_ns) FROM plan").fetchone()
        (verified,) = database.execute(
            "SELECT min(readback_ns) FROM command WHERE verdict = 'verified' AND kind = 'set'"
        ).fetchone()
    database.close()
    if planned is None or verified is None:
        raise ConfigError("the demo ended without a plan or a verified set-point")
    return max(0.0, (planned - healthy_ns) / 1e9), max(0.0, (verified - healthy_ns) / 1e9)


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_MOST_S)  # noqa: S603  git
    if done.returncode != 0:
        raise ConfigError(f"{' '.join(command)} failed: {done.stderr.strip()}")


CASE: Final = Case(
    "demo_start", "bare clone to printed address, cold and warm", run, {"caches": ("cold", "warm")}
)
