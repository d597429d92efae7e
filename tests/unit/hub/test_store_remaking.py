"""Other rules remake the rollups of their points alone; a stop ends a portion early, nothing of it stays."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typing_extensions import override

from hub.roles.ingest import _keep_up
from hub.store.embedded import EmbeddedStore
from hub.store.schema import SCHEMA
from hub.values.cleaning import RuleMarker
from hub.values.config import Cleaning
from protocols.point import PointId
from runtime.clock import SystemClock, VirtualClock
from tests.unit.hub.store_day import DAY, ENERGY, METER, POWER, START, S, day_of_rows, fed, row, same, settle

STEP_S = 120
NARROW = {POWER: (Cleaning(points=("meter/power_kw",), low=49.95, flat_s=3600.0),)}


def sealed(path: Path) -> dict[str, set[str]]:
    """Names of the points in each file that counts."""
    with closing(sqlite3.connect(path)) as connection:
        files = [file for (file,) in connection.execute("SELECT file FROM part WHERE kind != 'polls'")]
    folder = path.with_name("series")
    return {file: set(pq.read_table(folder / file, columns=["point"])["point"].to_pylist()) for file in files}


def rolled(path: Path, clock: VirtualClock, days: int) -> EmbeddedStore:
    store = fed(path, day_of_rows(STEP_S, days), clock)
    settle(store, clock, START + (days + 2) * DAY)
    return store


@pytest.mark.timeout(60)
def test_only_the_points_whose_rules_changed_are_made_anew(tmp_path: Path) -> None:
    path, clock = tmp_path / "series.db", VirtualClock(START)
    rolled(path, clock, 1).close()
    before = sealed(path)
    fresh = fed(tmp_path / "fresh" / "series.db", day_of_rows(STEP_S), VirtualClock(START))
    fresh.close()
    wanted = EmbeddedStore(tmp_path / "fresh" / "series.db", VirtualClock(START), RuleMarker(NARROW))
    store = EmbeddedStore(path, clock, RuleMarker(NARROW))
    store.forget_rollups([POWER])
    same(store, wanted, START, START + DAY)
    edges_ns = store.quarters(POWER, START, START + DAY)
    assert not edges_ns.covered_s.any(), "none is final until it is made anew"
    assert store.quarters(ENERGY, START, START + DAY).covered_s.sum() > 70_000.0
    assert store.upkeep()
    made = {file: points for file, points in sealed(path).items() if file not in before}
    assert made
    assert all(points == {"demo/meter/power_kw"} for points in made.values())
    settle(store, clock, clock.now().wall_ns)
    same(store, wanted, START, START + DAY)
    assert store.quarters(POWER, START, START + DAY).covered_s.any()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM remake").fetchone() == (0,)
    settle(store, clock, START + 40 * DAY)
    same(store, wanted, START, START + DAY)
    store.close()
    wanted.close()


def test_rules_that_change_twice_while_their_rollups_are_made_end_with_the_newer_ones(tmp_path: Path) -> None:
    path, clock = tmp_path / "series.db", VirtualClock(START)
    rolled(path, clock, 1).close()
    marker = RuleMarker(NARROW)
    store = EmbeddedStore(path, clock, marker)
    store.forget_rollups([POWER])
    looked = threading.Event()
    raw = store._series.raw

    def meanwhile(*args: object, **how: object) -> object:
        if not looked.is_set():
            looked.set()
            store.forget_rollups([POWER])
        return raw(*args, **how)  # type: ignore[arg-type]  # as they came

    store._series.raw = meanwhile  # type: ignore[method-assign,assignment]  # the moment to be hit
    assert store.upkeep()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*), max(asked) FROM remake").fetchone() == (2, 1)
    settle(store, clock, clock.now().wall_ns)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM remake").fetchone() == (0,)
    store.close()


def test_samples_that_come_while_a_point_is_made_anew_are_in_its_windows(tmp_path: Path) -> None:
    path, clock = tmp_path / "series.db", VirtualClock(START)
    store, rows = rolled(path, clock, 1), day_of_rows(STEP_S)
    plain = fed(tmp_path / "plain" / "series.db", rows, VirtualClock(START))
    store.forget_rollups([POWER])
    from tests.unit.hub.store_day import frame  # noqa: PLC0415  beside what is late

    late = row(9_999, frame(START + 3 * 3600 * S + 1_800 * S, 77.0))
    for one in (store, plain):
        one.append([late])
    same(store, plain, START, START + DAY)
    settle(store, clock, clock.now().wall_ns + 3600 * S)
    same(store, plain, START, START + DAY)
    store.close()
    plain.close()


def test_an_unknown_point_and_one_without_rollups_are_nothing_to_do(tmp_path: Path) -> None:
    store = fed(tmp_path / "series.db", day_of_rows(), VirtualClock(START))
    store.forget_rollups([POWER, PointId("demo", "meter", "nothing"), PointId("demo", "no", "where")])
    assert not store.upkeep() or not sealed(tmp_path / "series.db")
    store.close()


def test_a_file_of_the_schema_before_gets_the_table(tmp_path: Path) -> None:
    path, clock = tmp_path / "series.db", VirtualClock(START)
    plain = fed(tmp_path / "plain" / "series.db", day_of_rows(STEP_S), VirtualClock(START))
    rolled(path, clock, 1).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE remake")
        connection.execute("PRAGMA user_version = 3")
    store = EmbeddedStore(path, clock)
    store.forget_rollups([POWER])
    settle(store, clock, clock.now().wall_ns)
    same(store, plain, START, START + DAY)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    store.close()
    plain.close()


def test_work_that_is_given_up_leaves_nothing_and_is_done_later(tmp_path: Path) -> None:
    path, clock = tmp_path / "series.db", VirtualClock(START)
    store = fed(path, day_of_rows(STEP_S), clock)
    plain = fed(tmp_path / "plain" / "series.db", day_of_rows(STEP_S), VirtualClock(START))
    clock.shift_wall(3 * DAY / S)
    turns = 0
    more = True
    while more:
        store.halt_upkeep()
        known = set(sealed(path))
        assert store.upkeep(), "given up: it is due later"
        assert set(sealed(path)) == known
        more = store.upkeep()
        turns += 1
    assert turns > 2
    folder = path.with_name("series")
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT file FROM part UNION SELECT file FROM dead").fetchall()
    assert {f"{one.parent.name}/{one.name}" for one in folder.glob("*/*")} == {file for (file,) in rows}
    same(store, plain, START, START + DAY)
    store.close()
    plain.close()


class _Slow(EmbeddedStore):
    """Tells when a portion is in the middle of its work."""

    begun = threading.Event()

    @override
    def upkeep(self) -> bool:
        self._upkeep._files.halt = _Waiting(self._upkeep.halt, self.begun)  # type: ignore[assignment]  # it checks alike
        return super().upkeep()


class _Waiting:
    def __init__(self, halt: object, begun: threading.Event) -> None:
        self._halt = halt
        self._begun = begun

    def check(self) -> None:
        """Wait for the stop in the first place where one is looked for."""
        self._begun.set()
        for _ in range(500):
            self._halt.check()  # type: ignore[attr-defined]  # it is a Halt
            threading.Event().wait(0.01)
        raise AssertionError("nobody asked for a stop")


async def test_a_stop_of_the_role_ends_the_portion_it_is_in(tmp_path: Path) -> None:
    path, clock = tmp_path / "series.db", VirtualClock(START + 3 * DAY)
    store = _Slow(path, clock)
    store.add_catalogue(METER)
    store.append(day_of_rows()[:20])
    async with asyncio.TaskGroup() as group:
        work = group.create_task(_keep_up(store, SystemClock()))
        while not store.begun.is_set():
            await asyncio.sleep(0.01)
        work.cancel()
    assert work.cancelled()
    assert sealed(path) == {}
    store.close()
