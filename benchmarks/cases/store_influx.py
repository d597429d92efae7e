"""Taking in on a real InfluxDB 2, against a bare poster of the same lines, in turns, in the same run.

Ours begins at frames, as ingest gives them: lines, compression, requests, ranges committed in the business
database. The bare poster has its lines ready made, in the same blocks, on one kept connection, and does
nothing else; it is measured with plain and with compressed bodies, and ours is held against the faster.
Then charts are read from rollups (`benchmarks/influx_charts.py`).
"""

from __future__ import annotations

import gzip
import http.client
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.influx_charts import measure
from benchmarks.registry import Case, Figures, Result
from hub.database import embedded_url, upgrade
from hub.store.engine import StorePlace, open_store, prepare_store
from hub.store.influx.lines import LineFormat, row_number
from hub.store.influx.place import InfluxPlace
from hub.store.influx.store import BLOCK_LINES
from hub.store.port import Received, SeriesStore, Span
from protocols.clock import Instant
from protocols.errors import ConfigError, StoreError
from protocols.frame import Catalogue, Frame
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.influx_server import ORG, InfluxServerProcess, program

POINTS: Final = 1000
ROUNDS: Final = int(os.environ.get("EMS_BENCH_INFLUX_ROUNDS", "8"))
_BATCHES: Final = 8
_FRAMES_A_BATCH: Final = 16
_SEED: Final = 17
_NS: Final = 1_000_000_000
_START_NS: Final = 1_790_000_000 * _NS
_TOKEN: Final = "bench-only-on-loopback"  # noqa: S105  of a server that lives as long as this case


@dataclass(slots=True)
class Bare:
    """Posts ready-made blocks.

    Attributes:
        connection: Kept open.
        path: With organisation and bucket.
        packed: Whether bodies are compressed.
        busy_s: Time it took so far.
    """

    connection: http.client.HTTPConnection
    path: str
    packed: bool
    busy_s: float = 0.0

    def post(self, blocks: list[bytes]) -> None:
        """Post blocks, one after the other.

        Raises:
            StoreError: One was not taken.
        """
        headers = {"Authorization": f"Token {_TOKEN}"} | ({"Content-Encoding": "gzip"} if self.packed else {})
        began_s = time.perf_counter()
        for block in blocks:
            self.connection.request("POST", self.path, block, headers)
            answer = self.connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.NO_CONTENT:
                raise StoreError(f"the bare poster got {answer.status}")
        self.busy_s += time.perf_counter() - began_s


def run() -> Result:
    """Take the same samples in by turns and count them on the server.

    Raises:
        ConfigError: No server's program here.
        StoreError: The server does not have every sample.
    """
    folder = Path(tempfile.mkdtemp(prefix="ems-influx-bench-"))
    try:
        found = program(folder)
        if found is None:
            raise ConfigError("no influxd here: name one by EMS_INFLUXD")
        server = InfluxServerProcess(found, folder / "server", free_port(), _TOKEN)
        server.start()
        try:
            return _measure(server, folder)
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(server: InfluxServerProcess, folder: Path) -> Result:
    token_file = folder / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(_TOKEN, encoding="utf-8")
    places = [_place(server, folder, name, token_file) for name in ("ours", "plain", "packed")]
    store = open_store(places[0], SystemClock())
    store.add_catalogue(_catalogue())
    bares = [
        Bare(
            http.client.HTTPConnection("127.0.0.1", server.port, timeout=60),
            f"/api/v2/write?org={ORG}&bucket={name}&precision=ns",
            name == "packed",
        )
        for name in ("plain", "packed")
    ]
    ours_s = 0.0
    for number in range(ROUNDS + 1):
        batches = _round(number)
        plain = _blocks(batches)
        packed = [gzip.compress(block, 1) for block in plain]
        if number % 2:
            ours_s += _append(store, batches)
        for bare in bares:
            bare.post(packed if bare.packed else plain)
        if not number % 2:
            ours_s += _append(store, batches)
        if number == 0:  # the first round warms up: series are made, caches filled
            ours_s = bares[0].busy_s = bares[1].busy_s = 0.0
    _check(store)
    read = measure(_place(server, folder, "charts", token_file))
    return _result(ours_s, bares, read)


def _result(ours_s: float, bares: list[Bare], read: Figures) -> Result:
    samples = ROUNDS * _BATCHES * _FRAMES_A_BATCH * POINTS
    ours: Figures = {"samples_s": samples / ours_s, **read}
    against = {
        ("bare_poster_gzip" if bare.packed else "bare_poster"): {"samples_s": samples / bare.busy_s}
        for bare in bares
    }
    ours["ratio_to_bare_poster"] = ours["samples_s"] / max(one["samples_s"] for one in against.values())
    return Result(ours, against)


def _place(server: InfluxServerProcess, folder: Path, bucket: str, token_file: Path) -> StorePlace:
    state = folder / bucket
    state.mkdir()
    url = embedded_url(state)
    upgrade(url)
    influx = InfluxPlace(url=server.url, bucket=bucket, token_file=token_file, keep_days=0)
    place = StorePlace(state / "series.db", influx, url)
    prepare_store(place)
    return place


def _catalogue() -> Catalogue:
    names = tuple(f"point{number}" for number in range(POINTS))
    return Catalogue("demo", "device", names, ("kW",) * POINTS, ("measurement",) * POINTS)


def _round(number: int) -> list[list[Received]]:
    """Batches of rows, each with one frame of all points; a walk in steps of 0.1."""
    draw = np.random.default_rng(_SEED + number)
    name, batches = _catalogue().hash(), []
    level = np.round(draw.uniform(0.0, 400.0, POINTS), 1)
    first = number * _BATCHES * _FRAMES_A_BATCH
    for batch in range(_BATCHES):
        rows = []
        for frame in range(_FRAMES_A_BATCH):
            seq = first + batch * _FRAMES_A_BATCH + frame
            level = np.round(level + draw.integers(-1, 2, POINTS) / 10.0, 1)
            at = Instant("b", seq * _NS, _START_NS + seq * _NS)
            rows.append(Received("edge1", "j1", seq, (Frame(name, at, level, np.zeros(POINTS, np.uint8)),)))
        batches.append(rows)
    return batches


def _blocks(batches: list[list[Received]]) -> list[bytes]:
    """The same lines, ready made, in the same blocks."""
    lines, blocks = LineFormat(_catalogue()), []
    for rows in batches:
        texts = [lines.lines(row.frames[0], row_number(1, row.seq)) for row in rows]
        together = BLOCK_LINES // POINTS
        blocks += [b"".join(texts[at : at + together]) for at in range(0, len(texts), together)]
    return blocks


def _append(store: SeriesStore, batches: list[list[Received]]) -> float:
    began_s = time.perf_counter()
    for rows in batches:
        store.append(rows)
    return time.perf_counter() - began_s


def _check(store: SeriesStore) -> None:
    rows = (ROUNDS + 1) * _BATCHES * _FRAMES_A_BATCH
    stored = store.counts(Span("edge1", "j1", 0, rows)).stored
    if stored != rows * POINTS or store.ranges("edge1", "j1") != [(0, rows - 1)]:
        raise StoreError(f"{stored} of {rows * POINTS} samples are on the server")
    store.close()


CASE: Final = Case(
    "store_influx",
    "Samples a second into a real InfluxDB 2, against a bare poster of the same lines; charts out of it.",
    run,
    {"points": (POINTS,), "samples": (ROUNDS * _BATCHES * _FRAMES_A_BATCH * POINTS,)},
)
