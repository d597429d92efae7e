"""The whole agent on 500 Modbus connections of 30 points each second, in per cent of a core."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.modbus_load import Load, measure, telegraf
from benchmarks.registry import Case, Result
from protocols.errors import ContractError

_LOAD: Final = Load(devices=500, floats=30, every_s=1.0, for_s=30.0, windows=3)


def run() -> Result:
    """Measure, then Telegraf on the same farm.

    Raises:
        ContractError: A value was wrong, or a poll was late.
        ConfigError: The farm is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as folder:
        seen = asyncio.run(measure(Path(folder), _LOAD))
        peer = telegraf(Path(folder), _LOAD)
    if seen.wrong or seen.late:
        raise ContractError(f"{seen.wrong} wrong values, {seen.late} late polls")
    figures = {"core_pct": seen.core_pct, "rss_mb": seen.rss_mb}
    return Result(figures, {} if peer is None else {"telegraf": peer})


CASE: Final = Case(
    "edge_many",
    "the whole agent on 500 connections of 30 points each second",
    run,
    {"devices": (500,), "points_a_device": (30,)},
)
