from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hub.store.engine import StorePlace, open_reader, open_store
from hub.store.port import QualityArray, Raw, Received
from hub.store.rollup import held
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from protocols.quality import Quality
from runtime.clock import VirtualClock

S = 1_000_000_000
MINUTE = 60 * S
METER = Catalogue("demo", "meter", ("power_kw",), ("kW",), ("measurement",))
POWER = PointId("demo", "meter", "power_kw")


def raw_of(*samples: tuple[int, float, int]) -> Raw:
    times, values, qualities = zip(*samples, strict=True)
    return Raw(
        np.array(times, np.int64), np.array(values, np.float64), np.array(qualities, np.uint8),
        np.zeros(len(times), np.int64),
    )  # fmt: skip


def edges_of(*minutes: int) -> NDArray[np.int64]:
    return np.array(minutes, np.int64) * MINUTE


def test_a_window_tells_first_and_last_held_value_and_the_worst_quality_that_stood_in_it() -> None:
    raw = raw_of(
        (0, 5.0, 0), (MINUTE, 10.0, Quality.UNCERTAIN_STALE),
        (3 * MINUTE, np.nan, Quality.BAD_UNREACHABLE), (5 * MINUTE, 7.0, 0),
    )  # fmt: skip
    windows = held(raw, raw.qualities, edges_of(0, 2, 4, 6, 40, 50), 15 * MINUTE)
    assert windows.first.tolist()[:4] == [5.0, 10.0, 7.0, 7.0]
    assert windows.last.tolist()[:4] == [10.0, 10.0, 7.0, 7.0]
    assert windows.covered_s.tolist() == [120.0, 60.0, 60.0, 840.0, 0.0]
    assert windows.worst.tolist() == [
        Quality.UNCERTAIN_STALE, Quality.BAD_UNREACHABLE, Quality.BAD_UNREACHABLE, 0, 0,
    ]  # fmt: skip
    assert np.isnan([windows.first[4], windows.last[4], windows.low[4], windows.high[4]]).all()
    assert windows.integral().tolist()[:3] == [900.0, 600.0, 420.0]
    assert windows.completeness(50 * MINUTE).round(3).tolist() == [1.0, 0.5, 0.5, 0.412, 0.0]


class AboveNine:
    """A rule that calls everything above nine out of range."""

    def marks(self, _point: PointId, raw: Raw, /) -> QualityArray:
        marks: QualityArray = np.where(raw.values > 9.0, Quality.BAD_RANGE, raw.qualities).astype(np.uint8)
        return marks

    def margin_ns(self, _point: PointId, /) -> int:
        return 0


def test_what_a_rule_marks_is_not_covered_and_the_raw_sample_stays(tmp_path: Path) -> None:
    place = StorePlace(tmp_path / "series.db")
    store = open_store(place, VirtualClock())
    store.add_catalogue(METER)
    frames = [
        Frame(METER.hash(), Instant("b", at, at), np.array([value]), np.zeros(1, np.uint8))
        for at, value in ((MINUTE, 5.0), (2 * MINUTE, 10.0), (3 * MINUTE, 5.0))
    ]
    store.append([Received("edge1", "j", 1, tuple(frames))])
    reader = open_reader(place, AboveNine())
    windows = reader.over([POWER, PointId("demo", "meter", "nothing")], edges_of(1, 2, 3, 4))
    assert windows[POWER].covered_s.tolist() == [60.0, 0.0, 60.0]
    assert windows[POWER].worst.tolist() == [0, Quality.BAD_RANGE, 0]
    assert reader.raw(POWER, 0, MINUTE * 9).qualities.tolist() == [0, 0, 0]
    assert windows[PointId("demo", "meter", "nothing")].covered_s.tolist() == [0.0, 0.0, 0.0]
    reader.close()
    store.close()
