"""Told times on their way into frames: kept as told, placing a sample where they can, marked where wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.told_times import ToldTimes
from protocols.frame import Frame
from protocols.quality import Quality
from runtime.clock import NS, VirtualClock

START_NS = 1_800_000_000 * NS
HOUR_S = 3600.0


class Polls:
    """One group of one point, polled each second by a clock that may be moved."""

    def __init__(self, wall_ns: int = START_NS) -> None:
        self.clock = VirtualClock(wall_ns)
        self.times = ToldTimes(self.clock)

    def poll(self, told_s: float | None, quality: int = 0, after_s: float = 1.0) -> tuple[float, int]:
        """Time of the sample and its quality; times in seconds since the start."""
        self.clock.advance(after_s)
        frame = Frame(b"12345678", self.clock.now(), np.array([1.0]), np.array([quality], np.uint8))
        told_ns = 0 if told_s is None else START_NS + round(told_s * NS)
        left = self.times.stamped(frame, np.array([told_ns]), NS)
        assert (left.sources is None) == (told_s is None)
        assert left.sources is None or left.sources.told_ns.tolist() == [told_ns]
        return (left.times_ns().tolist()[0] - START_NS) / NS, int(left.qualities[0])


def test_a_time_told_since_the_poll_before_is_the_samples_own() -> None:
    polls = Polls()
    polls.poll(0.5)
    assert polls.poll(1.3) == (1.3, 0)
    assert polls.poll(2.9) == (2.9, 0)


def test_without_a_poll_before_the_poll_is_the_time() -> None:
    assert Polls().poll(0.9) == (1.0, 0)


def test_a_value_that_stands_is_seen_at_each_poll_and_is_good() -> None:
    polls = Polls()
    assert [polls.poll(-5 * HOUR_S) for _ in range(3)] == [(1.0, 0), (2.0, 0), (3.0, 0)]


def test_a_read_that_took_a_moment_counts_as_the_poll() -> None:
    polls = Polls()
    polls.poll(0.5)
    assert polls.poll(3.5) == (2.0, 0)


def test_a_clock_that_is_ahead_moves_nothing_and_is_marked_while_it_lasts() -> None:
    polls = Polls()
    assert polls.poll(HOUR_S) == (1.0, Quality.UNCERTAIN_TIME)
    assert polls.poll(HOUR_S + 1) == (2.0, Quality.UNCERTAIN_TIME)
    assert polls.poll(2.5) == (2.5, 0)


def test_a_clock_that_is_behind_moves_nothing_and_is_marked_until_a_right_time_comes() -> None:
    polls = Polls()
    polls.poll(0.5 - HOUR_S)
    assert polls.poll(1.5 - HOUR_S) == (2.0, Quality.UNCERTAIN_TIME)
    assert polls.poll(1.5 - HOUR_S) == (3.0, Quality.UNCERTAIN_TIME)  # stands, by the same clock
    assert polls.poll(3.5) == (3.5, 0)


def test_a_clock_a_little_behind_moves_nothing_and_is_not_marked() -> None:
    polls = Polls()
    polls.poll(0.5 - 30)
    assert polls.poll(1.5 - 30) == (2.0, 0)


def test_a_clock_that_was_never_set_is_marked() -> None:
    polls = Polls()
    assert polls.poll(1000 - START_NS / NS) == (1.0, Quality.UNCERTAIN_TIME)


def test_what_changed_while_the_device_was_away_is_no_wrong_clock_and_stays_behind_the_failed_polls() -> None:
    polls = Polls()
    polls.poll(0.5)
    assert polls.poll(600.0, after_s=1800.0) == (1801.0, 0)


def test_a_mark_never_hides_a_worse_quality() -> None:
    polls = Polls()
    assert polls.poll(HOUR_S, Quality.BAD_DEVICE) == (1.0, Quality.BAD_DEVICE)
    assert polls.poll(HOUR_S, Quality.UNCERTAIN_STALE) == (2.0, Quality.UNCERTAIN_STALE)


def test_an_edge_whose_own_clock_was_never_set_judges_nobody() -> None:
    polls = Polls(wall_ns=0)
    assert polls.poll(1.0)[1] == 0


def test_a_frame_without_told_times_is_the_very_same() -> None:
    clock = VirtualClock(START_NS)
    frame = Frame(b"12345678", clock.now(), np.array([1.0]), np.zeros(1, np.uint8))
    assert ToldTimes(clock).stamped(frame, np.zeros(1, np.int64), NS) is frame


@given(
    st.lists(st.tuples(st.floats(0.1, 5.0), st.floats(-1e5, 1e5)), min_size=2, max_size=40),
    st.sampled_from([0.0, -HOUR_S, HOUR_S, -8 * HOUR_S]),
)
def test_whatever_a_clock_tells_samples_keep_their_order_and_move_by_less_than_a_period(
    polls: list[tuple[float, float]], off_s: float
) -> None:
    rig = Polls()
    before_s = -1.0
    for after_s, told_s in polls:
        at_s, _ = rig.poll(told_s + off_s, after_s=after_s)
        now_s = (rig.clock.now().wall_ns - START_NS) / NS
        assert before_s < at_s <= now_s
        assert at_s > now_s - 1.0
        before_s = now_s
    assert before_s == pytest.approx(sum(after_s for after_s, _ in polls))
