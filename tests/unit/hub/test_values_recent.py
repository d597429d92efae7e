"""The newest value is judged by all rules: range, rate, a value that stands, and what may be a spike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.api.newest import NewestValues
from hub.store.engine import StorePlace, open_store
from hub.store.port import LastValue, Raw, Received, SeriesStore
from hub.values.cleaning import RuleMarker
from hub.values.config import Cleaning
from hub.values.recent import Recent
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from protocols.quality import Quality, is_bad
from runtime.clock import VirtualClock

S = 1_000_000_000
MINUTE = 60 * S
POWER = PointId("demo", "m", "power_kw")
OTHER = PointId("demo", "m", "other_kw")
METER = Catalogue("demo", "m", ("power_kw", "other_kw"), ("kW", "kW"), ("measurement",) * 2)


def rules(**given_: object) -> tuple[Cleaning, ...]:
    return (Cleaning.model_validate({"points": ["m/power_kw"], **given_}),)


def heard(rule: tuple[Cleaning, ...], values: list[float], step_ns: int = MINUTE) -> list[int]:
    recent = Recent({POWER: rule})
    bad = int(Quality.BAD_UNREACHABLE)
    return [
        recent.hear(POWER, LastValue(value, bad if np.isnan(value) else 0, at * step_ns)).quality
        for at, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("rule", "values", "marks"),
    [
        ({"low": 0, "high": 10}, [-1, 0, 10, 11], [133, 0, 0, 133]),
        ({"most_per_min": 1}, [20, 20.5, 90, 90, 21, 21.5], [0, 0, 135, 135, 0, 0]),
        ({"most_per_min": 0.1}, [20.0] + [90.0] * 20, [0] + [135] * 15 + [0] * 5),
        ({"flat_s": 180}, [1, 2, 2, 2, 2, 3], [0, 0, 0, 0, 68, 0]),
        ({"flat_s": 180, "flat_except": 2}, [1, 2, 2, 2, 2, 3], [0] * 6),
        ({"spike": {"least": 1}}, [5, 5.1, 5, 5, 5.1, 5, 50, 5], [0] * 6 + [69, 0]),
        ({"spike": {"least": 1}}, [5] * 7 + [9] * 7, [0] * 7 + [69] * 3 + [0] * 4),
        ({"high": 10, "most_per_min": 1}, [5, float("nan"), 99, 5], [0, 129, 133, 0]),
    ],
)
def test_each_rule_marks_the_newest_value(
    rule: dict[str, object], values: list[float], marks: list[int]
) -> None:
    assert heard(rules(**rule), values) == marks


@given(st.lists(st.floats(0, 50), min_size=1, max_size=60), st.integers(1, 600))
def test_range_and_rate_say_the_same_live_and_in_history(values: list[float], step_s: int) -> None:
    rule = rules(low=5, high=45, most_per_min=2)
    times = np.arange(len(values), dtype=np.int64) * step_s * S
    raw = Raw(times, np.array(values), np.zeros(len(values), np.uint8), np.zeros(len(values), np.int64))
    assert heard(rule, values, step_s * S) == RuleMarker({POWER: rule}).marks(POWER, raw).tolist()


def test_a_bad_value_has_no_number_and_a_doubtful_one_keeps_it() -> None:
    recent = Recent({POWER: rules(most_per_min=1, flat_s=120)})
    told = [recent.hear(POWER, LastValue(20.0, 0, at * MINUTE, 7)) for at in range(3)]
    assert told[-1] == LastValue(20.0, Quality.UNCERTAIN_FLAT, 2 * MINUTE, 7)
    leap = recent.hear(POWER, LastValue(90.0, 0, 3 * MINUTE))
    assert (np.isnan(leap.value), leap.quality) == (True, Quality.BAD_RATE)
    again = recent.hear(POWER, LastValue(90.0, 0, 3 * MINUTE))
    assert again.quality == Quality.BAD_RATE
    stale = recent.hear(POWER, LastValue(90.0, int(Quality.UNCERTAIN_STALE), 3 * MINUTE))
    assert stale.quality == Quality.BAD_RATE
    late = recent.hear(POWER, LastValue(21.0, 0, MINUTE))
    assert late == LastValue(21.0, 0, MINUTE)
    point_without_rules = recent.hear(OTHER, LastValue(1e9, 0, 0))
    assert point_without_rules == LastValue(1e9, 0, 0)


def test_other_rules_go_on_with_what_is_known_of_points_whose_rules_stay() -> None:
    before = Recent({POWER: rules(most_per_min=1), OTHER: rules(most_per_min=1)})
    for point in (POWER, OTHER):
        before.hear(point, LastValue(20.0, 0, 0))
    after = Recent({POWER: rules(most_per_min=1), OTHER: rules(most_per_min=2)})
    after.go_on(before)
    assert after.hear(POWER, LastValue(90.0, 0, MINUTE)).quality == Quality.BAD_RATE
    assert after.hear(OTHER, LastValue(90.0, 0, MINUTE)).quality == 0


@pytest.fixture(params=["embedded", "influx"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SeriesStore]:
    from tests.influx import new_place  # noqa: PLC0415  only where there is a server

    place = StorePlace(tmp_path / "series.db")
    if request.param == "influx":
        place = new_place(request.getfixturevalue("influx"), tmp_path)
    made = open_store(place, VirtualClock(wall_ns=1_790_000_000 * S))
    made.add_catalogue(METER)
    yield made
    made.close()


def tell(store: SeriesStore, seq: int, values: list[float]) -> None:
    frames = []
    for at, value in enumerate(values):
        at_ns = (1_790_000_000 + 60 * (at + 100 * seq)) * S
        frames.append(
            Frame(METER.hash(), Instant("b", at_ns, at_ns), np.array([value, 1e6]), np.zeros(2, np.uint8))
        )
    store.append([Received("edge1", "j", seq, tuple(frames))])


def test_a_process_that_starts_judges_by_what_the_store_has_of_before(store: SeriesStore) -> None:
    by = {POWER: rules(most_per_min=1, flat_s=600, spike={"least": 1})}
    tell(store, 1, [20.0, 20.2, 20.1, 20.0, 20.2, 20.1, 25.0])
    newest = NewestValues(store).judged(by)
    assert (newest[POWER].quality, is_bad(newest[POWER].quality)) == (Quality.BAD_RATE, True)
    assert newest[OTHER].value == 1e6
    values = NewestValues(store)
    values.judged(by)
    tell(store, 2, [20.0] * 20)
    still = values.judged(by)[POWER]
    assert (still.value, still.quality) == (20.0, Quality.UNCERTAIN_FLAT)
    tell(store, 3, [20.0, 20.1, 20.0, 20.1, 20.0, 20.1, 20.9, 20.8, 22.0])
    assert values.judged(by)[POWER].quality == Quality.BAD_RATE
    assert values.judged({})[POWER] == LastValue(22.0, 0, (1_790_000_000 + 60 * 308) * S)
