"""The plant's state over a restart, so that its counters go on where they stood."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Final

import msgpack

from plant.state import PlantState
from plant.units.compressor import CompressorState
from plant.units.cooling import ChillerState
from plant.units.heat import ChpState
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)
_FILE: Final = "plant.msgpack"


def save(state: Path, plant: PlantState) -> None:
    """Write the state; a kill in the middle leaves the one before."""
    fresh = state / f"{_FILE}.new"
    fresh.write_bytes(msgpack.packb(plant))
    os.replace(fresh, state / _FILE)  # noqa: PTH105  atomic over an existing file by contract


def load(state: Path, like: PlantState) -> PlantState | None:
    """The state of the last run; None when there is none or it is of another plant than `like`."""
    file = state / _FILE
    if not file.exists():
        return None
    found = guarded_decode(_decode, file.read_bytes(), str(file))
    if found is None or _shape(found) != _shape(like):
        _log.warning("%s does not fit this plant; the plant begins anew", file)
        return None
    return found


def _shape(plant: PlantState) -> tuple[int, int, int]:
    return len(plant.compressors), len(plant.chillers), len(plant.meters_kwh)


def _decode(data: bytes) -> PlantState:
    rows: list[Any] = msgpack.unpackb(data)
    found = dict(zip(PlantState._fields, rows, strict=False))  # one of before has fewer
    return PlantState(
        **found
        | {
            "compressors": tuple(CompressorState(*row) for row in found["compressors"]),
            "chillers": tuple(ChillerState(*row) for row in found["chillers"]),
            "chp": ChpState(*found["chp"]),
            "meters_kwh": tuple((row[0], row[1]) for row in found["meters_kwh"]),
        }
    )
