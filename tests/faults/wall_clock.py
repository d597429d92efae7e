"""A wall clock of one process that a test can turn, and a hub that stores what that process sends."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.edge_rig import Rig, until
from hub.database import upgrade
from hub.roles import ingest
from hub.roles.options import RoleOptions
from hub.store.engine import StorePlace, open_reader
from hub.store.port import Raw, StoreReader
from protocols.errors import StoreError
from protocols.point import PointId
from runtime.children import free_port
from tests.needs import missing

POINT = PointId("demo", "meter1", "p0_kw")
YEAR_S = 365.25 * 86_400
HOUR_S = 3600.0
_SOURCE = Path(__file__).with_name("shifted_clock.c")


class WallClock:
    """CLOCK_REALTIME of the processes that get `env`, so many seconds beside the true one."""

    def __init__(self, folder: Path, shift_s: float) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            missing("cc", "no C compiler here, so the wall clock of one process cannot be shifted")
        shim, self._file = folder / "shifted_clock.so", folder / "shift"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, _SOURCE, "-ldl"], check=True)
        self._file.write_bytes(struct.pack("d", shift_s))
        self.env = {"LD_PRELOAD": str(shim), "EMS_SHIFT": str(self._file)}

    def turn(self, shift_s: float) -> None:
        """Set it so far beside the true time."""
        with self._file.open("r+b") as file:  # in place: the process has it in its memory
            file.write(struct.pack("d", shift_s))


@asynccontextmanager
async def hub_of(bench: Rig) -> AsyncIterator[StoreReader]:
    """The hub's own ingest beside the rig; gives its store."""
    url = f"nats://127.0.0.1:{bench.config.port}"
    options = RoleOptions(bench.folder, "demo", bench.folder / "hub", url, bench.config.keys, free_port())
    options.state.mkdir()
    await asyncio.to_thread(upgrade, options.business_url)
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(ingest.run(options))
        await until(lambda: _readable(options.series_path), 10, "the hub's store")
        reader = open_reader(StorePlace(options.series_path))
        try:
            yield reader
        finally:
            reader.close()
            taking.cancel()


def _readable(path: Path) -> bool:
    try:
        open_reader(StorePlace(path)).close()
    except StoreError:
        return False
    return True


def samples_since(reader: StoreReader, start_ns: int) -> Raw:
    """What the hub stored of `POINT` from an instant on, two hours far."""
    return reader.raw(POINT, start_ns, start_ns + 2 * round(HOUR_S) * 10**9)
