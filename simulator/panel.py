"""What the panels of the simulated machines show when they come up: set-points as their own control has them.

For whoever stands beside them and compares: made from the machine's side, not from what a driver read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from protocols.errors import ConfigError
from simulator.device import FieldDevice

_FILE: Final = "panels.json"


def show(state: Path, devices: Iterable[FieldDevice]) -> None:
    """Write the set-points that every panel shows; they hold until somebody commands."""
    shown = {device.id: device.followed() for device in devices}
    fresh = state / f"{_FILE}.new"
    fresh.write_text(json.dumps(shown), encoding="utf-8")
    os.replace(fresh, state / _FILE)  # noqa: PTH105  atomic over an existing file by contract


def shown(state: Path, device: str) -> dict[str, float]:
    """Point to the number on the panel of one machine.

    Raises:
        ConfigError: No simulator of this device came up on `state`.
    """
    try:
        panels: dict[str, dict[str, float]] = json.loads((state / _FILE).read_text(encoding="utf-8"))
        return panels[device]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{state} shows no panel of {device!r}; `ems sim run` writes it at its start"
        ) from error
