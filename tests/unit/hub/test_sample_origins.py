"""Samples lead back to their rows also when they are sealed, merged, or their files are damaged or gone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from hub.store.parts import POLLS, PartFiles, Table, write_part
from hub.store.port import Received
from hub.store.reader import EmbeddedReader
from hub.store.schema import series_folder
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from runtime.clock import VirtualClock
from tests.unit.hub.store_day import DAY, HOUR, POWER, START, S, day_of_rows, fed, frame, row, settle

OTHER = Catalogue("demo", "other", ("a", "b"), ("kW", "kW"), ("measurement",) * 2)


def test_a_sealed_sample_leads_to_its_row_and_a_told_one_to_the_first_poll_after_it(tmp_path: Path) -> None:
    rows = day_of_rows()
    store = fed(tmp_path / "series.db", rows, VirtualClock(START + DAY))
    reader = EmbeddedReader(tmp_path / "series.db")
    wanted = {poll.at.wall_ns: one.seq for one in rows for poll in one.frames}
    before = [
        reader.origins(POWER, reader.raw(POWER, START + at * HOUR, START + (at + 2) * HOUR)) for at in (0, 22)
    ]
    clock = VirtualClock(START + 3 * DAY)
    store.close()
    store = fed(tmp_path / "series.db", [], clock)
    settle(store, clock, START + 3 * DAY)
    for at, fresh in zip((0, 22), before, strict=True):
        raw = reader.raw(POWER, START + at * HOUR, START + (at + 2) * HOUR)
        found = reader.origins(POWER, raw)
        assert found.sources == (("edge1", "j1"),)
        assert fresh.exact.all()
        np.testing.assert_array_equal(found.exact, raw.source_ns == 0)
        np.testing.assert_array_equal(found.seqs, fresh.seqs)
        np.testing.assert_array_equal(found.polled_ns, fresh.polled_ns)
        assert [wanted[one] for one in found.polled_ns.tolist()] == found.seqs.tolist()
    assert len(before[0].seqs) > 200
    reader.close()
    store.close()


def test_polls_of_other_devices_and_journals_in_one_file_are_told_apart(tmp_path: Path) -> None:
    clock = VirtualClock(START + DAY)
    store = fed(tmp_path / "series.db", [], clock)
    store.add_catalogue(OTHER)
    other = Frame(OTHER.hash(), Instant("b", START, START), np.array([1.0, 2.0]), np.zeros(2, np.uint8))
    store.append([
        Received("edge2", "k", 90, (other,)), row(5, frame(START, 1.0)),
        Received("edge1", "j2", 6, (frame(START + S, 2.0),)),
    ])  # fmt: skip
    settle(store, clock, START + DAY)
    assert not store.raw(POWER, 0, 1).times_ns.size
    mine = store.origins(POWER, store.raw(POWER, START, START + HOUR))
    name = PointId("demo", "other", "a")
    theirs = store.origins(name, store.raw(name, START, START + 1))
    assert [mine.sources[at] for at in mine.source.tolist()] == [("edge1", "j1"), ("edge1", "j2")]
    assert mine.seqs.tolist() == [5, 6]
    assert (theirs.sources, theirs.seqs.tolist()) == ((("edge2", "k"),), [90])
    store.close()


def test_two_rows_of_one_device_in_one_millisecond_are_not_told_for_sure(tmp_path: Path) -> None:
    clock = VirtualClock(START + DAY)
    store = fed(tmp_path / "series.db", [row(1, frame(START, 1.0)), row(2, frame(START + 5, 2.0))], clock)
    settle(store, clock, START + DAY)
    found = store.origins(POWER, store.raw(POWER, START, START + HOUR))
    assert (found.seqs.tolist(), found.exact.tolist()) == ([1], [False])
    store.close()


def test_where_the_file_of_polls_is_damaged_the_sample_is_there_and_its_row_is_unknown(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START + DAY)
    store = fed(tmp_path / "series.db", [row(1, frame(START, 1.0))], clock)
    settle(store, clock, START + DAY)
    (file,) = series_folder(tmp_path / "series.db").glob("*/polls-*.parquet")
    file.write_bytes(b"PAR1" + bytes(200) + b"PAR1")
    with closing(EmbeddedReader(tmp_path / "series.db")) as reader:
        raw = reader.raw(POWER, START, START + HOUR)
        found = reader.origins(POWER, raw)
    assert raw.values.tolist() == [1.0]
    assert (found.sources, found.source.tolist(), found.exact.tolist()) == ((), [-1], [False])
    store.close()


def test_rows_of_a_file_are_found_by_their_instant_over_many_row_groups(tmp_path: Path) -> None:
    count = 300_000
    wall_ns = START + np.arange(count, dtype=np.int64) * S
    columns = {
        "seq": np.arange(count, dtype=np.int64), "device": np.array(["demo/meter"] * count),
        "boot": np.array(["b"] * count), "mono_ns": wall_ns, "wall_ns": wall_ns, "done_ns": wall_ns,
        "samples": np.ones(count, np.int32),
    }  # fmt: skip
    table = Table(("edge1/j1", "edge2/k"), np.array([count - 10, 10]), columns)
    write_part(tmp_path / "polls.parquet", POLLS, table)
    files = PartFiles(tmp_path)
    for low, high in ((0, 3), (131_070, 131_075), (count - 12, count - 1)):
        at = files.between("polls.parquet", "wall_ns", int(wall_ns[low]), int(wall_ns[high]))
        assert at.tolist() == list(range(low, high + 1))
        assert files.some("polls.parquet", at, ("seq",))["seq"].tolist() == at.tolist()
    apart = np.array([1, 131_071, 131_072, 262_150, count - 1])
    assert files.some("polls.parquet", apart, ("seq", "device"))["seq"].tolist() == apart.tolist()
    none = files.between("polls.parquet", "wall_ns", 0, 5)
    assert files.some("polls.parquet", none, ("seq",))["seq"].tolist() == []
