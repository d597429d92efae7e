"""H1, of what runs once a site: its worker is killed or frozen; another has the duties, and never two."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from benchmarks.cases.scale_out import WORKERS, servers_rig
from benchmarks.ingest_rig import IngestRig
from hub.ingest.sharing import BEAT_S, DUTIES, LEASE_S, decode_table
from protocols.errors import BusError
from protocols.subjects import BUCKET_INGEST
from runtime.bus import BusLogin, connect
from runtime.bus_seat import Bucket, Seat
from runtime.nats_server import seed_file

pytestmark = [pytest.mark.net, pytest.mark.slow]

SLACK_S = 15.0
"""Other work of the machine of the tests; the figures say how long it really was. [s]"""


@dataclass
class Record:
    """What the record of the workers says, looked at all the time.

    Attributes:
        holders: Process ids of who holds the duties now.
        most: Most that ever held them at once.
        looks: How often it was looked at.
    """

    holders: tuple[int, ...] = ()
    most: int = 0
    looks: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    async def watch(self, login: BusLogin) -> None:
        """Look until it is over."""
        bus = await connect(login)
        seat = Seat(bus, "demo", 2.0, Bucket(BUCKET_INGEST, 65_536))
        while not self.over.is_set():
            try:
                found = await seat.read()
            except BusError:
                continue
            table = decode_table(found.body) if found is not None else {}
            self.holders = tuple(row.process.pid for row in table.values() if DUTIES in row.holds)
            self.most, self.looks = max(self.most, len(self.holders)), self.looks + 1
            await asyncio.sleep(0.02)
        await bus.close()

    def until_held_by_another(self, than: int) -> float:
        """Seconds until another process has the duties."""
        begun_s = time.monotonic()
        while not self.holders or than in self.holders:
            assert time.monotonic() - begun_s < 30, f"{self.holders} after 30 s"
            time.sleep(0.02)
        return time.monotonic() - begun_s


@contextmanager
def watched(folder: Path, rig: IngestRig) -> Iterator[Record]:
    url = next(one for one in rig.options if one.startswith("--bus=")).partition("=")[2]
    record = Record()
    login = BusLogin(url, "hub", seed_file(folder / "keys", "hub"))
    thread = threading.Thread(target=lambda: asyncio.run(record.watch(login)))
    thread.start()
    try:
        yield record
    finally:
        record.over.set()
        thread.join()


@pytest.mark.nightly
@pytest.mark.usefixtures("influx", "postgres")
@pytest.mark.timeout(300)
def test_whoever_has_the_duties_is_followed_within_a_lease_and_nobody_has_them_beside_another(
    record_property: Callable[[str, object], None],
) -> None:
    took: dict[str, list[float]] = {"killed": [], "frozen": []}
    with TemporaryDirectory(prefix="ems_") as name, servers_rig(Path(name)) as rig:
        for worker in WORKERS:
            rig.init_hub(worker)
            rig.start_hub(worker)
        rig.feed(2_000)
        rig.wait_for_row(0, 60.0)
        with watched(rig.folder, rig) as record:
            for turn in range(6):
                record.until_held_by_another(0)
                (holder,) = record.holders
                parent = psutil.Process(holder).ppid()
                worker = next(hub for hub, process in rig.hubs.items() if process.pid == parent)
                if turn % 2 == 0:
                    rig.end_hub(worker)
                    took["killed"].append(record.until_held_by_another(holder))
                    rig.start_hub(worker)
                else:
                    os.kill(holder, signal.SIGSTOP)
                    took["frozen"].append(record.until_held_by_another(holder))
                    os.kill(holder, signal.SIGCONT)
                rig.wait_for_row(rig.rows(), 60.0)
        balance = rig.settle()
    record_property(
        "figures",
        f"killed: after {_words(took['killed'])} s, frozen: after {_words(took['frozen'])} s; at most"
        f" {record.most} in {record.looks} looks; {balance.fed} samples",
    )
    assert record.most == 1
    assert (balance.lost, balance.duplicate) == (0, 0)
    assert max(took["killed"] + took["frozen"]) < LEASE_S + 2 * BEAT_S + SLACK_S


def _words(seconds: list[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in seconds)
