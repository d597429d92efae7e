"""A hub whose series are on InfluxDB: backed up with its buckets, tried, brought back, refilled by edges."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from edge_agent.journal_store import JournalStore
from ems.main import build_app
from hub.backup import archive
from hub.backup.drill import drill
from hub.backup.make import Wanted, make
from hub.backup.manifest import FileEntry, Manifest
from hub.backup.marks import Mark, marks
from hub.backup.restore import Server, restore
from hub.database import create_engine, embedded_url, sessions_of
from hub.database import remember as remember_business
from hub.store.engine import StorePlace, open_reader, open_store, place_of, prepare_store, remember
from hub.store.port import SeriesStore, Span
from protocols.errors import ConfigError, StoreDeniedError, StoreError
from protocols.source_time import SourceTimes
from runtime.children import free_port
from runtime.clock import SystemClock, VirtualClock
from runtime.influx_server import InfluxServerProcess
from tests.influx import new_place
from tests.unit.hub.store_stories import METER, POWER, START_NS, S, frame, row
from tests.unit.hub.test_hub_refill import bring, poll, tell

pytestmark = pytest.mark.net
EVERYTHING = Span("edge1", "j1", 0, 10**9)


def hub_on(server: InfluxServerProcess, folder: Path, business_url: str = "") -> StorePlace:
    """The folder of a hub whose series are on a server."""
    folder.mkdir()
    place = new_place(server, folder, business_url)
    if business_url:
        remember_business(folder, business_url)
    remember(folder, place.influx)
    return place_of(folder)


def fill(place: StorePlace, first: int, last: int) -> None:
    with closing(open_store(place, VirtualClock(wall_ns=START_NS))) as store:
        store.add_catalogue(METER)
        store.append([row(seq, frame(START_NS + seq * S, float(seq), 1.0)) for seq in range(first, last + 1)])


def ems(*arguments: str) -> str:
    done = CliRunner().invoke(build_app(arguments), list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def buckets(server: InfluxServerProcess) -> set[str]:
    return {one["name"] for one in _listed(server)}


def _listed(server: InfluxServerProcess) -> list[dict[str, str]]:
    header = {"Authorization": f"Token {server.token}"}
    found: list[dict[str, str]] = []
    while len(found) % 100 == 0:
        page = httpx.get(f"{server.url}/api/v2/buckets?org=ems&limit=100&offset={len(found)}", headers=header)
        some = page.json()["buckets"]
        found += some
        if not some:
            break
    return found


def limited_token(server: InfluxServerProcess, bucket: str) -> str:
    """A token that may read and write one bucket, as a hub's own may."""
    header = {"Authorization": f"Token {server.token}"}
    (org,) = httpx.get(f"{server.url}/api/v2/orgs?org=ems", headers=header).json()["orgs"]
    mine = [one["id"] for one in _listed(server) if one["name"].startswith(bucket)]
    rights = [
        {"action": action, "resource": {"type": "buckets", "id": ident, "orgID": org["id"]}}
        for ident in mine
        for action in ("read", "write")
    ]
    made = httpx.post(
        f"{server.url}/api/v2/authorizations",
        headers=header,
        json={"orgID": org["id"], "permissions": rights},
    )
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


async def _marks(url: str) -> list[Mark]:
    engine = create_engine(url)
    try:
        return await marks(sessions_of(engine), "demo")
    finally:
        await engine.dispose()


def test_a_backup_while_the_hub_writes_holds_at_least_what_its_mark_says(
    influx: InfluxServerProcess, tmp_path: Path, business_url: str
) -> None:
    outside = "" if business_url.startswith("sqlite") else business_url
    place = hub_on(influx, tmp_path / "hub", outside)
    fill(place, 1, 100)
    stop = threading.Event()

    def write(store: SeriesStore) -> None:
        seq = 100
        while not stop.is_set():
            store.append([row(seq := seq + 1, frame(START_NS + seq * S, float(seq), 1.0))])

    store = open_store(place, SystemClock())
    writer = threading.Thread(target=write, args=(store,))
    writer.start()
    try:
        file = make(Wanted(tmp_path / "hub", "demo", tmp_path / "b.tar.zst"), SystemClock(), lambda _: None)
    finally:
        stop.set()
        writer.join()
        store.close()
    manifest = restore(file, tmp_path / "again", Server({"bucket": f"{place.influx.bucket}x"}))  # type: ignore[union-attr]  # it has one
    ((first, last),) = manifest.journals[0].ranges
    assert (first, last >= 100) == (1, True)
    assert asyncio.run(_marks(place.business_url)) == [Mark("edge1", "j1", ((1, last),))]
    again = place_of(tmp_path / "again")
    assert again.influx is not None
    with closing(
        open_reader(StorePlace(again.series, again.influx, outside or again.business_url))
    ) as reader:
        values = reader.raw(POWER, START_NS, START_NS + 10**6 * S).values.tolist()
        assert values[:last] == [float(seq) for seq in range(1, last + 1)]


def test_a_restored_hub_on_a_server_is_refilled_and_nothing_is_lost_or_doubled(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    state, clock = tmp_path / "hub", SystemClock()
    place = hub_on(influx, state)
    assert place.influx is not None
    journal = JournalStore(tmp_path / "j.db", "edge1", "b", 1, 10**9)
    with closing(open_store(place, clock)) as store:
        store.add_catalogue(METER)
        poll(journal, 1, 100)
        assert bring(journal, store) == 100
        file = make(Wanted(state, "demo", tmp_path / "b.tar.zst"), clock, lambda _: None)
        tell(journal, state, store)
        poll(journal, 101, 250)
        assert bring(journal, store) == 150
        tell(journal, state, store)
        assert journal.pending() == 0
    token = shutil.copy(state / "influx.token", tmp_path / "token")
    shutil.rmtree(state)
    restore(file, state, Server({"bucket": f"{place.influx.bucket}new", "token_file": Path(token)}))
    shutil.move(token, state / "influx.token")  # that of an operator is not the hub's
    with closing(open_store(place_of(state), clock)) as store:
        assert store.ranges("edge1", journal.journal) == [(1, 100)]
        assert store.counts(Span("edge1", journal.journal, 0, 10**9)).stored == 200
        poll(journal, 251, 260)
        tell(journal, state, store)
        tell(journal, state, store)
        assert bring(journal, store) == 160
        assert store.ranges("edge1", journal.journal) == [(1, 260)]
        counts = store.counts(Span("edge1", journal.journal, 0, 10**9))
        assert (counts.stored, counts.duplicates) == (520, 0)
    journal.close()


def test_a_drill_tries_the_buckets_under_a_name_of_its_own_and_leaves_none(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    place = hub_on(influx, tmp_path / "hub")
    fill(place, 1, 50)
    before = buckets(influx)
    ems("backup", str(tmp_path / "b.tar.zst"), f"--state={tmp_path / 'hub'}")
    told = ems("backup", "drill", str(tmp_path / "b.tar.zst"), "--json")
    found = json.loads(told)
    assert (found["ok"], found["newest_ns"]) == (True, START_NS + 50 * S)
    assert buckets(influx) == before


def _with_a_broken_shard(file: Path, target: Path) -> None:
    """The same backup with other bytes in a shard, and the hash of these in its list."""
    folder = target.with_suffix(".d")
    folder.mkdir()

    def take(entry: FileEntry, chunks: Iterator[bytes]) -> None:
        path = folder / entry.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(chunks))

    manifest = archive.read(file, lambda _: None, take)
    shard = next(path for path in sorted(folder.glob("influx/*.tar.gz")))
    body = bytearray(gzip.decompress(shard.read_bytes()))
    body[: len(body) // 2] = random.Random(1).randbytes(len(body) // 2)  # noqa: S311  any bytes
    shard.write_bytes(gzip.compress(bytes(body)))
    files = tuple(archive.entry_of(folder, folder / entry.path) for entry in manifest.files)
    archive.write(target, folder, Manifest(**{**manifest.model_dump(), "files": files}))


def test_a_damaged_copy_is_refused_and_nothing_is_left_of_it(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    place = hub_on(influx, tmp_path / "hub")
    fill(place, 1, 50)
    file = make(Wanted(tmp_path / "hub", "demo", tmp_path / "b.tar.zst"), SystemClock(), lambda _: None)
    broken, before = tmp_path / "broken.tar.zst", buckets(influx)
    _with_a_broken_shard(file, broken)
    with pytest.raises(StoreError, match=r"influx/\d+\.tar\.gz cannot be read"):
        restore(broken, tmp_path / "again", Server({"bucket": "elsewhere"}))
    with pytest.raises(StoreError, match="cannot be read"):
        drill(broken, tmp_path, SystemClock())
    assert buckets(influx) == before
    assert not (tmp_path / "again").exists()


def test_buckets_that_are_there_are_never_overwritten_and_may_stay(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    state = tmp_path / "hub"
    place = hub_on(influx, state)
    fill(place, 1, 50)
    file = make(Wanted(state, "demo", tmp_path / "b.tar.zst"), SystemClock(), lambda _: None)
    fill(place, 51, 60)
    with pytest.raises(StoreError, match="already, and nothing is overwritten"):
        restore(file, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    restore(file, tmp_path / "again", Server(buckets_stay=True))
    with closing(open_store(place_of(tmp_path / "again"), SystemClock())) as store:
        assert store.ranges("edge1", "j1") == [(1, 50)]
        assert len(store.raw(POWER, START_NS, START_NS + 99 * S).values) == 60
        rows = [row(seq, frame(START_NS + seq * S, float(seq), 1.0)) for seq in range(51, 61)]
        assert store.append(rows)[0].ranges == ((1, 60),)
        assert store.counts(EVERYTHING).stored == 120
    assert buckets(influx) >= {place.influx.bucket}  # type: ignore[union-attr]  # it has one


def test_buckets_that_end_before_the_backup_does_may_not_stay(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    state = tmp_path / "hub"
    place = hub_on(influx, state)
    assert place.influx is not None
    fill(place, 1, 50)
    file = make(Wanted(state, "demo", tmp_path / "b.tar.zst"), SystemClock(), lambda _: None)
    gone = httpx.post(
        f"{influx.url}/api/v2/delete?org=ems&bucket={place.influx.bucket}",
        json={"start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z"},
        headers={"Authorization": f"Token {influx.token}"},
    )
    assert gone.status_code == 204
    with pytest.raises(StoreError, match="without --buckets-stay"):
        restore(file, tmp_path / "again", Server(buckets_stay=True))
    assert not (tmp_path / "again").exists()


def test_what_a_killed_restore_left_is_no_bucket_of_a_hub_and_is_made_anew(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    place = hub_on(influx, tmp_path / "hub")
    assert place.influx is not None
    fill(place, 1, 50)
    file = make(Wanted(tmp_path / "hub", "demo", tmp_path / "b.tar.zst"), SystemClock(), lambda _: None)
    name = f"{place.influx.bucket}k"
    half = prepare_store(
        replace(place, influx=place.influx.model_copy(update={"bucket": f"{name}-restoring"}))
    )
    assert half
    with pytest.raises(StoreDeniedError, match="shows no bucket"):
        restore(file, tmp_path / "again", Server({"bucket": name}, buckets_stay=True))
    restore(file, tmp_path / "again", Server({"bucket": name}))
    with closing(open_reader(place_of(tmp_path / "again"))) as reader:
        assert reader.counts(EVERYTHING).stored == 100
    assert f"{name}-restoring" not in buckets(influx)


def test_rollups_and_told_times_come_back_as_they_were(influx: InfluxServerProcess, tmp_path: Path) -> None:
    place = hub_on(influx, tmp_path / "hub")
    assert place.influx is not None
    day_ns = 86_400 * S
    begun_ns = START_NS // day_ns * day_ns
    clock = VirtualClock(wall_ns=begun_ns)
    with closing(open_store(place, clock)) as store:
        store.add_catalogue(METER)
        store.upkeep()
        store.append([row(1, *(frame(begun_ns + n * 600 * S, float(n % 7)) for n in range(2 * 144)))])
        sources = SourceTimes(S, np.array([begun_ns + 2 * day_ns - 5 * S, 0]))
        store.append([row(2, replace(frame(begun_ns + 2 * day_ns, 3.0, 4.0), sources=sources))])
        clock.shift_wall(3 * 86_400.0)
        while store.upkeep():
            pass
        edges = np.arange(begun_ns, begun_ns + 2 * day_ns + 1, 3_600 * S)
        before = store.over([POWER], edges)[POWER]
        raw = store.raw(POWER, begun_ns, begun_ns + 3 * day_ns)
    file = make(Wanted(tmp_path / "hub", "demo", tmp_path / "b.tar.zst"), SystemClock(), lambda _: None)
    restore(file, tmp_path / "again", Server({"bucket": f"{place.influx.bucket}r"}))
    with closing(open_reader(place_of(tmp_path / "again"))) as reader:
        after = reader.over([POWER], edges)[POWER]
        np.testing.assert_array_equal(after.mean, before.mean)
        np.testing.assert_array_equal(after.covered_s, before.covered_s)
        again = reader.raw(POWER, begun_ns, begun_ns + 3 * day_ns)
        np.testing.assert_array_equal(again.times_ns, raw.times_ns)
        np.testing.assert_array_equal(again.source_ns, raw.source_ns)
        assert raw.source_ns[-1] == begun_ns + 2 * day_ns - 5 * S


def test_a_token_that_may_not_copy_is_told_what_to_give(influx: InfluxServerProcess, tmp_path: Path) -> None:
    state = tmp_path / "hub"
    place = hub_on(influx, state)
    assert place.influx is not None
    fill(place, 1, 5)
    (state / "influx.token").write_text(limited_token(influx, place.influx.bucket), encoding="utf-8")
    fill(place, 6, 9)
    with closing(open_reader(place)) as reader:
        assert reader.raw(POWER, START_NS, START_NS + 99 * S).values.tolist() == [
            float(n) for n in range(1, 10)
        ]
    target = tmp_path / "b.tar.zst"
    with pytest.raises(
        StoreDeniedError, match="the token of an operator: name its file by --store-token-file"
    ):
        make(Wanted(state, "demo", target), SystemClock(), lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["hub"]
    assert asyncio.run(_marks(embedded_url(state))) == []
    operator = tmp_path / "operator"
    operator.touch(mode=0o600)
    operator.write_text(influx.token, encoding="utf-8")
    make(Wanted(state, "demo", target, token_file=operator), SystemClock(), lambda _: None)
    assert drill(target, tmp_path, SystemClock(), Server({"token_file": operator})).faults == ()
    with pytest.raises(StoreDeniedError, match="operator"):
        drill(target, tmp_path, SystemClock())
    assert asyncio.run(_marks(embedded_url(state))) == [Mark("edge1", "j1", ((1, 9),))]


def test_a_server_that_is_away_makes_no_backup_and_no_half_restore(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    own = InfluxServerProcess(influx.executable, tmp_path / "own", free_port(), "token-of-tests")
    own.start()
    try:
        place = hub_on(own, tmp_path / "hub")
        fill(place, 1, 20)
        file = make(Wanted(tmp_path / "hub", "demo", tmp_path / "b.tar.zst"), SystemClock(), lambda _: None)
    finally:
        own.stop()
    with pytest.raises(StoreError, match="does not answer"):
        make(Wanted(tmp_path / "hub", "demo", tmp_path / "c.tar.zst"), SystemClock(), lambda _: None)
    with pytest.raises(StoreError, match="does not answer"):
        restore(file, tmp_path / "again", Server({"bucket": "elsewhere"}))
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "c.tar.zst").exists()


def test_options_of_a_server_do_not_belong_to_a_backup_in_files(tmp_path: Path) -> None:
    from hub.database import upgrade  # noqa: PLC0415  of this test alone

    state = tmp_path / "hub"
    state.mkdir()
    upgrade(embedded_url(state))
    file = make(Wanted(state, "demo", tmp_path / "b.tar.zst"), SystemClock(), lambda _: None)
    with pytest.raises(ConfigError, match="keeps its series in files"):
        restore(file, tmp_path / "again", Server({"url": "http://127.0.0.1:1"}))
