"""Few questions for many points, bounded answers, and rollups given up in the middle, on a real InfluxDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub.store.engine import StorePlace, open_reader, open_store
from hub.store.influx import series
from hub.store.influx.server import InfluxServer
from hub.store.port import Received, SeriesStore
from hub.store.rollup import columns_of
from protocols.clock import Instant
from protocols.errors import StoreDeniedError, StoreError
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from runtime.clock import VirtualClock
from runtime.influx_server import InfluxServerProcess
from tests.influx import new_place

pytestmark = pytest.mark.net
S = 1_000_000_000
HOUR = 3600 * S
DAY = 24 * HOUR
START = 1_750_032_000 * S  # a midnight
DEVICES = [
    Catalogue("demo", f"meter{number}", ("a_kw", "b_kw", "c_kw", "d_kw"), ("kW",) * 4, ("measurement",) * 4)
    for number in range(5)
]
POINTS = [PointId("demo", one.device, name) for one in DEVICES for name in one.points]


def fill(store: SeriesStore, days: int) -> None:
    draw = np.random.default_rng(8)
    for number, one in enumerate(DEVICES):
        frames = [
            Frame(one.hash(), Instant("b", at, at), draw.normal(50, 9, 4), np.zeros(4, np.uint8))
            for at in range(START, START + days * DAY, 600 * S)
        ]
        store.append([Received("edge1", "j", number, tuple(frames))])


@pytest.fixture
def place(influx: InfluxServerProcess, tmp_path: Path) -> StorePlace:
    return new_place(influx, tmp_path)


def rolled(place: StorePlace, days: int) -> SeriesStore:
    """A store of so many days, whose rollups are made."""
    clock = VirtualClock(START)
    store = open_store(place, clock)
    for one in DEVICES:
        store.add_catalogue(one)
        store.upkeep()
    fill(store, days)
    clock.shift_wall((days + 1) * 86_400.0)
    while store.upkeep():
        pass
    return store


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Questions in InfluxQL that were sent."""
    sent: list[str] = []
    ask = InfluxServer.ask

    def noting(self: InfluxServer, bucket: str, influxql: str) -> Iterator[dict[str, Any]]:
        sent.append(influxql)
        return ask(self, bucket, influxql)

    monkeypatch.setattr(InfluxServer, "ask", noting)
    return sent


def test_a_chart_of_twenty_points_of_five_devices_is_one_question(
    place: StorePlace, asked: list[str]
) -> None:
    rolled(place, 3).close()
    edges = np.arange(START, START + 3 * DAY + 1, 900 * S, dtype=np.int64)
    with closing(open_reader(place)) as reader:
        asked.clear()
        found = reader.over(POINTS, edges)
        assert len(asked) == 1
        assert len(found) == 20
        assert all((one.covered_s == 900.0).all() for one in found.values())
        asked.clear()
        uneven = np.array([START + 77 * S, START + DAY + 5 * HOUR, START + 3 * DAY - 13 * S])
        together = reader.over(POINTS, uneven)
        assert len(asked) <= 6, "a level each, and samples at both ends"
        for point in POINTS[::7]:
            for one, other in zip(
                columns_of(together[point]), columns_of(reader.over([point], uneven)[point]), strict=True
            ):
                np.testing.assert_array_equal(one, other)


def test_time_without_rollups_is_asked_for_in_pieces_and_says_the_same(
    place: StorePlace, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edges = np.array([START - HOUR, START + 10 * HOUR + 7, START + DAY, START + 2 * DAY + HOUR])
    with closing(open_store(place, VirtualClock(START))) as store:
        for one in DEVICES:
            store.add_catalogue(one)
        fill(store, 2)
        whole = store.over(POINTS, edges)
        assert len(asked) <= 2
        asked.clear()
        monkeypatch.setattr(series, "_MOST_NS", 20 * 6 * HOUR)
        pieces = store.over(POINTS, edges)
        assert len(asked) > 8
    for point in POINTS:
        for mine, other in zip(columns_of(pieces[point]), columns_of(whole[point]), strict=True):
            np.testing.assert_allclose(mine.astype(np.float64), other.astype(np.float64), rtol=1e-12)


def test_a_portion_that_is_given_up_is_done_later(place: StorePlace) -> None:
    clock = VirtualClock(START)
    store = open_store(place, clock)
    for one in DEVICES:
        store.add_catalogue(one)
        store.upkeep()
    fill(store, 1)
    edges = np.arange(START, START + DAY + 1, HOUR, dtype=np.int64)
    before = store.over(POINTS, edges)
    clock.shift_wall(2 * 86_400.0)
    store.halt_upkeep()
    assert store.upkeep(), "given up: it is due later"
    assert not any(store.quarters(point, START, START + DAY).covered_s.any() for point in POINTS)
    while store.upkeep():
        pass
    assert all(store.quarters(point, START, START + DAY).covered_s.all() for point in POINTS)
    after = store.over(POINTS, edges)
    for point in POINTS:
        np.testing.assert_allclose(after[point].mean, before[point].mean, rtol=1e-12)
    store.close()


def test_names_with_quotes_are_names_and_a_bad_question_is_a_clear_error(place: StorePlace) -> None:
    odd = Catalogue("demo", "o", ("it's_kw", 'say "x"', "back\\slash"), ("kW",) * 3, ("measurement",) * 3)
    frame = Frame(odd.hash(), Instant("b", START, START), np.array([1.0, 2.0, 3.0]), np.zeros(3, np.uint8))
    with closing(open_store(place, VirtualClock(START))) as store:
        store.add_catalogue(odd)
        store.append([Received("edge1", "j", 1, (frame,))])
        points = [PointId("demo", "o", name) for name in odd.points]
        found = [store.raw(point, START, START + 1).values.tolist() for point in points]
    assert found[:2] == [[1.0], [2.0]]
    assert place.influx is not None
    with closing(InfluxServer(place.influx)) as server:
        with pytest.raises(StoreError, match="SELEKT"):
            list(server.ask(place.influx.bucket, "SELEKT 1"))
        with pytest.raises(StoreDeniedError, match="not found"):
            list(server.ask("nowhere", 'SELECT "v" FROM "sample"'))
