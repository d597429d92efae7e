"""Samples stay what they were, whatever of them is still in frames, sealed, merged, rolled up or late."""

from __future__ import annotations

import logging
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hub.store.embedded import EmbeddedStore
from hub.store.port import QualityArray, Raw
from hub.store.reader import EmbeddedReader
from hub.store.retention import Retention, load_retention
from protocols.errors import ConfigError
from protocols.point import PointId
from protocols.quality import Quality
from runtime.clock import VirtualClock
from tests.unit.hub.store_day import (
    DAY,
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
    same,
    same_windows,
    settle,
)


def parts(path: Path) -> dict[str, int]:
    """Sealed files of the first day, or month, by kind."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(
            connection.execute(
                "SELECT kind, count(*) FROM part WHERE NOT damaged AND period_ns < ? GROUP BY kind",
                (START + DAY,),
            ).fetchall()
        )


def frames_left(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM frames").fetchone()[0])


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A store of the same day that never seals: what the answers must be."""
    made = fed(tmp_path / "plain.db", day_of_rows())
    yield made
    made.close()


def test_answers_stay_the_same_while_a_day_is_sealed_rolled_up_and_merged(
    tmp_path: Path, plain: EmbeddedStore
) -> None:
    clock = VirtualClock(START)
    path = tmp_path / "series.db"
    rows = day_of_rows()
    store = fed(path, [], clock)
    reader = EmbeddedReader(path)
    sent = 0
    for hour in range(0, 25, 5):
        while sent < len(rows) and rows[sent].frames[-1].at.wall_ns < START + hour * HOUR:
            store.append([rows[sent]])
            sent += 1
        settle(store, clock, START + hour * HOUR)
    store.append(rows[sent:])
    settle(store, clock, START + 20 * HOUR)
    assert parts(path)["raw"] > 1
    same(reader, plain, START - HOUR, START + DAY + HOUR)
    settle(store, clock, START + 3 * DAY)
    settle(store, clock, START + 3 * DAY + HOUR)
    assert parts(path) == {"raw": 1, "polls": 1, "m1": 1, "m15": 1, "h1": 1, "d1": 1}
    assert frames_left(path) == 0
    same(reader, plain, START - HOUR, START + DAY + HOUR)
    same(store, plain, START, START + DAY)
    assert store.counts(EVERYTHING) == plain.counts(EVERYTHING)
    assert store.last() == plain.last()


def test_a_late_sample_of_a_sealed_day_corrects_all_it_touches(tmp_path: Path, plain: EmbeddedStore) -> None:
    clock = VirtualClock(START)
    store = fed(tmp_path / "series.db", day_of_rows(), clock)
    settle(store, clock, START + 3 * DAY)
    late = [row(10_000, frame(START + 3 * HOUR + 50 * 60 * S, 99.0)), row(9_999, frame(START + 7 * S, 1.0))]
    store.append(late)
    plain.append(late)
    same(store, plain, START - HOUR, START + DAY + HOUR)
    settle(store, clock, START + 3 * DAY + HOUR)
    same(store, plain, START - HOUR, START + DAY + HOUR)
    settle(store, clock, START + 4 * DAY)
    assert parts(tmp_path / "series.db")["raw"] == 1
    same(store, plain, START - HOUR, START + DAY + HOUR)


def test_rows_out_of_order_and_twice_are_sealed_once(tmp_path: Path, plain: EmbeddedStore) -> None:
    clock = VirtualClock(START + 2 * DAY)
    rows = day_of_rows() * 2
    random.Random(5).shuffle(rows)  # noqa: S311  a seeded order of a test
    store = EmbeddedStore(tmp_path / "series.db", clock)
    store.add_catalogue(METER)
    for start in range(0, len(rows), 30):
        store.append(rows[start : start + 30])
        store.upkeep()
    settle(store, clock, START + 4 * DAY)
    same(store, plain, START, START + DAY)
    assert store.counts(EVERYTHING) == plain.counts(EVERYTHING)


def test_of_one_instant_the_row_that_came_last_stays_also_across_files(tmp_path: Path) -> None:
    clock = VirtualClock(START + DAY)
    store = fed(tmp_path / "series.db", [row(1, frame(START, 1.0), frame(START + S, 5.0))], clock)
    settle(store, clock, START + DAY)
    store.append([row(2, frame(START, 2.0))])
    assert store.raw(POWER, START, START + HOUR).values.tolist() == [2.0, 5.0]
    settle(store, clock, START + DAY)
    assert store.raw(POWER, START, START + HOUR).values.tolist() == [2.0, 5.0]
    settle(store, clock, START + 3 * DAY)
    assert store.raw(POWER, START, START + HOUR).values.tolist() == [2.0, 5.0]


def test_months_become_one_file_and_answer_the_same(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    rows = day_of_rows(step_s=1800, days=40)
    plain = fed(tmp_path / "plain.db", rows)
    store = fed(tmp_path / "series.db", rows, clock)
    settle(store, clock, START + 41 * DAY)
    settle(store, clock, START + 43 * DAY)
    settle(store, clock, START + 90 * DAY)
    settle(store, clock, START + 91 * DAY)
    assert len(list((tmp_path / "series").glob("*/raw-*"))) == 2
    same(store, plain, START, START + 40 * DAY)
    found = store.quarters(POWER, START, START + 40 * DAY)
    same_windows(found, plain.windows(POWER, START, START + 40 * DAY, 900))


def test_a_clock_that_was_set_in_the_middle_of_a_row_makes_no_work_for_the_years_between(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    path = tmp_path / "series.db"
    store = fed(
        path, [row(1, frame(START - 700 * DAY, 1.0), frame(START, 2.0), frame(START + 60 * S, 3.0))], clock
    )
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM todo").fetchone() == (2,)
    settle(store, clock, START + 3 * DAY)
    settle(store, clock, START + 3 * DAY + HOUR)
    assert store.raw(POWER, 0, START + DAY).values.tolist() == [1.0, 2.0, 3.0]
    assert store.quarters(POWER, START, START + HOUR).last[0] == 3.0


def test_any_tool_reads_a_sealed_file(tmp_path: Path) -> None:
    clock = VirtualClock(START + 3 * DAY)
    store = fed(tmp_path / "series.db", day_of_rows(), clock)
    settle(store, clock, START + 3 * DAY)
    (file,) = (tmp_path / "series").glob("*/raw-*.parquet")
    rows = pq.read_table(file).to_pylist()
    assert rows[0]["point"] == "demo/meter/energy_kwh"
    assert rows[-1]["time"].isoformat() == "2025-06-16T23:59:30+00:00"


def test_a_damaged_file_is_named_and_kept_aside_and_the_rest_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock(START)
    path = tmp_path / "series.db"
    store = fed(path, day_of_rows(days=2), clock)
    settle(store, clock, START + 4 * DAY)
    before = store.over([POWER], np.array([START + DAY, START + 2 * DAY]))[POWER]
    (bad, _) = sorted((tmp_path / "series").glob("*/raw-*.parquet"))
    body = bytearray(bad.read_bytes())
    body[200:260] = b"x" * 60
    bad.write_bytes(body)
    raw = EmbeddedReader(path).raw(POWER, START, START + 2 * DAY)
    assert raw.times_ns[0] >= START + DAY
    assert "is damaged" in caplog.text
    assert bad.name in caplog.text
    store.append([row(50_000, frame(START + 5 * S, 1.0))])
    settle(store, clock, START + 5 * DAY)
    settle(store, clock, START + 6 * DAY)
    assert bad.with_suffix(".damaged").exists()
    same_windows(store.over([POWER], np.array([START + DAY, START + 2 * DAY]))[POWER], before)
    store.close()


def test_a_file_that_was_cut_or_is_gone_is_named_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock(START)
    path = tmp_path / "series.db"
    store = fed(path, day_of_rows(days=2), clock)
    settle(store, clock, START + 4 * DAY)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT file FROM part WHERE kind = 'm15' ORDER BY id").fetchall()
    cut, gone = (tmp_path / "series" / name for (name,) in names[-2:])
    cut.write_bytes(cut.read_bytes()[:-100])
    gone.unlink()
    store = EmbeddedStore(path, clock)
    assert f"{cut.name} is " in caplog.text
    assert f"{gone.name} is missing" in caplog.text
    plain = fed(tmp_path / "plain.db", day_of_rows(days=2))
    same(store, plain, START, START + 2 * DAY)
    settle(store, clock, START + 4 * DAY)
    same(store, plain, START, START + 2 * DAY)
    assert parts(path)["m15"] > 0


def test_a_file_that_goes_away_while_the_hub_runs_is_named_and_the_rest_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock(START)
    store = fed(tmp_path / "series.db", day_of_rows(days=2), clock)
    settle(store, clock, START + 4 * DAY)
    with closing(sqlite3.connect(tmp_path / "series.db")) as connection:
        (name,) = connection.execute(
            "SELECT file FROM part WHERE kind = 'raw' AND period_ns = ? ORDER BY id DESC", (START,)
        ).fetchone()
    (tmp_path / "series" / name).unlink()
    raw = store.raw(POWER, START, START + 2 * DAY)
    assert raw.times_ns[-1] == START + 2 * DAY - 30 * S
    assert f"{name} is missing" in caplog.text
    store.append([row(50_000, frame(START + 5 * S, 1.0))])
    settle(store, clock, START + 6 * DAY)
    settle(store, clock, START + 6 * DAY + HOUR)
    assert store.raw(POWER, START, START + HOUR).values.tolist() == [1.0]


def test_old_files_go_as_a_whole_and_rollups_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = VirtualClock(START)
    path = tmp_path / "series.db"
    store = EmbeddedStore(path, clock, None, Retention(raw_days=10))
    store.add_catalogue(METER)
    store.append(day_of_rows())
    settle(store, clock, START + 3 * DAY)
    before = store.over([POWER], np.array([START, START + DAY]))[POWER]
    settle(store, clock, START + 12 * DAY)
    settle(store, clock, START + 12 * DAY + 2 * HOUR)
    assert "let 1 files of raw go" in caplog.text
    assert not list((tmp_path / "series").glob("*/raw-*"))
    assert len(store.raw(POWER, START, START + DAY).values) == 0
    store.append([row(60_000, frame(START + 5 * S, 1.0))])
    settle(store, clock, START + 13 * DAY)
    same_windows(store.over([POWER], np.array([START, START + DAY]))[POWER], before)


class Above:
    """A rule: power above a limit is bad, and so are its neighbours within the margin."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def marks(self, point: PointId, raw: Raw) -> QualityArray:
        found = raw.qualities.copy()
        if point == POWER:
            for at_ns in raw.times_ns[np.nan_to_num(raw.values) > self.limit].tolist():
                found[np.abs(raw.times_ns - at_ns) <= self.margin_ns(point)] = Quality.BAD_RANGE
        return found

    def margin_ns(self, point: PointId) -> int:
        return 90 * S if point == POWER else 0


def test_rollups_are_of_marked_samples_and_made_anew_when_the_rules_change(tmp_path: Path) -> None:
    rows = day_of_rows()
    highest = float(np.nanmax([frame.values[0] for one in rows for frame in one.frames]))
    clock = VirtualClock(START)
    rule = Above(highest - 0.45)
    store = EmbeddedStore(tmp_path / "series.db", clock, rule)
    store.add_catalogue(METER)
    plain = EmbeddedStore(tmp_path / "plain.db", VirtualClock(START), rule)
    plain.add_catalogue(METER)
    for one in rows:
        store.append([one])
        plain.append([one])
        if one.seq % 20 == 0:
            settle(store, clock, one.frames[-1].at.wall_ns)
    settle(store, clock, START + 3 * DAY)
    assert not np.isnan(store.quarters(POWER, START, START + DAY).mean[0])
    same(store, plain, START, START + DAY)
    rule.limit = highest - 1.05
    store.forget_rollups([POWER])
    assert np.isnan(store.quarters(POWER, START, START + DAY).mean[0])
    same(store, plain, START, START + DAY)
    settle(store, clock, START + 3 * DAY)
    assert not np.isnan(store.quarters(POWER, START, START + DAY).mean[0])
    same(store, plain, START, START + DAY)


def test_how_long_is_kept_is_said_in_a_file_of_the_site(tmp_path: Path) -> None:
    assert load_retention(tmp_path, "demo") == Retention()
    file = tmp_path / "sites" / "demo" / "retention.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("raw_days: 90\nminute_days: 400\n")
    assert load_retention(tmp_path, "demo") == Retention(raw_days=90, minute_days=400)
    file.write_text("raw_days: 0\n")
    with pytest.raises(ConfigError, match=r"retention\.yaml:1: raw_days"):
        load_retention(tmp_path, "demo")


def test_a_file_of_the_version_before_is_taken_on_without_loss(tmp_path: Path, plain: EmbeddedStore) -> None:
    clock = VirtualClock(START)
    path = tmp_path / "series.db"
    fed(path, day_of_rows(), clock).close()
    with closing(sqlite3.connect(path)) as connection:
        for table in ("shelf", "part", "part_source", "dead", "todo", "rolled"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE catalogue DROP COLUMN shelf")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()
    store = EmbeddedStore(path, clock)
    same(store, plain, START, START + DAY)
    settle(store, clock, START + 3 * DAY)
    assert parts(path)["d1"] == 1
    same(store, plain, START, START + DAY)
