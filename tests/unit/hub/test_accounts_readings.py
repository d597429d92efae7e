"""`ems accounts readings` asks a real server, signed in, for what the meters of the book counted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import uvicorn
from typer.testing import CliRunner

from ems.accounts_cli import app
from hub.accounts.tables import read_table
from hub.api.app import create_app
from hub.store.port import Received, SeriesStore
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from runtime.children import free_port
from tests.unit.hub.api_running import CONFIGS, NOW_S, PASSWORD, Running, S, running_api

pytestmark = pytest.mark.net
METERS = ("meter_main", "meter_air", "meter_cooling", "meter_process")


def count(running: Running, begin_s: int) -> None:
    """Three hours of every meter of the book, a reading a minute, each counting at its own pace."""
    store = cast("SeriesStore", running.deps.series)
    frames: list[Frame] = []
    for at, meter in enumerate(METERS, 1):
        catalogue = Catalogue("demo", meter, ("import_kwh",), ("kWh",), ("counter",))
        store.add_catalogue(catalogue)
        for minute in range(181):
            time_ns = (begin_s + 60 * minute) * S
            value = np.array([1000.0 + at * minute])
            frames.append(
                Frame(catalogue.hash(), Instant("b", time_ns, time_ns), value, np.zeros(1, np.uint8))
            )
    store.append([Received("edge1", "j", 2, tuple(frames))])


async def test_the_meters_of_the_book_come_as_a_table(
    clean_business_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMS_PASSWORD", PASSWORD)
    out, port = tmp_path / "readings.csv", free_port()
    day = datetime.fromtimestamp(NOW_S, UTC).date().isoformat()
    asked = ["readings", "--first", day, "--last", day, "--config", str(CONFIGS), "--out", str(out)]
    async with running_api(clean_business_url, tmp_path) as running:
        count(running, NOW_S - 3 * 3600)
        server = uvicorn.Server(
            uvicorn.Config(create_app(running.deps), port=port, log_config=None, lifespan="off")
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve())
            async with asyncio.timeout(10):
                while not server.started:
                    await asyncio.sleep(0.01)
            done = await asyncio.to_thread(
                CliRunner().invoke, app, [*asked, "--hub", f"http://127.0.0.1:{port}"]
            )
            server.should_exit = True
    assert done.exit_code == 0, (done.output, done.exception)
    table = read_table(out, ("main", "air_station", "cooling_plant", "process"))
    assert table.step_s == 900
    for at, name in enumerate(("main", "air_station", "cooling_plant", "process"), 1):
        counted = table.column(name)
        assert np.nanmax(counted) == pytest.approx(15.0 * at)
        assert 10 <= int(np.isfinite(counted).sum()) <= 12
