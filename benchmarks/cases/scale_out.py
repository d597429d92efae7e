"""Three ingest processes on InfluxDB and PostgreSQL, one killed -9 each 10 s and started again."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from benchmarks.ingest_rig import EDGES, Bus, IngestRig, ingest_rig
from benchmarks.registry import Case, Figures, Result
from protocols.errors import ConfigError
from runtime.children import free_port
from runtime.influx_server import InfluxServerProcess, program
from runtime.keys import write_private
from runtime.logs import setup_logging
from runtime.postgres_server import PostgresServer

WORKERS: Final = ("hub1", "hub2", "hub3")
FOR_S: Final = float(os.environ.get("EMS_SCALE_OUT_S", "120"))
"""How long; `EMS_SCALE_OUT_S=3600 make bench CASE=scale_out` is the long proof."""

EVERY_S: Final = 10.0
RATE: Final = 10_000
_FIRST_ROW_S: Final = 60.0


def run() -> Result:
    """Kill, start again, and count at the end.

    Raises:
        ConfigError: A database is not installed here.
        BusError: No row came.
        ContractError: The hub never had all rows.
    """
    setup_logging("bench", "ERROR")
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name, servers_rig(Path(name)) as rig:
        return Result(kill_in_turn(rig, FOR_S, EVERY_S, RATE))


@contextmanager
def servers_rig(
    folder: Path, more: Sequence[str] = (), bus: tuple[Bus, str] | None = None
) -> Iterator[IngestRig]:
    """A bus, a series server and a business database.

    Args:
        folder: All is below.
        more: Options of every hub.
        bus: As `ingest_rig` takes it.

    Raises:
        ConfigError: A database is not installed here.
    """
    found = program(folder)
    if found is None:
        raise ConfigError("no influxd here; EMS_INFLUXD names one")
    folder.chmod(0o755)  # PostgreSQL does not run as root
    influx = InfluxServerProcess(found, folder / "influx", free_port(), secrets.token_hex(16))
    postgres = PostgresServer(folder / "postgres", free_port())
    try:
        influx.start()
        postgres.start()
        write_private(folder / "influx.token", influx.token.encode())
        options = [
            f"--store={influx.url}", f"--store-token-file={folder / 'influx.token'}",
            f"--db={postgres.make_database('ems')}", *more,
        ]  # fmt: skip
        with ingest_rig(folder, options, bus) as rig:
            yield rig
    finally:
        influx.stop()
        postgres.stop()


def kill_in_turn(rig: IngestRig, for_s: float, every_s: float, rate: int) -> Figures:
    """Kill one worker after the other, start it again at once; counts, and the longest time without a row."""
    for name in WORKERS:
        rig.init_hub(name)
        rig.start_hub(name)
    rig.feed(rate)
    fed_s = monotonic()
    rig.wait_for_row(0, _FIRST_ROW_S)
    begun_s, kills, quiet_s = monotonic(), 0, 0.0
    while monotonic() - begun_s < for_s:
        quiet_s = max(quiet_s, watched(rig, every_s))
        victim = WORKERS[kills % len(WORKERS)]
        rig.end_hub(victim)
        rig.start_hub(victim)
        kills += 1
        print(f"{kills}: {victim} killed, {rig.rows()} rows are stored", file=sys.stderr)
    took_s = monotonic() - fed_s
    balance = rig.settle()
    return {
        "workers": float(len(WORKERS)),
        "kills": float(kills),
        "lost": float(balance.lost),
        "duplicate": float(balance.duplicate),
        "longest_without_row_s": quiet_s,
        "fed_samples": float(balance.fed),
        "fed_samples_s": balance.fed / took_s,
    }


def watched(rig: IngestRig, for_s: float) -> float:
    """Longest time without a new row, of any edge, in the next seconds."""
    until_s, quiet_s = monotonic() + for_s, 0.0
    before, since_s = rig.rows(), monotonic()
    while monotonic() < until_s:
        sleep(0.2)
        now = rig.rows()
        if now > before:
            before, since_s = now, monotonic()
        quiet_s = max(quiet_s, monotonic() - since_s)
    return quiet_s


CASE: Final = Case(
    "scale_out",
    f"3 ingest processes on InfluxDB and PostgreSQL, one killed each {EVERY_S:g} s, at {RATE:,} samples/s",
    run,
    {"workers": (len(WORKERS),), "seconds": (120, 3600), "edges": (len(EDGES),)},
)
