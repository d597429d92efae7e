"""What all tests share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
