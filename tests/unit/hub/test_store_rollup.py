from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hub.store.port import Raw, Windows
from hub.store.rollup import LEVELS_S, NS_PER_S, Spans, columns_of, combine, cuts, held, joined, picked, take

HOLD_NS = 900 * NS_PER_S
SAMPLES = st.lists(
    st.tuples(st.integers(0, 8000), st.floats(-100, 100), st.sampled_from([0, 0, 0, 65, 130])), max_size=40
)
EDGES = st.lists(st.integers(0, 9000), min_size=2, max_size=12, unique=True)


def raw_of(samples: list[tuple[int, float, int]]) -> Raw:
    rows = sorted({at: (at, value, quality) for at, value, quality in samples}.values())
    times = np.array([row[0] for row in rows], np.int64) * NS_PER_S
    qualities = np.array([row[2] for row in rows], np.uint8)
    values = np.where(qualities < 128, np.array([row[1] for row in rows], np.float64), np.nan)
    return Raw(times, values, qualities, np.zeros(len(rows), np.int64))


def second_by_second(raw: Raw, low: int, high: int) -> tuple[float, float, float, float, float, int, int]:
    """Mean, low, high, first, last, covered and worst of one window, by the plainest way there is."""
    values: list[float] = []
    worst = 0
    for second in range(low, high):
        at = int(np.searchsorted(raw.times_ns, second * NS_PER_S, side="right")) - 1
        if at < 0 or second * NS_PER_S >= raw.times_ns[at] + HOLD_NS:
            continue
        worst = max(worst, int(raw.qualities[at]))
        if raw.qualities[at] < 128:
            values.append(float(raw.values[at]))
    if not values:
        nan = float("nan")
        return nan, nan, nan, nan, nan, 0, worst
    return float(np.mean(values)), min(values), max(values), values[0], values[-1], len(values), worst


def same(found: Windows, wanted: Windows) -> None:
    for one, other in zip(columns_of(found), columns_of(wanted), strict=True):
        np.testing.assert_allclose(one.astype(np.float64), other.astype(np.float64), rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, EDGES)
def test_windows_are_what_counting_each_second_gives(
    samples: list[tuple[int, float, int]], edges: list[int]
) -> None:
    raw = raw_of(samples)
    edges = sorted(edges)
    windows = held(raw, raw.qualities, np.array(edges) * NS_PER_S, HOLD_NS)
    for n, (low, high) in enumerate(itertools.pairwise(edges)):
        found = [float(column[n]) for column in columns_of(windows)[1:]]
        np.testing.assert_allclose(found, second_by_second(raw, low, high), rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, EDGES, st.sets(st.integers(0, 10)))
def test_any_edges_put_together_from_rollups_are_what_the_samples_give(
    samples: list[tuple[int, float, int]], edges_s: list[int], missing: set[int]
) -> None:
    raw = raw_of(samples)
    edges = np.array(sorted(edges_s)) * NS_PER_S
    spans = Spans.between(edges)
    parts: list[Windows] = []
    for level_s in LEVELS_S:

        def final(starts: NDArray[np.int64]) -> NDArray[np.bool_]:
            return ~np.isin(starts // (900 * NS_PER_S), list(missing))

        starts, spans = take(spans, level_s, final)
        grid = np.arange(0, 2 * 86_400, level_s) * NS_PER_S
        made = held(raw, raw.qualities, grid, HOLD_NS)
        parts.append(picked(made, np.isin(made.starts_ns, starts)))
    fine, wanted = cuts(spans)
    parts.append(picked(held(raw, raw.qualities, fine, HOLD_NS), wanted))
    same(combine(joined(parts), edges), held(raw, raw.qualities, edges, HOLD_NS))


def test_five_ten_and_five_held_for_one_four_and_one_minute_is_8_33() -> None:
    raw = raw_of([(0, 5.0, 0), (60, 10.0, 0), (300, 5.0, 0)])
    windows = held(raw, raw.qualities, np.array([0, 360]) * NS_PER_S, HOLD_NS)
    assert windows.mean[0] == pytest.approx(8.3333, abs=1e-4)


def test_no_samples_and_no_edges_give_blank_windows() -> None:
    raw = raw_of([])
    assert np.isnan(held(raw, raw.qualities, np.array([0, NS_PER_S]), HOLD_NS).mean[0])
    assert len(held(raw, raw.qualities, np.empty(0, np.int64), HOLD_NS).mean) == 0
