"""B1, on a cluster: one of the bus's three servers is killed or frozen; the store has each sample once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.bus_cluster_rig import BusServers
from benchmarks.cases.bus_cluster import RATE, disturb
from benchmarks.cases.scale_out import WORKERS, servers_rig
from benchmarks.ingest_rig import EDGES, ingest_rig
from benchmarks.registry import Figures

COPIES = "--bus-replicas=3"

pytestmark = [pytest.mark.net, pytest.mark.slow]


@pytest.mark.nightly
@pytest.mark.timeout(120)
def test_samples_go_on_while_the_server_that_leads_them_is_dead(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    servers = BusServers(tmp_path, EDGES)
    with ingest_rig(tmp_path, [COPIES], (servers, servers.url)) as rig:
        rig.start_hub("hub1")
        rig.reader()
        rig.feed(RATE // 5)
        rig.wait_for_row(0, 60.0)
        servers.wait_whole()
        servers.servers[servers.leader()].kill()
        settled_s = time.monotonic() + 1.0  # what was on its way is there
        while time.monotonic() < settled_s:
            time.sleep(0.05)
        after_s = rig.wait_for_row(rig.rows(), 60.0)
        balance = rig.settle()
    record_property("figures", f"{balance.fed} samples, next row {1 + after_s:.1f} s after the kill")
    assert (balance.lost, balance.duplicate) == (0, 0)


@pytest.mark.nightly
@pytest.mark.usefixtures("influx", "postgres")
@pytest.mark.timeout(1800)
def test_each_server_killed_and_frozen_in_turn_loses_and_doubles_nothing_of_three_workers(
    record_property: Callable[[str, object], None],
) -> None:
    with TemporaryDirectory(prefix="ems_") as name:
        servers = BusServers(Path(name), EDGES)
        with servers_rig(Path(name), [COPIES], (servers, servers.url)) as rig:
            for worker in WORKERS:
                rig.init_hub(worker)
                rig.start_hub(worker)
            said = disturb(rig, servers, ("kill", "freeze"), RATE)
    record_property("figures", _words(said))
    assert (said["lost"], said["duplicate"]) == (0, 0)


def _words(said: Figures) -> str:
    return (
        f"{said['faults']:.0f} faults at {said['fed_samples_s']:.0f} samples/s, {said['lost']:.0f} lost,"
        f" {said['duplicate']:.0f} duplicate, at most {said['without_row_kill_max_s']:.1f} s without a row"
        f" (killed) and {said['without_row_freeze_max_s']:.1f} s (frozen)"
    )
