"""The agent's epoch: counts up with each start, so that a command meant for an earlier run is refused."""

from __future__ import annotations

import os
from pathlib import Path

from protocols.errors import StoreError


def next_epoch(state: Path) -> int:
    """Count the epoch in `state/epoch` up by one, durably, and return it; the first is 1.

    Raises:
        StoreError: The file cannot be read or written; without an epoch the agent must not start.
    """
    try:
        return _counted(state)
    except StoreError:
        reserve = state / "journal.reserve"  # a full disk must not keep the agent from starting
        if not reserve.exists():
            raise
        reserve.unlink()
    return _counted(state)


def raise_epoch(state: Path, epoch: int) -> None:
    """Let the next run have an epoch above this one, durably; blocks, call it in a thread.

    Raises:
        StoreError: The file cannot be written.
    """
    _write(state / "epoch", epoch)


def _counted(state: Path) -> int:
    path = state / "epoch"
    try:
        state.mkdir(parents=True, exist_ok=True)
        epoch = int(path.read_text(encoding="ascii")) + 1 if path.exists() else 1
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path}: the agent's epoch cannot be counted up ({error}); the file holds one whole number"
        ) from error
    _write(path, epoch)
    return epoch


def _write(path: Path, epoch: int) -> None:
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("w", encoding="ascii") as file:
            file.write(f"{epoch}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise StoreError(f"{path}: the agent's epoch cannot be written ({error})") from error
