"""The window of a lane: it fills the link, and yields when answers come late."""

from __future__ import annotations

import pytest

from edge_agent.journal_rows import Entry, Kind
from edge_agent.lane import MAX_WINDOW_BYTES, MIN_WINDOW_BYTES, Lane, Window
from protocols.errors import BusError
from runtime.clock import VirtualClock

ROW = 2_000


def test_the_window_grows_while_answers_come_quickly_and_is_bounded() -> None:
    window = Window()
    for _ in range(2_000):
        window.answered(0.02, ROW, window.size_bytes)
    assert window.size_bytes == MAX_WINDOW_BYTES


def test_the_window_shrinks_while_answers_stay_late_and_never_closes() -> None:
    window = Window()
    for _ in range(100):
        window.answered(0.1, ROW, window.size_bytes)
    for _ in range(500):
        window.answered(2.0, ROW, window.size_bytes)
    assert window.size_bytes == MIN_WINDOW_BYTES


def test_one_lost_segment_alone_does_not_shrink_it() -> None:
    window = Window()
    for _ in range(10):
        window.answered(0.1, ROW, window.size_bytes)
    before = window.size_bytes
    window.answered(3.0, ROW, window.size_bytes)
    assert window.size_bytes >= before


def test_the_window_of_a_long_run_settles_and_does_not_take_its_own_queue_for_the_link() -> None:
    window, rate_byte_s, best_s = Window(), 8_000.0, 0.3
    for _ in range(20_000):  # an hour of a link whose queue is as long as the window is wide
        took_s = best_s + max(0.0, window.size_bytes / rate_byte_s - best_s)
        window.answered(took_s, 500, window.size_bytes)
    assert 0.4 < window.size_bytes / rate_byte_s < 1.0


def test_what_is_not_used_does_not_grow_so_a_link_that_becomes_slow_is_not_filled() -> None:
    window = Window()
    for _ in range(2_000):  # an hour of live rows, one at a time
        window.answered(0.02, ROW, ROW)
    assert window.size_bytes <= 2 * MIN_WINDOW_BYTES


def test_a_new_connection_begins_with_a_small_window() -> None:
    lane = Lane("live", "edge1", VirtualClock(), lambda _: None)
    lane.window.size_bytes = MAX_WINDOW_BYTES
    lane.give_up()
    assert lane.window.size_bytes == MIN_WINDOW_BYTES


async def test_without_a_connection_a_row_is_given_back_at_once() -> None:
    lost: list[list[int]] = []
    lane = Lane("live", "edge1", VirtualClock(), lost.append)
    with pytest.raises(BusError, match="row 7 stays here"):
        await lane.put(Entry(7, "j", Kind.TELEMETRY, b"x"))
    assert (lost, lane.on_their_way) == ([[7]], 0)
