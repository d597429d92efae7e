"""Faults on request: `ems sim fault` leaves one small file a device, the running simulator reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from protocols.errors import ConfigError
from simulator.device import Fault

_FOLDER: Final = "faults"
_DEVICES: Final = "devices.txt"


def announce(state: Path, devices: tuple[str, ...]) -> None:
    """Begin without faults, and note which devices there are."""
    folder = state / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (state / _DEVICES).write_text("\n".join(devices) + "\n", encoding="utf-8")


def request(state: Path, device: str, fault: Fault) -> None:
    """Ask the simulator that runs on `state` for a fault.

    Raises:
        ConfigError: No simulator ever ran there, or it has no such device.
    """
    if not (state / _DEVICES).exists():
        raise ConfigError(
            f"{state} is not the state of a simulator; give --state the folder `ems sim run` got"
        )
    known = (state / _DEVICES).read_text(encoding="utf-8").split()
    if device not in known:
        raise ConfigError(f"the simulator has no device {device!r}; it has: {', '.join(known)}")
    target = state / _FOLDER / device
    fresh = target.with_suffix(".new")
    fresh.write_text(fault.value, encoding="utf-8")
    os.replace(fresh, target)  # noqa: PTH105  atomic over an existing file by contract


def requested(state: Path) -> dict[str, Fault]:
    """Faults asked for, by device; half-written or foreign files are passed over."""
    found: dict[str, Fault] = {}
    for file in (state / _FOLDER).iterdir():
        word = file.read_text(encoding="utf-8").strip()
        if not file.suffix and word in set(Fault):
            found[file.name] = Fault(word)
    return found
