"""E5 and E6: a box that starts in 1976 and jumps to an hour ahead polls on; the hub has the true times."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from hub.roles import ingest
from hub.roles.options import RoleOptions
from hub.store.port import Raw
from hub.store.reader import EmbeddedReader
from protocols.errors import StoreError
from protocols.point import PointId
from protocols.quality import Quality
from runtime.children import free_port
from runtime.clock import NS, SystemClock

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
POINT = PointId("demo", "meter1", "p0_kw")
YEAR_S = 365.25 * 86_400
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here, so the wall clock of one process cannot be shifted")
    out = tmp_path_factory.mktemp("shim") / "shifted_clock.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", out, HERE / "shifted_clock.c", "-ldl"], check=True
    )
    return out


@asynccontextmanager
async def hub_of(bench: Rig) -> AsyncIterator[EmbeddedReader]:
    url = f"nats://127.0.0.1:{bench.config.port}"
    options = RoleOptions(bench.folder, "demo", bench.folder / "hub", url, bench.config.keys, free_port())
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(ingest.run(options))
        await until(lambda: _readable(options.series_path), 10, "the hub's store")
        reader = EmbeddedReader(options.series_path)
        try:
            yield reader
        finally:
            reader.close()
            taking.cancel()


def _readable(path: Path) -> bool:
    try:
        EmbeddedReader(path).close()
    except StoreError:
        return False
    return True


def samples_since(reader: EmbeddedReader, start_ns: int) -> Raw:
    return reader.raw(POINT, start_ns, start_ns + 2 * 3600 * NS)


async def test_samples_have_their_true_times_whatever_the_clock_of_the_box_says(
    tmp_path: Path, shim: Path
) -> None:
    shift = tmp_path / "shift"
    shift.write_bytes(struct.pack("d", -50 * YEAR_S))
    clock = SystemClock()
    with farm(1, 4) as port:
        write_site(tmp_path / "config", port, devices=1, floats=4, every_s=0.2)
        async with rig(tmp_path, counting=False) as bench, hub_of(bench) as reader:
            start_ns = clock.now().wall_ns
            bench.env = {"LD_PRELOAD": str(shim), "EMS_SHIFT": str(shift)}
            bench.start_agent()
            await until(lambda: len(samples_since(reader, start_ns).times_ns) >= 15, 20, "corrected samples")
            with shift.open("r+b") as file:
                file.write(struct.pack("d", 3600.0))
            jumped_ns = clock.now().wall_ns
            await until(lambda: len(samples_since(reader, jumped_ns).times_ns) >= 15, 20, "samples after it")
            end_ns = clock.now().wall_ns
            got = samples_since(reader, start_ns)
            early = reader.raw(POINT, 0, start_ns - 10 * YEAR_NS)
    assert got.times_ns.max() <= end_ns + NS  # nothing an hour ahead
    gaps_s = np.diff(got.times_ns) / NS
    assert gaps_s.max() < 1.5
    assert gaps_s.min() > 0.05
    assert set(early.qualities.tolist()) <= {Quality.UNCERTAIN_TIME}  # before the first echo, and marked


YEAR_NS = round(YEAR_S) * NS
