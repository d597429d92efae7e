"""Programs of others that a comparison needs; none is part of the project, so each may be missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from protocols.errors import ConfigError

FOLDER: Final = "EMS_BENCH_BIN"
"""Environment variable: a folder with such programs, looked at before PATH."""


def find_tool(name: str) -> Path | None:
    """Path of a program, or None where it is not installed."""
    folder = os.environ.get(FOLDER)
    if folder and os.access(Path(folder) / name, os.X_OK):
        return Path(folder) / name
    found = shutil.which(name)
    return None if found is None else Path(found)


def need_tool(name: str) -> Path:
    """Path of a program without which nothing can be measured.

    Raises:
        ConfigError: It is not installed.
    """
    found = find_tool(name)
    if found is None:
        raise ConfigError(f"{name} is not installed; put it into PATH or into the folder that {FOLDER} names")
    return found
