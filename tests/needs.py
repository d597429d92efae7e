"""What a test may need of a machine, by name. `missing` skips with its reason; named in EMS_REQUIRE it fails.

Where EMS_REQUIRE is set at all (CI, `.ci/run`), a skip that did not come from here is a failure too: each has
a name that CI requires, or of which `.ci/run` says why it cannot be had there.
"""

from __future__ import annotations

import os
from typing import Final, NoReturn

import pytest

NEEDS: Final = {
    "axe": "axe-core, which `make web` installs",
    "box": "root, dpkg, systemd and systemd-nspawn, for the package on a booted system",
    "cc": "a C compiler",
    "chromium": "the browser",
    "clone": "git, and a clone instead of an unpacked archive",
    "foreign": "servers of other makers",
    "influxd": "InfluxDB's server program, version 2",
    "kubectl": "kubectl, which puts manifests together without a cluster",
    "openssl": "the openssl command",
    "packages": "pip's index with wheels for arm64, and dpkg-deb",
    "page": "the page, built by `make web`",
    "postgres": "PostgreSQL's server programs, from version 15 on",
    "root": "root, who may mount, bound memory, and make networks",
    "sqlite": "SQLite as a shared library, whose writes can be watched",
    "systemd-analyze": "a systemd-analyze that rates files",
    "telegraf": "Telegraf",
    "uvloop": "uvloop",
}
"""Name in EMS_REQUIRE to what it stands for."""

_MARK: Final = "needs "


def required() -> frozenset[str]:
    """What EMS_REQUIRE names; empty where nobody insists."""
    return frozenset(name for name in os.environ.get("EMS_REQUIRE", "").split(",") if name)


def missing(name: str, why: str) -> NoReturn:
    """Skip the test because this machine lacks `name`, or fail it where that is required."""
    if name not in NEEDS:
        pytest.fail(f"{name!r} is not in tests/needs.py; add it there")
    if name in required():
        pytest.fail(f"{name} ({NEEDS[name]}) is required here (EMS_REQUIRE): {why}")
    pytest.skip(f"{_MARK}{name}: {why}")


def judge(report: pytest.TestReport) -> None:
    """Where something is required, turn a skip without a name into a failure."""
    if not report.skipped or not required() or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not has_name(reason):
        report.outcome = "failed"
        report.longrepr = f"a skip without a name, while EMS_REQUIRE is set; use tests/needs.py: {reason}"


def has_name(reason: str) -> bool:
    """Whether the reason of a skip came from `missing`."""
    return _MARK in reason and reason.partition(_MARK)[2].partition(":")[0] in NEEDS
