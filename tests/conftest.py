"""What all tests share."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _logging_as_found() -> Iterator[None]:
    """A command that was run in this process may have turned the log to a stream that is closed by now."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


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
        if "chromium" in os.environ.get("EMS_REQUIRE", "").split(","):
            pytest.fail("chromium is required here (EMS_REQUIRE) and is not installed")
        pytest.skip("chromium is not installed")
    return found
