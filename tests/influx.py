"""One InfluxDB server for all tests that ask for it, and a place with buckets of its own for each of them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.database import embedded_url, upgrade
from hub.store.engine import StorePlace, prepare_store
from hub.store.influx.place import InfluxPlace
from runtime.children import free_port
from runtime.influx_server import InfluxServerProcess, program
from tests.needs import missing


@contextmanager
def influx_of_tests() -> Iterator[InfluxServerProcess]:
    """A running server; skips where there is no program."""
    folder = Path(tempfile.mkdtemp(prefix="ems-influx-"))
    try:
        found = program(folder)
        if found is None:
            missing("influxd", "not named by EMS_INFLUXD, not on PATH, not packed in shared/bin")
        server = InfluxServerProcess(found, folder / "data", free_port(), secrets.token_hex(16))
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_place(
    server: InfluxServerProcess, folder: Path, business_url: str = "", keep_days: int = 0
) -> StorePlace:
    """Buckets of its own on the server, and a business database in the folder unless one is given."""
    token_file = folder / "influx.token"
    token_file.touch(mode=0o600)
    token_file.write_text(server.token, encoding="utf-8")
    if not business_url:
        business_url = embedded_url(folder)
        upgrade(business_url)
    influx = InfluxPlace(
        url=server.url, bucket="t" + secrets.token_hex(6), token_file=token_file, keep_days=keep_days
    )
    place = StorePlace(folder / "series.db", influx, business_url)
    prepare_store(place)
    return place
