"""Dead devices are asked again in turn, shortly and rarely; the living ones of their line hardly notice."""

from __future__ import annotations

from edge_agent.breaker import Breaker, Tries

PERIOD_S = 1.0
TIMEOUT_S = 1.0


def line_of(devices: int) -> list[Tries]:
    line: list[Tries] = []
    line.extend(Tries(line) for _ in range(devices))
    return line


def periods(line: list[Tries], dead: int, number: int, from_s: float = 0.0) -> list[float]:
    """Seconds that the first `dead` devices hold the line in each period; the others answer at once."""
    held = []
    for period in range(number):
        now_s = begin_s = from_s + period * PERIOD_S
        for one in line[:dead]:
            if one.breaker(now_s) is not Breaker.OPEN:
                asked_s, patience_s = now_s, one.probe_s()
                now_s += TIMEOUT_S if patience_s is None else patience_s
                one.failed(asked_s, now_s)
        for one in line[dead:]:
            one.answered()
        held.append(now_s - begin_s)
    return held


def test_dead_devices_of_a_line_together_take_a_twentieth_of_it_and_one_at_a_time() -> None:
    line = line_of(20)
    for one in line:
        one.answered()
    held = periods(line, 5, 3600)
    assert sum(held) < 0.06 * 3600
    after_the_hiccups = held[4:]
    assert sum(one >= PERIOD_S for one in after_the_hiccups) < 0.01 * len(after_the_hiccups)
    assert max(after_the_hiccups) <= TIMEOUT_S


def test_each_dead_device_has_its_turn_within_minutes_and_its_full_patience_within_an_hour() -> None:
    line = line_of(20)
    for one in line:
        one.answered()
    periods(line, 5, 3600)
    tries = [one.failures for one in line[:5]]
    assert min(tries) > 3600 / 60
    assert min(tries) > 0.6 * max(tries)


def test_where_a_whole_line_was_away_each_of_it_is_tried_within_seconds() -> None:
    line = line_of(20)
    periods(line, 20, 60)
    assert max(one.next_try_s for one in line) <= 60 + 20 * 0.6 + 4
    assert {one.up for one in line} == {False}


def test_a_device_with_a_line_of_its_own_has_its_usual_patience_always() -> None:
    (alone,) = line_of(1)
    for number in range(40):
        assert alone.probe_s() is None
        alone.failed(float(number), number + 1.0)
    assert alone.next_try_s == 40.0 + 4.0


def test_a_stranger_of_a_shared_line_is_given_up_after_its_first_silence() -> None:
    first, second = line_of(2)
    first.answered()
    second.failed(0.0, 1.0)
    assert second.breaker(1.5) is Breaker.OPEN
    assert first.breaker(1.5) is Breaker.CLOSED
