"""Rows that wait keep the names of their points, whatever became of the device list meanwhile."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from nats.aio.msg import Msg

from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from edge_agent.export import export_journal
from edge_agent.journal_store import JournalStore
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame, decode_catalogue

BOOT = "boot000000000001"


def catalogue(*points: str) -> Catalogue:
    return Catalogue("demo", "meter1", points, ("kW",) * len(points), ("measurement",) * len(points))


def opened(folder: Path) -> JournalStore:
    return JournalStore(folder / "j.db", "edge1", BOOT, 1_700_000_000_000_000_000, 10**9)


def add(store: JournalStore, names: Catalogue) -> None:
    count = len(names.points)
    at = Instant(BOOT, 1, 1_700_000_000_000_000_000)
    frame = Frame(names.hash(), at, np.arange(count, dtype=np.float64), np.zeros(count, np.uint8))
    store.add_telemetry([frame], 1, {"modbus": count})


def test_names_stay_while_a_row_of_their_time_waits_and_no_longer(tmp_path: Path) -> None:
    first, second, third = catalogue("a_kw"), catalogue("a_kw", "b_kw"), catalogue("c_kw")
    store = opened(tmp_path)
    assert store.name_rows([first]) == ()
    add(store, first)
    store.close()
    store = opened(tmp_path)
    assert store.name_rows([second]) == (first,)
    add(store, second)
    store.close()
    store = opened(tmp_path)
    assert set(store.name_rows([third])) == {first, second}
    store.cover(store.journal, [(1, 1)])
    store.close()
    store = opened(tmp_path)
    assert store.name_rows([third]) == (second,)
    store.cover(store.journal, [(2, 2)])
    assert store.name_rows([third]) == ()
    store.close()


def test_a_device_list_that_is_put_back_is_the_present_one_again(tmp_path: Path) -> None:
    first, second = catalogue("a_kw"), catalogue("b_kw")
    store = opened(tmp_path)
    for names in (first, second, first):
        store.name_rows([names])
        add(store, names)
    assert store.name_rows([first]) == (second,)
    store.close()


@pytest.mark.net
@pytest.mark.timeout(90)
async def test_what_was_read_by_an_older_device_list_without_a_bus_reaches_the_hub_with_its_names(
    tmp_path: Path,
) -> None:
    with farm(1, 5) as port:
        write_site(tmp_path / "old", port, devices=1, floats=3, every_s=0.2)
        write_site(tmp_path / "new", port, devices=1, floats=5, every_s=0.2)
        async with rig(tmp_path, counting=False) as bench:
            bench.bus.kill()
            for listed in ("old", "new"):
                await _read_for_a_while(bench, listed)
            told = await asyncio.to_thread(
                export_journal, tmp_path / "edge" / "journal.db", (0, 2**62), tmp_path / "all.parquet"
            )
            assert (told.samples, told.unknown) == (bench.journalled()[1], 0)
            points = pq.read_table(tmp_path / "all.parquet", columns=["point"])["point"].to_pylist()
            assert set(points) == {f"p{at}_kw" for at in range(5)}
            bench.bus.start()
            names = await _names_at_the_bus(bench)
    assert {found.points for found in names} == {tuple(f"p{at}_kw" for at in range(n)) for n in (3, 5)}


async def _read_for_a_while(bench: Rig, listed: str) -> None:
    config = bench.folder / "config"
    (bench.folder / listed).rename(config)
    bench.start_agent()
    await until((bench.folder / "edge" / "metrics.port").exists, 20, "the agent")
    await bench.journals(4, 20)
    await bench.end_agent(signal.SIGKILL)
    (bench.folder / "edge" / "metrics.port").unlink()
    config.rename(bench.folder / listed)


async def _names_at_the_bus(bench: Rig) -> list[Catalogue]:
    """What the agent, with the newer list, tells of names."""
    heard: dict[bytes, Catalogue] = {}

    async def hear(message: Msg) -> None:
        found = decode_catalogue(message.data)
        heard[found.hash()] = found

    (bench.folder / "new").rename(bench.folder / "config")
    client = await bench.connect()
    try:
        await client.subscribe("cat.edge1.*", cb=hear)
        bench.start_agent()
        await until(lambda: len(heard) == 2, 20, "the names of both lists")
        await bench.end_agent()
    finally:
        await client.close()
    return list(heard.values())
