"""An embedded store that is moved to a server is there what it was, whatever cuts the move off."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from hub.backup.make import Wanted, make
from hub.cli import app
from hub.database import embedded_url, remember, upgrade
from hub.moving.mover import Mover
from hub.moving.note import NOTE, note_of
from hub.moving.switching import Switch
from hub.registry.tables import ConfigurationCursorRow
from hub.store.embedded import EmbeddedStore
from hub.store.engine import StorePlace, embedded_place, open_reader, open_store, place_of
from hub.store.influx.place import InfluxPlace
from hub.store.influx.records import RecordBook
from hub.store.port import Received, SeriesReader
from hub.store.reader import EmbeddedReader
from hub.store.retention import Retention
from hub.values.cleaning import RuleMarker
from hub.values.config import Cleaning
from protocols.clock_note import ClockNote
from protocols.errors import ConfigError, StoreDeniedError, StoreError, StoreLockedError
from protocols.gap import WHY_ROOM, Gap
from runtime.clock import VirtualClock, iso_utc
from runtime.influx_server import InfluxServerProcess
from runtime.lock import StateLock
from tests.influx import new_place
from tests.unit.hub.store_day import (
    DAY,
    ENERGY,
    EVERYTHING,
    HOUR,
    METER,
    POWER,
    START,
    S,
    day_of_rows,
    fed,
    frame,
    row,
    same_windows,
    settle,
)

pytestmark = [pytest.mark.net, pytest.mark.timeout(60)]

DAYS = 3
NOW = START + DAYS * DAY + 5 * HOUR
NO_RULES = RuleMarker({})
FLAT = RuleMarker({POWER: (Cleaning(points=("meter/power_kw",), low=49.95, flat_s=3600.0),)})


def nobody(_words: str) -> None:
    """Is told and does not care."""


def others(seq: int) -> list[Received]:
    gap = Gap("edge1", "j1", 1, 2, 2, 3, START, START, WHY_ROOM)
    return [
        Received("edge1", "j1", seq, receipt=b"one"),
        Received("edge1", "j1", seq + 1, configured=b"taken in"),
        Received("edge1", "j1", seq + 2, receipt=b"two"),
        Received("edge1", "j1", seq + 3, gap=gap.encode()),
        Received("edge1", "j1", seq + 4, configured=b"waits"),
        Received("edge1", "j1", seq + 5, rejected=b"\x00?"),
        Received("edge1", "j1", seq + 6, note=ClockNote("edge1", "boot", 5, START, synced=True)),
    ]


def plant(state: Path, clock: VirtualClock, keep: Retention | None = None) -> None:
    """An embedded store with three days, most of it sealed, the newest hours in frames."""
    state.mkdir(exist_ok=True)
    rows = day_of_rows(120, DAYS)
    cut = len(rows) * 9 // 10
    fed(state / "series.db", rows[:cut], clock).close()
    with closing(EmbeddedStore(state / "series.db", clock, None, keep)) as store:
        settle(store, clock, START + DAYS * DAY)
        store.append(rows[cut:])
        store.append(others(len(rows) + 1))
        store.append([row(len(rows) + 20, frame(START + 30 * S, 77.0))])
        store.keep_heartbeats({"edge1": (START, b"beat")})
        store.seed_means(POWER, START - np.arange(8, 0, -1) * 900 * S, np.arange(8.0))
    clock.shift_wall((NOW - clock.now().wall_ns) / S)


def target(server: InfluxServerProcess, folder: Path) -> InfluxPlace:
    made = new_place(server, folder).influx
    assert made is not None
    return made.model_copy(update={"bucket": made.bucket + "x"})


def alike(old: EmbeddedReader, new: SeriesReader, from_ns: int = START, to_ns: int = NOW) -> None:
    """The same samples, and windows of any edges; rows of samples where both know them."""
    for point in (POWER, ENERGY):
        here, there = old.raw(point, from_ns, to_ns), new.raw(point, from_ns, to_ns)
        for name in ("times_ns", "values", "qualities", "source_ns"):
            np.testing.assert_array_equal(getattr(here, name), getattr(there, name), name)
        one, other = old.origins(point, here), new.origins(point, there)
        np.testing.assert_array_equal(one.seqs, other.seqs)
    for step_s in (60, 900, 1234, 37_000, 86_400):
        edges = np.arange(from_ns - 2 * HOUR, to_ns + 1, step_s * S)
        found, known = new.over([POWER, ENERGY], edges), old.over([POWER, ENERGY], edges)
        for point in (POWER, ENERGY):
            same_windows(found[point], known[point])
    assert new.last() == old.last()


def moved(state: Path, clock: VirtualClock, to: InfluxPlace, url: str) -> list[str]:
    said: list[str] = []
    Switch(state, clock, said.append).work(to, url)
    outcome = Mover(state, clock, said.append, NO_RULES).copy(url)
    assert (outcome.meanwhile, outcome.waiting, outcome.damaged) == (0, 0, ())
    return said


@pytest.fixture
def url(business_url: str, tmp_path: Path) -> str:
    """The business database, and a hub's folder that knows it."""
    (tmp_path / "hub").mkdir()
    if not business_url.startswith("sqlite"):
        remember(tmp_path / "hub", business_url)
    return business_url


def test_all_of_it_is_on_the_server_as_it_was(influx: InfluxServerProcess, url: str, tmp_path: Path) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    plant(state, clock)
    with closing(RecordBook(url, writing=True)) as book, book.transaction() as connection:
        connection.execute(insert(ConfigurationCursorRow).values(site="demo", row_id=1))
    place = StorePlace(state / "series.db", target(influx, tmp_path), url)
    assert place.influx is not None
    moved(state, clock, place.influx, url)
    assert place_of(state).influx == place.influx
    note = note_of(state)
    assert note is not None
    assert note.compared
    with closing(EmbeddedReader(state / "series.db")) as old, closing(open_reader(place)) as new:
        alike(old, new)
        assert new.ranges("edge1", "j1") == old.ranges("edge1", "j1")
        assert new.counts(EVERYTHING).stored == old.counts(EVERYTHING).stored
        assert new.receipts(0) == old.receipts(0), "the ledger's cursor stays where it is"
        assert [found.body for found in new.configured(1)] == [b"waits"], "what was taken in is not again"
        assert (new.gaps(), new.clock_notes(), new.heartbeats()) == (
            old.gaps(),
            old.clock_notes(),
            old.heartbeats(),
        )
        quarters = new.quarters(POWER, START, START + DAY)
        assert quarters.covered_s.any(), "rollups are made"
    with closing(open_store(place, clock)) as store:
        store.append(
            [Received("edge1", "j1", 5, receipt=b"sent again"), Received("edge2", "j", 1, receipt=b"new")]
        )
        receipts = store.receipts(2)
        assert [found.body for found in receipts] == [b"new"], "a covered row changes nothing"


def test_a_running_hub_takes_in_while_the_past_follows(influx: InfluxServerProcess, tmp_path: Path) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    plant(state, clock)
    url = embedded_url(state)
    place = StorePlace(state / "series.db", target(influx, tmp_path), url)
    assert place.influx is not None
    Switch(state, clock, nobody).work(place.influx, url)
    with closing(open_store(place, clock, FLAT)) as store, StateLock(state):
        late = frame(START + DAY + 3 * HOUR + 1800 * S, 12.5)
        store.append([row(9000, late, frame(NOW, 60.0))])
        while store.upkeep():
            pass
        outcome = Mover(state, clock, nobody, FLAT).copy(url)
        assert outcome.meanwhile == 2, "two points of the late poll; the new one is of a day of its own"
        assert outcome.waiting
        while store.upkeep():
            pass
        wanted = fed(tmp_path / "wanted.db", [], VirtualClock(START))
        wanted.append([*day_of_rows(120, DAYS), row(8000, frame(START + 30 * S, 77.0))])
        wanted.append([row(9000, late, frame(NOW, 60.0))])
        wanted.close()
        with closing(EmbeddedReader(tmp_path / "wanted.db", FLAT)) as reference:
            for step_s in (60, 900, 37_000, 86_400):
                edges = np.arange(START, NOW, step_s * S)
                for point in (POWER, ENERGY):
                    same_windows(store.over([point], edges)[point], reference.over([point], edges)[point])


def test_rollups_whose_samples_are_gone_come_along(influx: InfluxServerProcess, tmp_path: Path) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    state.mkdir()
    url = embedded_url(state)
    upgrade(url)
    keep = Retention(raw_days=1)
    fed(state / "series.db", day_of_rows(120, DAYS), clock).close()
    with closing(EmbeddedStore(state / "series.db", clock, None, keep)) as store:
        for hours in range(6, 24 * (DAYS + 2), 6):
            settle(store, clock, START + hours * HOUR)
        edges = np.arange(START, START + DAY + 1, HOUR)
        assert not len(store.raw(POWER, START, START + DAY).times_ns), "let go"
        before = store.over([POWER, ENERGY], edges)
        assert before[POWER].covered_s.any()
    place = StorePlace(state / "series.db", target(influx, tmp_path), url)
    assert place.influx is not None
    moved(state, clock, place.influx, url)
    with closing(open_store(place, clock)) as new:
        after = new.over([POWER, ENERGY], edges)
        for point in (POWER, ENERGY):
            same_windows(after[point], before[point])
        new.forget_rollups([POWER])
        while new.upkeep():
            pass
        same_windows(new.over([POWER], edges)[POWER], before[POWER])


@pytest.mark.parametrize("after", ["switch", "day", "compare"])
def test_a_move_that_is_killed_goes_on(influx: InfluxServerProcess, tmp_path: Path, after: str) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    plant(state, clock)
    url = embedded_url(state)
    to = target(influx, tmp_path)
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from hub.moving import switching\n"
        "from hub.moving.days import DayCopy\n"
        "from hub.moving.mover import Mover\n"
        "from hub.store.influx.place import InfluxPlace\n"
        "from hub.values.cleaning import RuleMarker\n"
        "from runtime.clock import VirtualClock, iso_utc\n"
        "state, url, to, now, after = Path(sys.argv[1]), *sys.argv[2:]\n"
        "def die(*a): os.kill(os.getpid(), signal.SIGKILL)\n"
        "real, done = DayCopy.copy, []\n"
        "def copy(self, day):\n"
        "    found = real(self, day)\n"
        "    done.append(day)\n"
        "    return die() if len(done) == 2 else found\n"
        "if after == 'switch': switching.remember = die\n"
        "if after == 'day': DayCopy.copy = copy\n"
        "if after == 'compare': DayCopy.compare = die\n"
        "clock = VirtualClock(int(now))\n"
        "switching.Switch(state, clock, print).work(InfluxPlace.model_validate_json(to), url)\n"
        "Mover(state, clock, print, RuleMarker({})).copy(url)\n"
    )
    asked = [sys.executable, "-c", code, str(state), url, to.model_dump_json(), str(NOW), after]
    ended = subprocess.run(asked, check=False, capture_output=True, env={**os.environ, "PYTHONPATH": "."})
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert (place_of(state).influx is None) == (after == "switch")
    said: list[str] = []
    if after == "switch":
        with closing(EmbeddedStore(state / "series.db", clock)) as store:
            store.append([row(9000, frame(NOW - 60 * S, 51.0))])
        Switch(state, clock, said.append).work(to, url)
    Mover(state, clock, said.append, NO_RULES).copy(url)
    if after == "day":
        assert any("3 of 3 days" in one for one in said)
        assert not any("1 of 3 days" in one for one in said), "what is copied is not copied again"
    with closing(EmbeddedReader(state / "series.db")) as old, closing(open_reader(place_of(state))) as new:
        alike(old, new)


def test_a_backup_says_what_of_the_past_is_still_on_its_way(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    plant(state, clock)
    url = embedded_url(state)
    Switch(state, clock, nobody).work(target(influx, tmp_path), url)
    said: list[str] = []
    make(Wanted(state, "demo", tmp_path / "first.tar.zst"), clock, said.append)
    assert any("has not brought to the server yet" in line for line in said)
    Mover(state, clock, nobody, NO_RULES).copy(url)
    said.clear()
    make(Wanted(state, "demo", tmp_path / "second.tar.zst"), clock, said.append)
    assert not any("has not brought" in line for line in said)


def test_a_sample_that_is_missing_there_is_told_and_its_day_copied_again(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    plant(state, clock)
    url = embedded_url(state)
    to = target(influx, tmp_path)
    moved(state, clock, to, url)
    with closing(EmbeddedReader(state / "series.db")) as old:
        at_ns = int(old.raw(ENERGY, START + DAY, START + 2 * DAY).times_ns[100])
    gone = httpx.post(
        f"{influx.url}/api/v2/delete?org=ems&bucket={to.bucket}",
        json={
            "start": iso_utc(at_ns),
            "stop": iso_utc(at_ns + S),
            "predicate": 'point="demo/meter/energy_kwh"',
        },
        headers={"Authorization": f"Token {influx.token}"},
    )
    assert gone.status_code == 204
    with pytest.raises(StoreError, match=r"1 samples of demo/meter/energy_kwh .* are not on the server"):
        Mover(state, clock, nobody, NO_RULES).copy(url)
    Mover(state, clock, nobody, NO_RULES).copy(url)
    with closing(EmbeddedReader(state / "series.db")) as old, closing(open_reader(place_of(state))) as new:
        alike(old, new)


def test_a_damaged_file_is_named_each_time_and_all_else_is_moved(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    plant(state, clock)
    with closing(sqlite3.connect(state / "series.db")) as connection:
        wanted = f"SELECT file FROM part WHERE kind = 'raw' AND first_ns < {START + DAY} ORDER BY bytes DESC"  # noqa: S608  of this test
        (file,) = connection.execute(wanted).fetchone()
    path = state / "series" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    url = embedded_url(state)
    Switch(state, clock, nobody).work(target(influx, tmp_path), url)
    for _ in range(2):
        assert Mover(state, clock, nobody, NO_RULES).copy(url).damaged == (file,)
    with closing(EmbeddedReader(state / "series.db")) as old, closing(open_reader(place_of(state))) as new:
        alike(old, new, START + DAY + 2 * HOUR)
        quarters = START + np.arange(97) * 900 * S
        before, after = old.over([POWER, ENERGY], quarters), new.over([POWER, ENERGY], quarters)
        assert before[ENERGY].covered_s.sum() > 70_000.0, "made when the file was whole"
        for point in (POWER, ENERGY):
            same_windows(after[point], before[point])


def test_what_cannot_be_moved_is_refused_in_words_and_nothing_is_changed(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    plant(state, clock)
    url = embedded_url(state)
    to = target(influx, tmp_path)
    switch = Switch(state, clock, nobody)
    with StateLock(state), pytest.raises(StoreLockedError, match="is in use by process"):
        switch.work(to, url)
    with pytest.raises(StoreDeniedError, match=r"would keep 2 days: give --store-keep-days \d+ or more"):
        switch.work(to.model_copy(update={"keep_days": 2}), url)
    wrong = tmp_path / "wrong.token"
    wrong.touch(mode=0o600)
    wrong.write_text("nobody", encoding="utf-8")
    with pytest.raises(StoreDeniedError, match="the token is wrong"):
        switch.work(to.with_token(wrong), url)
    full = new_place(influx, tmp_path)
    with closing(open_store(replace(full, business_url=embedded_url(tmp_path)), clock)) as store:
        store.add_catalogue(METER)
        store.append([row(1, frame(START, 1.0))])
    assert full.influx is not None
    with pytest.raises(StoreDeniedError, match="holds series already"):
        switch.work(full.influx, url)
    assert place_of(state) == embedded_place(state)
    assert not (state / NOTE).exists()
    moved(state, clock, to, url)
    with pytest.raises(ConfigError, match=r"keeps its series on .* already"):
        switch.work(to, url)
    with closing(sqlite3.connect(state / "series.db")) as connection, connection:
        connection.execute("INSERT INTO commits (begun_ns) VALUES (1)")
    with pytest.raises(StoreError, match="took rows after the move began"):
        Mover(state, clock, nobody, NO_RULES).copy(url)


def test_the_command_moves_and_says_where_the_series_are(influx: InfluxServerProcess, tmp_path: Path) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    plant(state, clock)
    upgrade(embedded_url(state))
    to = target(influx, tmp_path)
    runner = CliRunner()
    refused = runner.invoke(app, ["store", "move", "--state", str(state)])
    assert isinstance(refused.exception, ConfigError)
    assert "--to is missing" in str(refused.exception)
    asked = ["--to", to.url, "--store-bucket", to.bucket, "--store-keep-days", "0", "--state", str(state)]
    ended = runner.invoke(app, ["store", "move", *asked, "--store-token-file", str(to.token_file)])
    assert ended.exception is None, ended.output
    assert "are on the server as they are here; all rollups are made" in ended.output
    again = runner.invoke(app, ["store", "move", "--state", str(state)])
    assert again.exit_code == 0
    shown = runner.invoke(app, ["store", "status", "--state", str(state)]).output
    assert f"bucket {to.bucket} of {to.url}" in shown
    assert "done and compared" in shown
