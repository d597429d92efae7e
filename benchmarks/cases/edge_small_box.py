"""A start and ten seconds of the demo's edge, all four drivers, under 512 MB."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.registry import Case, Result
from benchmarks.small_box import BOUND_BYTES, small_box


def run() -> Result:
    """Measure under a cgroup where one can be made, then under a limit of the address space.

    Raises:
        ContractError: The agent did not live within the bound.
        BusError: A device gave no sample.
    """
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as folder:
        seen = asyncio.run(small_box(Path(folder), "cgroup"))
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as folder:
        strict = asyncio.run(small_box(Path(folder), "rlimit"))
    figures = {
        "first_sample_s": seen.first_sample_s,
        "first_sample_cpu_s": seen.first_sample_cpu_s,
        "all_devices_s": seen.all_devices_s,
        "rss_mb": seen.rss_mb,
        "bounded_mb": seen.bounded_mb,
        "rlimit_first_sample_s": strict.first_sample_s,
        "rlimit_rss_mb": strict.rss_mb,
    }
    return Result(figures)


CASE: Final = Case(
    "edge_small_box",
    "the demo's edge with all four drivers on a box of 512 MB: start and memory",
    run,
    {"bound_bytes": (BOUND_BYTES,)},
)
