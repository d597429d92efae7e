"""What only a server can do to a store: refuse, be busy, be away, lock out."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from typing_extensions import override

from hub.store.engine import StorePlace, open_reader, open_store, prepare_store
from hub.store.influx.lines import LineFormat, blocks_of, row_number
from hub.store.influx.place import InfluxPlace
from hub.store.influx.records import RecordBook
from hub.store.influx.server import InfluxServer
from hub.store.port import Received, Span
from protocols.clock import Instant
from protocols.errors import (
    ConfigError,
    ContractError,
    KeyFileError,
    LinesRefusedError,
    StoreDeniedError,
    StoreError,
)
from protocols.frame import Catalogue, Frame, decode_catalogue
from protocols.quality import Quality
from protocols.source_time import SourceTimes
from runtime.children import free_port
from runtime.clock import SystemClock, VirtualClock
from runtime.influx_server import InfluxServerProcess
from tests.influx import new_place
from tests.unit.hub.store_stories import METER, POWER, START_NS, S, frame, row

ROOT = Path(__file__).parents[3]
EVERYTHING = Span("edge1", "j1", 0, 10**9)

pytestmark = pytest.mark.net


def wait_for(true: Callable[[], bool], most_s: float = 15.0) -> None:
    until_s = time.monotonic() + most_s
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def dead_letters(place: StorePlace) -> list[tuple[int, bytes, str]]:
    """Row, lines and the server's message."""
    with sqlite3.connect(place.business_url.partition("///")[2]) as connection:
        return list(connection.execute("SELECT seq, body, note FROM series_record WHERE kind = 'dead'"))


@contextmanager
def answering(*answers: int) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers each write with the next status, then with 204; gives address and bodies."""
    bodies: list[bytes] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            status = left.pop(0) if left else 204
            text = b"" if status == 204 else b'{"message": "come again"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_lines_hold_value_quality_row_and_instant_to_the_nanosecond() -> None:
    lines = LineFormat(METER)
    number = row_number(3, 7)
    at = Instant("b", 0, START_NS + 1)
    plain = Frame(METER.hash(), at, np.array([5.0, 1e-9]), np.array([0, 66], np.uint8))
    assert lines.lines(plain, number).decode() == (
        f"sample,point=demo/meter/power_kw v=5.0,q=0i,n={number}i {START_NS + 1}\n"
        f"sample,point=demo/meter/energy_kwh v=1e-09,q=66i,n={number}i {START_NS + 1}\n"
    )
    told = SourceTimes(S, np.array([0, START_NS - 5]))
    mixed = Frame(METER.hash(), at, np.array([np.nan, np.inf]), np.array([129, 0], np.uint8), None, told)
    assert lines.lines(mixed, None).decode() == (
        f"sample,point=demo/meter/power_kw q=129i {START_NS + 1}\n"
        f"sample,point=demo/meter/energy_kwh q=0i,t={START_NS - 5}i {START_NS - 5}\n"
    )
    only = Frame(METER.hash(), at, np.array([2.0]), np.zeros(1, np.uint8), np.array([1], np.uint16))
    assert lines.lines(only, 1) == b"sample,point=demo/meter/energy_kwh v=2.0,q=0i,n=1i %d\n" % (START_NS + 1)


def test_blocks_are_full_but_never_empty() -> None:
    rows = [row(seq, *[frame(START_NS, 1.0)] * count) for seq, count in enumerate((3, 4, 0, 2, 20))]
    assert [[one.seq for one in block] for block in blocks_of(rows, 8)] == [[0, 1], [3], [4]]
    assert list(blocks_of([], 8)) == []


def test_a_name_that_could_become_lines_of_its_own_is_no_catalogue() -> None:
    evil = Catalogue("demo", "meter\nsample,point=demo/comp1/power_kw v=9.0", ("x",), ("kW",), ("state",))
    for one in (evil, Catalogue("demo", "meter", ("power_kw\n",), ("kW",), ("state",))):
        with pytest.raises(ContractError, match="no part of a point id"):
            decode_catalogue(one.encode())


def test_a_busy_server_gets_the_same_bytes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMS_INFLUX_TOKEN", "secret")
    with answering(503, 429, 500) as (url, bodies):
        server = InfluxServer(InfluxPlace(url=url))
        server.write("ems", b"sample v=1.0 1\n")
        server.close()
    assert len(bodies) == 4
    assert set(bodies) == {bodies[0]}
    assert gzip.decompress(bodies[0]) == b"sample v=1.0 1\n"


def test_a_server_that_stays_busy_is_an_error_and_a_refusal_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMS_INFLUX_TOKEN", "secret")
    with answering(*[503] * 5, 400, 401) as (url, bodies):
        server = InfluxServer(InfluxPlace(url=url))
        with pytest.raises(StoreError, match="503: come again"):
            server.write("ems", b"x\n")
        with pytest.raises(LinesRefusedError, match="come again"):
            server.write("ems", b"x\n")
        with pytest.raises(StoreDeniedError, match="token is wrong"):
            server.write("ems", b"x\n")
        server.close()
    assert len(bodies) == 7


def test_one_refused_line_costs_no_other_one(influx: InfluxServerProcess, tmp_path: Path) -> None:
    place = new_place(influx, tmp_path)
    assert place.influx is not None
    week_ns = 14 * 86_400 * S
    server = InfluxServer(place.influx)
    server.write(place.influx.bucket, b"sample,point=demo/meter/other v=1i %d\n" % (START_NS + week_ns))
    server.close()
    store = open_store(place, SystemClock())
    store.add_catalogue(METER)
    rows = [row(seq, frame(START_NS + seq * S, float(seq), 1.0)) for seq in range(1, 20)]
    rows.insert(9, row(20, frame(START_NS + week_ns, 5.0), frame(START_NS + 20 * S, 20.0)))
    assert store.append(rows)[0].ranges == ((1, 20),)
    assert store.raw(POWER, START_NS, START_NS + 99 * S).values.tolist() == [float(n) for n in range(1, 21)]
    (letter,) = dead_letters(place)
    assert letter[0] == 20
    assert letter[1].startswith(b"sample,point=demo/meter/power_kw v=5.0")
    assert "field type conflict" in letter[2]
    store.close()


def test_samples_older_than_the_server_keeps_are_told_and_the_others_stay(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    place = new_place(influx, tmp_path, keep_days=1)
    store, now_ns = open_store(place, SystemClock()), SystemClock().now().wall_ns
    store.add_catalogue(METER)
    store.append([row(1, frame(now_ns - 3 * 86_400 * S, 1.0)), row(2, frame(now_ns, 2.0))])
    assert store.raw(POWER, 0, now_ns + S).values.tolist() == [2.0]
    assert store.ranges("edge1", "j1") == [(1, 2)]
    assert "retention policy" in dead_letters(place)[0][2]
    store.close()


def test_a_server_that_is_away_covers_nothing_and_takes_the_same_rows_later(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    own = InfluxServerProcess(influx.executable, tmp_path / "own", free_port(), "token-of-tests")
    own.start()
    try:
        place = new_place(own, tmp_path)
        store = open_store(place, SystemClock())
        store.add_catalogue(METER)
        own.kill()
        rows = [row(1, frame(START_NS, 1.0)), Received("edge1", "j1", 2, receipt=b"r")]
        with pytest.raises(StoreError, match="takes no data"):
            store.append(rows)
        with pytest.raises(StoreError, match="cannot be read"):
            store.last()
        assert store.ranges("edge1", "j1") == [(2, 2)], "set-points do not wait for samples"
        assert [one.body for one in store.receipts(0)] == [b"r"]
        own.start()
        assert store.append(rows)[0].ranges == ((1, 2),)
        assert [one.body for one in store.receipts(0)] == [b"r"]
        assert store.counts(EVERYTHING).stored == 1
        store.close()
    finally:
        own.stop()


_WRITER = """
import pathlib, sys
from hub.store.engine import place_of, open_store
from runtime.clock import SystemClock
from tests.unit.hub.store_stories import START_NS, S, frame, row
store = open_store(place_of(pathlib.Path(sys.argv[1])), SystemClock())
store.append([row(seq, frame(START_NS + seq * S, float(seq))) for seq in range(2, 12)])
print("committed", flush=True)
"""


def test_a_kill_between_the_servers_204_and_the_commit_of_ranges_loses_and_doubles_nothing(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    place = new_place(influx, tmp_path)
    assert place.influx is not None
    (tmp_path / "series.place").write_text(place.influx.model_dump_json())
    store = open_store(place, SystemClock())
    store.add_catalogue(METER)
    store.append([row(1, frame(START_NS + S, 1.0))])
    lock = sqlite3.connect(tmp_path / "business.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    reader = open_reader(place)
    wait_for(lambda: reader.counts(Span("edge1", "j1", 2, 11)).stored == 10)
    os.kill(writer.pid, signal.SIGKILL)
    assert b"committed" not in writer.communicate()[0]
    lock.execute("ROLLBACK")
    lock.close()
    assert reader.ranges("edge1", "j1") == [(1, 1)]
    rows = [row(seq, frame(START_NS + seq * S, float(seq))) for seq in range(2, 12)]
    assert store.append(rows)[0].ranges == ((1, 11),)
    assert reader.raw(POWER, START_NS, START_NS + 99 * S).values.tolist() == [float(n) for n in range(1, 12)]
    assert reader.counts(EVERYTHING).stored == 11
    reader.close()
    store.close()


def test_two_writers_of_the_same_rows_cover_and_record_them_once(
    influx: InfluxServerProcess, tmp_path: Path, business_url: str
) -> None:
    place = new_place(influx, tmp_path, business_url)
    stores = [open_store(place, VirtualClock()) for _ in range(2)]
    stores[0].add_catalogue(METER)
    stores[1].add_catalogue(METER)
    rows = [
        Received("edge1", "j1", seq, (frame(START_NS + seq * S, 1.0),), receipt=b"%d" % seq)
        for seq in range(1, 41)
    ]

    def write(which: int) -> None:
        for start in range(0, 40, 5):
            stores[which].append(rows[start : start + 5])

    threads = [threading.Thread(target=write, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].ranges("edge1", "j1") == [(1, 40)]
    assert sorted(int(one.body) for one in stores[1].receipts(0)) == list(range(1, 41))
    assert stores[0].counts(EVERYTHING).stored == 40
    for store in stores:
        store.close()


def test_what_is_rolled_up_answers_without_its_samples_and_quarters_see_it(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    place = new_place(influx, tmp_path)
    assert place.influx is not None
    day_ns = 86_400 * S
    begun_ns = START_NS // day_ns * day_ns
    clock = VirtualClock(wall_ns=begun_ns)
    store = open_store(place, clock)
    store.add_catalogue(METER)
    assert store.upkeep()
    store.append([row(1, *(frame(begun_ns + n * 600 * S, float(n % 7)) for n in range(3 * 144)))])
    clock.shift_wall(4 * 86_400.0)
    edges = np.arange(begun_ns, begun_ns + 3 * day_ns + 1, day_ns, dtype=np.int64)
    before = store.over([POWER], edges)[POWER]
    wait_for(lambda: not store.upkeep())
    gone = httpx.post(
        f"{influx.url}/api/v2/delete?org=ems&bucket={place.influx.bucket}",
        json={"start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z"},
        headers={"Authorization": f"Token {influx.token}"},
    )
    assert gone.status_code == 204
    assert len(store.raw(POWER, begun_ns, begun_ns + 3 * day_ns).times_ns) == 0
    after = store.over([POWER], edges)[POWER]
    np.testing.assert_allclose(after.mean, before.mean, rtol=1e-12)
    assert after.covered_s.tolist() == before.covered_s.tolist() == [86_400.0] * 3
    quarters = store.quarters(POWER, begun_ns, begun_ns + day_ns)
    assert (len(quarters.mean), quarters.mean[0], quarters.covered_s[0]) == (96, pytest.approx(1 / 3), 900.0)
    store.close()


def test_buckets_are_made_once_with_their_retention(influx: InfluxServerProcess, tmp_path: Path) -> None:
    place = new_place(influx, tmp_path, keep_days=30)
    assert place.influx is not None
    assert prepare_store(place) == []
    longer = StorePlace(place.series, place.influx.model_copy(update={"keep_days": 60}), place.business_url)
    assert prepare_store(longer) == [
        f"bucket {place.influx.bucket}: kept 60 days from now on",
        f"bucket {place.influx.bucket}_1m: kept 300 days from now on",
    ]


@pytest.mark.timeout(60)
def test_a_wrong_token_is_one_sentence_at_the_start(influx: InfluxServerProcess, tmp_path: Path) -> None:
    tokens = tmp_path / "token"
    tokens.touch(mode=0o600)
    tokens.write_text("wrong")
    for command in (("init",), ("run", f"--port={free_port()}")):
        done = subprocess.run(
            [
                sys.executable, "-m", "ems.main", "hub", *command, f"--state={tmp_path / 'hub'}",
                f"--keys={tmp_path / 'keys'}", f"--store={influx.url}", f"--store-token-file={tokens}",
            ],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        said = done.stderr.strip()
        assert said.startswith(f"ems: InfluxDB at {influx.url} answered 401")
        assert "the token is wrong: put the right one into the file of --store-token-file" in said
        assert "wrong\n" not in said


def test_a_missing_bucket_says_what_makes_it(influx: InfluxServerProcess, tmp_path: Path) -> None:
    place = new_place(influx, tmp_path)
    assert place.influx is not None
    server = InfluxServer(place.influx.model_copy(update={"bucket": "nowhere"}))
    with pytest.raises(StoreDeniedError, match="run `ems hub init`"):
        server.check()
    with pytest.raises(StoreDeniedError, match=r"404 .* not found; check --store-org"):
        server.write("nowhere", b"sample v=1.0 1\n")
    server.close()


def test_a_token_others_can_read_or_none_at_all_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMS_INFLUX_TOKEN", raising=False)
    open_to_all = tmp_path / "token"
    open_to_all.write_text("secret")
    open_to_all.chmod(0o644)
    url = "http://127.0.0.1:8086"
    with pytest.raises(KeyFileError, match="others can read the token"):
        InfluxPlace(url=url, token_file=open_to_all).token()
    with pytest.raises(ConfigError, match="set EMS_INFLUX_TOKEN"):
        InfluxPlace(url=url).token()
    with pytest.raises(ConfigError, match="cannot be read"):
        InfluxPlace(url=url, token_file=tmp_path / "none").token()


def test_a_business_database_that_is_away_is_a_store_error(tmp_path: Path) -> None:
    book = RecordBook(f"sqlite+aiosqlite:///{tmp_path / 'nowhere' / 'x.db'}")
    with pytest.raises(StoreError, match="business database"):
        book.ranges("edge1", "j1")
    book.close()


def test_the_quality_of_a_bad_sample_is_all_that_is_sent() -> None:
    bad = frame(START_NS, np.nan, quality=Quality.BAD_REFUSED)
    assert b" v=" not in LineFormat(METER).lines(bad, 1)
