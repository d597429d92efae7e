"""The whole agent on 20 Modbus devices of 500 float32: cost of a point, memory, bytes, clean maximum."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.modbus_load import Load, Seen, measure, telegraf
from benchmarks.registry import Case, Result
from protocols.errors import ContractError

_USUAL: Final = Load(devices=20, floats=500, every_s=1.0, for_s=20.0)
_STEPS_POINTS_S: Final = (300_000, 500_000)
_TRIES: Final = 2
_STEP_FOR_S: Final = 30.0
_CLEAN_FRAC: Final = 0.995
_CORE: Final = 0


def run() -> Result:
    """Measure at one poll a second, then step up on one core until a poll is late; then Telegraf.

    Raises:
        ContractError: A value was wrong.
        ConfigError: The farm is not installed.
    """
    usual = _measured(_USUAL)
    deep = _measured(replace(_USUAL, depth=8))
    figures = {
        "us_per_point": usual.us_per_point,
        "us_per_point_depth8": deep.us_per_point,
        "rss_mb": usual.rss_mb,
        "bytes_per_point": usual.bytes_per_point,
        "max_points_s": _clean_maximum(),
    }
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as folder:
        peer = telegraf(Path(folder), _USUAL)
    return Result(figures, {} if peer is None else {"telegraf": peer})


def _measured(load: Load) -> Seen:
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as folder:
        seen = asyncio.run(measure(Path(folder), load))
    if seen.wrong:
        raise ContractError(f"{seen.wrong} good points had a wrong value")
    return seen


def _clean_maximum() -> float:
    """Points a second of the last step at which every poll came in time; each step has two tries."""
    best = 0.0
    for wanted in _STEPS_POINTS_S:
        load = replace(
            _USUAL,
            every_s=_USUAL.devices * _USUAL.floats / wanted,
            for_s=_STEP_FOR_S,
            depth=8,
            core=_CORE,
        )
        seen = next((one for one in (_measured(load) for _ in range(_TRIES)) if _clean(one, wanted)), None)
        if seen is None:
            break
        best = seen.points_s
    return best


def _clean(seen: Seen, wanted: float) -> bool:
    return not seen.late and seen.points_s >= _CLEAN_FRAC * wanted


CASE: Final = Case(
    "edge_modbus",
    "the whole agent on 20 devices of 500 float32 a second, and the most it takes on one core",
    run,
    {"devices": (20,), "points_a_device": (500,), "points_s": _STEPS_POINTS_S},
)
