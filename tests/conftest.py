"""What all tests share."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.database import FILE, embedded_url, upgrade
from runtime.influx_server import InfluxServerProcess
from runtime.postgres_server import PostgresServer
from tests.influx import influx_of_tests
from tests.needs import judge, missing
from tests.postgres import emptied_database, new_database, server_of_tests
from tests.side_by_side import ByModule

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:  # noqa: ANN401  a producer of xdist
    """Modules stay whole where tests run side by side (`-n`)."""
    return ByModule(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a machine has to provide something, a skip without a name of `tests/needs.py` is a failure."""
    report = yield
    judge(report)
    return report


@pytest.fixture(autouse=True)
def _logging_as_found() -> Iterator[None]:
    """A command that was run in this process may have turned the log to a stream that is closed by now."""
    root = logging.getLogger()
    root.handlers[:] = [one for one in root.handlers if not _is_closed(one)]
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def _is_closed(handler: logging.Handler) -> bool:
    """Whether it writes to a stream that a fixture of a wider scope has left behind."""
    return isinstance(handler, logging.StreamHandler) and bool(getattr(handler.stream, "closed", False))


@pytest.fixture
def golden() -> Path:
    """Folder of the golden files: one per message, so that a change of format is seen."""
    return ROOT / "tests" / "golden"


@pytest.fixture
def configs() -> Path:
    """Folder of the shipped configuration."""
    return ROOT / "configs"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium; skips without it, fails where `EMS_REQUIRE` names it."""
    found = shutil.which("chromium")
    if found is None:
        missing("chromium", "it is not installed")
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The PostgreSQL server of the tests; skips without its programs."""
    with server_of_tests() as server:
        yield server


@pytest.fixture(scope="session")
def influx() -> Iterator[InfluxServerProcess]:
    """The InfluxDB server of the tests; skips without its program."""
    with influx_of_tests() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def business_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a business database with the newest schema; each test runs on both databases."""
    if request.param == "postgres":
        return new_database(request.getfixturevalue("postgres"))
    url = embedded_url(tmp_path)
    upgrade(url)
    return url


@pytest.fixture(scope="session")
def business_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A business database with the newest schema, to be copied."""
    folder = tmp_path_factory.mktemp("business")
    upgrade(embedded_url(folder))
    return folder / FILE


@pytest.fixture(params=["sqlite", "postgres"])
def clean_business_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As `business_url`, made quickly: that of PostgreSQL is emptied; leave its schema as it is."""
    if request.param == "postgres":
        return emptied_database(request.getfixturevalue("postgres"))
    shutil.copyfile(request.getfixturevalue("business_file"), tmp_path / FILE)
    return embedded_url(tmp_path)
