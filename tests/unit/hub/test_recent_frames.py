"""What is kept of frames never changes an answer: rows come late, twice, in part, and go when sealed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import numpy as np
import pytest

from hub.store.embedded import EmbeddedStore
from hub.store.port import Raw, Received
from hub.store.reader import EmbeddedReader
from hub.store.recent_frames import MOST_KEYS, RecentFrames
from hub.store.schema import open_reader, series_folder
from hub.store.series import Series
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from protocols.source_time import SourceTimes
from runtime.clock import VirtualClock

S = 1_000_000_000
START = 1_790_000_100 * S
NAMES = tuple(f"p{at}_kw" for at in range(5))
METERS = tuple(
    Catalogue("demo", device, NAMES, ("kW",) * 5, ("measurement",) * 5) for device in ("m0", "m1", "m2")
)
POINTS = [PointId("demo", one.device, name) for one in METERS for name in NAMES]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    made = EmbeddedStore(tmp_path / "series.db", VirtualClock())
    for one in METERS:
        made.add_catalogue(one)
    yield made
    made.close()


class Feed:
    """Rows of one journal, mostly in order of time."""

    def __init__(self, store: EmbeddedStore, seed: int) -> None:
        self.store = store
        self.dice = Random(seed)  # noqa: S311  repeatable
        self.at_s = 0
        self.seq = 0

    def frame(self, meter: Catalogue, at_ns: int) -> Frame:
        some = sorted(self.dice.sample(range(5), self.dice.choice((5, 5, 5, 2))))
        indices = None if len(some) == 5 else np.array(some, np.uint16)
        values = np.array([self.dice.random() for _ in some])
        told = np.array([at_ns - self.dice.randrange(3) * S for _ in some], np.int64)
        sources = SourceTimes(2 * S, told) if self.dice.random() < 0.2 else None
        qualities = np.zeros(len(some), np.uint8)
        return Frame(meter.hash(), Instant("b", at_ns - START, at_ns), values, qualities, indices, sources)

    def rows(self, count: int) -> None:
        batch = []
        for _ in range(count):
            self.at_s += self.dice.choice((1, 1, 1, 20))
            late_s = self.dice.choice((0, 0, 0, 0, self.dice.randrange(200)))
            at_ns = START + (self.at_s - late_s) * S
            frames = [self.frame(self.dice.choice(METERS), at_ns + S * step) for step in range(2)]
            self.seq += 1
            batch.append(Received("edge1", "j1", self.seq, tuple(frames)))
        self.store.append(batch)


def looked(series: Series, connection: sqlite3.Connection, span: tuple[int, int]) -> dict[PointId, Raw]:
    connection.execute("BEGIN")
    try:
        return series.raw(connection, POINTS, *span)
    finally:
        connection.execute("ROLLBACK")


def same(one: dict[PointId, Raw], other: dict[PointId, Raw]) -> None:
    for point in POINTS:
        for name in ("times_ns", "values", "qualities", "source_ns"):
            np.testing.assert_array_equal(getattr(one[point], name), getattr(other[point], name), str(point))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most_bytes", [4_000, 10_000_000])
def test_answers_are_those_of_a_reader_that_keeps_nothing(
    store: EmbeddedStore, tmp_path: Path, seed: int, most_bytes: int
) -> None:
    path, feed = tmp_path / "series.db", Feed(store, seed)
    keeping = Series(series_folder(path), None, RecentFrames(most_bytes))
    plain = Series(series_folder(path), None)
    with closing(open_reader(path)) as connection, closing(sqlite3.connect(path)) as sealer:
        for turn in range(40):
            feed.rows(feed.dice.randrange(1, 8))
            if turn % 7 == 6:  # as sealing does; ids of rows that went come again
                oldest = feed.dice.choice((0, 0, 5))
                sealer.execute(
                    "DELETE FROM frames WHERE id > (SELECT max(id) FROM frames) - ?",
                    (feed.dice.randrange(9),),
                )
                sealer.execute("DELETE FROM frames WHERE id <= (SELECT min(id) FROM frames) + ?", (oldest,))
                sealer.commit()
            low = START + feed.dice.randrange(feed.at_s + 1) * S
            for span in ((low, low + feed.dice.randrange(1, 300) * S), (START - S, START + 10_000 * S)):
                same(looked(keeping, connection, span), looked(plain, connection, span))


def test_a_reader_of_many_points_keeps_none_of_their_frames() -> None:
    keys = [f"demo/m0/p{at}_kw" for at in range(MOST_KEYS + 1)]
    with closing(sqlite3.connect(":memory:")) as empty:
        assert RecentFrames().read(empty, [], keys, (0, S)) is None
        assert RecentFrames().read(empty, [], keys[1:], (0, S)) == {}


def test_newest_values_follow_each_commit(store: EmbeddedStore, tmp_path: Path) -> None:
    feed = Feed(store, 1)
    with closing(EmbeddedReader(tmp_path / "series.db")) as reader:
        for _ in range(20):
            feed.rows(1)
            with closing(EmbeddedReader(tmp_path / "series.db")) as fresh:
                assert reader.last(POINTS) == fresh.last(POINTS)
                assert reader.last() == fresh.last()
