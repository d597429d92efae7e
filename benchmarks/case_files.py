"""Case files of the optimiser: those beside the tree, or those of a folder that somebody else laid out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from protocols.errors import ConfigError

FOLDER: Final = "EMS_BENCH_CASES"
"""Environment variable: a folder of case files, taken instead of those beside the tree."""

_BESIDE: Final = Path(__file__).resolve().parents[2] / "shared" / "cases"
_KEYS: Final = {
    "chiller_loading": {"chillers", "loads"},
    "chp_dispatch": {"chp", "demands"},
    "unit_commitment": {"units", "load_mw"},
    "economic_dispatch": {"units", "demands"},
    "plant_day": {"compressors_fixed", "series"},
}


def case_files(kind: str) -> dict[str, Any]:
    """Every JSON file of a kind, by its path within the folder, parsed; told apart by its keys.

    Raises:
        ConfigError: There is none, or one is no JSON.
    """
    folder = Path(os.environ.get(FOLDER) or _BESIDE)
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} is no JSON that can be read: {error}") from error
        if isinstance(plain, dict) and _KEYS[kind] <= plain.keys():
            found[path.name if path.name not in found else str(path.relative_to(folder))] = plain
    if not found:
        raise ConfigError(f"there is no case of the kind {kind} in {folder}; {FOLDER} names another folder")
    return found
